// SPDX-License-Identifier: MIT
#include "lane.h"

#include <algorithm>
#include <cstring>
#include <netinet/udp.h>
#include <utility>

#include "forwarder.h"
#include "host.h"

namespace bench {

Traffic::Traffic(std::vector<Lane> lanes, const Options& options)
    : lanes_(std::move(lanes)),
      options_(options),
      fixed_bytes_(options.payload_size),
      send_buffer_(kSendMax * (kChannelHeaderSize + options.payload_size)),
      receive_buffer_(new uint8_t[kReceiveMax * kReceiveSlotSize]) {
  uint32_t state = 1;
  for (uint8_t& byte : fixed_bytes_) {
    state = state * 1664525 + 1013904223;  // Any sequence in which a shift by some bytes shows.
    byte = static_cast<uint8_t>(state >> 24);
  }
  for (size_t i = 0; i < kReceiveMax; ++i) {
    receive_vectors_[i] = {receive_buffer_.get() + i * kReceiveSlotSize, kReceiveSlotSize};
    receive_headers_[i].msg_hdr.msg_iov = &receive_vectors_[i];
    receive_headers_[i].msg_hdr.msg_iovlen = 1;
  }
  waiting_.reserve(lanes_.size());
}

void Traffic::run(double seconds, const std::function<void(int64_t now)>& meanwhile) {
  run_start_ = monotonic_nanoseconds();
  offered_ = 0;
  const int64_t end = run_start_ + static_cast<int64_t>(seconds * 1e9);
  for (int64_t now = run_start_; now < end; now = monotonic_nanoseconds()) {
    receive_ready();
    if (options_.rate_per_second != 0) {
      send_due(now);
    } else {
      fill_windows();
    }
    if (meanwhile) meanwhile(now);
    expire(now);
  }
}

void Traffic::drain() {
  while (in_flight_ > 0) {
    receive_ready();
    expire(monotonic_nanoseconds());
  }
}

void Traffic::forget() {
  counters_ = {};
  latency_.clear();
}

// Looks at the lanes that have waited longest: a server answers nearly in the order in which it was
// asked, and looking at thousands of sockets between two batches would make this the bottleneck.
void Traffic::receive_ready() {
  const size_t count = std::min(waiting_.size(), kPollMax);
  if (count == 0) return;
  for (size_t i = 0; i < count; ++i) polled_[i] = {lanes_[waiting_[i]].to.socket, POLLIN, 0};
  if (poll(polled_.data(), count, 0) <= 0) return;
  for (size_t i = 0; i < count; ++i) {
    if (polled_[i].revents != 0) receive(waiting_[i]);
  }
  std::erase_if(waiting_, [this](uint32_t index) {
    Lane& lane = lanes_[index];
    if (lane.in_flight() == 0) lane.is_waiting = false;
    return !lane.is_waiting;
  });
}

void Traffic::receive(size_t lane_index) {
  const size_t count_max = std::clamp<size_t>(lanes_[lane_index].in_flight(), 1, kReceiveMax);
  for (size_t i = 0; i < count_max; ++i) {
    receive_headers_[i].msg_hdr.msg_control = receive_controls_[i].data();
    receive_headers_[i].msg_hdr.msg_controllen = receive_controls_[i].size();
  }
  const int count = recvmmsg(lanes_[lane_index].to.socket, receive_headers_.data(),
                             static_cast<unsigned>(count_max), MSG_DONTWAIT, nullptr);
  const int64_t now = monotonic_nanoseconds();
  for (size_t i = 0; static_cast<int>(i) < count; ++i) {
    const uint8_t* const data = receive_buffer_.get() + i * kReceiveSlotSize;
    const size_t size = receive_headers_[i].msg_len;
    size_t segment = std::max<size_t>(size, 1);
    const cmsghdr* const control = CMSG_FIRSTHDR(&receive_headers_[i].msg_hdr);
    if (control != nullptr && control->cmsg_type == UDP_GRO) {
      int told = 0;
      std::memcpy(&told, CMSG_DATA(control), sizeof told);
      if (told > 0) segment = static_cast<size_t>(told);
    }
    for (size_t at = 0; at < size; at += segment) {
      take(lane_index, data + at, std::min(segment, size - at), now);
    }
  }
}

void Traffic::take(size_t lane_index, const uint8_t* data, size_t size, int64_t now) {
  Lane& lane = lanes_[lane_index];
  if (lane.to.is_client()) {
    const bool has_header = size >= kChannelHeaderSize &&
                            (size_t{data[0]} << 8 | data[1]) == lane.to.channel &&
                            (size_t{data[2]} << 8 | data[3]) == options_.payload_size;
    if (!has_header) {
      ++counters_.invalid;
      return;
    }
    data += kChannelHeaderSize;
    size -= kChannelHeaderSize;
  }
  Head head;
  const bool is_whole =
      size == options_.payload_size &&
      std::memcmp(data + sizeof head, fixed_bytes_.data() + sizeof head, size - sizeof head) == 0;
  if (is_whole) std::memcpy(&head, data, sizeof head);
  if (!is_whole || head.lane != lane_index || head.sequence >= lane.next_sequence) {
    ++counters_.invalid;
    return;
  }
  if (head.sequence < lane.expected_sequence) {
    ++counters_.late;
    if (counters_.lost > 0) --counters_.lost;
    return;
  }
  counters_.lost += head.sequence - lane.expected_sequence;
  ++counters_.delivered;
  in_flight_ -= head.sequence + 1 - lane.expected_sequence;
  lane.expected_sequence = head.sequence + 1;
  lane.progressed_nanoseconds = now;
  latency_.record(static_cast<uint64_t>(std::max<int64_t>(now - head.sent_nanoseconds, 0)));
}

// In turn over all lanes, so that none has more than its share and directions stay even.
void Traffic::fill_windows() {
  for (size_t tried = 0; tried < lanes_.size(); ++tried) {
    const uint64_t room = options_.window - std::min<uint64_t>(in_flight_, options_.window);
    if (room < options_.burst) return;
    const Lane& lane = lanes_[next_lane_];
    const uint64_t used = std::min<uint64_t>(lane.in_flight(), options_.lane_window);
    const size_t count = std::min<uint64_t>({options_.lane_window - used, room, kSendMax});
    if (count >= options_.burst) send(next_lane_, count - count % options_.burst);
    next_lane_ = (next_lane_ + 1) % lanes_.size();
  }
}

// One message at a time. What the lane has no room for is not made up later.
void Traffic::send_due(int64_t now) {
  const double elapsed_seconds = static_cast<double>(now - run_start_) / 1e9;
  const auto owed =
      static_cast<uint64_t>(elapsed_seconds * static_cast<double>(options_.rate_per_second));
  for (size_t i = 0; i < kSendMax && offered_ + options_.burst <= owed; ++i) {
    offered_ += options_.burst;
    const bool has_room = lanes_[next_lane_].in_flight() + options_.burst <= options_.lane_window;
    const size_t sent = has_room ? send(next_lane_, options_.burst) : 0;
    counters_.unoffered += options_.burst - sent;
    next_lane_ = (next_lane_ + 1) % lanes_.size();
  }
}

size_t Traffic::send(size_t lane_index, size_t count) {
  Lane& lane = lanes_[lane_index];
  const size_t header_size = lane.from.is_client() ? kChannelHeaderSize : 0;
  const size_t packet_size = header_size + options_.payload_size;
  const int64_t now = monotonic_nanoseconds();
  for (size_t i = 0; i < count; ++i) {
    uint8_t* at = send_buffer_.data() + i * packet_size;
    if (lane.from.is_client()) {
      const auto header = channel_header(options_.payload_size);
      std::memcpy(at, header.data(), header.size());
      at[0] = static_cast<uint8_t>(lane.from.channel >> 8);
      at[1] = static_cast<uint8_t>(lane.from.channel);
    }
    const Head head{lane_index, lane.next_sequence + i, now};
    std::memcpy(at + header_size, &head, sizeof head);
    std::memcpy(at + header_size + sizeof head, fixed_bytes_.data() + sizeof head,
                options_.payload_size - sizeof head);
  }
  const size_t messages = count / options_.burst;
  for (size_t i = 0; i < messages; ++i) {
    const size_t size = packet_size * options_.burst;
    send_vectors_[i] = {send_buffer_.data() + i * size, size};
    msghdr& header = send_headers_[i].msg_hdr;
    header.msg_iov = &send_vectors_[i];
    header.msg_iovlen = 1;
    if (options_.burst == 1) continue;
    header.msg_control = send_controls_[i].data();
    header.msg_controllen = send_controls_[i].size();
    cmsghdr* const control = CMSG_FIRSTHDR(&header);
    control->cmsg_level = SOL_UDP;
    control->cmsg_type = UDP_SEGMENT;
    control->cmsg_len = CMSG_LEN(sizeof(uint16_t));
    const auto segment = static_cast<uint16_t>(packet_size);
    std::memcpy(CMSG_DATA(control), &segment, sizeof segment);
  }
  const int result = sendmmsg(lane.from.socket, send_headers_.data(),
                              static_cast<unsigned>(messages), MSG_DONTWAIT);
  const size_t sent = static_cast<size_t>(std::max(result, 0)) * options_.burst;
  if (sent == 0) return 0;
  if (lane.in_flight() == 0) lane.progressed_nanoseconds = now;
  lane.next_sequence += sent;
  in_flight_ += sent;
  counters_.sent += sent;
  if (!lane.is_waiting) {
    lane.is_waiting = true;
    waiting_.push_back(static_cast<uint32_t>(lane_index));
  }
  return sent;
}

void Traffic::expire(int64_t now) {
  if (now < next_expire_) return;
  next_expire_ = now + kExpireIntervalNanoseconds;
  for (const uint32_t index : waiting_) {
    Lane& lane = lanes_[index];
    if (lane.progressed_nanoseconds > now - kTimeoutNanoseconds) continue;
    counters_.lost += lane.in_flight();
    in_flight_ -= lane.in_flight();
    lane.expected_sequence = lane.next_sequence;
  }
  std::erase_if(waiting_, [this](uint32_t index) {
    Lane& lane = lanes_[index];
    if (lane.in_flight() == 0) lane.is_waiting = false;
    return !lane.is_waiting;
  });
}

}  // namespace bench
