// SPDX-License-Identifier: MIT
#include "base/prefix_limiter.h"

#include <algorithm>
#include <bit>

namespace roost {
namespace {

TokenBucket::Options rate_options(uint64_t rate_per_second) {
  return {rate_per_second, std::max<uint64_t>(1, rate_per_second * PrefixLimiter::kBurstSeconds)};
}

TokenBucket full_bucket(const TokenBucket::Options& options, MonoTime now) {
  return TokenBucket({std::max<uint64_t>(1, options.rate_per_second), options.burst}, now);
}

size_t entry_count(uint32_t prefixes) {
  return std::max(PrefixLimiter::kSetSize, std::bit_ceil(size_t{prefixes}));
}

}  // namespace

PrefixKey prefix_key(const IpAddress& address, PrefixWidth width) {
  constexpr PrefixKey kV4 = PrefixKey{1} << 63;  // A /56 leaves the top eight bits free.
  return address.is_v4() ? kV4 | address.v4_value() >> 8
                         : address.high() >> (64 - static_cast<unsigned>(width));
}

PrefixLimiter::PrefixLimiter(uint64_t rate_per_second, uint32_t prefixes, const SipHashKey& secret,
                             PrefixWidth width)
    : rate_(rate_options(rate_per_second)),
      secret_(secret),
      width_(width),
      entries_(entry_count(prefixes)) {}

// Of nobody's place more than of anybody's.
uint64_t PrefixLimiter::tokens(const Entry& entry, MonoTime now) const {
  return entry.key_and_one == 0 ? rate_.burst + 1 : entry.bucket.tokens(rate_, now);
}

bool PrefixLimiter::admit(MonoTime now, const IpAddress& from) {
  if (rate_.rate_per_second == 0) return true;
  const PrefixKey key = prefix_key(from, width_);
  const size_t set_count = entries_.size() / kSetSize;
  const size_t set = sip_hash(secret_, PrefixKeyBytes()(key)) & (set_count - 1);
  Entry* const first = &entries_[set * kSetSize];

  Entry* entry = std::find_if(first, first + kSetSize,
                              [&](const Entry& e) { return e.key_and_one == key + 1; });
  if (entry == first + kSetSize) {
    entry = std::max_element(first, first + kSetSize, [&](const Entry& a, const Entry& b) {
      return tokens(a, now) < tokens(b, now);
    });
    forgotten_ += tokens(*entry, now) < rate_.burst;
    *entry = {key + 1, full_bucket(rate_, now)};
  }
  if (entry->bucket.take(rate_, now)) return true;
  ++refused_;
  return false;
}

void PrefixLimiter::set_rate(uint64_t rate_per_second) {
  rate_ = rate_options(rate_per_second);
  for (Entry& entry : entries_) entry.key_and_one = 0;
}

size_t PrefixLimiter::bytes_for(uint32_t prefixes) {
  return entry_count(prefixes) * sizeof(Entry);
}

}  // namespace roost
