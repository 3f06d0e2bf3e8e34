// SPDX-License-Identifier: MIT
// A bare relay: what one thread can do at most with the sockets of a TURN server, as its bar.
//
//   client -- public socket [ flow ] flow's socket -- peer
//
// Towards the peer it strips the four bytes of ChannelData, towards the client it adds them, and
// nothing is limited. Ends on SIGTERM or SIGINT.

#include "forwarder.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <getopt.h>
#include <memory>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <optional>
#include <span>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flow_table.h"
#include "outbox.h"
#include "stop_signal.h"

namespace bench {
namespace {

enum class Variant : uint8_t {
  kSingle,   // a: one system call per datagram.
  kBatch,    // b: recvmmsg and sendmmsg.
  kSegment,  // c: also UDP_GRO and UDP_SEGMENT.
};

constexpr size_t kSlotCount = 64;
constexpr size_t kFlowBatchMax = 32;
// Room for the longest datagram that UDP_GRO makes. The odd rest keeps the beginnings of the slots,
// which is all that small datagrams touch, out of each other's cache lines.
constexpr size_t kSlotSize = 65536 + 192;
constexpr uint32_t kPublic = ~uint32_t{0};
constexpr uint32_t kStop = kPublic - 1;

// What was received and stays in place until it has been sent.
class Inbox {
 public:
  struct Datagram {
    const uint8_t* data;
    size_t size;
    size_t segment_size;  // Of all of its segments but the last, which may be shorter.
    const sockaddr_in* from;
  };

  explicit Inbox(bool with_gro)
      : with_gro_(with_gro), buffer_(new uint8_t[kSlotCount * kSlotSize]) {
    for (size_t i = 0; i < kSlotCount; ++i) {
      vectors_[i] = {buffer_.get() + i * kSlotSize, kSlotSize};
      arm(i);
    }
  }

  size_t room() const { return kSlotCount - used_; }
  // Arms again what was used, and no more.
  void clear() {
    while (used_ > 0) arm(--used_);
  }

  // Appends what the socket holds, at most `count_max` datagrams, and calls `take` for each.
  template <typename Take>
  void receive(int socket, size_t count_max, Take take) {
    const size_t first = used_;
    const size_t end = first + std::min(count_max, room());
    const int count = recvmmsg(socket, &headers_[first], static_cast<unsigned>(end - first),
                               MSG_DONTWAIT, nullptr);
    if (count <= 0) return;
    used_ += static_cast<size_t>(count);
    for (size_t i = first; i < used_; ++i) {
      const size_t size = headers_[i].msg_len;
      take(Datagram{buffer_.get() + i * kSlotSize, size, segment_size(i, size), &from_[i]});
    }
  }

 private:
  void arm(size_t i) {
    msghdr& header = headers_[i].msg_hdr;
    header = {};
    header.msg_name = &from_[i];
    header.msg_namelen = sizeof from_[i];
    header.msg_iov = &vectors_[i];
    header.msg_iovlen = 1;
    if (!with_gro_) return;
    header.msg_control = controls_[i].data();
    header.msg_controllen = controls_[i].size();
  }

  size_t segment_size(size_t i, size_t size) const {
    const cmsghdr* const control = with_gro_ ? CMSG_FIRSTHDR(&headers_[i].msg_hdr) : nullptr;
    if (control == nullptr || control->cmsg_type != UDP_GRO) return size;
    int segment = 0;
    std::memcpy(&segment, CMSG_DATA(control), sizeof segment);
    return segment > 0 ? static_cast<size_t>(segment) : size;
  }

  struct alignas(cmsghdr) Control : std::array<uint8_t, CMSG_SPACE(sizeof(int))> {};

  bool with_gro_;
  std::unique_ptr<uint8_t[]> buffer_;
  std::array<iovec, kSlotCount> vectors_;
  std::array<sockaddr_in, kSlotCount> from_;
  std::array<Control, kSlotCount> controls_;
  std::array<mmsghdr, kSlotCount> headers_;
  size_t used_ = 0;
};

// What is refused is lost, as in UDP.
void send_all(int socket, std::span<mmsghdr> messages) {
  while (!messages.empty()) {
    const int sent =
        sendmmsg(socket, messages.data(), static_cast<unsigned>(messages.size()), MSG_DONTWAIT);
    messages = messages.subspan(sent > 0 ? static_cast<size_t>(sent) : 1);
  }
}

class Forwarder {
 public:
  Forwarder(Variant variant, uint16_t port)
      : variant_(variant),
        port_(port),
        inbox_(variant == Variant::kSegment),
        outbox_(variant == Variant::kSegment),
        flows_(variant == Variant::kSegment,
               [this](const Flow& flow, uint32_t index) { return watch(flow.socket, index); }) {}
  ~Forwarder() {
    if (epoll_ >= 0) close(epoll_);
  }
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  [[nodiscard]] bool open(int stop_signal) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    public_ = flows_.open_public(port_);
    return epoll_ >= 0 && public_ >= 0 && watch(stop_signal, kStop) && watch(public_, kPublic);
  }

