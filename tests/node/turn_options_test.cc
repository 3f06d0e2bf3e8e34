// SPDX-License-Identifier: MIT
//
// Goal: what the owner says about the relay is what the TURN server is told.
#include "node/turn_options.h"

#include <gtest/gtest.h>

namespace roost::node {
namespace {

using namespace std::chrono_literals;

IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

TEST(TurnOptions, AreThoseOfTheConfiguration) {
  Config config;
  config.donate.bandwidth_bytes_per_second = 1000;
  config.node.port = 3000;
  config.node.listen = {ip("0.0.0.0"), ip("2a00::1")};
  config.node.external_addresses = {ip("9.9.9.9")};
  config.relay.realm = "here";
  config.relay.users = {{"alice", "x"}, {"bob", "y"}};
  config.relay.shared_secret = "s";
  config.relay.allocations = 10;
  config.relay.allocations_per_user = 3;
  config.relay.allocations_per_prefix = 4;
  config.relay.permissions_per_allocation = 5;
  config.relay.channels_per_allocation = 6;
  config.relay.lifetime_max = 2h;
  config.relay.allocation_bandwidth_bytes_per_second = 77;
  config.relay.allocation_bytes = 88;
  config.relay.friends_percent = 50;
  config.relay.friends_of_friends_percent = 20;
  config.relay.strangers_percent = 5;
  config.relay.addresses = {ip("10.0.0.1")};
  config.relay.machine_addresses = {ip("10.0.0.2")};
  config.relay.allow_peers = {*Prefix::parse("192.168.0.0/16")};
  config.relay.deny_peers = {*Prefix::parse("8.8.8.0/24")};

  const core::turn::Server::Options options = turn_options(config);
  EXPECT_EQ("here", options.authenticator.realm);
  ASSERT_EQ(2u, options.authenticator.users.size());
  EXPECT_EQ("bob", options.authenticator.users[1].name);
  EXPECT_EQ("y", options.authenticator.users[1].password);
  EXPECT_EQ("s", options.authenticator.shared_secret);
  EXPECT_EQ(10u, options.table.allocations);
  EXPECT_EQ(3u, options.table.allocations_per_user);
  EXPECT_EQ(4u, options.table.allocations_per_prefix);
  EXPECT_EQ(5, options.table.permissions_per_allocation);
  EXPECT_EQ(6, options.table.channels_per_allocation);
  EXPECT_EQ(Duration(2h), options.lifetime_max);
  EXPECT_EQ(1000u, options.share.bytes_per_second);
  EXPECT_EQ(77u, options.share.allocation_bytes_per_second);
  EXPECT_EQ(88u, options.bytes_per_allocation);
  EXPECT_EQ((std::array<uint8_t, core::kPayerCount>{0, 50, 20, 5}), options.share.percent);
  EXPECT_EQ((std::vector<IpAddress>{ip("10.0.0.1")}), options.addresses.relay);
  EXPECT_EQ((std::vector<IpAddress>{ip("9.9.9.9")}), options.addresses.external);
  // A wildcard is no address of ours.
  EXPECT_EQ((std::vector<IpAddress>{ip("10.0.0.2"), ip("2a00::1")}), options.addresses.own);
  EXPECT_EQ((std::vector<uint16_t>{3000, 3479, 9478}), options.addresses.own_ports);
  EXPECT_TRUE(options.peers.permits(ip("192.168.1.1")));
  EXPECT_FALSE(options.peers.permits(ip("8.8.8.8")));
}

TEST(TurnOptions, NeverPromiseLessThanTheProtocolDoes) {
  Config config;
  config.relay.lifetime_max = 1s;
  EXPECT_EQ(core::turn::Server::kLifetimeDefault, turn_options(config).lifetime_max);
}

}  // namespace
}  // namespace roost::node
