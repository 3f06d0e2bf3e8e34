// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/address.h"
#include "base/crypto_hash.h"
#include "base/time.h"
#include "base/zeroed_array.h"

namespace roost::core::dht {

// Addresses that have shown lately that they receive what is sent to them: whoever asks from there
// is answered in full, others within three times their question.
//
// A cache of 8 bytes for each, in sets of kSetSize chosen by a keyed hash; a newcomer takes the
// place of whoever was proven longest ago. Being forgotten costs no more than a shorter answer. An
// address that was never proven passes for one with a probability of 2^-46; one that was proven 45
// days ago, to the half hour, and not displaced since, passes again.
class ProvenAddresses {
 public:
  static constexpr Duration kGoodFor = std::chrono::minutes(30);
  static constexpr size_t kSetSize = 4;

  // Requires capacity > 0; rounded up to whole sets.
  ProvenAddresses(uint32_t capacity, const SipHashKey& secret);

  void add(MonoTime now, const IpAddress& address);
  bool contains(MonoTime now, const IpAddress& address) const;

  static size_t bytes_for(uint32_t capacity);

 private:
  // 48 bits of the address's hash, above 16 of the minute; 0: free.
  using Entry = uint64_t;
  static constexpr unsigned kMinuteBits = 16;

  ZeroedArray<Entry> entries_;
  SipHashKey secret_;
};

}  // namespace roost::core::dht
