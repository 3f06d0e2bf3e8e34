// SPDX-License-Identifier: MIT
//
// Goal: a relayed address is bound where the client expects it, shown as the world sees it, and
// every address of ours is known as ours.
// Method: tables of {where the client came in, what is configured, expected address}.
#include "core/turn/addresses.h"

#include <gtest/gtest.h>

namespace roost::core::turn {
namespace {

IpAddress ip(std::string_view text) {
  const auto parsed = IpAddress::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(IpAddress());
}

std::vector<IpAddress> ips(std::initializer_list<std::string_view> texts) {
  std::vector<IpAddress> result;
  for (const std::string_view text : texts) result.push_back(ip(text));
  return result;
}

TEST(Addresses, AreBoundWhereTheClientCameInOrElseToTheFirstConfigured) {
  const auto two = ips({"2a00::1", "5.5.5.5", "5.5.5.6", "2a00::2"});
  struct Row {
    const char* came_in_at;
    Family family;
    std::vector<IpAddress> relay;
    const char* expect;  // Null: nowhere.
  };
  const Row kRows[] = {
      {"5.5.5.6", Family::kV4, two, "5.5.5.6"},
      {"7.7.7.7", Family::kV4, two, "7.7.7.7"},
      {"7.7.7.7", Family::kV4, {}, "7.7.7.7"},
      {"7.7.7.7", Family::kV6, two, "2a00::1"},
      {"7.7.7.7", Family::kV6, {}, nullptr},
      {"7.7.7.7", Family::kV6, ips({"5.5.5.5"}), nullptr},
      {"2a00::9", Family::kV6, two, "2a00::9"},
      {"2a00::9", Family::kV4, two, "5.5.5.5"},
      {"2a00::9", Family::kV4, ips({"2a00::1"}), nullptr},
      // A wildcard says nothing about where the client came in.
      {"0.0.0.0", Family::kV4, two, "5.5.5.5"},
      {"0.0.0.0", Family::kV6, two, "2a00::1"},
      {"0.0.0.0", Family::kV4, {}, nullptr},
      {"::", Family::kV6, two, "2a00::1"},
      {"::", Family::kV4, two, "5.5.5.5"},
      {"::", Family::kV6, ips({"5.5.5.5"}), nullptr},
  };
  for (const Row& row : kRows) {
    Flow flow;
    flow.local.endpoint = {ip(row.came_in_at), 3478};
    const auto found = Addresses({row.relay, {}, {}}).for_relay(flow, row.family);
    EXPECT_EQ(found.has_value(), row.expect != nullptr) << row.came_in_at;
    if (found && row.expect != nullptr) {
      EXPECT_EQ(found->text(), row.expect);
    }
  }
}

TEST(Addresses, AreShownAsTheWorldSeesThemWithTheSamePort) {
  const Addresses behind_nat({{}, ips({"9.9.9.9", "8.8.8.8"}), {}});
  EXPECT_EQ(behind_nat.advertised({ip("10.0.0.5"), 50000}), (Endpoint{ip("9.9.9.9"), 50000}));
  // None of the family: as bound.
  EXPECT_EQ(behind_nat.advertised({ip("2a00::1"), 50000}), (Endpoint{ip("2a00::1"), 50000}));
  const Addresses both({{}, ips({"2a00::9", "9.9.9.9"}), {}});
  EXPECT_EQ(both.advertised({ip("fd00::1"), 7}), (Endpoint{ip("2a00::9"), 7}));
  EXPECT_EQ(both.advertised({ip("10.0.0.5"), 7}), (Endpoint{ip("9.9.9.9"), 7}));
  EXPECT_EQ(Addresses({}).advertised({ip("10.0.0.5"), 7}), (Endpoint{ip("10.0.0.5"), 7}));
}

TEST(Addresses, LeadWhereTheWorldIsToldTheyDo) {
  struct Row {
    const char* what;
    const char* came_in_at;
    std::vector<IpAddress> relay;
    std::vector<IpAddress> external;
    Family family;
    const char* bound;
    const char* shown;
  };
  const auto v4 = Family::kV4;
  const auto v6 = Family::kV6;
  const Row kRows[] = {
      {"1:1 NAT, unnamed", "10.0.0.5", {}, ips({"5.5.5.5"}), v4, "10.0.0.5", "5.5.5.5"},
      {"1:1 NAT", "10.0.0.5", ips({"10.0.0.5"}), ips({"5.5.5.5"}), v4, "10.0.0.5", "5.5.5.5"},
      // Whom a router sends back, or who is behind it with us, reaches the same address.
      {"1:1 NAT, VPN", "10.8.0.1", ips({"10.0.0.5"}), ips({"5.5.5.5"}), v4, "10.0.0.5", "5.5.5.5"},
      {"1:1 NAT, probed", "127.0.0.1", ips({"10.0.0.5"}), ips({"5.5.5.5"}), v4, "10.0.0.5",
       "5.5.5.5"},
      {"public, VPN", "10.8.0.1", ips({"5.5.5.5"}), ips({"5.5.5.5"}), v4, "5.5.5.5", "5.5.5.5"},
      {"public", "5.5.5.5", ips({"5.5.5.5"}), ips({"5.5.5.5"}), v4, "5.5.5.5", "5.5.5.5"},
      {"public, not external", "10.8.0.1", ips({"5.5.5.5"}), {}, v4, "10.8.0.1", "10.8.0.1"},
      {"two public", "5.5.5.6", ips({"5.5.5.5"}), ips({"5.5.5.5", "5.5.5.6"}), v4, "5.5.5.6",
       "5.5.5.6"},
      {"one of two external", "5.5.5.6", ips({"5.5.5.5", "5.5.5.6"}), ips({"5.5.5.5"}), v4,
       "5.5.5.5", "5.5.5.5"},
      {"two 1:1 NATs, first", "10.0.0.5", ips({"10.0.0.5", "10.0.0.6"}),
       ips({"5.5.5.5", "5.5.5.6"}), v4, "10.0.0.5", "5.5.5.5"},
      {"two 1:1 NATs, second", "10.0.0.6", ips({"10.0.0.5", "10.0.0.6"}),
       ips({"5.5.5.5", "5.5.5.6"}), v4, "10.0.0.6", "5.5.5.6"},
      {"two 1:1 NATs, wildcard", "0.0.0.0", ips({"10.0.0.5", "10.0.0.6"}),
       ips({"5.5.5.5", "5.5.5.6"}), v4, "10.0.0.5", "5.5.5.5"},
      // A family without an external address is as if there were none.
      {"IPv6 beside", "2a00::9", ips({"2a00::1", "10.0.0.5"}), ips({"5.5.5.5"}), v6, "2a00::9",
       "2a00::9"},
      {"ULA beside", "fd00::9", ips({"2a00::1", "10.0.0.5"}), ips({"5.5.5.5"}), v6, "fd00::9",
       "fd00::9"},
      {"over IPv6 to IPv4", "2a00::9", ips({"2a00::1", "10.0.0.5"}), ips({"5.5.5.5"}), v4,
       "10.0.0.5", "5.5.5.5"},
      {"over IPv4 to IPv6", "10.0.0.5", ips({"10.0.0.5", "2a00::1"}), ips({"5.5.5.5"}), v6,
       "2a00::1", "2a00::1"},
      {"ULA, external", "fd00::9", ips({"10.0.0.5", "2a00::1"}), ips({"5.5.5.5", "2a00::1"}), v6,
       "2a00::1", "2a00::1"},
  };
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.what);
    Flow flow;
    flow.local.endpoint = {ip(row.came_in_at), 3478};
    const Addresses addresses({row.relay, row.external, {}});
    const auto bound = addresses.for_relay(flow, row.family);
    ASSERT_TRUE(bound.has_value());
    EXPECT_EQ(bound->text(), row.bound);
    const Endpoint shown = addresses.advertised({*bound, 50000});
    EXPECT_EQ(shown.address.text(), row.shown);
    EXPECT_EQ(shown.port, 50000);
  }
}

