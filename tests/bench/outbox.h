// SPDX-License-Identifier: MIT
#pragma once
// Datagrams that a bare relay is about to send, without copying them: in order, and where it may
// use UDP_SEGMENT, what goes from one socket to one place as one message.

#include <array>
#include <cstddef>
#include <cstdint>
#include <netinet/in.h>
#include <span>
#include <sys/socket.h>
#include <vector>

#include "forwarder.h"

namespace bench {

class Outbox {
 public:
  static constexpr size_t kMessagesMax = 1024;

  explicit Outbox(bool with_segments);

  // Whether a datagram of that many segments may be added.
  bool has_room(size_t segments) const {
    return count_ + segments <= kMessagesMax && vector_count_ + 2 * segments <= kVectorsMax;
  }

  // The data stays where it is, and must until it has been sent.
  void add(int socket, const sockaddr_in& to, bool with_header, const uint8_t* data, size_t size);

  // Hands all messages to `send(int socket, std::span<mmsghdr>)`, those of a socket that follow
  // each other at once. They stay valid until the next add().
  template <typename Send>
  void take_out(Send send) {
    for (size_t first = 0; first < count_;) {
      size_t end = first;
      while (end < count_ && messages_[end].socket == messages_[first].socket) finish(end++);
      send(messages_[first].socket, std::span(headers_).subspan(first, end - first));
      first = end;
    }
    count_ = vector_count_ = 0;
  }

 private:
  static constexpr size_t kVectorsMax = 16384;
  static constexpr size_t kSegmentsMax = 64;           // UDP_MAX_SEGMENTS of older kernels.
  static constexpr size_t kSegmentedBytesMax = 60000;  // Of one message; IP allows 65,507.

  struct Message {
    int socket;
    size_t segments;
    size_t segment_size;
    size_t size;
    bool is_closed;
    sockaddr_in to;
    alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(sizeof(uint16_t))> control;
  };

  bool joins_last(int socket, const sockaddr_in& to, size_t whole) const;
  void begin(int socket, const sockaddr_in& to, size_t whole);
  void push(Message& message, uint8_t* data, size_t size);
  void finish(size_t i);

  bool with_segments_;
  std::array<Message, kMessagesMax> messages_;
  std::array<mmsghdr, kMessagesMax> headers_;
  std::vector<iovec> vectors_;
  std::vector<std::array<uint8_t, kChannelHeaderSize>> channel_headers_;
  size_t count_ = 0;
  size_t vector_count_ = 0;
};

}  // namespace bench
