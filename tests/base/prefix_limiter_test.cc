// SPDX-License-Identifier: MIT
//
// Goal: a prefix gets its share and no more, whoever else floods. Method: a clock of our own.
#include "base/prefix_limiter.h"

#include <gtest/gtest.h>

namespace roost {
namespace {

using namespace std::chrono_literals;

constexpr SipHashKey kSecret{1, 2, 3};
constexpr MonoTime kStart{1h};

IpAddress v4(uint32_t prefix, uint8_t host) {
  return IpAddress::v4(prefix << 8 | host);
}

TEST(PrefixLimiter, GivesAPrefixItsBurstAndThenItsRate) {
  PrefixLimiter limiter(2, 16384, kSecret);
  for (uint8_t host = 0; host < 4; ++host) EXPECT_TRUE(limiter.admit(kStart, v4(1, host)));
  EXPECT_FALSE(limiter.admit(kStart, v4(1, 9)));  // Another address of the same /24.
  EXPECT_TRUE(limiter.admit(kStart, v4(2, 0)));
  EXPECT_TRUE(limiter.admit(kStart + 500ms, v4(1, 9)));
  EXPECT_FALSE(limiter.admit(kStart + 500ms, v4(1, 9)));
  EXPECT_EQ(2u, limiter.refused());
}

TEST(PrefixLimiter, RemembersTheFlooderWhileManyOthersPass) {
  PrefixLimiter limiter(1, 4, kSecret);
  while (limiter.admit(kStart, v4(1, 0))) continue;
  for (uint32_t prefix = 2; prefix < 1000; ++prefix) {
    EXPECT_TRUE(limiter.admit(kStart, v4(prefix, 0)));
    EXPECT_FALSE(limiter.admit(kStart, v4(1, 0)));
  }
  EXPECT_GT(limiter.forgotten(), 0u);
}

TEST(PrefixLimiter, RefusesNobodyWithoutARate) {
  PrefixLimiter limiter(0, 16384, kSecret);
  for (int i = 0; i < 10000; ++i) ASSERT_TRUE(limiter.admit(kStart, v4(1, 0)));
}

TEST(PrefixKey, TellsPrefixesApartAndNotAddresses) {
  const IpAddress a = *IpAddress::parse("2001:db8:0:1200::1");
  EXPECT_EQ(prefix_key(a), prefix_key(*IpAddress::parse("2001:db8:0:12ff::2")));
  EXPECT_NE(prefix_key(a), prefix_key(*IpAddress::parse("2001:db8:0:1300::1")));
  EXPECT_NE(prefix_key(v4(1, 0)), prefix_key(v4(2, 0)));
  // Or by sites.
  const auto site = [](const char* text) {
    return prefix_key(*IpAddress::parse(text), PrefixWidth::kSite);
  };
  EXPECT_EQ(site("2001:db8:0:12ff::2"), site("2001:db8:0:ffff::1"));
  EXPECT_NE(site("2001:db8:0:ffff::1"), site("2001:db8:1::1"));
  EXPECT_EQ(site("192.0.2.1"), site("192.0.2.255"));
  EXPECT_NE(site("192.0.2.1"), site("192.0.3.1"));
}

}  // namespace
}  // namespace roost
