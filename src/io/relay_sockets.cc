// SPDX-License-Identifier: MIT
#include "io/relay_sockets.h"

#include <cstring>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <sys/epoll.h>

#include "base/check.h"
#include "io/socket_address.h"

namespace roost::io {
namespace {

RelaySockets::Drop reason(int error) {
  switch (error) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM: return RelaySockets::Drop::kBufferFull;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ECONNREFUSED:
    case ENETDOWN: return RelaySockets::Drop::kUnreachable;
    case EPERM:
    case EACCES: return RelaySockets::Drop::kForbidden;
    case EMSGSIZE: return RelaySockets::Drop::kTooLong;
    default: return RelaySockets::Drop::kOther;
  }
}

bool set_option(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

// RFC 8656 §15: the DF bit is set where the client asks for it, and not otherwise.
void set_dont_fragment(int fd, bool is_v4, bool is_set) {
  if (is_v4) {
    set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, is_set ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT);
  } else {
    set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, is_set ? IPV6_PMTUDISC_DO : IPV6_PMTUDISC_DONT);
  }
}

bool is_of_an_earlier_one(int error) {
  return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH ||
         error == EMSGSIZE || error == EPROTO;
}

// Of the errors that RFC 8656 §11.5 has told to the client: those about the datagram's way.
bool is_told(const sock_extended_err& error) {
  if (error.ee_origin == SO_EE_ORIGIN_ICMP) {
    return error.ee_type == ICMP_DEST_UNREACH || error.ee_type == ICMP_TIME_EXCEEDED;
  }
  if (error.ee_origin != SO_EE_ORIGIN_ICMP6) return false;
  return error.ee_type == ICMP6_DST_UNREACH || error.ee_type == ICMP6_PACKET_TOO_BIG ||
         error.ee_type == ICMP6_TIME_EXCEEDED;
}

bool is_too_big(const sock_extended_err& error) {
  if (error.ee_origin == SO_EE_ORIGIN_ICMP6) return error.ee_type == ICMP6_PACKET_TOO_BIG;
  return error.ee_type == ICMP_DEST_UNREACH && error.ee_code == ICMP_FRAG_NEEDED;
}

std::optional<sock_extended_err> extended_error(const msghdr& header) {
  for (const cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
       control = CMSG_NXTHDR(const_cast<msghdr*>(&header), const_cast<cmsghdr*>(control))) {
    const bool is_it = (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_RECVERR) ||
                       (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_RECVERR);
    if (!is_it) continue;
    sock_extended_err error;
    std::memcpy(&error, CMSG_DATA(control), sizeof error);
    return error;
  }
  return {};
}

}  // namespace

std::string_view label(RelaySockets::Drop drop) {
  switch (drop) {
    case RelaySockets::Drop::kBufferFull: return "buffer_full";
    case RelaySockets::Drop::kUnreachable: return "unreachable";
    case RelaySockets::Drop::kForbidden: return "forbidden";
    case RelaySockets::Drop::kTooLong: return "too_long";
    case RelaySockets::Drop::kOther: return "other";
  }
  return "";
}

RelaySockets::RelaySockets(EventLoop& loop, Random& random, const Options& options)
    : loop_(loop),
      random_(random),
      options_(options),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      sockets_(options.count_max),
      buffers_(std::make_unique_for_overwrite<uint8_t[]>(kBatchMax * kSlotSize)) {
  CHECK(epoll_.is_open());
  CHECK(options.port_min > 0 && options.port_min <= options.port_max);
  for (auto& ports : used_ports_) ports.resize(size_t{1} << 16);
  arrived_.reserve(kBatchMax);
  run_parts_.reserve(kSegmentsMax);
  for (size_t i = 0; i < kBatchMax; ++i) {
    slots_[i].payload = {buffers_.get() + i * kSlotSize, kSlotSize};
    arm(i);
  }
}

void RelaySockets::start(Callbacks callbacks) {
  callbacks_ = std::move(callbacks);
  watch_ = loop_.watch_readable(epoll_.get(), [this] { on_ready(); });
}

bool RelaySockets::is_port_free(const IpAddress& address, uint16_t port) const {
  return !used_ports_[!address.is_v4()][port];
}

