// SPDX-License-Identifier: MIT
//
// Goal: who has shown lately that it receives is known, and nobody else.
#include "core/dht/proven_addresses.h"

#include <gtest/gtest.h>

namespace roost::core::dht {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kStart{1h};

TEST(ProvenAddresses, AreKnownForHalfAnHour) {
  ProvenAddresses proven(100, SipHashKey{1});
  const IpAddress address = IpAddress::v4(0xc0000201);
  EXPECT_FALSE(proven.contains(kStart, address));
  proven.add(kStart, address);
  EXPECT_TRUE(proven.contains(kStart, address));
  EXPECT_TRUE(proven.contains(kStart + 29min, address));
  EXPECT_FALSE(proven.contains(kStart + 30min, address));
  EXPECT_FALSE(proven.contains(kStart, IpAddress::v4(0xc0000202)));
  proven.add(kStart + 29min, address);
  EXPECT_TRUE(proven.contains(kStart + 58min, address));
}

TEST(ProvenAddresses, OfTheFirstMinuteAreKnownToo) {
  ProvenAddresses proven(4, SipHashKey{1});
  for (uint64_t host = 0; host < 4; ++host) {
    proven.add(MonoTime{}, IpAddress(uint64_t{0x2001} << 48, host));
    EXPECT_TRUE(proven.contains(MonoTime{}, IpAddress(uint64_t{0x2001} << 48, host)));
  }
}

TEST(ProvenAddresses, GiveWayOldestFirst) {
  ProvenAddresses proven(4, SipHashKey{1});  // One set.
  for (uint32_t i = 0; i < 5; ++i) proven.add(kStart + i * 1min, IpAddress::v4(i));
  EXPECT_FALSE(proven.contains(kStart + 5min, IpAddress::v4(0)));
  for (uint32_t i = 1; i < 5; ++i) EXPECT_TRUE(proven.contains(kStart + 5min, IpAddress::v4(i)));
}

TEST(ProvenAddresses, AreNotTakenForOthers) {
  ProvenAddresses proven(4096, SipHashKey{1});
  for (uint32_t i = 0; i < 4096; ++i) proven.add(kStart, IpAddress::v4(i));
  size_t known = 0;
  for (uint32_t i = 0; i < 4096; ++i) known += proven.contains(kStart, IpAddress::v4(i));
  EXPECT_GT(known, 3000u) << "few fall into full sets";
  for (uint32_t i = 0; i < 100'000; ++i) {
    ASSERT_FALSE(proven.contains(kStart, IpAddress::v4(1'000'000 + i)));
  }
}

}  // namespace
}  // namespace roost::core::dht
