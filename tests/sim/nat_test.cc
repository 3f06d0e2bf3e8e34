// SPDX-License-Identifier: MIT
//
// Goal: a NAT maps, filters and forgets as RFC 4787 says NATs of its kind do.
// Method: each kind of mapping with each kind of filtering, and moments at both sides of a bound.
#include "sim/nat.h"

#include <gtest/gtest.h>
#include <set>

namespace roost::sim {
namespace {

using namespace std::chrono_literals;

constexpr Endpoint kInner{IpAddress::v4(0x0a000001), 5000};
constexpr Endpoint kNeighbour{IpAddress::v4(0x0a000002), 5000};
constexpr IpAddress kOuter = IpAddress::v4(0x14000001);
constexpr IpAddress kOtherOuter = IpAddress::v4(0x14000101);
constexpr Endpoint kServer{IpAddress::v4(0x1e000001), 3478};
constexpr Endpoint kServerOtherPort{IpAddress::v4(0x1e000001), 3479};
constexpr Endpoint kServerOtherAddress{IpAddress::v4(0x1e000002), 3478};
constexpr Endpoint kServers[] = {kServer, kServerOtherPort, kServerOtherAddress};
constexpr Dependence kDependences[] = {Dependence::kEndpoint, Dependence::kAddress,
                                       Dependence::kAddressAndPort};
constexpr MonoTime kStart(1h);

class NatTest : public testing::Test {
 protected:
  static Nat make(const NatOptions& options = {}) {
    return Nat(options, options.translates ? std::vector{kOuter} : std::vector<IpAddress>());
  }
  // What must get out.
  Endpoint out(Nat& nat, const Endpoint& source, const Endpoint& destination, Duration at = {},
               Protocol protocol = Protocol::kUdp) {
    const auto outer = nat.outbound(kStart + at, protocol, source, destination, dice_);
    EXPECT_TRUE(outer.has_value());
    nat.check_invariants();
    return outer.value_or(Endpoint());
  }
  static bool gets_in(Nat& nat, const Endpoint& source, const Endpoint& outer, Duration at = {},
                      Protocol protocol = Protocol::kUdp) {
    const auto inner = nat.inbound(kStart + at, protocol, source, outer);
    nat.check_invariants();
    EXPECT_EQ(inner.value_or(kInner), kInner);
    return inner.has_value();
  }

