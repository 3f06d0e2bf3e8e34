// SPDX-License-Identifier: MIT
#include "io/udp.h"

#include <arpa/inet.h>
#include <cstring>
#include <errno.h>

#include "base/check.h"
#include "io/socket_address.h"

namespace roost::io {
namespace {

// About 100 ms of a busy node's requests, so that a scheduling gap loses nothing. The kernel grants
// what net.core.rmem_max allows, and takes the memory only while datagrams wait.
constexpr int kReceiveBufferBytes = 1024 * 1024;

std::string explain(const Endpoint& endpoint, std::string_view what) {
  const int error = errno;
  std::string text = "cannot " + std::string(what) + " UDP " + endpoint.text() + ": ";
  text += std::strerror(error);
  if (error == EADDRINUSE) text += "; another program serves this port: stop it or set node.port";
  if (error == EADDRNOTAVAIL) text += "; node.listen must name addresses of this machine";
  if (error == EACCES) text += "; ports below 1024 need a capability: use a higher node.port";
  return text;
}

bool set_option(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

// Our end of a datagram, from its PKTINFO; `bound` where there is none.
core::LocalEnd local_end(const msghdr& header, const Endpoint& bound) {
  core::LocalEnd local{bound, 0};
  for (const cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
       control = CMSG_NXTHDR(const_cast<msghdr*>(&header), const_cast<cmsghdr*>(control))) {
    if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      std::memcpy(&info, CMSG_DATA(control), sizeof info);
      local.endpoint.address = IpAddress::v4(ntohl(info.ipi_spec_dst.s_addr));
    } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      std::memcpy(&info, CMSG_DATA(control), sizeof info);
      local.endpoint.address = IpAddress::v6(info.ipi6_addr.s6_addr);
      // Elsewhere the routing table knows better than the interface that the packet came in by.
      if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) local.interface_index = info.ipi6_ifindex;
    }
  }
  return local;
}

template <typename Info>
void put_control(msghdr& header, int level, int type, const Info& info) {
  header.msg_controllen = CMSG_SPACE(sizeof info);
  cmsghdr* const control = CMSG_FIRSTHDR(&header);
  control->cmsg_level = level;
  control->cmsg_type = type;
  control->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(control), &info, sizeof info);
}

void put_local_end(msghdr& header, const core::LocalEnd& local) {
  if (local.endpoint.address.is_v4()) {
    in_pktinfo info{};
    info.ipi_spec_dst.s_addr = htonl(local.endpoint.address.v4_value());
    put_control(header, IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info{};
    const auto bytes = local.endpoint.address.v6_bytes();
    std::memcpy(info.ipi6_addr.s6_addr, bytes.data(), bytes.size());
    info.ipi6_ifindex = local.interface_index;
    put_control(header, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

DatagramWriter::Drop reason(int error) {
  switch (error) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM: return DatagramWriter::Drop::kBufferFull;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL: return DatagramWriter::Drop::kUnreachable;
    case EPERM:
    case EACCES: return DatagramWriter::Drop::kForbidden;
    default: return DatagramWriter::Drop::kOther;
  }
}

}  // namespace

Result<UdpSocket, std::string> UdpSocket::bind(const Endpoint& endpoint) {
  sockaddr_storage address;
  const socklen_t size = to_sockaddr(endpoint, address);
  FileDescriptor fd(
      socket(address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP));
  if (!fd.is_open()) return Failure(explain(endpoint, "open"));
  // One socket per family, so that an IPv4 peer is never seen as a mapped IPv6 address.
  if (!endpoint.address.is_v4() && !set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1)) {
    return Failure(explain(endpoint, "set up"));
  }
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    return Failure(explain(endpoint, "bind"));
  }
  return prepare(std::move(fd));
}

Result<UdpSocket, std::string> UdpSocket::adopt(FileDescriptor fd) {
  return prepare(std::move(fd));
}

