// SPDX-License-Identifier: MIT
// A bare relay: what one thread can do at most with the sockets of a TURN server, as its bar.
//
//   client -- public socket [ flow ] flow's socket -- peer
//
// Towards the peer it strips the four bytes of ChannelData, towards the client it adds them;
// nobody is asked for a password and nothing is limited. A client makes its flow with a datagram
// of its own (kJoin), which names the peer, and is told the flow's port. Bound to 127.0.0.1,
// because a forwarder that others can reach is a weapon. Ends on SIGTERM or SIGINT.

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
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

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
constexpr size_t kSegmentsMax = 64;           // UDP_MAX_SEGMENTS of older kernels.
constexpr size_t kSegmentedBytesMax = 60000;  // Of one message; IP allows 65,507.
// Room for the longest datagram that UDP_GRO makes. The odd rest keeps the beginnings of the slots,
// which is all that small datagrams touch, out of each other's cache lines.
constexpr size_t kSlotSize = 65536 + 192;
constexpr size_t kFlowsMax = 16384;
constexpr size_t kTableSize = 65536;
constexpr uint32_t kPublic = ~uint32_t{0};
constexpr uint32_t kStop = kPublic - 1;
constexpr int kPublicBufferBytes = 1024 * 1024;
constexpr int kFlowBufferBytes = 256 * 1024;

struct Flow {
  int socket = -1;
  sockaddr_in client{};
  sockaddr_in peer{};
};

