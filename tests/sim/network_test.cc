// SPDX-License-Identifier: MIT
//
// Goal: packets arrive where their addresses mean somebody, from whom the NATs make of the sender,
// and the network knows beforehand whom that will be.
// Method: hosts in nested realms on perfect lines, and what each of them receives.
#include "sim/network.h"

#include <deque>
#include <gtest/gtest.h>
#include <utility>

namespace roost::sim {
namespace {

using namespace std::chrono_literals;

using RealmId = Network::RealmId;
using AttachmentId = Network::AttachmentId;
using Loss = Network::Loss;

constexpr Endpoint kServer{IpAddress::v4(0x1e000001), 3478};
constexpr Endpoint kServerOtherPort{kServer.address, 3479};
constexpr Endpoint kServerOtherAddress{IpAddress::v4(0x1e000101), 3478};
constexpr Endpoint kServerV6{{0x2a00'0000'0000'0000, 1}, 3478};
constexpr IpAddress kHomeOuter = IpAddress::v4(0x14000001);
constexpr Endpoint kInner{IpAddress::v4(0x0a000001), 5000};
constexpr Endpoint kNeighbour{IpAddress::v4(0x0a000002), 6000};
constexpr Endpoint kInnerV6{{0x2a00'0000'0000'0100, 1}, 5000};
constexpr Dependence kDependences[] = {Dependence::kEndpoint, Dependence::kAddress,
                                       Dependence::kAddressAndPort};

class Box final : public Network::Receiver {
 public:
  void receive(Packet packet) override { packets.push_back(std::move(packet)); }

  std::vector<Packet> packets;
};

class NetworkTest : public testing::Test {
 protected:
  struct Station {
    AttachmentId attachment;
    Box* box;
  };

  Station add(RealmId realm, const std::vector<IpAddress>& addresses) {
    Box& box = boxes_.emplace_back();
    return {network_.attach(realm, addresses, box, kPerfectLink), &box};
  }
  Station add_server() {
    return add(Network::kInternet,
               {kServer.address, kServerOtherAddress.address, kServerV6.address});
  }
  RealmId add_home(const NatOptions& nat = {}, const NatOptions& firewall = {},
                   RealmId outside = Network::kInternet, IpAddress outer = kHomeOuter) {
    return network_.add_realm(outside, nat, firewall, {outer}, kPerfectLink);
  }

  static Packet packet(const Endpoint& from, const Endpoint& to,
                       PacketKind kind = PacketKind::kDatagram) {
    return {kind, 0, from, to, {1, 2, 3}};
  }
  // Sends, lets it arrive, and says from whom and to whom it did; nothing if it did not.
  std::optional<std::pair<Endpoint, Endpoint>> deliver(const Station& from, const Station& to,
                                                       const Packet& packet) {
    network_.send(from.attachment, packet);
    return arrival(to);
  }
  std::optional<std::pair<Endpoint, Endpoint>> arrival(const Station& to) {
    schedule_.run_until(schedule_.now());
    network_.check_invariants();
    if (to.box->packets.empty()) return {};
    EXPECT_EQ(to.box->packets.size(), 1u);
    const Packet arrived = std::move(to.box->packets.back());
    to.box->packets.clear();
    EXPECT_EQ(arrived.payload, (std::vector<uint8_t>{1, 2, 3}));
    return std::pair(arrived.source, arrived.destination);
  }

  Schedule schedule_;
  Dice dice_{1};
  Network network_{schedule_, dice_};
  std::deque<Box> boxes_;
};

TEST_F(NetworkTest, DeliversBetweenHostsOfTheInternet) {
  const Station server = add_server();
  const Station host = add(Network::kInternet, {kHomeOuter});
  const Endpoint from{kHomeOuter, 5000};
  EXPECT_EQ(deliver(host, server, packet(from, kServer)), std::pair(from, kServer));
  EXPECT_EQ(deliver(server, host, packet(kServer, from)), std::pair(kServer, from));
  EXPECT_EQ(network_.delivered(), 2u);
  EXPECT_EQ(network_.seen_from(host.attachment, Protocol::kUdp, from, kServer), from);
}

TEST_F(NetworkTest, CallsNobodyWhileSending) {
  const Station server = add_server();
  network_.send(server.attachment, packet(kServer, kServerOtherAddress));
  EXPECT_TRUE(server.box->packets.empty());
  EXPECT_TRUE(arrival(server).has_value());
}

TEST_F(NetworkTest, CountsWhatIsSentToNobody) {
  const Station server = add_server();
  EXPECT_EQ(deliver(server, server, packet(kServer, {kHomeOuter, 1})), std::nullopt);
  EXPECT_EQ(network_.lost(Loss::kNoSuchHost), 1u);
  EXPECT_EQ(network_.delivered(), 0u);
  EXPECT_EQ(network_.seen_from(server.attachment, Protocol::kUdp, kServer, {kHomeOuter, 1}),
            std::nullopt);
}

TEST_F(NetworkTest, TranslatesThereAndBack) {
  const Station server = add_server();
  const RealmId home = add_home();
  const Station host = add(home, {kInner.address});
  const Endpoint outer{kHomeOuter, kInner.port};
  EXPECT_EQ(deliver(server, host, packet(kServer, outer)), std::nullopt);
  EXPECT_EQ(network_.lost(Loss::kNat), 1u);
  EXPECT_EQ(deliver(host, server, packet(kInner, kServer)), std::pair(outer, kServer));
  EXPECT_EQ(deliver(server, host, packet(kServer, outer)), std::pair(kServer, kInner));
  EXPECT_EQ(network_.nat(home).mapping_count(), 1u);
}

TEST_F(NetworkTest, LosesWhatAFullNatDoesNotLetOut) {
  const Station server = add_server();
  const Station host = add(add_home({.mappings_max = 1}), {kInner.address});
  EXPECT_TRUE(deliver(host, server, packet(kInner, kServer)).has_value());
  EXPECT_EQ(deliver(host, server, packet({kInner.address, 5001}, kServer)), std::nullopt);
  EXPECT_EQ(network_.lost(Loss::kNat), 1u);
}

TEST_F(NetworkTest, TranslatesOncePerNestedRealm) {
  const Station server = add_server();
  const RealmId carrier = add_home({.ports = PortChoice::kRandom});
  const IpAddress home_outer = IpAddress::v4(0x64400001);
  const RealmId home = add_home({}, {}, carrier, home_outer);
  // The same inner address as in any other home.
  const RealmId other_home = add_home({}, {}, carrier, IpAddress::v4(0x64400002));
  const Station host = add(home, {kInner.address});
  const Station other = add(other_home, {kInner.address});
  const Station in_carrier = add(carrier, {kNeighbour.address});
  EXPECT_EQ(network_.realm_count(), 4u);

  const auto seen = deliver(host, server, packet(kInner, kServer)).value().first;
  const auto other_seen = deliver(other, server, packet(kInner, kServer)).value().first;
  EXPECT_EQ(seen.address, kHomeOuter);
  EXPECT_EQ(other_seen.address, kHomeOuter);
  EXPECT_NE(seen.port, other_seen.port);
  EXPECT_EQ(deliver(server, host, packet(kServer, seen)), std::pair(kServer, kInner));
  EXPECT_EQ(deliver(server, other, packet(kServer, other_seen)), std::pair(kServer, kInner));
  // Within the carrier's network the carrier's NAT is not on the way.
  EXPECT_EQ(deliver(host, in_carrier, packet(kInner, kNeighbour)),
            std::pair(Endpoint{home_outer, kInner.port}, kNeighbour));

  for (const Station& station : {host, other, in_carrier}) {
    EXPECT_EQ(network_.uplink_of(station.attachment), network_.uplinks()[1]);
  }
  EXPECT_EQ(network_.uplink_of(server.attachment), server.attachment);
  EXPECT_EQ(network_.uplinks().size(), 2u);
}

TEST_F(NetworkTest, KnowsAsWhomEachDestinationSeesASource) {
  const Station server = add_server();
  uint32_t number = 0;
  for (const Dependence inner_mapping : kDependences) {
    for (const Dependence outer_mapping : kDependences) {
      for (const PortChoice ports : {PortChoice::kPreserved, PortChoice::kRandom}) {
        const IpAddress outer = IpAddress::v4(0x15000000 + ++number);
        const RealmId carrier =
            add_home({.mapping = outer_mapping, .ports = ports}, {}, Network::kInternet, outer);
        const RealmId home = add_home({.mapping = inner_mapping, .ports = ports}, {}, carrier);
        const Station host = add(home, {kInner.address});
        for (const Endpoint& to : {kServer, kServerOtherPort, kServerOtherAddress, kServer}) {
          for (const PacketKind kind : {PacketKind::kDatagram, PacketKind::kOpen}) {
            const Packet sent = packet(kInner, to, kind);
            const auto arrived = deliver(host, server, sent);
            ASSERT_TRUE(arrived.has_value());
            EXPECT_EQ(network_.seen_from(host.attachment, sent.protocol(), kInner, to),
                      arrived->first);
          }
        }
      }
    }
  }
}

TEST_F(NetworkTest, KnowsNothingOfAMappingThatIsNotThere) {
  const Station server = add_server();
  const RealmId home = add_home();
  const Station host = add(home, {kInner.address});
  const auto seen = [&] {
    return network_.seen_from(host.attachment, Protocol::kUdp, kInner, kServer);
  };
  EXPECT_EQ(seen(), std::nullopt);
  EXPECT_EQ(network_.nat(home).mapping_count(), 0u);
  deliver(host, server, packet(kInner, kServer));
  EXPECT_TRUE(seen().has_value());
  schedule_.run_until(schedule_.now() + 2min);
  EXPECT_EQ(seen(), std::nullopt);
  deliver(host, server, packet(kInner, kServer));
  network_.nat(home).reboot();
  EXPECT_EQ(seen(), std::nullopt);
}

TEST_F(NetworkTest, LetsNeighboursMeetWithoutTheirNat) {
  const RealmId home = add_home();
  const Station host = add(home, {kInner.address});
  const Station neighbour = add(home, {kNeighbour.address});
  EXPECT_EQ(deliver(host, neighbour, packet(kInner, kNeighbour)), std::pair(kInner, kNeighbour));
  EXPECT_EQ(network_.seen_from(host.attachment, Protocol::kUdp, kInner, kNeighbour), kInner);
  EXPECT_EQ(network_.nat(home).mapping_count(), 0u);
}

TEST_F(NetworkTest, LetsNeighboursMeetThroughANatThatHairpins) {
  struct Row {
    bool hairpins;
    Dependence filtering;
    bool expect;
    Loss loss;
  };
  constexpr Row kRows[] = {
      {false, Dependence::kEndpoint, false, Loss::kNoHairpin},
      {true, Dependence::kEndpoint, true, Loss::kNat},
      {true, Dependence::kAddress, false, Loss::kNat},
  };
  const Station server = add_server();
  uint32_t number = 0;
  for (const Row& row : kRows) {
    const IpAddress outer = IpAddress::v4(0x15000000 + ++number);
    const RealmId home = add_home({.filtering = row.filtering, .hairpins = row.hairpins}, {},
                                  Network::kInternet, outer);
    const Station host = add(home, {kInner.address});
    const Station neighbour = add(home, {kNeighbour.address});
    const Endpoint of_neighbour =
        deliver(neighbour, server, packet(kNeighbour, kServer)).value().first;
    const uint64_t lost_before = network_.lost(row.loss);
    const auto arrived = deliver(host, neighbour, packet(kInner, of_neighbour));
    ASSERT_EQ(arrived.has_value(), row.expect);
    EXPECT_EQ(network_.lost(row.loss), lost_before + !row.expect);
    if (!arrived) continue;
    // By their outer names both (RFC 4787 REQ-9).
    EXPECT_EQ(*arrived, std::pair(Endpoint{outer, kInner.port}, kNeighbour));
    EXPECT_EQ(network_.seen_from(host.attachment, Protocol::kUdp, kInner, of_neighbour),
              arrived->first);
  }
}

TEST_F(NetworkTest, TranslatesNoIpv6AndFiltersItAllTheSame) {
  const Station server = add_server();
  const RealmId carrier = add_home();
  const RealmId home = add_home({}, {}, carrier);
  const Station host = add(home, {kInner.address, kInnerV6.address});
  EXPECT_EQ(deliver(server, host, packet(kServerV6, kInnerV6)), std::nullopt);
  EXPECT_EQ(network_.firewall(carrier).stats().unknown, 1u);
  EXPECT_EQ(deliver(host, server, packet(kInnerV6, kServerV6)), std::pair(kInnerV6, kServerV6));
  EXPECT_EQ(network_.seen_from(host.attachment, Protocol::kUdp, kInnerV6, kServerV6), kInnerV6);
  EXPECT_EQ(deliver(server, host, packet(kServerV6, kInnerV6)), std::pair(kServerV6, kInnerV6));
  network_.firewall(home).reboot();
  EXPECT_EQ(deliver(server, host, packet(kServerV6, kInnerV6)), std::nullopt);
  EXPECT_EQ(network_.nat(home).mapping_count() + network_.nat(carrier).mapping_count(), 0u);
}

TEST_F(NetworkTest, IsCutInTwoBySplitsUntilTheyEnd) {
  const Station server = add_server();
  const RealmId home = add_home({.filtering = Dependence::kEndpoint});
  const Station host = add(home, {kInner.address});
  const Station neighbour = add(home, {kNeighbour.address});
  const Endpoint outer{kHomeOuter, kInner.port};
  network_.set_group(network_.uplink_of(host.attachment), 1);
  EXPECT_EQ(deliver(host, server, packet(kInner, kServer)), std::nullopt);
  EXPECT_EQ(deliver(server, host, packet(kServer, outer)), std::nullopt);
  EXPECT_EQ(network_.lost(Loss::kSplit), 2u);
  EXPECT_TRUE(deliver(host, neighbour, packet(kInner, kNeighbour)).has_value());
  network_.set_group(server.attachment, 1);
  EXPECT_TRUE(deliver(host, server, packet(kInner, kServer)).has_value());
  network_.set_group(server.attachment, 2);
  EXPECT_FALSE(deliver(server, host, packet(kServer, outer)).has_value());
  network_.end_splits();
  EXPECT_TRUE(deliver(server, host, packet(kServer, outer)).has_value());
}

TEST_F(NetworkTest, TakesInjectedPacketsFromWhomeverTheyClaimToBe) {
  const Station server = add_server();
  const Station host = add(add_home(), {kInner.address});
  const Endpoint forged{IpAddress::v4(0x28000001), 53};
  network_.inject(packet(forged, kServer));
  EXPECT_EQ(arrival(server), std::pair(forged, kServer));
  // Nobody knows where such a packet came in, so that splits do not stop it.
  network_.set_group(server.attachment, 1);
  network_.inject(packet(forged, kServer));
  EXPECT_TRUE(arrival(server).has_value());

  network_.inject(packet(forged, {kHomeOuter, 5000}));
  EXPECT_EQ(arrival(host), std::nullopt);
  EXPECT_EQ(network_.lost(Loss::kNat), 1u);
  // The inner addresses of a realm mean nothing outside.
  network_.inject(packet(forged, kInner));
  EXPECT_EQ(arrival(host), std::nullopt);
  EXPECT_EQ(network_.lost(Loss::kNoSuchHost), 1u);
}

TEST_F(NetworkTest, ChangesTheLinesOfTheInternetAndNoOthers) {
  const Station server = add_server();
  const RealmId home = add_home();
  const Station host = add(home, {kInner.address});
  const Station neighbour = add(home, {kNeighbour.address});
  network_.set_links({.name = "a test's", .loss_ppm = 1'000'000});
  EXPECT_EQ(deliver(host, server, packet(kInner, kServer)), std::nullopt);
  EXPECT_EQ(deliver(server, server, packet(kServer, kServerOtherAddress)), std::nullopt);
  EXPECT_EQ(network_.lost(Loss::kLink), 2u);
  EXPECT_TRUE(deliver(host, neighbour, packet(kInner, kNeighbour)).has_value());
  network_.set_links(kPerfectLink);
  EXPECT_TRUE(deliver(host, server, packet(kInner, kServer)).has_value());
  network_.set_link(host.attachment, {.name = "a test's", .loss_ppm = 1'000'000});
  EXPECT_EQ(deliver(host, neighbour, packet(kInner, kNeighbour)), std::nullopt);
}

TEST_F(NetworkTest, DelaysAPacketOnEachOfItsLines) {
  const LinkProfile slow = {.name = "a test's", .delay_min = 10ms, .delay_mean = 10ms};
  const Station server = add_server();
  const RealmId home = add_home();
  const Station host = add(home, {kInner.address});
  for (const Station& station : {server, host}) network_.set_link(station.attachment, slow);
  network_.set_link(network_.uplink_of(host.attachment), slow);
  network_.send(host.attachment, packet(kInner, kServer));
  schedule_.run_until(schedule_.now() + 30ms - 1us);
  EXPECT_TRUE(server.box->packets.empty());
  schedule_.run_until(schedule_.now() + 1us);
  EXPECT_EQ(server.box->packets.size(), 1u);
}

TEST_F(NetworkTest, DeliversDoublesBothWhole) {
  const Station server = add_server();
  network_.set_links({.name = "a test's", .duplicate_ppm = 1'000'000});
  network_.send(server.attachment, packet(kServer, kServerOtherAddress));
  schedule_.run_until(schedule_.now() + 1s);
  ASSERT_EQ(server.box->packets.size(), 4u);  // Doubled on the way up, and each again down.
  for (const Packet& arrived : server.box->packets) {
    EXPECT_EQ(arrived.payload, (std::vector<uint8_t>{1, 2, 3}));
    EXPECT_EQ(arrived.source, kServer);
  }
}

using NetworkDeathTest = NetworkTest;

TEST_F(NetworkDeathTest, KnowsEachAddressOfARealmOnce) {
  add_server();
  EXPECT_DEATH(add(Network::kInternet, {kServer.address}), "broken invariant");
  const RealmId home = add_home();
  EXPECT_DEATH(add(home, {kServerV6.address}), "broken invariant");
  const Station host = add(home, {kServer.address});  // Another realm, another meaning.
  EXPECT_DEATH(network_.set_group(host.attachment, 1), "broken invariant");
  EXPECT_DEATH(network_.nat(Network::kInternet), "broken invariant");
}

}  // namespace
}  // namespace roost::sim
