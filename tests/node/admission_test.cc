// SPDX-License-Identifier: MIT
//
// Goal: a prefix gets its packets and no more, whoever else floods; connections are counted back.
// Method: a clock of our own.
#include "node/admission.h"

#include <gtest/gtest.h>

namespace roost::node {
namespace {

using namespace std::chrono_literals;

constexpr SipHashKey kSecret{1, 2, 3};
constexpr MonoTime kStart{1h};

IpAddress v4(uint32_t prefix, uint8_t host) {
  return IpAddress::v4(prefix << 8 | host);
}

TEST(PacketAdmission, GivesAPrefixItsBurstAndThenItsRate) {
  PacketAdmission admission({.packets_per_second_per_prefix = 2}, kSecret, kStart);
  for (uint8_t host = 0; host < 4; ++host) EXPECT_TRUE(admission.admit(kStart, v4(1, host)));
  EXPECT_FALSE(admission.admit(kStart, v4(1, 9)));  // Another address of the same /24.
  EXPECT_TRUE(admission.admit(kStart, v4(2, 0)));
  EXPECT_TRUE(admission.admit(kStart + 500ms, v4(1, 9)));
  EXPECT_FALSE(admission.admit(kStart + 500ms, v4(1, 9)));
  EXPECT_EQ(2u, admission.refused());
}

TEST(PacketAdmission, RemembersTheFlooderWhileManyOthersPass) {
  PacketAdmission admission({.packets_per_second_per_prefix = 1, .prefixes = 4}, kSecret, kStart);
  while (admission.admit(kStart, v4(1, 0))) continue;
  for (uint32_t prefix = 2; prefix < 1000; ++prefix) {
    EXPECT_TRUE(admission.admit(kStart, v4(prefix, 0)));
    EXPECT_FALSE(admission.admit(kStart, v4(1, 0)));
  }
  EXPECT_GT(admission.forgotten(), 0u);
}

TEST(PacketAdmission, RefusesNobodyWithoutARate) {
  PacketAdmission admission({.packets_per_second_per_prefix = 0}, kSecret, kStart);
  for (int i = 0; i < 10000; ++i) ASSERT_TRUE(admission.admit(kStart, v4(1, 0)));
}

TEST(PrefixKey, TellsPrefixesApartAndNotAddresses) {
  const IpAddress a = *IpAddress::parse("2001:db8:0:1200::1");
  EXPECT_EQ(prefix_key(a), prefix_key(*IpAddress::parse("2001:db8:0:12ff::2")));
  EXPECT_NE(prefix_key(a), prefix_key(*IpAddress::parse("2001:db8:0:1300::1")));
  EXPECT_NE(prefix_key(v4(1, 0)), prefix_key(v4(2, 0)));
}

TEST(ConnectionAdmission, CountsPerPrefixAndInAllAndBack) {
  Config config;
  config.donate.connections = 3;
  config.admission.connections_per_prefix = 2;
  ConnectionAdmission admission(config, kSecret);
  EXPECT_FALSE(admission.open(v4(1, 0)));
  EXPECT_FALSE(admission.open(v4(1, 1)));
  EXPECT_EQ(ConnectionAdmission::Refusal::kPrefix, admission.open(v4(1, 2)));
  EXPECT_FALSE(admission.open(v4(2, 0)));
  EXPECT_EQ(ConnectionAdmission::Refusal::kTotal, admission.open(v4(3, 0)));
  admission.check_invariants();
  admission.close(v4(1, 0));
  EXPECT_FALSE(admission.open(v4(3, 0)));
  EXPECT_EQ(3u, admission.open_count());
  admission.check_invariants();
}

}  // namespace
}  // namespace roost::node
