// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>

#include "base/address.h"
#include "base/bytes.h"
#include "base/crypto_hash.h"
#include "base/time.h"
#include "base/token_bucket.h"
#include "base/zeroed_array.h"

namespace roost {

// How much of IPv6 counts as one; of IPv4 it is a /24 either way.
enum class PrefixWidth : uint8_t {
  kHome = 56,  // What a household gets.
  // What anybody gets for the asking, and a company or a small provider as a rule: to an attacker
  // with one, 256 homes are no more than one.
  kSite = 48,
};

// A prefix of that width in 64 bits: what limits count by.
using PrefixKey = uint64_t;
PrefixKey prefix_key(const IpAddress& address, PrefixWidth width = PrefixWidth::kHome);

struct PrefixKeyBytes {
  std::array<uint8_t, 8> operator()(PrefixKey key) const {
    std::array<uint8_t, 8> bytes;
    store_u64(bytes.data(), key);
    return bytes;
  }
};

// How often each prefix may make us do something: a token bucket per prefix.
//
// The table has a fixed size and is never full: prefixes fall by a keyed hash into sets of
// kSetSize, and a newcomer takes the place of the one with the most tokens left, about whom there
// is the least to remember. Whoever floods from one prefix therefore stays remembered; whoever
// forges many prefixes can at most make us forget the buckets of others, that is, give them a full
// one.
class PrefixLimiter {
 public:
  static constexpr size_t kSetSize = 4;
  // A burst of two seconds' worth lets a household start all its programs at once.
  static constexpr uint64_t kBurstSeconds = 2;

  // `rate_per_second` 0: no limit. `prefixes` are told apart at a time, rounded up.
  PrefixLimiter(uint64_t rate_per_second, uint32_t prefixes, const SipHashKey& secret,
                PrefixWidth width = PrefixWidth::kHome);

  [[nodiscard]] bool admit(MonoTime now, const IpAddress& from);

  // The owner has changed the rate; all buckets are full again. The size of the table stays.
  void set_rate(uint64_t rate_per_second);

  uint64_t refused() const { return refused_; }
  uint64_t forgotten() const { return forgotten_; }  // Prefixes that gave way while not yet full.

  static size_t bytes_for(uint32_t prefixes);

 private:
  struct Entry {
    PrefixKey key_and_one = 0;  // 0: nobody yet.
    TokenBucket bucket;
  };

  uint64_t tokens(const Entry& entry, MonoTime now) const;

  TokenBucket::Options rate_;  // rate_per_second 0: no limit.
  SipHashKey secret_;
  PrefixWidth width_;
  ZeroedArray<Entry> entries_;  // Sets of kSetSize; their number is a power of two.
  uint64_t refused_ = 0;
  uint64_t forgotten_ = 0;
};

}  // namespace roost
