// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>

#include "base/time.h"
#include "base/token_bucket.h"
#include "core/action.h"

namespace roost::core::turn {

// Grades what allocations send, so that a full line is shared fairly without a queue.
//
// Each class of people (core::Payer) owns a share of the donation, and within it each allocation
// that is active an equal part; who has many allocations has many parts. What stays within both
// parts is committed; the rest is excess. The budget lets excess through only while it has more
// than a reserve, and everything committed together is never more than the donation and a burst: so
// a light flow gets through, who exceeds its part loses first, what a class leaves unused is lent
// to the others, and is back with the first packet that its owner sends.
//
// Integers and token buckets only; nothing is allocated.
class FairShare {
 public:
  struct Options {
    uint64_t bytes_per_second = 0;  // The whole donation. 0: no limit, and all is committed.
    // Percent of it, by Payer; kService has none. Together at most 100.
    std::array<uint8_t, kPayerCount> percent{};
    // What one allocation may send at most, whoever is idle. 0: no limit.
    uint64_t allocation_bytes_per_second = 0;
  };

  // An allocation's part of the account. Both buckets begin full.
  class Meter {
   private:
    friend class FairShare;
    static constexpr TokenBucket::Options kNotBegun = {1, 1};
    bool has_begun_ = false;
    int64_t second_ = -1;  // In which it was last active.
    TokenBucket committed_{kNotBegun, MonoTime()};
    TokenBucket own_{kNotBegun, MonoTime()};
  };

  enum class Verdict : uint8_t { kCommitted, kExcess, kOverOwnLimit };

  FairShare(const Options& options, MonoTime now);
  void set_options(const Options& options, MonoTime now);

  // What `bytes` (headers included) from an allocation of that class are. Requires a class of
  // people.
  Verdict grade(MonoTime now, Payer payer, Meter& meter, uint64_t bytes);

  // How many allocations of the class have sent in this second or the last; at least 1.
  uint32_t active_count(Payer payer) const;

 private:
  struct Class {
    uint64_t bytes_per_second = 0;
    TokenBucket bucket{{1, 1}, MonoTime()};
    uint32_t active_now = 0;   // In this second,
    uint32_t active_last = 0;  // and in the one before.
  };

  void turn_the_second(MonoTime now);

  Options options_;
  std::array<Class, kPayerCount> classes_;
  int64_t second_ = -1;
};

}  // namespace roost::core::turn
