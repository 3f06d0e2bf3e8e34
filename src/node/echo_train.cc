// SPDX-License-Identifier: MIT
#include "node/echo_train.h"

#include <algorithm>

namespace roost::node {
namespace {

constexpr size_t kTokenSize = 16;

}  // namespace

EchoTrain::EchoTrain(unsigned count, Random& random, MonoTime now) : count_(count), next_at_(now) {
  random.fill(MutableBytes(packet_).first(kTokenSize));
  sent_.reserve(count);
}

std::optional<Bytes> EchoTrain::poll(MonoTime now) {
  if (sent_.size() == count_ || now < next_at_) return {};
  store_u32(packet_.data() + kTokenSize, static_cast<uint32_t>(sent_.size()));
  sent_.push_back({now, {}, false});
  next_at_ = now + kPace;
  return Bytes(packet_);
}

MonoTime EchoTrain::next_deadline() const {
  return sent_.size() < count_ ? next_at_ : sent_.back().sent_at + kPatience;
}

bool EchoTrain::is_over(MonoTime now) const {
  if (sent_.size() < count_) return false;
  const bool are_all_back = std::all_of(sent_.begin(), sent_.end(), [](const Packet& packet) {
    return packet.round_trip.has_value();
  });
  return are_all_back || now >= sent_.back().sent_at + kPatience;
}

bool EchoTrain::take_there(Bytes packet) {
  Packet* const found = find(packet);
  if (found == nullptr || found->has_reached) return false;
  found->has_reached = true;
  return true;
}

void EchoTrain::take_back(MonoTime now, Bytes packet) {
  Packet* const found = find(packet);
  if (found == nullptr || !found->has_reached || found->round_trip) return;
  found->round_trip = now - found->sent_at;
}

EchoTrain::Packet* EchoTrain::find(Bytes packet) {
  if (packet.size() != kPacketSize) return nullptr;
  if (!same_bytes(packet.first(kTokenSize), Bytes(packet_).first(kTokenSize))) return nullptr;
  const uint32_t number = load_u32(packet.data() + kTokenSize);
  return number < sent_.size() ? &sent_[number] : nullptr;
}

EchoTrain::Result EchoTrain::result() const {
  Result result;
  std::vector<Duration> times;
  for (const Packet& packet : sent_) {
    ++result.sent;
    result.reached += packet.has_reached;
    if (packet.round_trip) times.push_back(*packet.round_trip);
  }
  result.returned = static_cast<unsigned>(times.size());
  if (times.empty()) return result;
  std::sort(times.begin(), times.end());
  result.round_trip_min = times.front();
  // Of an even number the lower one: a time that was measured.
  result.round_trip_median = times[(times.size() - 1) / 2];
  return result;
}

}  // namespace roost::node