FileDescriptor RelaySockets::bind(const Endpoint& endpoint) {
  sockaddr_storage address;
  const socklen_t size = to_sockaddr(endpoint, address);
  FileDescriptor fd(
      socket(address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP));
  if (!fd.is_open()) return {};
  const bool is_v4 = endpoint.address.is_v4();
  if (!is_v4 && !set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1)) return {};
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return {};
  set_option(fd.get(), SOL_SOCKET, SO_RCVBUF, kReceiveBufferBytes);  // Best effort.
  ask_for_gro(fd.get());
  set_dont_fragment(fd.get(), is_v4, false);
  set_option(fd.get(), is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_RECVERR : IPV6_RECVERR, 1);
  return fd;
}

bool RelaySockets::adopt(core::RelayId relay, const Endpoint& local, FileDescriptor fd) {
  const size_t index = index_of(relay);
  CHECK(index < sockets_.size() && !sockets_[index].fd.is_open());
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = index;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event) != 0) return false;
  sockets_[index] = {std::move(fd), relay, local, false};
  used_ports_[!local.address.is_v4()][local.port] = true;
  ++open_count_;
  return true;
}

void RelaySockets::open(const core::OpenRelay& order, std::vector<core::Input>& answers) {
  using Port = core::OpenRelay::Port;
  const uint64_t range = uint64_t{options_.port_max} - options_.port_min + 1;
  const bool wants_next = order.port == Port::kEvenAndNext;
  for (int i = 0; i < kPortTriesMax; ++i) {
    auto port = static_cast<uint16_t>(options_.port_min + random_.below(range));
    if (order.port != Port::kAny) port &= 0xfffe;
    if (port < options_.port_min || (wants_next && port == options_.port_max)) continue;
    const Endpoint local{order.address, port};
    const Endpoint above{order.address, static_cast<uint16_t>(port + 1)};
    if (!is_port_free(order.address, port)) continue;
    if (wants_next && !is_port_free(order.address, above.port)) continue;
    FileDescriptor fd = bind(local);
    if (!fd.is_open()) {
      if (errno == EADDRINUSE) continue;
      break;  // No descriptor, no such address: another port does not help.
    }
    FileDescriptor next;
    if (wants_next) {
      next = bind(above);
      if (!next.is_open()) continue;
    }
    if (!adopt(order.relay, local, std::move(fd))) break;
    if (wants_next) {
      if (!adopt(order.next, above, std::move(next))) {
        close({order.relay});
        break;
      }
      answers.push_back(core::RelayOpened{order.next, above});
    }
    answers.push_back(core::RelayOpened{order.relay, local});
    return;
  }
  if (wants_next) answers.push_back(core::RelayRefused{order.next});
  answers.push_back(core::RelayRefused{order.relay});
}

void RelaySockets::close(const core::CloseRelay& order) {
  Socket& socket = sockets_[index_of(order.relay)];
  if (!socket.fd.is_open() || socket.relay != order.relay) return;
  used_ports_[!socket.local.address.is_v4()][socket.local.port] = false;
  socket = {};  // Closing takes it out of the epoll set.
  --open_count_;
}

void RelaySockets::send(const core::SendFromRelay& order) {
  const bool continues = run_.takes(order.payload.size()) && can_segment_ &&
                         order.relay == run_relay_ && order.to == run_to_ &&
                         order.is_dont_fragment == run_is_dont_fragment_;
  if (continues) {
    run_.add(order.payload.size());
  } else {
    flush();
    run_relay_ = order.relay;
    run_to_ = order.to;
    run_is_dont_fragment_ = order.is_dont_fragment;
    run_.begin(order.payload.size());
  }
  // sendmsg only reads the payload; iovec has no const form.
  run_parts_.push_back({const_cast<uint8_t*>(order.payload.data()), order.payload.size()});
}

void RelaySockets::flush() {
  if (run_.count == 0) return;
  send_run();
  run_ = {};
  run_parts_.clear();
}

