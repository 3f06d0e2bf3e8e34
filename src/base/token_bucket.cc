// SPDX-License-Identifier: MIT
#include "base/token_bucket.h"

#include <algorithm>

#include "base/check.h"

namespace roost {
namespace {

constexpr uint64_t kMillion = 1'000'000;

}  // namespace

TokenBucket::TokenBucket(const Options& options, MonoTime now)
    : millionths_(options.burst * kMillion), updated_at_(now) {
  CHECK(options.rate_per_second > 0 && options.burst > 0);
}

bool TokenBucket::take(const Options& options, MonoTime now, uint64_t cost) {
  settle(options, now);
  if (cost > millionths_ / kMillion) return false;
  millionths_ -= cost * kMillion;
  return true;
}

void TokenBucket::spend(const Options& options, MonoTime now, uint64_t cost) {
  settle(options, now);
  millionths_ -= std::min(millionths_ / kMillion, cost) * kMillion;
}

uint64_t TokenBucket::tokens(const Options& options, MonoTime now) const {
  return millionths_at(options, now) / kMillion;
}

MonoTime TokenBucket::ready_at(const Options& options, uint64_t cost) const {
  CHECK(cost <= options.burst);
  const uint64_t wanted = cost * kMillion;
  if (wanted <= millionths_) return updated_at_;
  const uint64_t missing = wanted - millionths_;
  const uint64_t rate = options.rate_per_second;
  return updated_at_ + Duration(static_cast<int64_t>((missing + rate - 1) / rate));
}

void TokenBucket::settle(const Options& options, MonoTime now) {
  millionths_ = millionths_at(options, now);
  updated_at_ = std::max(updated_at_, now);
}

uint64_t TokenBucket::millionths_at(const Options& options, MonoTime now) const {
  const uint64_t full = options.burst * kMillion;
  if (now <= updated_at_) return std::min(millionths_, full);
  const uint64_t elapsed_us = static_cast<uint64_t>((now - updated_at_).count());
  // Once the wait alone would fill the bucket the product need not be computed: it may not fit.
  if (elapsed_us > full / options.rate_per_second) return full;
  return std::min(full, millionths_ + elapsed_us * options.rate_per_second);
}

}  // namespace roost
