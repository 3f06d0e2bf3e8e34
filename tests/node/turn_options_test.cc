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
  config.relay.stranger_allocations = 1;
  config.relay.stranger_allocations_per_user = 2;
  config.relay.stranger_bandwidth_bytes_per_second = 55;
  config.relay.stranger_bytes = 66;
  config.relay.stranger_time = std::chrono::minutes(7);
  config.relay.stranger_renewal = std::chrono::minutes(9);
  config.relay.stranger_work = 9;
  config.relay.consent = false;
  config.relay.credentials_lifetime = std::chrono::hours(2);
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
  EXPECT_EQ((std::array<uint32_t, core::kPayerCount>{0, 3, 3, 2}),
            options.table.allocations_per_user);
  EXPECT_EQ((std::array<uint32_t, core::kPayerCount>{0, 10, 10, 1}),
            options.table.allocations_per_class);
  EXPECT_TRUE(options.authenticator.serves_strangers);
  EXPECT_FALSE(options.forwarder.strangers_need_consent);
  EXPECT_EQ(Duration(7min), options.session_max[static_cast<size_t>(core::Payer::kStranger)]);
  EXPECT_EQ(Duration(), options.session_max[static_cast<size_t>(core::Payer::kFriend)]);
  EXPECT_EQ(66u, options.forwarder.stranger_bytes_per_period);
  EXPECT_EQ(Duration(9min), options.stranger_period);
  EXPECT_TRUE(options.credentials.serves_strangers);
  EXPECT_EQ(9u, options.credentials.work_min);
  EXPECT_EQ(Duration(2h), options.credentials.lifetime);
  EXPECT_EQ(Duration(7min), options.credentials.stranger_lifetime);
  EXPECT_EQ(3000, options.credentials.port);
  EXPECT_FALSE(options.credentials.has_certificate);
  EXPECT_EQ("9.9.9.9", options.credentials.host);
  EXPECT_EQ(4u, options.table.allocations_per_prefix);
  EXPECT_EQ(5, options.table.permissions_per_allocation);
  EXPECT_EQ(6, options.table.channels_per_allocation);
  EXPECT_EQ(Duration(2h), options.lifetime_max);
  EXPECT_EQ(1000u, options.forwarder.share.bytes_per_second);
  EXPECT_EQ((std::array<uint64_t, core::kPayerCount>{0, 77, 77, 55}),
            options.forwarder.share.allocation_bytes_per_second);
  EXPECT_EQ((std::array<uint64_t, core::kPayerCount>{0, 88, 88, 0}),
            options.forwarder.bytes_per_allocation);
  EXPECT_EQ((std::array<uint8_t, core::kPayerCount>{0, 50, 20, 5}),
            options.forwarder.share.percent);
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

TEST(TurnOptions, ServeNoStrangersWhereThereAreNoAllocationsForThem) {
  Config config;
  config.relay.stranger_allocations = 0;
  config.tls.certificate = "chain.pem";
  config.node.external_addresses = {ip("2a00::9")};
  const core::turn::Server::Options options = turn_options(config);
  EXPECT_FALSE(options.authenticator.serves_strangers);
  EXPECT_FALSE(options.credentials.serves_strangers);
  EXPECT_TRUE(options.credentials.has_certificate);
  EXPECT_EQ("[2a00::9]", options.credentials.host);
}

}  // namespace
}  // namespace roost::node