void RelaySockets::send_run() {
  Socket& socket = sockets_[index_of(run_relay_)];
  if (!socket.fd.is_open() || socket.relay != run_relay_) return;
  if (run_is_dont_fragment_ != socket.is_dont_fragment) {
    socket.is_dont_fragment = run_is_dont_fragment_;
    set_dont_fragment(socket.fd.get(), socket.local.address.is_v4(), run_is_dont_fragment_);
  }
  sockaddr_storage to;
  alignas(cmsghdr) char control[kSegmentControlSize];
  msghdr header{};
  header.msg_name = &to;
  header.msg_namelen = to_sockaddr(run_to_, to);
  header.msg_iov = run_parts_.data();
  header.msg_iovlen = run_parts_.size();
  if (run_.count > 1) put_segment_size(header, control, static_cast<uint16_t>(run_.segment));

  ssize_t sent = sendmsg(socket.fd.get(), &header, 0);
  // What an earlier datagram met with is told to the next one, which is not to blame.
  if (sent < 0 && is_of_an_earlier_one(errno)) sent = sendmsg(socket.fd.get(), &header, 0);
  if (sent >= 0) return;
  size_t refused = run_.count;
  if (is_refused_as_burst(errno, run_)) {
    can_segment_ &= errno != EIO;
    refused = send_one_by_one(socket.fd.get(), header, run_);
  }
  drops_[static_cast<size_t>(reason(errno))] += refused;
}

void RelaySockets::arm(size_t slot) {
  msghdr& header = headers_[slot].msg_hdr;
  header = {};
  header.msg_name = &slots_[slot].from;
  header.msg_namelen = sizeof slots_[slot].from;
  header.msg_iov = &slots_[slot].payload;
  header.msg_iovlen = 1;
  header.msg_control = slots_[slot].control;
  header.msg_controllen = sizeof slots_[slot].control;
}

void RelaySockets::on_ready() {
  epoll_event ready[kSocketsPerWakeUpMax];
  const int count = epoll_wait(epoll_.get(), ready, kSocketsPerWakeUpMax, 0);
  for (int i = 0; i < count; ++i) {
    if ((ready[i].events & EPOLLERR) != 0) read_errors(ready[i].data.u64);
    read(ready[i].data.u64);
  }
  hand_on();
}

void RelaySockets::read(size_t index) {
  const Socket& socket = sockets_[index];
  if (kBatchMax - used_slots_ < kFreeSlotsMin) hand_on();
  if (!socket.fd.is_open()) return;  // Closed since, by what another one brought.
  const size_t first = used_slots_;
  const int count = recvmmsg(socket.fd.get(), &headers_[first],
                             static_cast<unsigned>(kBatchMax - first), 0, nullptr);
  if (count <= 0) return;
  used_slots_ += static_cast<size_t>(count);
  for (size_t i = first; i < used_slots_; ++i) {
    const auto from = from_sockaddr(slots_[i].from);
    if (!from) continue;
    Bytes rest(static_cast<const uint8_t*>(slots_[i].payload.iov_base), headers_[i].msg_len);
    for (const size_t segment = segment_size(headers_[i].msg_hdr);
         segment != 0 && rest.size() > segment; rest = rest.subspan(segment)) {
      arrived_.push_back({socket.relay, *from, rest.first(segment)});
    }
    arrived_.push_back({socket.relay, *from, rest});
  }
}

void RelaySockets::hand_on() {
  if (!arrived_.empty()) callbacks_.arrived(arrived_);
  arrived_.clear();
  for (size_t i = 0; i < used_slots_; ++i) arm(i);
  used_slots_ = 0;
}

void RelaySockets::read_errors(size_t index) {
  for (int i = 0; i < kErrorsPerWakeUpMax; ++i) {
    Socket& socket = sockets_[index];
    if (!socket.fd.is_open()) return;
    sockaddr_storage to{};
    alignas(cmsghdr) char control[256];
    msghdr header{};
    header.msg_name = &to;  // Of an error it is where the datagram was to go.
    header.msg_namelen = sizeof to;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    if (recvmsg(socket.fd.get(), &header, MSG_ERRQUEUE) < 0) return;
    const auto error = extended_error(header);
    const auto peer = from_sockaddr(to);
    if (!error || !peer || !is_told(*error)) continue;
    callbacks_.failed({socket.relay, *peer, error->ee_type, error->ee_code,
                       is_too_big(*error) ? error->ee_info : 0});
  }
}

void RelaySockets::write_metrics(node::MetricsWriter& out) const {
  out.gauge("roost_relay_sockets", "Open sockets of relayed transport addresses.")
      .value(uint64_t{open_count_});
  out.counter("roost_relay_send_dropped_total",
              "Datagrams to peers that the kernel would not send, by reason.");
  for (size_t i = 0; i < kDropCount; ++i) {
    out.labelled("reason", label(static_cast<Drop>(i)), drops_[i]);
  }
}

}  // namespace roost::io