void close_all(const std::vector<Flow>& flows) {
  for (const Flow& flow : flows) close(flow.socket);
}

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
    }
  }

  size_t room() const { return kSlotCount - used_; }
  void clear() { used_ = 0; }

  // Appends what the socket holds, at most `count_max` datagrams, and calls `take` for each.
  template <typename Take>
  void receive(int socket, size_t count_max, Take take) {
    const size_t first = used_;
    const size_t end = first + std::min(count_max, room());
    for (size_t i = first; i < end; ++i) arm(i);
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

// What is to be sent with the next flush(); the data stays where it was received.
class Outbox {
 public:
  explicit Outbox(bool with_segments) : with_segments_(with_segments) {
    vectors_.resize(kVectorsMax);
    channel_headers_.resize(kVectorsMax / 2);
  }

  // Whether a datagram of that many segments may be added.
  bool has_room(size_t segments) const {
    return count_ + segments <= kMessagesMax && vector_count_ + 2 * segments <= kVectorsMax;
  }

  void add(int socket, const sockaddr_in& to, bool with_header, const uint8_t* data, size_t size) {
    const size_t whole = size + (with_header ? kChannelHeaderSize : 0);
    if (!joins_last(socket, to, whole)) begin(socket, to, whole);
    Message& message = messages_[count_ - 1];
    if (with_header) {
      auto& header = channel_headers_[vector_count_ / 2];
      header = channel_header(size);
      push(message, header.data(), header.size());
    }
    push(message, const_cast<uint8_t*>(data), size);
    ++message.segments;
    message.size += whole;
    message.is_closed = whole < message.segment_size;  // Only the last one may be shorter.
  }

  void flush() {
    for (size_t first = 0; first < count_;) {
      size_t end = first;
      while (end < count_ && messages_[end].socket == messages_[first].socket) finish(end++);
      send(first, end);
      first = end;
    }
    count_ = vector_count_ = 0;
  }

 private:
  static constexpr size_t kMessagesMax = 1024;
  static constexpr size_t kVectorsMax = 16384;

  struct Message {
    int socket;
    size_t segments;
    size_t segment_size;
    size_t size;
    bool is_closed;
    sockaddr_in to;
    alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(sizeof(uint16_t))> control;
  };

  bool joins_last(int socket, const sockaddr_in& to, size_t whole) const {
    if (!with_segments_ || count_ == 0) return false;
    const Message& last = messages_[count_ - 1];
    return last.socket == socket && !last.is_closed && whole <= last.segment_size &&
           last.segments < kSegmentsMax && last.size + whole <= kSegmentedBytesMax &&
           std::memcmp(&last.to, &to, sizeof to) == 0;
  }

  void begin(int socket, const sockaddr_in& to, size_t whole) {
    Message& message = messages_[count_];
    message.socket = socket;
    message.segments = message.size = 0;
    message.segment_size = whole;
    message.is_closed = false;
    message.to = to;
    msghdr& header = headers_[count_++].msg_hdr;
    header = {};
    header.msg_name = &message.to;
    header.msg_namelen = sizeof message.to;
    header.msg_iov = &vectors_[vector_count_];
  }

  void push(Message& message, uint8_t* data, size_t size) {
    vectors_[vector_count_++] = {data, size};
    ++headers_[static_cast<size_t>(&message - messages_.data())].msg_hdr.msg_iovlen;
  }

  // The order to cut the message into segments again, where it has several.
  void finish(size_t i) {
    Message& message = messages_[i];
    if (message.segments < 2) return;
    msghdr& header = headers_[i].msg_hdr;
    header.msg_control = message.control.data();
    header.msg_controllen = message.control.size();
    cmsghdr* const control = CMSG_FIRSTHDR(&header);
    control->cmsg_level = SOL_UDP;
    control->cmsg_type = UDP_SEGMENT;
    control->cmsg_len = CMSG_LEN(sizeof(uint16_t));
    const auto size = static_cast<uint16_t>(message.segment_size);
    std::memcpy(CMSG_DATA(control), &size, sizeof size);
  }

  void send(size_t first, size_t end) {
    while (first < end) {
      const int sent = sendmmsg(messages_[first].socket, &headers_[first],
                                static_cast<unsigned>(end - first), MSG_DONTWAIT);
      first += sent > 0 ? static_cast<size_t>(sent) : 1;  // What is refused is lost, as in UDP.
    }
  }

  bool with_segments_;
  std::array<Message, kMessagesMax> messages_;
  std::array<mmsghdr, kMessagesMax> headers_;
  std::vector<iovec> vectors_;
  std::vector<std::array<uint8_t, kChannelHeaderSize>> channel_headers_;
  size_t count_ = 0;
  size_t vector_count_ = 0;
};

class Forwarder {
 public:
  Forwarder(Variant variant, uint16_t port)
      : variant_(variant),
        port_(port),
        inbox_(variant == Variant::kSegment),
        outbox_(variant == Variant::kSegment),
        table_(kTableSize) {}
  ~Forwarder() {
    if (epoll_ >= 0) close(epoll_);
    if (public_ >= 0) close(public_);
    close_all(flows_);
  }
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  [[nodiscard]] bool open(int stop_signal) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    public_ = open_socket(port_, kPublicBufferBytes);
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
      outbox_.flush();
      inbox_.clear();
    }
  }

 private:
  int open_socket(uint16_t port, int buffer_bytes) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);  // Best effort.
    const int on = 1;
    if (variant_ == Variant::kSegment) setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    close(fd);
    return -1;
  }

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
      const Flow* const flow = find(*datagram.from);
      if (flow == nullptr || !is_channel_data(datagram.data, datagram.size)) {
        return answer(datagram.data, datagram.size, *datagram.from);
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
    const Flow* const flow = find(from);
    if (flow == nullptr || !is_channel_data(single_.data(), size)) {
      answer(single_.data(), size, from);
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
    outbox_.flush();
    inbox_.clear();
  }

  template <typename Take>
  void for_each_segment(const Inbox::Datagram& datagram, Take take) {
    // The data stays in its slot, so that sending what there is makes room for the rest.
    const size_t segments = datagram.size / std::max<size_t>(datagram.segment_size, 1) + 1;
    if (!outbox_.has_room(segments)) outbox_.flush();
    for (size_t at = 0; at < datagram.size; at += datagram.segment_size) {
      take(datagram.data + at, std::min(datagram.segment_size, datagram.size - at));
    }
  }

  // Whatever is no data: the question whether anybody is there, or a client's wish for a flow.
  void answer(const uint8_t* data, size_t size, const sockaddr_in& from) {
    const auto reply = [&](const void* bytes, size_t length) {
      sendto(public_, bytes, length, MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&from),
             sizeof from);
    };
    if (size == 20 && data[0] == 0 && data[1] == 1) return reply(data, size);
    JoinMessage join;
    if (size != sizeof join || data[0] != kJoin) return;
    std::memcpy(&join, data, sizeof join);
    const Flow* flow = find(from);
    if (flow == nullptr) flow = enter(from, join);
    if (flow == nullptr) return;
    sockaddr_in local{};
    socklen_t local_size = sizeof local;
    getsockname(flow->socket, reinterpret_cast<sockaddr*>(&local), &local_size);
    join.address = local.sin_addr.s_addr;
    join.port = local.sin_port;
    reply(&join, sizeof join);
  }

  const Flow* enter(const sockaddr_in& client, const JoinMessage& join) {
    if (flows_.size() == kFlowsMax) return nullptr;
    Flow flow;
    flow.socket = open_socket(0, kFlowBufferBytes);
    if (flow.socket < 0) return nullptr;
    flow.client = client;
    flow.peer.sin_family = AF_INET;
    flow.peer.sin_addr.s_addr = join.address;
    flow.peer.sin_port = join.port;
    const auto index = static_cast<uint32_t>(flows_.size());
    if (!watch(flow.socket, index)) {
      close(flow.socket);
      return nullptr;
    }
    flows_.push_back(flow);
    size_t at = place_of(client);
    while (table_[at] != 0) at = (at + 1) % kTableSize;
    table_[at] = index + 1;
    return &flows_.back();
  }

  const Flow* find(const sockaddr_in& client) const {
    for (size_t at = place_of(client); table_[at] != 0; at = (at + 1) % kTableSize) {
      const Flow& flow = flows_[table_[at] - 1];
      if (flow.client.sin_port == client.sin_port &&
          flow.client.sin_addr.s_addr == client.sin_addr.s_addr) {
        return &flow;
      }
    }
    return nullptr;
  }

  static size_t place_of(const sockaddr_in& client) {
    const uint64_t key = uint64_t{client.sin_addr.s_addr} << 16 | client.sin_port;
    return static_cast<size_t>(key * 0x9e3779b97f4a7c15u >> 48);
  }

  Variant variant_;
  uint16_t port_;
  int epoll_ = -1;
  int public_ = -1;
  Inbox inbox_;
  Outbox outbox_;
  std::vector<Flow> flows_;
  std::vector<uint32_t> table_;  // One more than the index of a flow; 0: none.
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
