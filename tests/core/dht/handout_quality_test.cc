// SPDX-License-Identifier: MIT
//
// Goal: the share of handed-out contacts that still answer is what the counters say.
#include "core/dht/handout_quality.h"

#include <gtest/gtest.h>

namespace roost::core::dht {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kStart{1h};

Endpoint contact(uint32_t number) {
  return {IpAddress::v4(number), 1};
}

TEST(HandoutQuality, AsksAfterAQuarterAndAfterAnHour) {
  HandoutQuality quality;
  EXPECT_FALSE(quality.next_deadline());
  quality.handed_out(kStart, contact(1));
  EXPECT_FALSE(quality.next_question(kStart + 15min - 1us));
  const auto first = quality.next_question(kStart + 15min);
  ASSERT_TRUE(first);
  EXPECT_EQ(contact(1), first->to);
  EXPECT_EQ(PingPurpose::kQuality15, first->purpose);
  EXPECT_EQ(kStart + 60min, quality.next_deadline());
  quality.answered(PingPurpose::kQuality15, contact(1));
  const auto second = quality.next_question(kStart + 60min);
  ASSERT_TRUE(second);
  EXPECT_EQ(PingPurpose::kQuality60, second->purpose);
  EXPECT_FALSE(quality.next_question(kStart + 62min));
  EXPECT_FALSE(quality.next_deadline());
  EXPECT_EQ(1u, quality.counters()[0].asked);
  EXPECT_EQ(1u, quality.counters()[0].answered);
  EXPECT_EQ(1u, quality.counters()[1].asked);
  EXPECT_EQ(0u, quality.counters()[1].answered);
}

TEST(HandoutQuality, CountsAnAnswerOnceAndOnlyToItsQuestion) {
  HandoutQuality quality;
  quality.handed_out(kStart, contact(1));
  quality.answered(PingPurpose::kQuality15, contact(1));
  EXPECT_EQ(0u, quality.counters()[0].answered) << "not asked yet";
  (void)quality.next_question(kStart + 15min);
  quality.answered(PingPurpose::kQuality60, contact(1));
  quality.answered(PingPurpose::kQuality15, contact(2));
  EXPECT_EQ(0u, quality.counters()[0].answered);
  quality.answered(PingPurpose::kQuality15, contact(1));
  quality.answered(PingPurpose::kQuality15, contact(1));
  EXPECT_EQ(1u, quality.counters()[0].answered);
}

TEST(HandoutQuality, TakesASampleAndNoMore) {
  HandoutQuality quality;
  for (uint32_t i = 0; i < 100 * HandoutQuality::kOneIn; ++i)
    quality.handed_out(kStart, contact(i));
  uint32_t asked = 0;
  while (quality.next_question(kStart + 15min)) ++asked;
  EXPECT_EQ(100u, asked);
  for (uint32_t i = 0; i < 100 * HandoutQuality::kOneIn; ++i)
    quality.handed_out(kStart, contact(i));
  for (asked = 0; quality.next_question(kStart + 20min);) ++asked;
  EXPECT_EQ(HandoutQuality::kSamplesMax - 100, asked) << "as many as there is room for";
}

}  // namespace
}  // namespace roost::core::dht
