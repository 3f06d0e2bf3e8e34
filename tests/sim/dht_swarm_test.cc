// SPDX-License-Identifier: MIT
//
// Goal: the truth about a swarm is the truth. Method: the whole swarm looked through, slowly.
#include "sim/dht_swarm.h"

#include <gtest/gtest.h>
#include <set>

namespace roost::sim {
namespace {

constexpr uint32_t kMembers = 500;

class DhtSwarmTest : public testing::Test {
 protected:
  DhtSwarmTest() {
    for (uint32_t i = 0; i < kMembers; ++i) {
      swarm_.add({{dice_.random().bytes<20>(), {IpAddress::v4(0x14000001 + (i << 8)), 1}},
                  dice_.below(3) != 0,
                  true});
    }
  }

  Dice dice_{1};
  DhtSwarm swarm_;
};

TEST_F(DhtSwarmTest, KnowsItsMembersByEndpointAndNobodyElse) {
  const Endpoint of_seven = swarm_[7].contact.endpoint;
  EXPECT_EQ(swarm_.number_of(of_seven), 7u);
  EXPECT_EQ(swarm_.find(of_seven), &swarm_[7]);
  EXPECT_EQ(swarm_.find({of_seven.address, 2}), nullptr);
  EXPECT_EQ(swarm_.find({IpAddress::v4(0x0b000001), 1}), nullptr);
}

TEST_F(DhtSwarmTest, FindsTheNearestOfThoseThatAreWanted) {
  const auto is_alive = [this](uint32_t number) { return swarm_[number].is_alive; };
  for (int i = 0; i < 50; ++i) {
    const wire::NodeId target = dice_.random().bytes<20>();
    std::vector<uint32_t> all;
    for (uint32_t number = 0; number < kMembers; ++number) {
      if (is_alive(number)) all.push_back(number);
    }
    std::sort(all.begin(), all.end(), [&](uint32_t a, uint32_t b) {
      return wire::compare_distance(target, swarm_[a].contact.id, swarm_[b].contact.id) < 0;
    });
    const size_t everybody = all.size();
    EXPECT_EQ(swarm_.nearest(target, kMembers, is_alive), all);
    all.resize(8);
    EXPECT_EQ(swarm_.nearest(target, 8, is_alive), all);
    EXPECT_LT(all.size(), everybody);
  }
  EXPECT_TRUE(swarm_.nearest({}, 8, [](uint32_t) { return false; }).empty());
}

TEST_F(DhtSwarmTest, CountsWhoComesLater) {
  const wire::NodeId target = dice_.random().bytes<20>();
  const auto is_anybody = [](uint32_t) { return true; };
  EXPECT_NE(swarm_.nearest(target, 1, is_anybody).front(), kMembers);
  EXPECT_EQ(swarm_.add({{target, {IpAddress::v4(0x0b000001), 1}}, true, true}), kMembers);
  EXPECT_EQ(swarm_.nearest(target, 1, is_anybody).front(), kMembers);
}

TEST_F(DhtSwarmTest, MakesTablesOfEightForEachDistanceAndAllThatAreNear) {
  for (uint32_t owner = 0; owner < 50; ++owner) {
    const wire::NodeId& id = swarm_[owner].contact.id;
    const std::vector<uint32_t> table = swarm_.table_of(id, dice_);
    EXPECT_EQ(std::set<uint32_t>(table.begin(), table.end()).size(), table.size()) << "twice";
    for (unsigned bits = 0; bits < 160; ++bits) {
      const auto is_there = [&](uint32_t number) {
        return number != owner && wire::common_bits(id, swarm_[number].contact.id) == bits;
      };
      size_t in_swarm = 0;
      for (uint32_t number = 0; number < kMembers; ++number) in_swarm += is_there(number);
      const auto in_table =
          static_cast<size_t>(std::count_if(table.begin(), table.end(), is_there));
      EXPECT_EQ(in_table, std::min<size_t>(in_swarm, DhtSwarm::kBucketSize)) << bits;
    }
  }
}

}  // namespace
}  // namespace roost::sim
