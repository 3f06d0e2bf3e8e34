// SPDX-License-Identifier: MIT
#include "core/dht/proven_addresses.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"

namespace roost::core::dht {
namespace {

size_t set_count(uint32_t capacity) {
  CHECK(capacity > 0);
  return (capacity + ProvenAddresses::kSetSize - 1) / ProvenAddresses::kSetSize;
}

uint16_t minute_of(MonoTime time) {
  return static_cast<uint16_t>(
      std::chrono::duration_cast<std::chrono::minutes>(time.time_since_epoch()).count());
}

// By how many minutes, whatever 45 days do to the counter.
uint16_t age_of(uint64_t entry, MonoTime now) {
  return static_cast<uint16_t>(minute_of(now) - static_cast<uint16_t>(entry));
}

bool is_good(uint64_t entry, MonoTime now) {
  return entry != 0 && age_of(entry, now) < ProvenAddresses::kGoodFor / std::chrono::minutes(1);
}

// Never zero in its upper bits, so that no entry looks free.
uint64_t fingerprint(uint64_t hash) {
  return std::max<uint64_t>(hash >> 16, 1) << 16;
}

}  // namespace

ProvenAddresses::ProvenAddresses(uint32_t capacity, const SipHashKey& secret)
    : entries_(set_count(capacity) * kSetSize), secret_(secret) {}

void ProvenAddresses::add(MonoTime now, const IpAddress& address) {
  const uint64_t hash = sip_hash(secret_, address.v6_bytes());
  uint64_t* const first = &entries_[hash % (entries_.size() / kSetSize) * kSetSize];
  const auto is_same = [hash](uint64_t entry) { return entry >> 16 << 16 == fingerprint(hash); };
  uint64_t* place = std::find_if(first, first + kSetSize, is_same);
  if (place == first + kSetSize) {
    place = std::max_element(first, first + kSetSize, [now](uint64_t a, uint64_t b) {
      const auto staleness = [now](uint64_t entry) {
        return is_good(entry, now) ? age_of(entry, now) : uint32_t{1} << kMinuteBits;
      };
      return staleness(a) < staleness(b);
    });
  }
  *place = fingerprint(hash) | minute_of(now);
}

bool ProvenAddresses::contains(MonoTime now, const IpAddress& address) const {
  const uint64_t hash = sip_hash(secret_, address.v6_bytes());
  const uint64_t* const first = &entries_[hash % (entries_.size() / kSetSize) * kSetSize];
  return std::any_of(first, first + kSetSize, [&](uint64_t entry) {
    return entry >> 16 << 16 == fingerprint(hash) && is_good(entry, now);
  });
}

size_t ProvenAddresses::bytes_for(uint32_t capacity) {
  return set_count(capacity) * kSetSize * sizeof(Entry);
}

}  // namespace roost::core::dht
