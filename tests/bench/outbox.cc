// SPDX-License-Identifier: MIT
#include "outbox.h"

#include <cstring>
#include <netinet/udp.h>

namespace bench {

Outbox::Outbox(bool with_segments)
    : with_segments_(with_segments), vectors_(kVectorsMax), channel_headers_(kVectorsMax / 2) {}

void Outbox::add(int socket, const sockaddr_in& to, bool with_header, const uint8_t* data,
                 size_t size) {
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

bool Outbox::joins_last(int socket, const sockaddr_in& to, size_t whole) const {
  if (!with_segments_ || count_ == 0) return false;
  const Message& last = messages_[count_ - 1];
  return last.socket == socket && !last.is_closed && whole <= last.segment_size &&
         last.segments < kSegmentsMax && last.size + whole <= kSegmentedBytesMax &&
         std::memcmp(&last.to, &to, sizeof to) == 0;
}

void Outbox::begin(int socket, const sockaddr_in& to, size_t whole) {
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

void Outbox::push(Message& message, uint8_t* data, size_t size) {
  vectors_[vector_count_++] = {data, size};
  ++headers_[static_cast<size_t>(&message - messages_.data())].msg_hdr.msg_iovlen;
}

// The order to cut the message into segments again, where it has several.
void Outbox::finish(size_t i) {
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

}  // namespace bench
