// SPDX-License-Identifier: MIT
// Goal: requests go out when RFC 8489 §6.2.1 says, and no longer than somebody waits.
#include "node/retransmission.h"

#include <gtest/gtest.h>

namespace roost::node {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kStart{1h};

TEST(Retransmission, DoublesItsPausesAndWaitsLongestForTheLast) {
  Retransmission schedule({.is_reliable = false, .timeout = 1h}, kStart);
  for (const auto at : {0ms, 500ms, 1500ms, 3500ms, 7500ms, 15500ms, 31500ms}) {
    EXPECT_EQ(kStart + at, schedule.next_deadline());
    EXPECT_FALSE(schedule.take_turn(kStart + at - 1us));
    EXPECT_TRUE(schedule.take_turn(kStart + at));
    EXPECT_EQ(kStart + at, schedule.sent_at());
  }
  EXPECT_EQ(kStart + 39500ms, schedule.next_deadline());
  EXPECT_FALSE(schedule.is_over(kStart + 39500ms - 1us));
  EXPECT_TRUE(schedule.is_over(kStart + 39500ms));
  EXPECT_FALSE(schedule.take_turn(kStart + 39500ms));
  EXPECT_EQ(7u, schedule.request_count());
}

TEST(Retransmission, EndsWithTheTimeout) {
  Retransmission schedule({.is_reliable = false, .timeout = 700ms}, kStart);
  EXPECT_TRUE(schedule.take_turn(kStart));
  EXPECT_TRUE(schedule.take_turn(kStart + 500ms));
  EXPECT_EQ(kStart + 700ms, schedule.next_deadline());
  EXPECT_TRUE(schedule.is_over(kStart + 700ms));
  EXPECT_EQ(2u, schedule.request_count());
}

TEST(Retransmission, SendsOnceOverAStream) {
  Retransmission schedule({.is_reliable = true, .timeout = 3s}, kStart);
  EXPECT_TRUE(schedule.take_turn(kStart));
  EXPECT_FALSE(schedule.take_turn(kStart + 2s));
  EXPECT_EQ(kStart + 3s, schedule.next_deadline());
}

}  // namespace
}  // namespace roost::node
