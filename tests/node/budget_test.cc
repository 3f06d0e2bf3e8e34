// SPDX-License-Identifier: MIT
//
// Goal: neither the rate nor the month is exceeded, whatever the clocks do.
// Method: clocks of our own.
#include "node/budget.h"

#include <gtest/gtest.h>

namespace roost::node {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kJune{std::chrono::sys_days{std::chrono::year{2026} / 6 / 30}};
constexpr WallTime kJuly{std::chrono::sys_days{std::chrono::year{2026} / 7 / 1}};
constexpr uint64_t kCost = 100;
constexpr uint64_t kPayload = kCost - Budget::kHeaderBytes;

Now at(Duration mono, std::optional<WallTime> wall = kJune) {
  return {MonoTime(mono), wall};
}

Config::Donate bounds(uint64_t rate, uint64_t monthly) {
  return {.bandwidth_bytes_per_second = rate, .monthly_bytes = monthly};
}

TEST(Budget, KeepsToTheRate) {
  Budget budget(bounds(3000, 0), at(0s));
  for (int i = 0; i < 30; ++i) EXPECT_FALSE(budget.take(at(0s), kPayload));
  EXPECT_EQ(Budget::Refusal::kBandwidth, budget.take(at(0s), kPayload));
  EXPECT_FALSE(budget.has_room(at(0s)));
  EXPECT_FALSE(budget.take(at(100ms), kPayload));
  EXPECT_EQ(31 * kCost, budget.bytes_sent());
}

TEST(Budget, FallsSilentUntilTheMonthTurns) {
  Budget budget(bounds(0, 2 * kCost), at(0s));
  EXPECT_FALSE(budget.take(at(0s), kPayload));
  EXPECT_FALSE(budget.take(at(0s), kPayload));
  EXPECT_EQ(Budget::Refusal::kMonthly, budget.take(at(0s), kPayload));
  EXPECT_FALSE(budget.has_room(at(0s)));
  EXPECT_FALSE(budget.take(at(1s, kJuly), kPayload));
  EXPECT_EQ(kCost, budget.month().bytes_sent);
}

TEST(Budget, GivesNoMonthAwayTwiceWhenTheClockGoesBack) {
  Budget budget(bounds(0, kCost), at(0s, kJuly));
  EXPECT_FALSE(budget.take(at(0s, kJuly), kPayload));
  EXPECT_TRUE(budget.take(at(1s, kJune), kPayload));
  EXPECT_TRUE(budget.take(at(2s, kJuly), kPayload));
  EXPECT_TRUE(budget.take(at(3s, std::nullopt), kPayload));
}

TEST(Budget, GoesOnWithARestoredMonth) {
  Budget budget(bounds(0, 3 * kCost), at(0s));
  budget.restore({12 * 2026 + 5, 2 * kCost});
  EXPECT_FALSE(budget.take(at(0s), kPayload));
  EXPECT_TRUE(budget.take(at(0s), kPayload));
}

TEST(Budget, HasNoLimitsWhereTheyAreZero) {
  Budget budget(bounds(0, 0), at(0s));
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(budget.take(at(0s), 1'000'000));
  budget.spend(at(0s), 1'000'000'000);
  EXPECT_TRUE(budget.has_room(at(0s)));
}

TEST(Budget, SaysHowMuchItWouldPayForByGrade) {
  constexpr auto kCommitted = core::Grade::kCommitted;
  constexpr auto kUnproven = core::Grade::kUnproven;
  constexpr auto kExcess = core::Grade::kExcess;
  constexpr uint64_t kRate = 10'000;
  struct Row {
    uint64_t rate, monthly, spent, committed, unproven, excess;
  };
  constexpr uint64_t kNoLimit = ~uint64_t{0};
  const Row kRows[] = {
      {0, 0, 5'000, kNoLimit, kNoLimit, kNoLimit},
      {0, 20'000, 5'000, 15'000, 15'000, 15'000},
      {0, 20'000, 25'000, 0, 0, 0},
      {kRate, 0, 0, kRate, 7'500, 5'000},
      {kRate, 0, 6'000, 4'000, 1'500, 0},
      {kRate, 0, 8'000, 2'000, 0, 0},
      {kRate, 8'000, 1'000, 7'000, 6'500, 4'000},
  };
  for (const Row& row : kRows) {
    Budget budget(bounds(row.rate, row.monthly), at(0s));
    budget.spend(at(0s), row.spent);
    EXPECT_EQ(row.committed, budget.available(at(0s), kCommitted));
    EXPECT_EQ(row.unproven, budget.available(at(0s), kUnproven));
    EXPECT_EQ(row.excess, budget.available(at(0s), kExcess));
    // And that is what it does.
    for (const auto grade : {kExcess, kUnproven, kCommitted}) {
      const uint64_t available = budget.available(at(0s), grade);
      if (available == kNoLimit || available < Budget::kHeaderBytes) continue;
      EXPECT_TRUE(budget.take(at(0s), available - Budget::kHeaderBytes + 1, grade));
      EXPECT_FALSE(budget.take(at(0s), available - Budget::kHeaderBytes, grade));
    }
  }
}

TEST(Budget, HasRoomOnlyForAReplyOfAnySize) {
  Budget budget(bounds(0, 10'000), at(0s));
  budget.spend(at(0s), 10'000 - Budget::kBurstBytesMin);
  EXPECT_TRUE(budget.has_room(at(0s)));
  budget.spend(at(0s), 1);
  EXPECT_FALSE(budget.has_room(at(0s)));
  EXPECT_FALSE(budget.take(at(0s), kPayload));  // What is paid for before it leaves still may.
}

// ---- What is kept on disk.

TEST(Budget, IsCoveredOnceWhatIsKeptIsAheadAndUntilAsMuchWasSent) {
  Budget budget(bounds(0, 0), at(0s));
  EXPECT_FALSE(budget.is_covered());
  const Budget::Month kept = budget.cover();
  EXPECT_EQ(Budget::kAheadBytesMin, kept.bytes_sent);
  budget.spend(at(0s), kept.bytes_sent);
  EXPECT_FALSE(budget.is_covered());  // It is another month than none.
  EXPECT_EQ(2 * Budget::kAheadBytesMin, budget.cover().bytes_sent);
  budget.spend(at(0s), Budget::kAheadBytesMin);
  EXPECT_TRUE(budget.is_covered());
  budget.spend(at(0s), 1);
  EXPECT_FALSE(budget.is_covered());
}

TEST(Budget, IsAheadByWhatTheRunHasSentAndByABoundAtMost) {
  struct Row {
    uint64_t monthly;
    uint64_t restored;
    uint64_t sent;
    uint64_t ahead;
  };
  constexpr uint64_t kGb = 1'000'000'000;
  constexpr Row kRows[] = {
      {0, 0, 0, Budget::kAheadBytesMin},
      {0, 5 * kGb, 0, Budget::kAheadBytesMin},  // A crash loop costs little each time.
      {0, 5 * kGb, 1'000'000, 1'000'000},
      {0, 0, 5 * kGb, Budget::kAheadBytesMax},
      {500 * kGb, 0, 5 * kGb, Budget::kAheadBytesMax},
      {kGb, 0, kGb / 2, kGb / 100},            // One percent of a small donation,
      {10'000, 0, 0, Budget::kBurstBytesMin},  // and never nothing,
      {10'000, 0, 9000, 1000},                 // but no more than there is.
      {10'000, 0, 10'001, 0},
  };
  for (const Row& row : kRows) {
    Budget budget(bounds(0, row.monthly), at(0s));
    budget.restore({12 * 2026 + 5, row.restored});
    budget.spend(at(0s), row.sent);
    EXPECT_EQ(row.restored + row.sent + row.ahead, budget.cover().bytes_sent) << row.sent;
  }
}

TEST(Budget, GoesOnUnderWhatWasKeptAndIsToBeKeptAnewWithTheFirstByte) {
  Budget budget(bounds(0, 0), at(0s));
  budget.restore({12 * 2026 + 5, 500});
  budget.turn(at(0s));
  EXPECT_TRUE(budget.is_covered());
  budget.spend(at(0s), 1);
  EXPECT_FALSE(budget.is_covered());
  EXPECT_EQ(501 + Budget::kAheadBytesMin, budget.cover().bytes_sent);
}

TEST(Budget, IsToBeKeptAnewWhenTheMonthTurns) {
  Budget budget(bounds(0, 0), at(0s));
  budget.spend(at(0s), 1000);
  budget.cover();
  budget.turn(at(1s, kJuly));
  EXPECT_FALSE(budget.is_covered());
  const Budget::Month kept = budget.cover();
  EXPECT_EQ(12 * 2026 + 6, kept.month);
  EXPECT_EQ(Budget::kAheadBytesMin, kept.bytes_sent);
  EXPECT_TRUE(budget.is_covered());
}

// ---- The outlook.

constexpr WallTime kJune1{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};
constexpr int32_t kJuneNumber = 12 * 2026 + 5;

// So long after June has begun.
Now june(Duration since) {
  return at(since, kJune1 + std::chrono::duration_cast<std::chrono::seconds>(since));
}

// A budget that spends so much in each hour of the time.
void spend_hourly(Budget& budget, Duration from, Duration until, uint64_t bytes) {
  for (Duration time = from; time < until; time += 1h) {
    budget.turn(june(time));
    budget.spend(june(time), bytes);
  }
  budget.turn(june(until));
}

TEST(BudgetOutlook, ForecastsTheMonthFromThePaceOfTheRun) {
  Budget budget(bounds(0, 0), june(0s));
  spend_hourly(budget, 0h, 240h, 100);
  const auto outlook = budget.outlook(june(240h));
  EXPECT_EQ(30 * 24 * 100u, outlook.forecast_bytes);
  EXPECT_EQ(480h, outlook.time_left);
  EXPECT_EQ(std::nullopt, outlook.bytes_left);
  EXPECT_EQ(std::nullopt, outlook.used_up_in);
}

TEST(BudgetOutlook, DoesNotTakeDaysOnWhichTheNodeWasDownForItsPace) {
  // 1000 bytes by an earlier run; this one begins on the 21st.
  Budget budget(bounds(0, 0), june(480h));
  budget.restore({kJuneNumber, 1000});
  spend_hourly(budget, 480h, 504h, 100);
  EXPECT_EQ(1000 + 10 * 24 * 100u, budget.outlook(june(504h)).forecast_bytes);
}

TEST(BudgetOutlook, GoesByTheMonthsAverageInTheFirstHourOfALaterRun) {
  Budget budget(bounds(0, 0), june(240h));
  budget.restore({kJuneNumber, 24'000});
  budget.turn(june(240h));
  EXPECT_EQ(72'000u, budget.outlook(june(240h)).forecast_bytes);
  budget.turn(june(241h));  // It has a pace of its own by now: none.
  EXPECT_EQ(24'000u, budget.outlook(june(241h)).forecast_bytes);
}

TEST(BudgetOutlook, IsSilentAboutWhatItCannotKnow) {
  Budget budget(bounds(0, 10'000), june(240h));
  budget.turn(june(240h));
  budget.spend(june(240h), 1000);
  EXPECT_EQ(std::nullopt, budget.outlook(june(240h)).forecast_bytes);
  EXPECT_EQ(9000u, budget.outlook(june(240h)).bytes_left);
  const auto without_clock = budget.outlook(at(1000h, std::nullopt));
  EXPECT_EQ(std::nullopt, without_clock.forecast_bytes);
  EXPECT_EQ(std::nullopt, without_clock.time_left);
}

TEST(BudgetOutlook, SaysWhenTheDonationIsUsedUp) {
  Budget budget(bounds(0, 36'000), june(0s));
  spend_hourly(budget, 0h, 240h, 100);  // 24,000 of what would be 72,000.
  const auto outlook = budget.outlook(june(240h));
  EXPECT_EQ(72'000u, outlook.forecast_bytes);
  EXPECT_EQ(12'000u, outlook.bytes_left);
  EXPECT_EQ(120h, outlook.used_up_in);
}

TEST(BudgetOutlook, GoesThroughTheStatesOfTheMonth) {
  struct Row {
    uint64_t sent;
    Budget::MonthState state;
  };
  constexpr uint64_t kMonthly = 100'000;
  constexpr Row kRows[] = {
      {0, Budget::MonthState::kYoung},
      {94'999, Budget::MonthState::kYoung},
      {95'000, Budget::MonthState::kSoftLimit},
      {kMonthly - Budget::kSmallReplyBytes, Budget::MonthState::kSoftLimit},
      {kMonthly - Budget::kSmallReplyBytes + 1, Budget::MonthState::kUsedUp},
      {kMonthly + 5, Budget::MonthState::kUsedUp},
  };
  for (const Row& row : kRows) {
    Budget budget(bounds(0, kMonthly), june(2h));
    budget.turn(june(2h));
    budget.spend(june(2h), row.sent);
    EXPECT_EQ(row.state, budget.month_state()) << row.sent;
    if (row.state != Budget::MonthState::kUsedUp) continue;
    EXPECT_EQ(row.sent, budget.outlook(june(2h)).forecast_bytes);
    EXPECT_EQ(0s, budget.outlook(june(2h)).used_up_in);
  }
  Budget unbounded(bounds(0, 0), june(0s));
  unbounded.spend(june(0s), uint64_t{1} << 50);
  EXPECT_EQ(Budget::MonthState::kYoung, unbounded.month_state());
}

}  // namespace
}  // namespace roost::node
