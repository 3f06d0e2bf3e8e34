// SPDX-License-Identifier: MIT
//
// Goal: node IDs are read, compared and bound to addresses as BEP 5 and BEP 42 say.
#include "wire/node_id.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "base/text.h"

namespace roost::wire {
namespace {

NodeId id_of(std::string_view hex) {
  NodeId id{};
  const auto bytes = from_hex(hex);
  EXPECT_TRUE(bytes && bytes->size() == id.size()) << hex;
  if (bytes) std::copy(bytes->begin(), bytes->end(), id.begin());
  return id;
}

// The examples of BEP 42; only their first 21 bits and last byte are determined.
TEST(NodeId, ConformsAsTheExamplesOfBep42Do) {
  struct Row {
    std::string_view address;
    std::string_view id;
  };
  const Row kRows[] = {
      {"124.31.75.21", "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401"},
      {"21.75.31.124", "5a3ce9c14e7a08645677bbd1cfe7d8f956d53256"},
      {"65.23.51.170", "a5d43220bc8f112a3d426c84764f8c2a1150e616"},
      {"84.124.73.14", "1b0321dd1bb1fe518101ceef99462b947a01ff41"},
      {"43.213.53.83", "e56f6cbf5b7c4be0237986d5243b87aa6d51305a"},
  };
  for (const Row& row : kRows) {
    const IpAddress address = *IpAddress::parse(row.address);
    NodeId id = id_of(row.id);
    EXPECT_TRUE(conforms(id, address)) << row.address;
    EXPECT_EQ(id, conforming_node_id(address, id)) << row.address;
    id[2] ^= 0x07;  // Bits 22 to 24 are free,
    EXPECT_TRUE(conforms(id, address)) << row.address;
    id[2] ^= 0x08;  // the 21st is not.
    EXPECT_FALSE(conforms(id, address)) << row.address;
    EXPECT_FALSE(conforms(id_of(row.id), *IpAddress::parse("192.0.2.1"))) << row.address;
  }
}

TEST(NodeId, IsMadeConformingForBothFamiliesAndKeepsWhatIsFree) {
  SeededRandom random(1);
  for (const std::string_view text : {"198.51.100.7", "2001:db8:1:2:3:4:5:6", "2001:db8::"}) {
    const IpAddress address = *IpAddress::parse(text);
    std::set<uint32_t> prefixes;
    for (int i = 0; i < 200; ++i) {
      const NodeId seed = random.bytes<20>();
      const NodeId id = conforming_node_id(address, seed);
      EXPECT_TRUE(conforms(id, address));
      EXPECT_EQ(seed[2] & 7, id[2] & 7);
      EXPECT_TRUE(std::equal(seed.begin() + 3, seed.end(), id.begin() + 3));
      prefixes.insert(load_u32(id.data()) >> 11);
    }
    EXPECT_EQ(8u, prefixes.size()) << "eight places for each address";
  }
}

TEST(NodeId, OfIpv6DependsOnTheUpperHalfOnly) {
  SeededRandom random(2);
  const NodeId id = conforming_node_id(*IpAddress::parse("2001:db8:1:2::1"), random.bytes<20>());
  EXPECT_TRUE(conforms(id, *IpAddress::parse("2001:db8:1:2:ffff::9")));
  EXPECT_FALSE(conforms(id, *IpAddress::parse("2001:db8:1:3::1")));
}

TEST(NodeId, IsNearerByTheFirstDifferingBit) {
  const NodeId target = id_of("ff00000000000000000000000000000000000000");
  const NodeId near = id_of("ff00000000000000000000000000000000000001");
  const NodeId far = id_of("0100000000000000000000000000000000000000");
  EXPECT_LT(compare_distance(target, near, far), 0);
  EXPECT_GT(compare_distance(target, far, near), 0);
  EXPECT_EQ(0, compare_distance(target, far, far));
  EXPECT_EQ(159u, common_bits(target, near));
  EXPECT_EQ(0u, common_bits(target, far));
  EXPECT_EQ(160u, common_bits(far, far));
}

TEST(NodeId, IsTwentyBytes) {
  const std::array<uint8_t, 21> bytes{1, 2, 3};
  EXPECT_TRUE(read_node_id(Bytes(bytes).first(20)));
  EXPECT_FALSE(read_node_id(Bytes(bytes).first(19)));
  EXPECT_FALSE(read_node_id(bytes));
}

}  // namespace
}  // namespace roost::wire
