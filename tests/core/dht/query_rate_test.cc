// SPDX-License-Identifier: MIT
//
// Goal: being ignored is noticed, and neither a quiet start nor the past is taken for it.
#include "core/dht/query_rate.h"

#include <gtest/gtest.h>

namespace roost::core::dht {
namespace {

using namespace std::chrono_literals;

void ask(QueryRate& rate, MonoTime now, int asked, int answered) {
  for (int i = 0; i < asked; ++i) rate.asked(now);
  for (int i = 0; i < answered; ++i) rate.answered(now);
}

TEST(QueryRate, SaysNothingBeforeEnoughWereAsked) {
  QueryRate rate;
  ask(rate, MonoTime(1h), 42, 1);
  ask(rate, MonoTime(1h), 21, 1);
  EXPECT_FALSE(rate.answered_percent());
  EXPECT_FALSE(rate.is_ignored());
  rate.asked(MonoTime(1h));
  EXPECT_EQ(3u, rate.answered_percent());
  EXPECT_TRUE(rate.is_ignored());
}

TEST(QueryRate, TakesTheUsualShareForUsual) {
  QueryRate rate;
  ask(rate, MonoTime(1h), 200, 70);
  EXPECT_EQ(35u, rate.answered_percent());
  EXPECT_FALSE(rate.is_ignored());
  EXPECT_EQ(200u, rate.asked_count());
  EXPECT_EQ(70u, rate.answered_count());
}

TEST(QueryRate, NoticesThatNobodyAnswersThoughFewAreAsked) {
  QueryRate rate;
  for (uint64_t i = 0; i < QueryRate::kInARowMax; ++i) {
    rate.asked(MonoTime(i * 1h));
    EXPECT_FALSE(rate.is_ignored());
  }
  rate.asked(MonoTime(100h));
  EXPECT_TRUE(rate.is_ignored());
  rate.answered(MonoTime(100h));
  EXPECT_FALSE(rate.is_ignored());
}

TEST(QueryRate, ForgetsWhatIsTwoWindowsOld) {
  QueryRate rate;
  ask(rate, MonoTime(1h), 100, 0);
  EXPECT_TRUE(rate.is_ignored());
  ask(rate, MonoTime(1h + QueryRate::kWindow), 100, 60);
  EXPECT_FALSE(rate.is_ignored());
  EXPECT_EQ(30u, rate.answered_percent()) << "both windows count";
  ask(rate, MonoTime(1h + 3 * QueryRate::kWindow), 100, 60);
  EXPECT_EQ(60u, rate.answered_percent());
}

}  // namespace
}  // namespace roost::core::dht
