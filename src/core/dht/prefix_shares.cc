// SPDX-License-Identifier: MIT
#include "core/dht/prefix_shares.h"

#include "base/check.h"
#include "base/prefix_limiter.h"

namespace roost::core::dht {

PrefixShares::PrefixShares(uint32_t slots, uint32_t held_max, const SipHashKey& secret)
    : held_(2 * size_t{slots}), held_max_(held_max), secret_(secret) {
  CHECK(slots > 0);
}

PrefixShares::Slot PrefixShares::slot_of(const IpAddress& address) const {
  const PrefixKey key = prefix_key(address, PrefixWidth::kSite);
  const uint64_t hash = sip_hash(secret_, PrefixKeyBytes()(key));
  const size_t slots = held_.size() / 2;
  return {static_cast<uint32_t>((hash >> 32) * slots >> 32),
          static_cast<uint32_t>((hash & 0xffffffff) * slots >> 32)};
}

void PrefixShares::take(Slot slot, uint32_t amount) {
  held_[slot.first] += amount;
  held_[second(slot)] += amount;
}

void PrefixShares::give_back(Slot slot, uint32_t amount) {
  CHECK(held(slot) >= amount);
  held_[slot.first] -= amount;
  held_[second(slot)] -= amount;
}

bool PrefixShares::gives_way(Slot holder, Slot newcomer, uint32_t amount) const {
  return claim(holder) > std::pair(held(newcomer) + amount, newcomer);
}

void PrefixShares::check_same(const PrefixShares& recounted) const {
  CHECK(std::equal(held_.begin(), held_.end(), recounted.held_.begin(), recounted.held_.end()));
}

}  // namespace roost::core::dht
