// SPDX-License-Identifier: MIT
//
// Goal: the table keeps who answers, of every distance, lets go of who does not, and gives no
// prefix more than one place in a bucket.
#include "core/dht/routing_table.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace roost::core::dht {
namespace {

using namespace std::chrono_literals;
using wire::CompactNode;
using wire::NodeId;
using Outcome = RoutingTable::Outcome;

constexpr MonoTime kStart{1h};

// In a bucket of the table of the ID that is all zeros.
CompactNode in_bucket(unsigned bits, uint32_t number) {
  NodeId id{};
  id[bits / 8] = static_cast<uint8_t>(0x80 >> bits % 8);
  id[18] = static_cast<uint8_t>(number >> 8);
  id[19] = static_cast<uint8_t>(number);
  return {id, {IpAddress::v4(0x10000001 + (bits << 20) + (number << 8)), 6881}};
}

std::vector<CompactNode> nearest(const RoutingTable& table, const NodeId& target, size_t count) {
  std::vector<CompactNode> out(count);
  out.resize(table.nearest(target, out));
  return out;
}

TEST(RoutingTable, KeepsEightOfEachDistance) {
  RoutingTable table{NodeId{}};
  for (unsigned bits = 0; bits < 3; ++bits) {
    for (uint32_t i = 0; i < 10; ++i) {
      EXPECT_EQ(i < 8 ? Outcome::kAdded : Outcome::kBucketFull,
                table.answered(kStart, in_bucket(bits, i)));
    }
  }
  EXPECT_EQ(24u, table.size());
  EXPECT_EQ(Outcome::kOurselves, table.answered(kStart, {NodeId{}, in_bucket(0, 1).endpoint}));
  table.check_invariants();
}

TEST(RoutingTable, GivesTheNearestFirst) {
  RoutingTable table{NodeId{}};
  for (unsigned bits = 0; bits < 6; ++bits) (void)table.answered(kStart, in_bucket(bits, bits));
  const auto found = nearest(table, in_bucket(2, 2).id, 3);
  ASSERT_EQ(3u, found.size());
  EXPECT_EQ(in_bucket(2, 2), found[0]);
  EXPECT_TRUE(std::is_sorted(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return wire::compare_distance(in_bucket(2, 2).id, a.id, b.id) < 0;
  }));
  EXPECT_EQ(6u, nearest(table, NodeId{}, 20).size());
}

TEST(RoutingTable, LetsNewcomersInOnlyForTheSilent) {
  RoutingTable table{NodeId{}};
  for (uint32_t i = 0; i < 8; ++i) (void)table.answered(kStart + i * 1min, in_bucket(0, i));
  EXPECT_EQ(Outcome::kBucketFull, table.answered(kStart + 14min, in_bucket(0, 100)));
  EXPECT_EQ(Outcome::kReplaced, table.answered(kStart + 16min, in_bucket(0, 100)));
  const auto found = nearest(table, NodeId{}, 20);
  EXPECT_EQ(found.end(), std::find(found.begin(), found.end(), in_bucket(0, 0)))
      << "the longest silent";
  EXPECT_NE(found.end(), std::find(found.begin(), found.end(), in_bucket(0, 1)));
}

TEST(RoutingTable, ForgetsWhoIsSilentTwiceAndHandsOutNobodyThatWasOnce) {
  RoutingTable table{NodeId{}};
  (void)table.answered(kStart, in_bucket(0, 1));
  table.silent(in_bucket(0, 1).endpoint);
  EXPECT_EQ(1u, table.size());
  EXPECT_TRUE(nearest(table, NodeId{}, 8).empty());
  EXPECT_EQ(Outcome::kRefreshed, table.answered(kStart, in_bucket(0, 1)));
  EXPECT_EQ(1u, nearest(table, NodeId{}, 8).size());
  table.silent(in_bucket(0, 1).endpoint);
  table.silent(in_bucket(0, 1).endpoint);
  EXPECT_EQ(0u, table.size());
}

