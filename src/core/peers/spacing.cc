// SPDX-License-Identifier: MIT
#include "core/peers/spacing.h"

#include <array>

#include "base/check.h"
#include "base/cursor.h"

namespace roost::core::peers {
namespace {

size_t whole_sets(uint32_t places) {
  CHECK(places > 0);
  return (size_t{places} + Spacing::kSetSize - 1) / Spacing::kSetSize * Spacing::kSetSize;
}

}  // namespace

Spacing::Spacing(uint32_t places, Duration rest, const SipHashKey& secret)
    : rest_(rest), secret_(secret), places_(whole_sets(places)) {}

size_t Spacing::find(MonoTime now, const IpAddress& address) const {
  std::array<uint8_t, 16> bytes;
  Writer writer(bytes);
  writer.u64(address.high());
  writer.u64(address.low());
  const uint64_t hash = sip_hash(secret_, bytes);
  const size_t first = ((hash >> 32) * (places_.size() / kSetSize) >> 32) * kSetSize;
  size_t free = places_.size();
  for (size_t at = first; at < first + kSetSize; ++at) {
    const Place& place = places_[at];
    if (place.is_used && place.address == address) return at;
    if (!place.is_used || now >= place.rests_until) free = at;
  }
  return free;
}

bool Spacing::may(MonoTime now, const IpAddress& address) const {
  if (rest_ == Duration(0)) return true;
  const size_t at = find(now, address);
  return at < places_.size() && (!places_[at].is_used || now >= places_[at].rests_until);
}

void Spacing::took(MonoTime now, const IpAddress& address) {
  const size_t at = find(now, address);
  if (at < places_.size()) places_[at] = {address, now + rest_, true};
}

size_t Spacing::bytes_for(uint32_t places) {
  return whole_sets(places) * sizeof(Place);
}

}  // namespace roost::core::peers
