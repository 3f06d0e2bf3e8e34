// SPDX-License-Identifier: MIT
//
// Goal: a prefix holds so much and no more, and whom it displaces depends on nothing that anybody
// could choose. Method: tables of claims; many prefixes, to see how they are spread.
#include "core/dht/prefix_shares.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>

namespace roost::core::dht {
namespace {

using Slot = PrefixShares::Slot;

constexpr SipHashKey kSecret{1, 2, 3};
constexpr Slot kOne{1, 1};
constexpr Slot kTwo{2, 2};

IpAddress address(const char* text) {
  return IpAddress::parse(text).value();
}

TEST(PrefixShares, CountPrefixesAndNotAddresses) {
  const PrefixShares shares(1'000'000, 10, kSecret);
  const auto same = [&](const char* a, const char* b) {
    return shares.slot_of(address(a)) == shares.slot_of(address(b));
  };
  EXPECT_TRUE(same("192.0.2.1", "192.0.2.255"));
  EXPECT_FALSE(same("192.0.2.1", "192.0.3.1"));
  EXPECT_TRUE(same("2001:db8:1::1", "2001:db8:1:ffff::2"));
  EXPECT_FALSE(same("2001:db8:1::1", "2001:db8:2::1"));
}

TEST(PrefixShares, SpreadPrefixesByTheirSecret) {
  constexpr uint32_t kSlots = 1000;
  const PrefixShares shares(kSlots, 10, kSecret);
  const PrefixShares others(kSlots, 10, {9});
  std::set<uint32_t> seen;
  std::set<uint32_t> seen_second;
  unsigned same = 0;
  for (uint32_t prefix = 0; prefix < kSlots; ++prefix) {
    const IpAddress host = IpAddress::v4(prefix << 8);
    const Slot slot = shares.slot_of(host);
    ASSERT_LT(std::max(slot.first, slot.second), kSlots);
    seen.insert(slot.first);
    seen_second.insert(slot.second);
    same += shares.slot_of(host) == others.slot_of(host);
  }
  EXPECT_NEAR(static_cast<double>(seen.size()), 632, 50);  // 1 - 1/e of them.
  EXPECT_NEAR(static_cast<double>(seen_second.size()), 632, 50);
  EXPECT_EQ(same, 0u);
}

TEST(PrefixShares, HoldNoMoreThanTheMost) {
  PrefixShares shares(4, 10, kSecret);
  EXPECT_TRUE(shares.has_room(kOne, 10));
  EXPECT_FALSE(shares.has_room(kOne, 11));
  shares.take(kOne, 7);
  EXPECT_EQ(shares.held(kOne), 7u);
  EXPECT_TRUE(shares.has_room(kOne, 3));
  EXPECT_FALSE(shares.has_room(kOne, 4));
  EXPECT_TRUE(shares.has_room(kTwo, 10));
  shares.give_back(kOne, 5);
  EXPECT_TRUE(shares.has_room(kOne, 8));
}

TEST(PrefixShares, TakeForAnotherOnlyWhoMeetsHimOnBothCounters) {
  PrefixShares shares(4, 10, kSecret);
  shares.take({1, 1}, 9);
  EXPECT_EQ(shares.held({1, 2}), 0u);
  EXPECT_EQ(shares.held({2, 1}), 0u);
  shares.take({1, 2}, 1);
  EXPECT_EQ(shares.held({1, 2}), 1u);
  EXPECT_EQ(shares.held({1, 1}), 9u);
  shares.give_back({1, 1}, 9);
  EXPECT_EQ(shares.held({1, 2}), 1u);
}

TEST(PrefixShares, WhoHoldsMoreGivesWayAndAmongEqualsTheRankDecides) {
  struct Row {
    Slot holder;
    uint32_t holder_has;
    Slot newcomer;
    uint32_t newcomer_has;
    uint32_t wants;
    bool gives_way;
  };
  constexpr Row kRows[] = {
      {kOne, 5, kTwo, 0, 1, true},  {kOne, 5, kTwo, 3, 1, true}, {kOne, 5, kTwo, 4, 1, false},
      {kTwo, 5, kOne, 4, 1, true},  // Equals: the lower slot has the better rank.
      {kTwo, 5, kOne, 5, 1, false}, {kTwo, 5, kOne, 0, 5, true}, {kTwo, 5, kOne, 0, 6, false},
      {kOne, 1, kTwo, 0, 1, false}, {kTwo, 1, kOne, 0, 1, true},
  };
  for (const Row& row : kRows) {
    PrefixShares shares(4, 10, kSecret);
    shares.take(row.holder, row.holder_has);
    shares.take(row.newcomer, row.newcomer_has);
    EXPECT_EQ(shares.gives_way(row.holder, row.newcomer, row.wants), row.gives_way)
        << row.holder_has << " " << row.newcomer_has << " " << row.wants;
  }
  PrefixShares shares(4, 10, kSecret);
  shares.take(kOne, 9);
  EXPECT_FALSE(shares.gives_way(kOne, kOne, 1));  // Nobody displaces himself.
}

TEST(PrefixSharesDeathTest, NobodyGivesBackWhatHeHasNot) {
  PrefixShares shares(4, 10, kSecret);
  shares.take(kOne, 2);
  EXPECT_DEATH(shares.give_back(kOne, 3), "broken invariant");
}

}  // namespace
}  // namespace roost::core::dht
