// SPDX-License-Identifier: MIT
//
// Goal: whoever was silent is remembered for its time, and nobody else is.
#include "core/dht/silent_nodes.h"

#include <gtest/gtest.h>

namespace roost::core::dht {
namespace {

using namespace std::chrono_literals;

Endpoint endpoint(uint32_t number) {
  return {IpAddress::v4(0x08080000 + number), 6881};
}

TEST(SilentNodes, AreRememberedForTheirTime) {
  SilentNodes silent(SipHashKey{1});
  EXPECT_FALSE(silent.contains(MonoTime(1h), endpoint(1)));
  silent.add(MonoTime(1h), endpoint(1));
  EXPECT_TRUE(silent.contains(MonoTime(1h + 14min), endpoint(1)));
  EXPECT_FALSE(silent.contains(MonoTime(1h + 15min), endpoint(1)));
  EXPECT_FALSE(silent.contains(MonoTime(1h), {endpoint(1).address, 6882}));
  EXPECT_FALSE(silent.contains(MonoTime(1h), Endpoint()));
}

TEST(SilentNodes, AreForgottenWhereItWasOurFault) {
  SilentNodes silent(SipHashKey{1});
  silent.add(MonoTime(1h), endpoint(1));
  silent.forget();
  EXPECT_FALSE(silent.contains(MonoTime(1h), endpoint(1)));
}

TEST(SilentNodes, AreFoundAgainUnlessManyCameSince) {
  SilentNodes silent(SipHashKey{1});
  for (uint32_t i = 0; i < SilentNodes::kPlaces; ++i) silent.add(MonoTime(1h), endpoint(i));
  size_t found = 0;
  for (uint32_t i = 0; i < SilentNodes::kPlaces; ++i) {
    found += silent.contains(MonoTime(1h), endpoint(i));
  }
  EXPECT_GT(found, SilentNodes::kPlaces / 2);
  EXPECT_LT(found, SilentNodes::kPlaces) << "two of the same place";
}

}  // namespace
}  // namespace roost::core::dht
