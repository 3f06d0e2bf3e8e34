// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <utility>

#include "base/address.h"
#include "base/crypto_hash.h"
#include "base/zeroed_array.h"

namespace roost::core::dht {

// How much of a table each prefix (/24, /48) holds, and who gives way to whom when it is full.
//
// No prefix gets beyond `held_max`. When there is no room, whose prefix holds more gives way to
// whom would hold less, and among equals a keyed rank of the prefix decides: neither when nor how
// often somebody asks makes a difference, so there is nothing to gain by asking often. What an
// attacker gains at most: with one prefix, as much as the others that are still here have each;
// with many, as much as as many others would, and never more than `held_max` with each.
//
// A counter for each prefix would cost more than what is counted. So each has two in a table of as
// many as the entries that are counted, chosen by the keyed hash, and holds what the lesser of them
// says, which may be too much but never too little. A stranger is taken for an attacker with many
// prefixes only if he meets him on both: with P prefixes on T counters, (P/T)² of the strangers
// are, and nobody can choose which. 8 bytes for each of `slots`.
class PrefixShares {
 public:
  // The counters of a prefix.
  struct Slot {
    uint32_t first = 0;
    uint32_t second = 0;
    friend auto operator<=>(const Slot&, const Slot&) = default;
  };

  // Requires slots > 0.
  PrefixShares(uint32_t slots, uint32_t held_max, const SipHashKey& secret);

  Slot slot_of(const IpAddress& address) const;

  uint32_t held(Slot slot) const { return std::min(held_[slot.first], held_[second(slot)]); }
  bool has_room(Slot slot, uint32_t amount) const { return held(slot) + amount <= held_max_; }
  void take(Slot slot, uint32_t amount);
  void give_back(Slot slot, uint32_t amount);  // Requires that it holds as much.

  // Among what might be thrown out the greatest goes first, be it for whom it may.
  std::pair<uint32_t, Slot> claim(Slot slot) const { return {held(slot), slot}; }
  // Whether what `holder` has is thrown out for so much more of `newcomer`. Never among one's own.
  bool gives_way(Slot holder, Slot newcomer, uint32_t amount) const;

  static size_t bytes_for(uint32_t slots) { return 2 * size_t{slots} * sizeof(uint32_t); }

  // Aborts unless `recounted`, of as many slots, holds the same. For tests.
  void check_same(const PrefixShares& recounted) const;

 private:
  size_t second(Slot slot) const { return held_.size() / 2 + slot.second; }

  ZeroedArray<uint32_t> held_;  // The first counters, then the second ones.
  uint32_t held_max_;
  SipHashKey secret_;
};

}  // namespace roost::core::dht
