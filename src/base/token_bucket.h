// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "base/time.h"

namespace roost {

// Token bucket: `rate_per_second` tokens are earned each second, at most `burst` are saved up.
//
// Holds no clock and no options: callers pass the time and the same options each time, so that a
// bucket per remote prefix costs 16 bytes. Integers only, so that a simulated run and a real one
// agree to the token. Never allocates.
class TokenBucket {
 public:
  struct Options {
    uint64_t rate_per_second;  // At most 2^40, so that an hour's worth fits in 64 bits.
    uint64_t burst;            // At most 2^40.
  };

  // Starts full. Requires rate_per_second > 0 and burst > 0.
  TokenBucket(const Options& options, MonoTime now);

  // Takes `cost` tokens and returns true, or takes none and returns false.
  // A `now` earlier than the last one counts as no time passed.
  [[nodiscard]] bool take(const Options& options, MonoTime now, uint64_t cost = 1);

  // Takes `cost` tokens, or all there are if they are fewer: for what has already happened.
  void spend(const Options& options, MonoTime now, uint64_t cost);

  // How many whole tokens would be there at `now`.
  uint64_t tokens(const Options& options, MonoTime now) const;

  // When `cost` tokens will be there if nobody takes any. Requires cost <= burst.
  [[nodiscard]] MonoTime ready_at(const Options& options, uint64_t cost) const;

 private:
  void settle(const Options& options, MonoTime now);
  uint64_t millionths_at(const Options& options, MonoTime now) const;

  uint64_t millionths_;  // Saved tokens, in millionths: one microsecond earns `rate` of them.
  MonoTime updated_at_;
};

}  // namespace roost
