// SPDX-License-Identifier: MIT
// Goal: the table and node::Config say the same, and every row can be understood.
#include "app/options.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <string>

#include "node/config.h"

namespace roost::app {
namespace {

template <typename... Members>
size_t count(const Members&...) {
  return sizeof...(Members);
}

// Does not compile when a section or an option is added to node::Config: name it here, and write
// its row into the table.
std::map<std::string_view, size_t> members_by_section() {
  const node::Config config;
  const auto& [node, store, tls, donate, admission, stun, dht, relay, metrics, log] = config;
  const auto& [state_dir, listen, port, role, external_addresses] = node;
  const auto& [engine] = store;
  const auto& [certificate, key] = tls;
  const auto& [bandwidth, monthly, memory, disk, connections] = donate;
  const auto& [packets_per_second_per_prefix, connections_per_prefix, prefixes] = admission;
  const auto& [enabled, classic, software, discovery_addresses, discovery_port] = stun;
  const auto& [dht_enabled, bootstrap, network, memory_percent, pings_per_second, peers, items,
               admit_private_addresses] = dht;
  const auto& [relay_enabled, realm, users, shared_secret, allocations, allocations_per_user,
               allocations_per_prefix, stranger_allocations, stranger_allocations_per_user,
               stranger_bandwidth, stranger_bytes, stranger_time, stranger_renewal, stranger_work,
               consent, credentials_lifetime, permissions, channels, peer_connections,
               peer_connections_per_allocation, lifetime_max, allocation_bandwidth,
               allocation_bytes, friends, friends_of_friends, strangers, port_min, port_max, gather,
               addresses, allow_peers, deny_peers, machine_addresses, machine_networks] = relay;
  const auto& [metrics_listen, listen_path, allow_public] = metrics;
  const auto& [level, format, lines_per_second] = log;
  (void)machine_addresses;  // Found out by the shell,
  (void)machine_networks;   // as these are.
  (void)listen_path;        // With metrics_listen the one option metrics.listen.
  return {
      {"node", count(state_dir, listen, port, role, external_addresses)},
      {"store", count(engine)},
      {"tls", count(certificate, key)},
      {"donate", count(bandwidth, monthly, memory, disk, connections)},
      {"admission", count(packets_per_second_per_prefix, connections_per_prefix, prefixes)},
      {"stun", count(enabled, classic, software, discovery_addresses, discovery_port)},
      {"dht", count(dht_enabled, bootstrap, network, memory_percent, pings_per_second, peers, items,
                    admit_private_addresses)},
      {"relay", count(relay_enabled, realm, users, shared_secret, allocations, allocations_per_user,
                      allocations_per_prefix, stranger_allocations, stranger_allocations_per_user,
                      stranger_bandwidth, stranger_bytes, stranger_time, stranger_renewal,
                      stranger_work, consent, credentials_lifetime, permissions, channels,
                      peer_connections, peer_connections_per_allocation, lifetime_max,
                      allocation_bandwidth, allocation_bytes, friends, friends_of_friends,
                      strangers, port_min, port_max, gather, addresses, allow_peers, deny_peers)},
      {"metrics", count(metrics_listen, allow_public)},
      {"log", count(level, format, lines_per_second)},
  };
}

TEST(Options, HaveOneRowForEachMemberOfTheConfig) {
  std::map<std::string_view, size_t> rows;
  for (const Option& option : options()) ++rows[option.section()];
  EXPECT_EQ(rows, members_by_section());
}

TEST(Options, EachRowReadsAndWritesAMemberOfItsOwn) {
  // Changing one option through the table changes what that row writes, and no other row.
  const std::map<std::string_view, std::string> other_values = {
      {"node.state_dir", "\"x\""},
      {"node.listen", "[]"},
      {"node.port", "1"},
      {"node.role", "\"leaf\""},
      {"node.external_addresses", "[\"192.0.2.1\"]"},
      {"store.engine", "\"rocksdb\""},
      {"tls.certificate", "\"x\""},
      {"tls.key", "\"x\""},
      {"donate.bandwidth", "0"},
      {"donate.monthly", "0"},
      {"donate.memory", "\"1 GiB\""},
      {"donate.disk", "0"},
      {"donate.connections", "1"},
      {"admission.packets_per_second_per_prefix", "1"},
      {"admission.connections_per_prefix", "1"},
      {"admission.prefixes", "4"},
      {"stun.enabled", "false"},
      {"stun.classic", "false"},
      {"stun.software", "\"x\""},
      {"stun.discovery_addresses", "[\"192.0.2.1\"]"},
      {"stun.discovery_port", "1"},
      {"dht.enabled", "false"},
      {"dht.bootstrap", "[\"dht.example.org:6881\", \"192.0.2.1:1\", \"[2001:db8::1]:2\"]"},
      {"dht.network", "\"x\""},
      {"dht.memory_percent", "11"},
      {"dht.pings_per_second", "21"},
      {"dht.peers", "1000"},
      {"dht.items", "16"},
      {"dht.admit_private_addresses", "true"},
      {"relay.enabled", "false"},
      {"relay.realm", "\"x\""},
      {"relay.users", "{ \"a\" = \"x\" }"},
      {"relay.shared_secret", "\"x\""},
      {"relay.allocations", "1"},
      {"relay.allocations_per_user", "1"},
      {"relay.allocations_per_prefix", "1"},
      {"relay.stranger_allocations", "0"},
      {"relay.stranger_allocations_per_user", "1"},
      {"relay.stranger_bandwidth", "0"},
      {"relay.stranger_bytes", "0"},
      {"relay.stranger_time", "\"5 min\""},
      {"relay.stranger_renewal", "\"6 h\""},
      {"relay.stranger_work", "1"},
      {"relay.consent", "false"},
      {"relay.credentials_lifetime", "\"2 h\""},
      {"relay.permissions_per_allocation", "1"},
      {"relay.channels_per_allocation", "1"},
      {"relay.connections", "1"},
      {"relay.connections_per_allocation", "1"},
      {"relay.lifetime_max", "\"2 h\""},
      {"relay.allocation_bandwidth", "0"},
      {"relay.allocation_bytes", "0"},
      {"relay.friends_percent", "1"},
      {"relay.friends_of_friends_percent", "1"},
      {"relay.strangers_percent", "1"},
      {"relay.port_min", "2000"},
      {"relay.port_max", "60000"},
      {"relay.gather", "\"1 ms\""},
      {"relay.addresses", "[\"192.0.2.1\"]"},
      {"relay.allow_peers", "[\"192.0.2.0/24\"]"},
      {"relay.deny_peers", "[\"2001:db8::/32\"]"},
      {"metrics.listen", "\"\""},
      {"metrics.allow_public", "true"},
      {"log.level", "\"debug\""},
      {"log.format", "\"human\""},
      {"log.lines_per_second", "1"},
  };
  ASSERT_EQ(other_values.size(), options().size());
  for (const Option& changed : options()) {
    SCOPED_TRACE(changed.full_name);
    const std::string& value = other_values.at(changed.full_name);
    const auto file = parse_toml("s.v = " + value);
    ASSERT_TRUE(file);
    node::Config config;
    ASSERT_TRUE(read_value(changed.kind, file->sections[0].entries[0].value, config).empty());
    for (const Option& option : options()) {
      const std::string written = value_text(option.kind, config);
      const std::string before = value_text(option.kind, node::Config());
      EXPECT_EQ(written, &option == &changed ? value : before) << option.full_name;
      EXPECT_NE(before, other_values.at(option.full_name));
    }
  }
}

TEST(Options, DefaultsAreWithinTheirBounds) {
  for (const Option& option : options()) {
    const auto file = parse_toml("s.v = " + value_text(option.kind, node::Config()));
    ASSERT_TRUE(file) << option.full_name;
    node::Config config;
    const auto problems = read_value(option.kind, file->sections[0].entries[0].value, config);
    EXPECT_TRUE(problems.empty()) << option.full_name << ": " << problems.front().text;
  }
  EXPECT_TRUE(node::find_problems(node::Config()).empty());
}

TEST(Options, AreNamedOnceAndGroupedBySection) {
  std::set<std::string_view> names;
  for (const Option& option : options()) {
    EXPECT_TRUE(names.insert(option.full_name).second) << option.full_name;
    EXPECT_EQ(std::string(option.section()) + '.' + std::string(option.name()), option.full_name);
    EXPECT_EQ(find_option(option.full_name), &option);
  }
  EXPECT_EQ(find_option("donate.bandwith"), nullptr);
  EXPECT_EQ(find_option(""), nullptr);
  const auto sections = section_names();
  EXPECT_EQ(sections, (std::vector<std::string_view>{"node", "store", "tls", "donate", "admission",
                                                     "stun", "dht", "relay", "metrics", "log"}));
}

TEST(Options, MeaningsAreShortSentences) {
  for (const Option& option : options()) {
    SCOPED_TRACE(option.full_name);
    EXPECT_TRUE(option.meaning.ends_with('.'));
    EXPECT_FALSE(option.meaning.starts_with('.'));
    EXPECT_LE(option.meaning.size(), 200u);
    EXPECT_EQ(option.meaning.find("  "), std::string_view::npos);
    EXPECT_EQ(option.meaning.find('\n'), std::string_view::npos);
    EXPECT_FALSE(expected(option.kind).empty());
  }
}

TEST(Options, SayWhatAReloadDoes) {
  EXPECT_EQ(reload_note(Reload::kTakenOver), "");
  EXPECT_EQ(reload_note(Reload::kUpToStart), "More than at start needs a restart.");
  EXPECT_EQ(reload_note(Reload::kRestart), "Another value needs a restart.");
  EXPECT_EQ(find_option("donate.connections")->reload, Reload::kUpToStart);
  EXPECT_EQ(find_option("donate.bandwidth")->reload, Reload::kTakenOver);
  EXPECT_EQ(find_option("node.port")->reload, Reload::kRestart);
}

}  // namespace
}  // namespace roost::app
