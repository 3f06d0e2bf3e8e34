// SPDX-License-Identifier: MIT
//
// Goal: an address rests as long as it should, and nobody can have it forgotten before.
#include "core/peers/spacing.h"

#include <gtest/gtest.h>

namespace roost::core::peers {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kStart{1h};
constexpr SipHashKey kSecret{7, 8, 9};

IpAddress address(uint32_t number) {
  return IpAddress::v4(0x08000000 + number);
}

TEST(Spacing, LetsAnAddressRest) {
  Spacing spacing(64, 1h, kSecret);
  EXPECT_TRUE(spacing.may(kStart, address(1)));
  spacing.took(kStart, address(1));
  EXPECT_FALSE(spacing.may(kStart, address(1)));
  EXPECT_TRUE(spacing.may(kStart, address(2)));
  EXPECT_FALSE(spacing.may(kStart + 1h - 1us, address(1)));
  EXPECT_TRUE(spacing.may(kStart + 1h, address(1)));

  spacing.took(kStart + 30min, address(1));
  EXPECT_FALSE(spacing.may(kStart + 1h, address(1))) << "it has happened again";
  EXPECT_TRUE(spacing.may(kStart + 90min, address(1)));
}

TEST(Spacing, ForgetsNobodyBeforeHisTime) {
  Spacing spacing(64, 1h, kSecret);
  uint32_t taken = 0;
  uint32_t refused = 0;
  for (uint32_t i = 0; i < 1000; ++i) {
    if (spacing.may(kStart, address(i))) {
      spacing.took(kStart, address(i));
      EXPECT_FALSE(spacing.may(kStart, address(i))) << i;
      ++taken;
    } else {
      ++refused;
    }
  }
  EXPECT_EQ(64u, taken) << "as many as there are places";
  EXPECT_EQ(936u, refused);
  EXPECT_FALSE(spacing.may(kStart + 59min, address(0)));
  EXPECT_FALSE(spacing.may(kStart + 59min, address(5000)));
  EXPECT_TRUE(spacing.may(kStart + 1h, address(5000)));
}

TEST(Spacing, WithoutARestAnythingGoes) {
  Spacing spacing(8, 0s, kSecret);
  for (uint32_t i = 0; i < 100; ++i) {
    EXPECT_TRUE(spacing.may(kStart, address(1)));
    spacing.took(kStart, address(1));
  }
}

}  // namespace
}  // namespace roost::core::peers
