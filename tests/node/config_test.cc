// SPDX-License-Identifier: MIT
//
// Goal: a configuration that contradicts itself is found out, and the default one is fine.
// Method: a row per problem.
#include "node/config.h"

#include <functional>
#include <gtest/gtest.h>

namespace roost::node {
namespace {

const IpAddress kOne = *IpAddress::parse("11.0.0.1");
const IpAddress kTwo = *IpAddress::parse("11.0.0.2");

TEST(Config, DefaultsHaveNoProblems) {
  EXPECT_TRUE(find_problems(Config()).empty());
}

TEST(Config, FindsEachProblem) {
  struct Row {
    const char* option;
    std::function<void(Config&)> break_it;
  };
  const Row rows[] = {
      {"node.listen", [](Config& c) { c.node.listen = {}; }},
      {"node.listen",
       [](Config& c) {
         c.node.listen = {kOne, kOne};
       }},
      {"node.external_addresses", [](Config& c) { c.node.external_addresses = {IpAddress()}; }},
      {"tls.key", [](Config& c) { c.tls.certificate = "a.pem"; }},
      {"tls.certificate", [](Config& c) { c.tls.key = "a.pem"; }},
      {"stun.discovery_addresses", [](Config& c) { c.stun.discovery_addresses = {kOne}; }},
      {"stun.discovery_addresses",
       [](Config& c) {
         c.stun.discovery_addresses = {kOne, kOne};
       }},
      {"stun.discovery_port",
       [](Config& c) {
         c.stun.discovery_addresses = {kOne, kTwo};
         c.stun.discovery_port = c.node.port;
       }},
      {"metrics.listen",
       [](Config& c) {
         c.metrics.listen = Endpoint{IpAddress::v4(0), 9478};
       }},
      {"donate.memory", [](Config& c) { c.donate.memory_bytes = 1 << 20; }},
      {"relay.friends_percent", [](Config& c) { c.relay.friends_percent = 61; }},
      {"relay.port_min", [](Config& c) { c.relay.port_max = 49151; }},
      {"relay.users",
       [](Config& c) {
         c.relay.users = {{"alice", ""}};
       }},
      {"donate.memory", [](Config& c) { c.relay.allocations = 100'000; }},
  };
  for (const Row& row : rows) {
    Config config;
    row.break_it(config);
    const auto problems = find_problems(config);
    ASSERT_EQ(1u, problems.size()) << row.option;
    EXPECT_EQ(row.option, problems[0].option);
  }
}

// Whoever gives 64 MiB can serve a village with the rest left as it is.
TEST(Config, HasRoomForTenThousandAllocationsInPlaceOfTheDht) {
  Config config;
  config.dht.enabled = false;
  EXPECT_EQ(uint64_t{64} << 20, config.donate.memory_bytes);
  config.relay.allocations = 10'000;
  EXPECT_TRUE(find_problems(config).empty());
  EXPECT_GE(config.donate.memory_bytes, total_bytes(memory_plan(config)));
}

TEST(Config, AllowsAPublicAdminListenerWhenToldTwice) {
  Config config;
  config.metrics.listen = Endpoint{IpAddress::v4(0), 9478};
  config.metrics.allow_public = true;
  EXPECT_TRUE(find_problems(config).empty());
}

TEST(Config, ListensOnTheSecondPortForDiscoveryOnly) {
  Config config;
  EXPECT_EQ(2u, listen_endpoints(config).size());
  config.stun.discovery_addresses = {kOne, kTwo};
  const auto endpoints = listen_endpoints(config);
  ASSERT_EQ(3u, endpoints.size());
  EXPECT_EQ((Endpoint{IpAddress::v4(0), 3479}), endpoints[2]);
  EXPECT_FALSE(find_missing_socket(config, endpoints));
  EXPECT_EQ((Endpoint{kOne, 3479}), find_missing_socket(config, {endpoints[0], endpoints[1]}));
}

}  // namespace
}  // namespace roost::node
