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
// Each class of people (core::Payer) owns a share of the donation, within it each user who is
// active an equal part, and within that each of the user's active allocations. Who has many
// allocations has therefore no more than who has one. What stays within all three parts is
// committed; the rest is excess. The budget lets excess through only while it has more than a
// reserve, and everything committed together is never more than the donation and a burst: so a
// light flow gets through, who exceeds its part loses first, what a class leaves unused is lent to
// the others, and is back with the first packet that its owner sends.
//
// Integers and token buckets only; nothing is allocated.
class FairShare {
 public:
  struct Options {
    uint64_t bytes_per_second = 0;  // The whole donation. 0: no limit, and all is committed.
    // Percent of it, by Payer; kService has none. Together at most 100.
    std::array<uint8_t, kPayerCount> percent{};
    // What one allocation may send at most, whoever is idle, by Payer. 0: no limit.
    std::array<uint64_t, kPayerCount> allocation_bytes_per_second{};
  };

  // How many have been active in this second or the last.
  class Activity {
   private:
    friend class FairShare;
    int64_t second_ = -1;
    uint32_t now_ = 0;   // In that second,
    uint32_t last_ = 0;  // and in the one before.
  };

  // An allocation's part of the account. Its buckets begin full.
  class Meter {
   private:
    friend class FairShare;
    static constexpr TokenBucket::Options kNotBegun = {1, 1};
    bool has_begun_ = false;
    int64_t second_ = -1;  // In which it was last active.
    TokenBucket committed_{kNotBegun, MonoTime()};
    TokenBucket own_{kNotBegun, MonoTime()};
  };

  // What all allocations of one user have in common; as old as the user's first one, or older.
  class UserMeter {
   private:
    friend class FairShare;
    bool has_begun_ = false;
    int64_t second_ = -1;
    TokenBucket committed_{Meter::kNotBegun, MonoTime()};
    Activity allocations_;
  };

  enum class Verdict : uint8_t { kCommitted, kExcess, kOverOwnLimit };

  FairShare(const Options& options, MonoTime now);
  void set_options(const Options& options, MonoTime now);

  // What `bytes` (headers included) from an allocation of that user are. Requires a class of
  // people.
  Verdict grade(MonoTime now, Payer payer, UserMeter& user, Meter& meter, uint64_t bytes);

  // How many users of the class have sent in this second or the last; at least 1.
  uint32_t active_count(Payer payer) const {
    return count(classes_[static_cast<size_t>(payer)].users);
  }

 private:
  struct Class {
    uint64_t bytes_per_second = 0;
    TokenBucket bucket{{1, 1}, MonoTime()};
    Activity users;
  };

  static void turn(Activity& activity, int64_t second);
  static uint32_t count(const Activity& activity);
  void note_activity(int64_t second, Class& of, UserMeter& user, Meter& meter);

  Options options_;
  std::array<Class, kPayerCount> classes_;
};

}  // namespace roost::core::turn
