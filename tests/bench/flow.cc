// SPDX-License-Identifier: MIT
#include "flow.h"

#include <algorithm>
#include <cstring>
#include <unistd.h>
#include <utility>

#include "host.h"
#include "loopback_target.h"

namespace bench {

Batch::Batch() : reply_headers{}, request_headers{} {
  for (size_t i = 0; i < kSize; ++i) {
    reply_vectors[i] = {replies[i].data(), replies[i].size()};
    reply_headers[i].msg_hdr.msg_iov = &reply_vectors[i];
    reply_headers[i].msg_hdr.msg_iovlen = 1;
    request_headers[i].msg_hdr.msg_iov = &request_vectors[i];
    request_headers[i].msg_hdr.msg_iovlen = 1;
  }
}

Flow::Flow(int socket, uint64_t key, const Options& options)
    : socket_(socket),
      key_(key),
      options_(options),
      request_size_(options.with_fingerprint ? kBindingRequestSizeMax : kStunHeaderSize),
      local_(local_address(socket)),
      slots_(options.window) {
  free_slots_.reserve(options.window);
  for (uint32_t index = options.window; index > 0; --index) free_slots_.push_back(index - 1);
}

Flow::~Flow() {
  if (socket_ >= 0) close(socket_);
}

Flow::Flow(Flow&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      key_(other.key_),
      options_(other.options_),
      request_size_(other.request_size_),
      local_(other.local_),
      slots_(std::move(other.slots_)),
      free_slots_(std::move(other.free_slots_)) {}

void Flow::receive(Batch& batch, Counters& counters, Histogram& rtt) {
  // Asking for one more than can come would make the kernel look at the empty queue every time.
  const size_t in_flight = std::max<size_t>(slots_.size() - free_slots_.size(), 1);
  const auto count_max = static_cast<unsigned>(std::min(in_flight, Batch::kSize));
  const int count = recvmmsg(socket_, batch.reply_headers.data(), count_max, MSG_DONTWAIT, nullptr);
  if (count <= 0) return;  // Nothing there, or an ICMP error: then the timeout counts the loss.
  const int64_t now = monotonic_nanoseconds();
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    take_reply({batch.replies[i].data(), batch.reply_headers[i].msg_len}, now, counters, rtt);
  }
}

void Flow::take_reply(std::span<const uint8_t> reply, int64_t now, Counters& counters,
                      Histogram& rtt) {
  if (reply.size() < kStunHeaderSize) {
    ++counters.invalid;
    return;
  }
  uint32_t masked_index = 0;
  uint64_t masked_sequence = 0;
  std::memcpy(&masked_index, &reply[kTransactionIdOffset], sizeof masked_index);
  std::memcpy(&masked_sequence, &reply[kTransactionIdOffset + 4], sizeof masked_sequence);
  const uint32_t index = masked_index ^ static_cast<uint32_t>(key_);
  const uint64_t sequence = masked_sequence ^ key_;
  if (index >= slots_.size()) {
    ++counters.invalid;
    return;
  }

  Slot& slot = slots_[index];
  if (slot.in_flight && sequence == slot.sequence) {
    if (reply_is_valid(reply, slot)) {
      ++counters.valid;
      rtt.record(static_cast<uint64_t>(std::max<int64_t>(now - slot.sent_nanoseconds, 0)));
    } else {
      ++counters.invalid;
    }
    slot.in_flight = false;
    free_slots_.push_back(index);
    return;
  }
  const uint64_t age = slot.sequence - sequence;  // Huge for a sequence that never was.
  if (age < 64 && (slot.lost_mask >> age & 1) != 0) {
    slot.lost_mask &= ~(uint64_t{1} << age);
    ++counters.late;
  } else {
    ++counters.invalid;
  }
}

bool Flow::reply_is_valid(std::span<const uint8_t> reply, const Slot& slot) const {
  switch (options_.mode) {
    case Mode::kEcho:
      return reply.size() == request_size_ &&
             std::memcmp(reply.data(), slot.request.data(), request_size_) == 0;
    case Mode::kStun: return check_binding_reply(reply, slot.id, local_) == ReplyCheck::kValid;
  }
  return false;
}

uint32_t Flow::send(Batch& batch, uint32_t count_max, Counters& counters) {
  const uint32_t count = std::min({count_max, free_count(), uint32_t{Batch::kSize}});
  if (count == 0) return 0;
  const int64_t now = monotonic_nanoseconds();
  for (size_t i = 0; i < count; ++i) {
    const uint32_t index = free_slots_.back();
    free_slots_.pop_back();
    prepare(index, now);
    batch.request_slots[i] = index;
    batch.request_vectors[i] = {slots_[index].request.data(), request_size_};
  }
  const int result = sendmmsg(socket_, batch.request_headers.data(), count, MSG_DONTWAIT);
  const auto sent = static_cast<uint32_t>(std::max(result, 0));
  for (size_t i = sent; i < count; ++i) {
    slots_[batch.request_slots[i]].in_flight = false;
    free_slots_.push_back(batch.request_slots[i]);
  }
  counters.sent += sent;
  return sent;
}

void Flow::prepare(uint32_t index, int64_t now) {
  Slot& slot = slots_[index];
  slot.id = transaction_id(index, ++slot.sequence);
  slot.lost_mask <<= 1;
  slot.sent_nanoseconds = now;
  slot.in_flight = true;
  build_binding_request(slot.id, options_.with_fingerprint, slot.request);
}

TransactionId Flow::transaction_id(uint32_t index, uint64_t sequence) const {
  const uint32_t masked_index = index ^ static_cast<uint32_t>(key_);
  const uint64_t masked_sequence = sequence ^ key_;
  TransactionId id;
  std::memcpy(&id[0], &masked_index, sizeof masked_index);
  std::memcpy(&id[4], &masked_sequence, sizeof masked_sequence);
  return id;
}

void Flow::expire(int64_t now_nanoseconds, Counters& counters) {
  if (free_slots_.size() == slots_.size()) return;
  const int64_t oldest = now_nanoseconds - int64_t{options_.timeout_ms} * 1'000'000;
  for (uint32_t index = 0; index < slots_.size(); ++index) {
    Slot& slot = slots_[index];
    if (!slot.in_flight || slot.sent_nanoseconds > oldest) continue;
    slot.in_flight = false;
    slot.lost_mask |= 1;
    free_slots_.push_back(index);
    ++counters.lost;
  }
}

}  // namespace bench
