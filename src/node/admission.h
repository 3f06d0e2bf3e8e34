// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "base/address.h"
#include "base/bounded_map.h"
#include "base/crypto_hash.h"
#include "base/time.h"
#include "base/token_bucket.h"
#include "node/config.h"

namespace roost::node {

// A /24 of IPv4 or a /56 of IPv6 in 64 bits.
using PrefixKey = uint64_t;
PrefixKey prefix_key(const IpAddress& address);

struct PrefixKeyBytes {
  std::array<uint8_t, 8> operator()(PrefixKey key) const {
    std::array<uint8_t, 8> bytes;
    store_u64(bytes.data(), key);
    return bytes;
  }
};

// How many packets of no established flow each prefix may send us: a token bucket per prefix, asked
// before a byte of the packet is parsed.
//
// The table has a fixed size and is never full: prefixes fall by a keyed hash into sets of
// kSetSize, and a newcomer takes the place of the one with the most tokens left, about whom there
// is the least to remember. Whoever floods from one prefix therefore stays remembered; whoever
// forges many prefixes can at most make us forget the buckets of others, that is, give them a full
// one.
class PacketAdmission {
 public:
  static constexpr size_t kSetSize = 4;
  // A burst of two seconds' worth lets a household start all its programs at once.
  static constexpr uint64_t kBurstSeconds = 2;

  PacketAdmission(const Config::Admission& options, const SipHashKey& secret, MonoTime now);

  [[nodiscard]] bool admit(MonoTime now, const IpAddress& from);

  // The owner has changed the rate. The size of the table stays.
  void set_rate(const Config::Admission& options, MonoTime now);

  uint64_t refused() const { return refused_; }
  uint64_t forgotten() const { return forgotten_; }  // Prefixes that gave way while not yet full.

  static size_t bytes_for(uint32_t prefixes);

 private:
  struct Entry {
    PrefixKey key = 0;
    TokenBucket bucket;
  };

  TokenBucket::Options rate_;  // rate_per_second 0: no limit.
  SipHashKey secret_;
  std::vector<Entry> entries_;  // Sets of kSetSize; their number is a power of two.
  uint64_t refused_ = 0;
  uint64_t forgotten_ = 0;
};

// How many connections there are, in all and per prefix.
class ConnectionAdmission {
 public:
  enum class Refusal : uint8_t { kTotal, kPrefix };  // Also the label of the counter.
  static constexpr size_t kRefusalCount = 2;

  ConnectionAdmission(const Config& config, const SipHashKey& secret);

  // Counts the connection in, or says why not.
  std::optional<Refusal> open(const IpAddress& from);
  // Requires that open() counted it in.
  void close(const IpAddress& from);

  void set_limits(const Config& config);  // Not below what the table was made for.

  uint32_t open_count() const { return open_count_; }
  uint64_t accepted() const { return accepted_; }
  uint64_t refusals(Refusal why) const { return refusals_[static_cast<size_t>(why)]; }
  void check_invariants() const;

  static size_t bytes_for(uint32_t connections);

 private:
  using Table = BoundedMap<PrefixKey, uint32_t, PrefixKeyBytes>;

  uint32_t total_max_;
  uint32_t per_prefix_max_;
  Table by_prefix_;
  uint32_t open_count_ = 0;
  uint64_t accepted_ = 0;
  std::array<uint64_t, kRefusalCount> refusals_{};
};

std::string_view label(ConnectionAdmission::Refusal refusal);

}  // namespace roost::node
