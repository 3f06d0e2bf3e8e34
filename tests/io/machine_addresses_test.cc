// SPDX-License-Identifier: MIT
//
// Goal: the machine's own addresses are known, and which of them the world may reach.
#include "io/machine_addresses.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace roost::io {
namespace {

TEST(MachineAddresses, KnowLoopback) {
  const auto addresses = machine_addresses();
  EXPECT_NE(addresses.end(),
            std::find(addresses.begin(), addresses.end(), IpAddress::v4(0x7f000001)));
}

TEST(PublicAddresses, AreTheFirstOfEachFamilyThatTheWorldReaches) {
  const auto parse = [](std::string_view text) { return IpAddress::parse(text).value(); };
  EXPECT_EQ((std::vector<IpAddress>{parse("11.0.0.1"), parse("2a00::2")}),
            public_addresses({parse("127.0.0.1"), parse("::1"), parse("10.0.0.1"), parse("fe80::1"),
                              parse("11.0.0.1"), parse("12.0.0.1"), parse("2a00::2")}));
  EXPECT_TRUE(public_addresses({parse("192.168.1.2")}).empty());
}

}  // namespace
}  // namespace roost::io