  // Until the stop signal comes.
  void run() {
    std::array<epoll_event, kSlotCount> events;
    while (true) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) {
        const uint32_t which = events[static_cast<size_t>(i)].data.u32;
        if (which == kStop) return;
        // A lone ready socket is read until it is empty; where many are ready each is read once,
        // because asking an empty one costs a system call.
        const int reads_max = std::max(1, static_cast<int>(kSlotCount) / count);
        if (which == kPublic) {
          from_clients();
        } else {
          from_peer(flows_[which], reads_max);
        }
      }
      outbox_.take_out(send_all);
      inbox_.clear();
    }
  }

 private:
  bool watch(int fd, uint32_t which) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = which;
    return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
  }

  void from_clients() {
    if (variant_ == Variant::kSingle) {
      for (size_t i = 0; i < kSlotCount && from_client_single(); ++i) {
      }
      return;
    }
    flush_unless(kSlotCount);
    inbox_.receive(public_, kSlotCount, [this](const Inbox::Datagram& datagram) {
      const Flow* const flow = flows_.find(*datagram.from);
      if (flow == nullptr || !is_channel_data(datagram.data, datagram.size)) {
        return flows_.answer(datagram.data, datagram.size, *datagram.from);
      }
      for_each_segment(datagram, [&](const uint8_t* data, size_t size) {
        if (size < kChannelHeaderSize) return;
        outbox_.add(flow->socket, flow->peer, false, data + kChannelHeaderSize,
                    size - kChannelHeaderSize);
      });
    });
  }

  bool from_client_single() {
    sockaddr_in from{};
    socklen_t from_size = sizeof from;
    const ssize_t received = recvfrom(public_, single_.data(), single_.size(), MSG_DONTWAIT,
                                      reinterpret_cast<sockaddr*>(&from), &from_size);
    if (received < 0) return false;
    const auto size = static_cast<size_t>(received);
    const Flow* const flow = flows_.find(from);
    if (flow == nullptr || !is_channel_data(single_.data(), size)) {
      flows_.answer(single_.data(), size, from);
      return true;
    }
    sendto(flow->socket, single_.data() + kChannelHeaderSize, size - kChannelHeaderSize,
           MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&flow->peer), sizeof flow->peer);
    return true;
  }

  void from_peer(const Flow& flow, int reads_max) {
    if (variant_ == Variant::kSingle) {
      for (int i = 0; i < reads_max && from_peer_single(flow); ++i) {
      }
      return;
    }
    flush_unless(kFlowBatchMax / 2);
    inbox_.receive(flow.socket, kFlowBatchMax, [&](const Inbox::Datagram& datagram) {
      for_each_segment(datagram, [&](const uint8_t* data, size_t size) {
        outbox_.add(public_, flow.client, true, data, size);
      });
    });
  }

  bool from_peer_single(const Flow& flow) {
    uint8_t* const payload = single_.data() + kChannelHeaderSize;
    const ssize_t received =
        recv(flow.socket, payload, single_.size() - kChannelHeaderSize, MSG_DONTWAIT);
    if (received < 0) return false;
    const auto size = static_cast<size_t>(received);
    const auto header = channel_header(size);
    std::memcpy(single_.data(), header.data(), header.size());
    sendto(public_, single_.data(), size + header.size(), MSG_DONTWAIT,
           reinterpret_cast<const sockaddr*>(&flow.client), sizeof flow.client);
    return true;
  }

  void flush_unless(size_t slots) {
    if (inbox_.room() >= slots) return;
    outbox_.take_out(send_all);
    inbox_.clear();
  }

  template <typename Take>
  void for_each_segment(const Inbox::Datagram& datagram, Take take) {
    // The data stays in its slot, so that sending what there is makes room for the rest.
    const size_t segments = datagram.size / std::max<size_t>(datagram.segment_size, 1) + 1;
    if (!outbox_.has_room(segments)) outbox_.take_out(send_all);
    for (size_t at = 0; at < datagram.size; at += datagram.segment_size) {
      take(datagram.data + at, std::min(datagram.segment_size, datagram.size - at));
    }
  }

  Variant variant_;
  uint16_t port_;
  int epoll_ = -1;
  int public_ = -1;
  Inbox inbox_;
  Outbox outbox_;
  FlowTable flows_;
  std::array<uint8_t, 2048> single_;
};

struct Options {
  uint16_t port = 0;
  Variant variant = Variant::kBatch;
};

std::optional<Options> parse_options(int argc, char** argv) {
  constexpr option kOptions[] = {
      {"port", required_argument, nullptr, 'p'},
      {"variant", required_argument, nullptr, 'v'},
      {nullptr, 0, nullptr, 0},
  };
  Options options;
  bool is_understood = true;
  for (int option; (option = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    const std::string_view text = optarg != nullptr ? optarg : "";
    if (option == 'p') {
      std::from_chars(text.data(), text.data() + text.size(), options.port);
    } else if (option == 'v' && text.size() == 1 && text >= "a" && text <= "c") {
      options.variant = static_cast<Variant>(text[0] - 'a');
    } else {
      is_understood = false;
    }
  }
  if (!is_understood || options.port == 0 || optind != argc) return std::nullopt;
  return options;
}

int run(int argc, char** argv) {
  const std::optional<Options> options = parse_options(argc, argv);
  if (!options) {
    std::fputs("forwarder --port N [--variant a|b|c]\n", stderr);
    return 2;
  }
  // On the heap, because its messages are too big for a stack.
  const auto forwarder = std::make_unique<Forwarder>(options->variant, options->port);
  const int stop_signal = open_stop_signal();
  if (stop_signal < 0 || !forwarder->open(stop_signal)) {
    std::perror("forwarder");
    return 1;
  }
  forwarder->run();
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::run(argc, argv);
}