TEST(Addresses, AreOursFromWhicheverListTheyAre) {
  const Addresses addresses({ips({"5.5.5.5"}), ips({"9.9.9.9"}), ips({"10.0.0.5", "::1"})});
  for (const char* text : {"5.5.5.5", "9.9.9.9", "10.0.0.5", "::1", "::ffff:5.5.5.5"}) {
    EXPECT_TRUE(addresses.is_ours(ip(text))) << text;
  }
  for (const char* text : {"5.5.5.6", "::", "0.0.0.0", "127.0.0.1", "::5.5.5.5", "10.0.0.4"}) {
    EXPECT_FALSE(addresses.is_ours(ip(text))) << text;
  }
}

TEST(Addresses, KnowWhatTheMachineHasLost) {
  const IpAddress kept = IpAddress::v4(0x0b000001);
  const IpAddress lost = IpAddress::v4(0x0b000002);
  const IpAddress named = IpAddress::v4(0x0b000003);  // By the owner, and never the machine's.
  Addresses::Options options;
  options.relay = {named};
  options.own = {kept, lost};
  const Addresses before(options);
  options.own = {kept};
  options.relay = {};
  const Addresses now(options);
  EXPECT_TRUE(now.has_lost(before, lost));
  EXPECT_FALSE(now.has_lost(before, kept));
  EXPECT_FALSE(now.has_lost(before, named));
  EXPECT_FALSE(now.has_lost(now, lost));
}

}  // namespace
}  // namespace roost::core::turn
