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

TEST(Budget, HasRoomOnlyForAReplyOfAnySize) {
  Budget budget(bounds(0, 10'000), at(0s));
  budget.spend(at(0s), 10'000 - Budget::kBurstBytesMin);
  EXPECT_TRUE(budget.has_room(at(0s)));
  budget.spend(at(0s), 1);
  EXPECT_FALSE(budget.has_room(at(0s)));
  EXPECT_FALSE(budget.take(at(0s), kPayload));  // What is paid for before it leaves still may.
}

}  // namespace
}  // namespace roost::node