TEST(RoutingTable, ForgetsTheIdThatANodeNoLongerHas) {
  RoutingTable table{NodeId{}};
  const CompactNode before = in_bucket(0, 1);
  CompactNode after{in_bucket(3, 1).id, before.endpoint};
  (void)table.answered(kStart, before);
  (void)table.answered(kStart, in_bucket(0, 2));
  EXPECT_EQ(Outcome::kAdded, table.answered(kStart, after));
  EXPECT_EQ((std::vector{after, in_bucket(0, 2)}), nearest(table, NodeId{}, 20));
  after.id = in_bucket(3, 7).id;  // Of the same bucket.
  EXPECT_EQ(Outcome::kAdded, table.answered(kStart, after));
  EXPECT_EQ((std::vector{after, in_bucket(0, 2)}), nearest(table, NodeId{}, 20));
  table.check_invariants();
}

TEST(RoutingTable, GivesAPrefixOnePlaceInABucket) {
  RoutingTable table{NodeId{}};
  CompactNode neighbour = in_bucket(0, 2);
  neighbour.endpoint.address = IpAddress::v4(in_bucket(0, 1).endpoint.address.v4_value() + 1);
  EXPECT_EQ(Outcome::kAdded, table.answered(kStart, in_bucket(0, 1)));
  EXPECT_EQ(Outcome::kPrefixInUse, table.answered(kStart, neighbour));
  EXPECT_EQ(Outcome::kReplaced, table.answered(kStart + 15min, neighbour));
  EXPECT_EQ(1u, table.size());
  table.check_invariants();
}

TEST(RoutingTable, AsksTheLongestSilentAndNobodyTwiceAtOnce) {
  RoutingTable table{NodeId{}};
  (void)table.answered(kStart + 1min, in_bucket(0, 1));
  (void)table.answered(kStart, in_bucket(1, 2));
  EXPECT_FALSE(table.next_to_ask(kStart + 14min));
  EXPECT_EQ(in_bucket(1, 2), table.next_to_ask(kStart + 16min));
  EXPECT_EQ(in_bucket(0, 1), table.next_to_ask(kStart + 16min));
  EXPECT_FALSE(table.next_to_ask(kStart + 16min));
  EXPECT_EQ(in_bucket(1, 2), table.next_to_ask(kStart + 17min));
}

TEST(RoutingTable, RefreshesBucketsInWhichNothingHappens) {
  SeededRandom random(1);
  RoutingTable table{NodeId{}};
  for (const unsigned bits : {0u, 5u, 31u}) (void)table.answered(kStart, in_bucket(bits, bits));
  EXPECT_FALSE(table.next_to_refresh(kStart + 14min, random));
  for (const unsigned bits : {0u, 5u, 31u}) {
    const auto id = table.next_to_refresh(kStart + 15min, random);
    ASSERT_TRUE(id);
    if (bits < 31) {
      EXPECT_EQ(bits, wire::common_bits(NodeId{}, *id));
    } else {
      EXPECT_GE(wire::common_bits(NodeId{}, *id), 31u);
    }
  }
  EXPECT_FALSE(table.next_to_refresh(kStart + 15min, random));
  EXPECT_TRUE(table.next_to_refresh(kStart + 30min, random));
}

TEST(RoutingTable, SortsAnewUnderAnotherId) {
  RoutingTable table{NodeId{}};
  SeededRandom random(2);
  for (uint32_t i = 0; i < 300; ++i) {
    (void)table.answered(kStart, {random.bytes<20>(), {IpAddress::v4(0x10000001 + (i << 8)), 1}});
  }
  const size_t before = table.size();
  table.set_own_id(random.bytes<20>());
  table.check_invariants();
  EXPECT_GT(table.size(), 8u);
  EXPECT_LE(table.size(), before);
}

TEST(RoutingTable, KeepsItsRulesWhateverHappens) {
  RoutingTable table{NodeId{}};
  SeededRandom random(3);
  MonoTime now = kStart;
  for (int i = 0; i < 20'000; ++i) {
    now += Duration(std::chrono::seconds(random.below(30)));
    const CompactNode node =
        in_bucket(static_cast<unsigned>(random.below(20)), static_cast<uint32_t>(random.below(40)));
    switch (random.below(4)) {
      case 0: table.silent(node.endpoint); break;
      case 1: (void)table.next_to_ask(now); break;
      default: (void)table.answered(now, node);
    }
    if (i % 200 == 0) table.check_invariants();
  }
}

}  // namespace
}  // namespace roost::core::dht