  Dice dice_{1};
};

TEST_F(NatTest, KeepsTheOuterEndpointAsFarAsItsMappingDependsOnTheDestination) {
  struct Row {
    Dependence mapping;
    bool is_kept_for_another_port;
    bool is_kept_for_another_address;
  };
  constexpr Row kRows[] = {
      {Dependence::kEndpoint, true, true},
      {Dependence::kAddress, true, false},
      {Dependence::kAddressAndPort, false, false},
  };
  for (const Row& row : kRows) {
    for (const PortChoice ports : {PortChoice::kPreserved, PortChoice::kRandom}) {
      Nat nat = make({.mapping = row.mapping, .ports = ports});
      const Endpoint outer = out(nat, kInner, kServer);
      EXPECT_EQ(outer.address, kOuter);
      EXPECT_EQ(outer, out(nat, kInner, kServer));
      EXPECT_EQ(row.is_kept_for_another_port, outer == out(nat, kInner, kServerOtherPort));
      EXPECT_EQ(row.is_kept_for_another_address, outer == out(nat, kInner, kServerOtherAddress));
      EXPECT_EQ(outer, out(nat, kInner, kServer));
    }
  }
}

TEST_F(NatTest, LetsInWhomItsFilteringLetsInWhateverItsMapping) {
  struct Row {
    Dependence filtering;
    bool lets_in[3];  // The one that was sent to, its other port, another address.
  };
  constexpr Row kRows[] = {
      {Dependence::kEndpoint, {true, true, true}},
      {Dependence::kAddress, {true, true, false}},
      {Dependence::kAddressAndPort, {true, false, false}},
  };
  for (const Dependence mapping : kDependences) {
    for (const Row& row : kRows) {
      Nat nat = make({.mapping = mapping, .filtering = row.filtering});
      const Endpoint outer = out(nat, kInner, kServer);
      uint64_t filtered = 0;
      for (size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(row.lets_in[i], gets_in(nat, kServers[i], outer)) << i;
        filtered += !row.lets_in[i];
      }
      EXPECT_EQ(nat.stats().filtered, filtered);
      EXPECT_EQ(nat.stats().unknown, 0u);
    }
  }
}

TEST_F(NatTest, LetsInWhomAMappingOfTheSameEndpointWasUsedForLater) {
  Nat nat = make();
  const Endpoint outer = out(nat, kInner, kServer);
  EXPECT_FALSE(gets_in(nat, kServerOtherAddress, outer));
  out(nat, kInner, kServerOtherAddress);
  EXPECT_TRUE(gets_in(nat, kServerOtherAddress, outer));
  EXPECT_FALSE(gets_in(nat, kServerOtherPort, outer));
}

TEST_F(NatTest, KnowsNobodyBehindAPortWithoutAMapping) {
  Nat nat = make({.filtering = Dependence::kEndpoint});
  EXPECT_FALSE(gets_in(nat, kServer, {kOuter, 5000}));
  const Endpoint outer = out(nat, kInner, kServer);
  EXPECT_FALSE(gets_in(nat, kServer, {kOuter, static_cast<uint16_t>(outer.port + 1)}));
  EXPECT_FALSE(gets_in(nat, kServer, outer, 0s, Protocol::kTcp));
  EXPECT_EQ(nat.stats().unknown, 3u);
}

TEST_F(NatTest, PreservesThePortWhereItIsFree) {
  Nat nat = make();
  EXPECT_EQ(out(nat, kInner, kServer), (Endpoint{kOuter, 5000}));
  EXPECT_EQ(out(nat, kInner, kServer, 0s, Protocol::kTcp), (Endpoint{kOuter, 5000}));
  const Endpoint taken = out(nat, kNeighbour, kServer);
  EXPECT_NE(taken.port, 5000);
  EXPECT_GE(taken.port, 1024);
  // The well-known ports are left alone.
  EXPECT_GE(out(nat, {kInner.address, 80}, kServer).port, 1024);
  EXPECT_EQ(out(nat, {kInner.address, 1024}, kServer).port, 1024);
}

TEST_F(NatTest, PreservesNoPortWhereItChoosesThemByChance) {
  Nat nat = make({.ports = PortChoice::kRandom});
  int preserved = 0;
  for (uint16_t port = 5000; port < 5100; ++port) {
    preserved += out(nat, {kInner.address, port}, kServer).port == port;
  }
  EXPECT_LE(preserved, 1);
}

TEST_F(NatTest, GivesNoPortToTwoMappings) {
  for (const PortChoice ports : {PortChoice::kPreserved, PortChoice::kRandom}) {
    Nat nat = make({.mapping = Dependence::kAddressAndPort, .ports = ports});
    std::set<Endpoint> seen;
    for (uint16_t port = 5000; port < 5100; ++port) {
      for (const Endpoint& server : kServers) {
        seen.insert(out(nat, {kInner.address, port}, server));
        seen.insert(out(nat, {kNeighbour.address, port}, server));
      }
    }
    EXPECT_EQ(seen.size(), 600u);
    EXPECT_EQ(nat.mapping_count(), 600u);
  }
}

TEST_F(NatTest, PairsEachInnerAddressWithOneOuterAddress) {
  Nat nat({}, {kOuter, kOtherOuter});
  EXPECT_TRUE(nat.owns(kOuter));
  EXPECT_TRUE(nat.owns(kOtherOuter));
  EXPECT_FALSE(nat.owns(kInner.address));
  const Endpoint outer = out(nat, kInner, kServer);
  const Endpoint other = out(nat, kNeighbour, kServer);
  EXPECT_NE(outer.address, other.address);
  for (uint16_t port = 6000; port < 6020; ++port) {
    EXPECT_EQ(out(nat, {kInner.address, port}, kServer).address, outer.address);
    EXPECT_EQ(out(nat, {kNeighbour.address, port}, kServer).address, other.address);
  }
}

// REQ-9: an inner host is reached through the outer endpoint, and sees the outer one of the other.
TEST_F(NatTest, HairpinsThroughBothMappings) {
  Nat nat = make({.hairpins = true});
  const Endpoint outer = out(nat, kInner, kServer);
  const Endpoint neighbour = out(nat, kNeighbour, outer);
  EXPECT_EQ(neighbour.address, kOuter);
  EXPECT_FALSE(gets_in(nat, neighbour, outer));  // It never sent there.
  out(nat, kInner, neighbour);
  EXPECT_TRUE(gets_in(nat, neighbour, outer));
  EXPECT_FALSE(gets_in(nat, kNeighbour, outer));  // By its inner name it is a stranger.
}

TEST_F(NatTest, ForgetsAMappingThatIsNotUsedForItsLifetime) {
  struct Row {
    Protocol protocol;
    Duration lifetime;
  };
  constexpr Row kRows[] = {{Protocol::kUdp, 2min}, {Protocol::kTcp, 124min}};
  for (const auto& [protocol, lifetime] : kRows) {
    Nat nat = make({.filtering = Dependence::kEndpoint, .ports = PortChoice::kRandom});
    const Endpoint outer = out(nat, kInner, kServer, 0s, protocol);
    EXPECT_TRUE(gets_in(nat, kServer, outer, lifetime - 1us, protocol));
    EXPECT_FALSE(gets_in(nat, kServer, outer, lifetime, protocol));
    EXPECT_EQ(nat.stats().unknown, 1u);
    EXPECT_EQ(nat.mapping_count(), 0u);

    const Endpoint later = out(nat, kInner, kServer, lifetime, protocol);
    EXPECT_NE(later, outer);
    EXPECT_EQ(later, out(nat, kInner, kServerOtherAddress, 2 * lifetime - 1us, protocol));
    EXPECT_TRUE(gets_in(nat, kServer, later, 3 * lifetime - 2us, protocol));
    EXPECT_NE(later, out(nat, kInner, kServer, 3 * lifetime - 1us, protocol));
  }
}

TEST_F(NatTest, IsRefreshedFromOutsideOnlyIfItIsOfThatKind) {
  for (const bool refreshes : {false, true}) {
    for (const Dependence filtering : kDependences) {
      Nat nat = make({.filtering = filtering, .inbound_refreshes = refreshes});
      const Endpoint outer = out(nat, kInner, kServer);
      EXPECT_TRUE(gets_in(nat, kServer, outer, 119s));
      EXPECT_EQ(refreshes, gets_in(nat, kServer, outer, 238s));
      EXPECT_FALSE(gets_in(nat, kServer, outer, 238s + 2min));
    }
  }
}

TEST_F(NatTest, IsNotRefreshedByThoseWhomItFilters) {
  Nat nat = make({.inbound_refreshes = true});
  const Endpoint outer = out(nat, kInner, kServer);
  EXPECT_FALSE(gets_in(nat, kServerOtherAddress, outer, 119s));
  EXPECT_FALSE(gets_in(nat, kServer, outer, 2min));
}

TEST_F(NatTest, ForgetsWhomItLetsInEarlierThanTheMapping) {
  Nat nat = make();
  const Endpoint outer = out(nat, kInner, kServer);
  EXPECT_EQ(outer, out(nat, kInner, kServerOtherAddress, 1min));
  EXPECT_TRUE(gets_in(nat, kServer, outer, 2min - 1us));
  EXPECT_FALSE(gets_in(nat, kServer, outer, 2min));
  EXPECT_TRUE(gets_in(nat, kServerOtherAddress, outer, 2min));
}

TEST_F(NatTest, LetsNothingNewOutWhileItsTableIsFull) {
  Nat nat = make({.mappings_max = 2});
  const Endpoint outer = out(nat, kInner, kServer);
  out(nat, {kInner.address, 5001}, kServer, 1min);
  EXPECT_EQ(nat.outbound(kStart + 1min, Protocol::kUdp, kNeighbour, kServer, dice_), std::nullopt);
  EXPECT_EQ(nat.stats().table_full, 1u);
  EXPECT_EQ(outer, out(nat, kInner, kServerOtherPort, 1min));
  EXPECT_EQ(nat.mapping_count(), 2u);
  // The first two end together, and make room.
  out(nat, kNeighbour, kServer, 3min);
  EXPECT_EQ(nat.mapping_count(), 1u);
  EXPECT_EQ(nat.stats().table_full, 1u);
}

TEST_F(NatTest, MakesRoomForANewPeerByForgettingTheOneThatEndsFirst) {
  Nat nat = make({.permissions_max = 2});
  const Endpoint outer = out(nat, kInner, kServer);
  out(nat, kInner, kServerOtherPort, 1s);
  out(nat, kInner, kServer, 2s);
  out(nat, kInner, kServerOtherAddress, 3s);
  EXPECT_TRUE(gets_in(nat, kServer, outer, 3s));
  EXPECT_FALSE(gets_in(nat, kServerOtherPort, outer, 3s));
  EXPECT_TRUE(gets_in(nat, kServerOtherAddress, outer, 3s));
}

TEST_F(NatTest, TellsItsMappingWithoutATraceOfTheQuestion) {
  for (const Dependence mapping : kDependences) {
    Nat nat = make({.mapping = mapping, .ports = PortChoice::kRandom});
    const auto told = [&](const Endpoint& server, Duration at) {
      return nat.mapping_of(kStart + at, Protocol::kUdp, kInner, server);
    };
    EXPECT_EQ(told(kServer, 0s), std::nullopt);
    EXPECT_EQ(nat.mapping_count(), 0u);
    const Endpoint outer = out(nat, kInner, kServer);
    EXPECT_EQ(told(kServer, 0s), outer);
    const bool is_kept = mapping != Dependence::kAddressAndPort;
    EXPECT_EQ(told(kServerOtherPort, 0s), is_kept ? std::optional(outer) : std::nullopt);
    EXPECT_EQ(nat.mapping_of(kStart, Protocol::kTcp, kInner, kServer), std::nullopt);
    EXPECT_EQ(told(kServer, 2min - 1us), outer);
    EXPECT_EQ(told(kServer, 2min), std::nullopt);
  }
}

TEST_F(NatTest, ForgetsEverythingWhenItReboots) {
  Nat nat = make({.filtering = Dependence::kEndpoint, .ports = PortChoice::kRandom});
  const Endpoint outer = out(nat, kInner, kServer);
  nat.reboot();
  nat.check_invariants();
  EXPECT_EQ(nat.mapping_count(), 0u);
  EXPECT_FALSE(gets_in(nat, kServer, outer));
  EXPECT_NE(outer, out(nat, kInner, kServer));
}

TEST_F(NatTest, AsAFirewallTranslatesNothingAndFiltersAllTheSame) {
  constexpr Endpoint kHost{{0x2a00'0000'0000'0000, 1}, 80};
  constexpr Endpoint kPeer{{0x2a00'0000'0000'0100, 1}, 3478};
  constexpr Endpoint kPeerOtherPort{{0x2a00'0000'0000'0100, 1}, 3479};
  constexpr Endpoint kStranger{{0x2a00'0000'0000'0200, 1}, 3478};
  for (const Dependence mapping : kDependences) {
    for (const Dependence filtering : kDependences) {
      Nat firewall = make({.mapping = mapping, .filtering = filtering, .translates = false});
      const auto gets_in = [&](const Endpoint& source, Duration at) {
        return firewall.inbound(kStart + at, Protocol::kUdp, source, kHost) == kHost;
      };
      EXPECT_FALSE(firewall.owns(kHost.address));
      EXPECT_FALSE(gets_in(kPeer, 0s));
      EXPECT_EQ(out(firewall, kHost, kPeer), kHost);
      EXPECT_EQ(firewall.mapping_of(kStart, Protocol::kUdp, kHost, kStranger), kHost);
      EXPECT_TRUE(gets_in(kPeer, 0s));
      EXPECT_EQ(gets_in(kPeerOtherPort, 0s), filtering != Dependence::kAddressAndPort);
      EXPECT_EQ(gets_in(kStranger, 0s), filtering == Dependence::kEndpoint);
      EXPECT_FALSE(gets_in(kPeer, 2min));
      out(firewall, kHost, kPeer, 3min);
      firewall.reboot();
      EXPECT_FALSE(gets_in(kPeer, 3min));
    }
  }
}

TEST(NatKind, StandsForAChainOfNats) {
  struct Row {
    NatKind kind;
    std::string_view name;
    std::vector<std::pair<Dependence, Dependence>> mapping_and_filtering;
  };
  using enum Dependence;
  const Row rows[] = {
      {NatKind::kNone, "none", {}},
      {NatKind::kFullCone, "full_cone", {{kEndpoint, kEndpoint}}},
      {NatKind::kAddressRestricted, "address_restricted", {{kEndpoint, kAddress}}},
      {NatKind::kPortRestricted, "port_restricted", {{kEndpoint, kAddressAndPort}}},
      {NatKind::kSymmetric, "symmetric", {{kAddressAndPort, kAddressAndPort}}},
      {NatKind::kCarrierGrade,
       "carrier_grade",
       {{kEndpoint, kAddressAndPort}, {kEndpoint, kAddress}}},
  };
  EXPECT_EQ(std::size(rows), kNatKindCount);
  for (const Row& row : rows) {
    EXPECT_EQ(label(row.kind), row.name);
    std::vector<std::pair<Dependence, Dependence>> found;
    for (const NatOptions& nat : nat_chain(row.kind)) {
      EXPECT_TRUE(nat.translates);
      found.emplace_back(nat.mapping, nat.filtering);
    }
    EXPECT_EQ(found, row.mapping_and_filtering) << row.name;
  }
  EXPECT_TRUE(nat_chain(NatKind::kCarrierGrade).back().hairpins);
}

TEST(NatDeathTest, HasOuterAddressesExactlyIfItTranslates) {
  EXPECT_DEATH(Nat({}, {}), "broken invariant");
  EXPECT_DEATH(Nat({.translates = false}, {kOuter}), "broken invariant");
  EXPECT_DEATH(Nat({.mappings_max = 0}, {kOuter}), "broken invariant");
}

}  // namespace
}  // namespace roost::sim
