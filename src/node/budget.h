// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "base/token_bucket.h"
#include "core/action.h"
#include "node/config.h"
#include "node/pace.h"
#include "wire/month_record.h"

namespace roost::node {

// The donation: what the owner gives away, drawn from by every service alike.
//
// Counts bytes sent with their IP and UDP headers, since that is what a provider bills. A draw that
// would exceed the rate or the month is refused, and the service answers "full" in its protocol's
// words. The month is that of UTC; while the wall clock is unknown, what is sent counts towards the
// last month known.
class Budget {
 public:
  enum class Refusal : uint8_t { kBandwidth, kMonthly };  // Also the label of the counter.
  static constexpr size_t kRefusalCount = 2;

  // How much traffic went out in which month: what must survive a restart. A month of 0 is none
  // that was ever known.
  using Month = wire::MonthRecord;

  // IPv4 and UDP headers. Those of IPv6 and TCP are 20 bytes longer; Ethernet is not counted.
  static constexpr uint64_t kHeaderBytes = 28;

  // A Binding response over IPv6, headers included.
  static constexpr uint64_t kSmallReplyBytes = 92;

  // A second's worth may be sent at once, but never less than one large packet.
  static constexpr uint64_t kBurstBytesMin = 2048;

  // What each core::Grade leaves to those before it: so much of a full bucket.
  static constexpr std::array<uint64_t, core::kGradeCount> kReservePercent = {0, 25, 50};

  // Near the end of the month nothing new is begun (Tor's soft limit): what goes on already has the
  // rest.
  static constexpr uint64_t kSoftLimitPercent = 95;

  Budget(const Config::Donate& donate, const Now& now);

  // Looks at the calendar: before anything is asked of the budget under that clock.
  void turn(const Now& now) {
    turn_the_month(now);
    pace_.look(now.mono, bytes_sent_);
  }

  // Goes on with a month that an earlier run had begun, as kept. Call before the first take().
  void restore(const Month& kept);

  // The count outlives a crash in our disfavour only: what is kept on disk is ahead of what was
  // sent. While is_covered() is false the shell replaces what it keeps by cover() before it carries
  // anything out; a comparison of two numbers, so it may ask after each step.
  bool is_covered() const { return month_.bytes_sent < covered_end_; }
  // What to keep from now on: the month, and in it up to kAheadBytesMax more than was sent. Never
  // more than the run has sent so far, nor than kAheadPercentMax of the donation (but for the two
  // minima), so that neither a crash loop nor one crash of a small node gives the month away.
  Month cover();

  static constexpr uint64_t kAheadBytesMax = 20'000'000;
  static constexpr uint64_t kAheadBytesMin = 64 * 1024;  // A run that has just begun.
  static constexpr uint64_t kAheadPercentMax = 1;

  // Pays for sending `payload_bytes`, or says why not and takes nothing.
  std::optional<Refusal> take(const Now& now, uint64_t payload_bytes,
                              core::Grade grade = core::Grade::kCommitted);
  // What take() would pay for at most now, headers included.
  uint64_t available(const Now& now, core::Grade grade) const;
  // Whether take() would, without taking.
  bool covers(const Now& now, uint64_t payload_bytes, core::Grade grade) const;

  // Counts bytes that have already been sent on streams: the kernel and TLS decide how many.
  void spend(const Now& now, uint64_t bytes);

  // Whether a reply of at most kBurstBytesMin may be sent now: asked before a stream, or a message
  // or request on one, is taken on, since what is written there is paid for afterwards.
  bool has_room(const Now& now) const;

  // Whether something that goes on for long may still be begun this month.
  bool is_month_young() const {
    return monthly_bytes_max_ == 0 ||
           month_.bytes_sent < monthly_bytes_max_ / 100 * kSoftLimitPercent;
  }

  // Whether not even one small reply, or one of that size, is left of the month.
  bool is_month_used_up(uint64_t reply_bytes = kSmallReplyBytes) const {
    return monthly_bytes_max_ != 0 && month_.bytes_sent + reply_bytes > monthly_bytes_max_;
  }

  // How the month stands, as Tor's accounting tells it:
  //
  //   young --95 % given--> soft limit (nothing new is begun) --100 %--> used up --month turns-->
  enum class MonthState : uint8_t { kYoung, kSoftLimit, kUsedUp };
  static constexpr size_t kMonthStateCount = 3;
  MonthState month_state() const;

  struct Outlook {
    std::optional<uint64_t> bytes_left;             // Empty: there is no limit.
    std::optional<std::chrono::seconds> time_left;  // Empty: the wall clock is unknown.
    // What the month will come to if its rest is like the last days of this run (node/pace.h), were
    // there no limit. In the first hour of a run that goes on with an earlier one, as on average
    // since the month began; that is too little if the node was down or new. Empty while there is
    // neither. A month that is used up comes to what it has come to.
    std::optional<uint64_t> forecast_bytes;
    // When the donation is used up at that pace, if that is before the month turns.
    std::optional<std::chrono::seconds> used_up_in;
  };
  // Requires turn(now), a minute ago at most.
  Outlook outlook(const Now& now) const;

  // The owner has changed the bounds; what was spent stays spent.
  void set_donation(const Config::Donate& donate, const Now& now);

  uint64_t monthly_bytes_max() const { return monthly_bytes_max_; }  // 0: no limit.
  const Month& month() const { return month_; }
  uint64_t bytes_sent() const { return bytes_sent_; }  // Since the start.
  uint64_t refusals(Refusal why) const { return refusals_[static_cast<size_t>(why)]; }

 private:
  std::optional<Refusal> refuse(Refusal why);
  void turn_the_month(const Now& now);
  std::optional<uint64_t> bytes_to_come(const Now& now, std::chrono::seconds span) const;
  uint64_t reserve(core::Grade grade) const {
    return rate_.burst / 100 * kReservePercent[static_cast<size_t>(grade)];
  }

  uint64_t monthly_bytes_max_;  // 0: no limit.
  TokenBucket::Options rate_;   // rate_per_second 0: no limit.
  TokenBucket bucket_;
  Month month_;
  uint64_t covered_end_ = 0;  // What is kept covers as long as fewer than these were sent.
  WallTime month_ends_at_{};  // Until when month_ need not be looked up again.
  WallTime month_begins_at_{};
  uint64_t bytes_sent_ = 0;
  Pace pace_;
  std::array<uint64_t, kRefusalCount> refusals_{};
};

std::string_view label(Budget::Refusal refusal);
std::string_view label(Budget::MonthState state);

}  // namespace roost::node