Result<UdpSocket, std::string> UdpSocket::prepare(FileDescriptor fd) {
  const Endpoint local = bound_endpoint(fd.get());
  set_option(fd.get(), SOL_SOCKET, SO_RCVBUF, kReceiveBufferBytes);  // Best effort.
  ask_for_gro(fd.get());
  if (local.address.is_unspecified()) {
    const bool is_v4 = local.address.is_v4();
    const bool asked = is_v4 ? set_option(fd.get(), IPPROTO_IP, IP_PKTINFO, 1)
                             : set_option(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    if (!asked) return Failure(explain(local, "ask for the local address of"));
  }
  return UdpSocket(std::move(fd), local);
}

DatagramReader::DatagramReader()
    : buffers_(std::make_unique_for_overwrite<uint8_t[]>(kBatchMax * kSlotSize)) {
  arrived_.reserve(kBatchMax);
  for (size_t i = 0; i < kBatchMax; ++i) {
    slots_[i].payload = {buffers_.get() + i * kSlotSize, kSlotSize};
    arm(i);
  }
}

std::span<const core::DatagramArrived> DatagramReader::read(core::SocketId id,
                                                            const UdpSocket& socket) {
  for (size_t i = 0; i < used_; ++i) arm(i);
  used_ = 0;
  arrived_.clear();
  const int count = recvmmsg(socket.fd(), headers_.data(), kBatchMax, 0, nullptr);
  if (count <= 0) return {};
  used_ = static_cast<size_t>(count);
  for (size_t i = 0; i < used_; ++i) {
    const auto from = from_sockaddr(slots_[i].from);
    if (!from) continue;
    const core::LocalEnd local = local_end(headers_[i].msg_hdr, socket.local());
    Bytes rest(buffers_.get() + i * kSlotSize, headers_[i].msg_len);
    for (const size_t segment = segment_size(headers_[i].msg_hdr);
         segment != 0 && rest.size() > segment; rest = rest.subspan(segment)) {
      arrived_.push_back({id, local, *from, rest.first(segment)});
    }
    arrived_.push_back({id, local, *from, rest});
  }
  return arrived_;
}

void DatagramReader::arm(size_t index) {
  Slot& slot = slots_[index];
  headers_[index] = {};
  msghdr& header = headers_[index].msg_hdr;
  header.msg_name = &slot.from;
  header.msg_namelen = sizeof slot.from;
  header.msg_iov = &slot.payload;
  header.msg_iovlen = 1;
  header.msg_control = &slot.control;
  header.msg_controllen = sizeof slot.control;
}

std::string_view label(DatagramWriter::Drop drop) {
  switch (drop) {
    case DatagramWriter::Drop::kBufferFull: return "buffer_full";
    case DatagramWriter::Drop::kUnreachable: return "unreachable";
    case DatagramWriter::Drop::kForbidden: return "forbidden";
    case DatagramWriter::Drop::kOther: return "other";
  }
  return "";
}

DatagramWriter::DatagramWriter(const std::vector<UdpSocket>& sockets) : sockets_(sockets) {
  parts_.reserve(2 * kBatchMax * kSegmentsMax);  // Never more, so that places in it stay.
}

bool DatagramWriter::continues_run(const core::SendDatagram& datagram, size_t size) const {
  return count_ > 0 && can_segment_ && slots_[count_ - 1].run.takes(size) &&
         datagram.from == socket_ && datagram.to == to_ &&
         datagram.local.endpoint == local_.endpoint &&
         datagram.local.interface_index == local_.interface_index;
}

void DatagramWriter::add(const core::SendDatagram& datagram) {
  // sendmmsg only reads the payload; iovec has no const form.
  const auto add_part = [this](Bytes bytes) {
    if (!bytes.empty()) parts_.push_back({const_cast<uint8_t*>(bytes.data()), bytes.size()});
  };
  const size_t size = datagram.head.size() + datagram.payload.size();
  if (continues_run(datagram, size)) {
    add_part(datagram.head);
    add_part(datagram.payload);
    return slots_[count_ - 1].run.add(size);
  }
  if (count_ == kBatchMax || (count_ > 0 && datagram.from != socket_)) flush();
  socket_ = datagram.from;
  to_ = datagram.to;
  local_ = datagram.local;
  Slot& slot = slots_[count_];
  msghdr& header = headers_[count_++].msg_hdr;
  header = {};
  header.msg_name = &slot.to;
  header.msg_namelen = to_sockaddr(datagram.to, slot.to);
  slot.run.begin(size);
  slot.first_part = parts_.size();
  add_part(datagram.head);
  add_part(datagram.payload);
  if (sockets_[datagram.from].is_wildcard()) {
    header.msg_control = &slot.control;
    put_local_end(header, datagram.local);
  }
}

void DatagramWriter::finish(Slot& slot, mmsghdr& header) {
  const size_t end = &slot == &slots_[count_ - 1] ? parts_.size() : (&slot + 1)->first_part;
  header.msg_hdr.msg_iov = parts_.data() + slot.first_part;
  header.msg_hdr.msg_iovlen = end - slot.first_part;
  if (slot.run.count > 1) {
    put_segment_size(header.msg_hdr, slot.control.bytes, static_cast<uint16_t>(slot.run.segment));
  }
}

void DatagramWriter::flush() {
  for (size_t i = 0; i < count_; ++i) finish(slots_[i], headers_[i]);
  size_t done = 0;
  while (done < count_) {
    const int sent =
        sendmmsg(sockets_[socket_].fd(), &headers_[done], static_cast<unsigned>(count_ - done), 0);
    if (sent > 0) {
      done += static_cast<size_t>(sent);
    } else if (errno != EINTR) {  // The first one failed: go on with the next.
      size_t refused = slots_[done].run.count;
      if (is_refused_as_burst(errno, slots_[done].run)) {
        can_segment_ &= errno != EIO;
        refused = send_one_by_one(sockets_[socket_].fd(), headers_[done].msg_hdr, slots_[done].run);
      }
      drops_[static_cast<size_t>(reason(errno))] += refused;
      ++done;
    }
  }
  count_ = 0;
  parts_.clear();
}

}  // namespace roost::io
