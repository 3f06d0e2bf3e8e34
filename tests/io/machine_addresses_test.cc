// SPDX-License-Identifier: MIT
//
// Goal: the machine's own addresses are known, who is on its links, and which of its addresses the
// world may reach.
#include "io/machine_addresses.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace roost::io {
namespace {

IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}
InterfaceAddress on(std::string_view address, std::string_view network) {
  return {ip(address), Prefix::parse(network).value()};
}

TEST(InterfaceAddresses, KnowLoopback) {
  const auto read = interface_addresses();
  ASSERT_TRUE(read);
  const std::vector<InterfaceAddress>& addresses = *read;
  const auto found = std::find_if(addresses.begin(), addresses.end(), [](const auto& one) {
    return one.address == IpAddress::v4(0x7f000001);
  });
  ASSERT_NE(addresses.end(), found);
  EXPECT_EQ(Prefix::parse("127.0.0.0/8"), found->network);
}

TEST(Networks, AreWhereNeighboursMayBe) {
  EXPECT_EQ((std::vector<Prefix>{*Prefix::parse("11.0.1.0/24"), *Prefix::parse("2a00:1:2:3::/64"),
                                 *Prefix::parse("2a00:5::/56")}),
            networks({
                on("::1", "::1/128"),  // Nor anybody at all.
                on("11.0.1.10", "11.0.1.0/24"),
                on("11.0.1.11", "11.0.1.0/24"),
                on("203.1.2.3", "203.1.2.3/32"),           // No neighbours.
                on("2a00:1:2:3::4", "2a00:1:2:3::4/128"),  // As DHCPv6 gives it.
                on("2a00:5::1", "2a00:5::/56"),
            }));
}

TEST(PublicAddresses, AreTheFirstOfEachFamilyThatTheWorldReaches) {
  EXPECT_EQ((std::vector<IpAddress>{ip("11.0.0.1"), ip("2a00::2")}),
            public_addresses({on("127.0.0.1", "127.0.0.0/8"), on("::1", "::1/128"),
                              on("10.0.0.1", "10.0.0.0/8"), on("fe80::1", "fe80::/64"),
                              on("11.0.0.1", "11.0.0.0/24"), on("12.0.0.1", "12.0.0.0/24"),
                              on("2a00::2", "2a00::/64")}));
  // What is in use stays so, as long as it is there.
  const std::vector<InterfaceAddress> two = {on("11.0.0.1", "11.0.0.0/24"),
                                             on("12.0.0.1", "12.0.0.0/24")};
  EXPECT_EQ(std::vector<IpAddress>{ip("12.0.0.1")}, public_addresses(two, {ip("12.0.0.1")}));
  EXPECT_EQ(std::vector<IpAddress>{ip("11.0.0.1")}, public_addresses(two, {ip("13.0.0.1")}));
  EXPECT_TRUE(public_addresses({on("192.168.1.2", "192.168.1.0/24")}).empty());
}

}  // namespace
}  // namespace roost::io
