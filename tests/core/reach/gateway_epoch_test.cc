// SPDX-License-Identifier: MIT
//
// Goal: a gateway that has begun anew is noticed, and one whose clock is a little wrong is not
// taken for one. Method: tables of two responses, one after the other.
#include "core/reach/gateway_epoch.h"

#include <gtest/gtest.h>

namespace roost::core::reach {
namespace {

using namespace std::chrono_literals;

struct Row {
  uint32_t first;
  Duration passed;
  uint32_t second;
  bool goes_on;
};

TEST(GatewayEpoch, FollowsTheRuleOfPcp) {
  const Row kRows[] = {
      {1000, 0s, 1000, true},
      {1000, 0s, 999, true},  // The packets came in another order,
      {1000, 0s, 998, false},
      {1000, 3s, 999, false},  // but not after three seconds.
      {1000, 100s, 1100, true},
      {1000, 100s, 1092, true},  // 100 - 100 / 16 is 94.
      {1000, 100s, 1091, false},
      {1000, 100s, 1108, true},  // 108 - 108 / 16 is 102.
      {1000, 100s, 1109, false},
      {100'000, 24h, 186'400, true},
      {100'000, 24h, 0, false},
      {0, 1h, 1800, false},  // It started anew half an hour ago.
      {UINT32_MAX, 0s, UINT32_MAX, true},
      {UINT32_MAX, 10s, 9, false},
  };
  for (const Row& row : kRows) {
    GatewayEpoch epoch;
    EXPECT_TRUE(epoch.goes_on_by_pcp(MonoTime(1h), row.first)) << "the first is believed";
    EXPECT_EQ(row.goes_on, epoch.goes_on_by_pcp(MonoTime(1h) + row.passed, row.second))
        << row.first << " " << row.second;
  }
}

TEST(GatewayEpoch, FollowsTheRuleOfNatPmp) {
  const Row kRows[] = {
      {1000, 0s, 1000, true},   {1000, 0s, 998, true},
      {1000, 0s, 997, false},   {1000, 80s, 1068, true},  // 7/8 of 80 is 70.
      {1000, 80s, 1067, false}, {1000, 80s, 5000, true},  // Too fast a clock has lost nothing.
      {0, 1h, 1800, false},     {UINT32_MAX, 24h, UINT32_MAX, false},
  };
  for (const Row& row : kRows) {
    GatewayEpoch epoch;
    EXPECT_TRUE(epoch.goes_on_by_nat_pmp(MonoTime(1h), row.first));
    EXPECT_EQ(row.goes_on, epoch.goes_on_by_nat_pmp(MonoTime(1h) + row.passed, row.second))
        << row.first << " " << row.second;
  }
}

TEST(GatewayEpoch, TellsOfEachRestartOnce) {
  GatewayEpoch epoch;
  EXPECT_TRUE(epoch.goes_on_by_pcp(MonoTime(1h), 5000));
  EXPECT_FALSE(epoch.goes_on_by_pcp(MonoTime(1h + 60s), 3));
  EXPECT_TRUE(epoch.goes_on_by_pcp(MonoTime(1h + 61s), 4));
  EXPECT_FALSE(epoch.goes_on_by_pcp(MonoTime(1h + 62s), 0));
  epoch.forget();
  EXPECT_TRUE(epoch.goes_on_by_pcp(MonoTime(1h + 63s), 77));
}

}  // namespace
}  // namespace roost::core::reach
