// SPDX-License-Identifier: MIT
//
// Goal: a healthy world serves everybody, behind whatever NAT, and tells each the truth; a sick one
// is found out.
// Method: small worlds with one kind of trouble each.
#include "sim/world.h"

#include <gtest/gtest.h>
#include <set>

#include "sim/actors/binding_client.h"
#include "sim/actors/classic_client.h"
#include "sim/actors/discovery_client.h"
#include "sim/actors/flooder.h"
#include "sim/actors/http_client.h"
#include "sim/actors/liar.h"
#include "sim/actors/silent_client.h"
#include "sim/actors/stream_client.h"

namespace roost::sim {
namespace {

using namespace std::chrono_literals;

using actors::BindingClient;
using actors::ClassicClient;
using actors::ClassicKind;
using actors::DiscoveryClient;
using actors::Flooder;
using actors::HttpClient;
using actors::Liar;
using actors::NatBehaviour;
using actors::SilentClient;
using actors::StreamClient;

constexpr Dependence kDependences[] = {Dependence::kEndpoint, Dependence::kAddress,
                                       Dependence::kAddressAndPort};

std::vector<NatKind> all_kinds() {
  std::vector<NatKind> kinds;
  for (size_t i = 0; i < kNatKindCount; ++i) kinds.push_back(static_cast<NatKind>(i));
  return kinds;
}

Place behind(NatKind kind) {
  Place place;
  place.nats = nat_chain(kind);
  return place;
}

BindingClient& add_client(World& world, const Endpoint& server, const Place& place = {}) {
  BindingClient::Options options;
  options.servers = {server};
  options.period = 5s;
  return world.run<BindingClient>(world.add_host(place), options, world.liveness(),
                                  world.mapped_addresses());
}

// ---- Who is served.

TEST(World, ServesClientsOfDatagramsBehindEachKindOfNat) {
  for (const NatKind kind : all_kinds()) {
    for (const bool is_v4 : {true, false}) {
      for (const bool keeps_port : {true, false}) {
        World world(1);
        const NodeShell& node = world.add_node();
        BindingClient::Options options;
        options.servers = {node.endpoint(is_v4), node.endpoint(is_v4, 1, 1)};
        options.period = 5s;
        options.keeps_port = keeps_port;
        options.question.is_classic = keeps_port;
        const auto& client = world.run<BindingClient>(world.add_host(behind(kind)), options,
                                                      world.liveness(), world.mapped_addresses());
        world.heal();
        world.run_for(1min);
        world.check_liveness();
        EXPECT_TRUE(world.verdict().holds()) << label(kind) << '\n' << world.verdict().text();
        EXPECT_GE(client.answer_count(), 10u);
        EXPECT_EQ(world.mapped_addresses().checked(), client.answer_count());
        EXPECT_LT(client.slowest_answer(), 500ms);
        world.network().check_invariants();
      }
    }
  }
}

TEST(World, ServesClientsOfStreamsBehindEachKindOfNat) {
  for (const NatKind kind : all_kinds()) {
    for (const bool is_v4 : {true, false}) {
      for (const bool is_tls : {true, false}) {
        for (const size_t segment_bytes : {0u, 7u}) {
          World world(2);
          const NodeShell& node = world.add_node();
          StreamClient::Options options;
          options.servers = {node.endpoint(is_v4)};
          options.period = 5s;
          options.is_tls = is_tls;
          options.segment_bytes = segment_bytes;
          const auto& client = world.run<StreamClient>(world.add_host(behind(kind)), options,
                                                       world.liveness(), world.mapped_addresses());
          world.heal();
          world.run_for(1min);
          world.check_liveness();
          EXPECT_TRUE(world.verdict().holds()) << label(kind) << '\n' << world.verdict().text();
          EXPECT_GE(client.answer_count(), 8u);
          EXPECT_EQ(world.mapped_addresses().checked(), client.answer_count());
          const auto transport = is_tls ? core::Transport::kTls : core::Transport::kTcp;
          EXPECT_EQ(node.node().stun_stats().successes[static_cast<size_t>(transport)],
                    client.answer_count());
        }
      }
    }
  }
}

TEST(World, ServesReadersOfTheRecordBehindEachKindOfNat) {
  for (const NatKind kind : all_kinds()) {
    for (const bool is_v4 : {true, false}) {
      World world(3);
      const NodeShell& node = world.add_node();
      HttpClient::Options options;
      options.server = node.endpoint(is_v4);
      options.key = node.public_key();
      options.period = 5s;
      const auto& client = world.run<HttpClient>(world.add_host(behind(kind)), options,
                                                 world.liveness(), world.verdict());
      world.heal();
      world.run_for(1min);
      world.check_liveness();
      EXPECT_TRUE(world.verdict().holds()) << label(kind) << '\n' << world.verdict().text();
      EXPECT_GE(client.record_count(), 8u);
      EXPECT_EQ(client.last_status(), 200);
      EXPECT_GT(client.last_seq(), 0);
      EXPECT_EQ(node.stream_count(), 0u);
    }
  }
}

TEST(World, ServesClientsOnBadLinesAsFastAsTheirProtocolPromises) {
  for (const LinkProfile* const profile : {&kMobileLink, &kLossyLink, &kHostileLink}) {
    World world(4);
    const NodeShell& node = world.add_node();
    const auto& client = add_client(world, node.endpoint(true));
    world.set_links(*profile);
    world.run_for(10min);
    EXPECT_TRUE(world.verdict().holds()) << world.verdict().text();
    EXPECT_GE(client.answer_count(), 30u) << profile->name;
    EXPECT_LE(client.slowest_answer(), actors::kRfc8489Pace.patience());
    // It had to ask again, which one on a good line never has to.
    EXPECT_GT(client.slowest_answer(), 500ms) << profile->name;
  }
}

// ---- Who finds out which NAT it has.

TEST(World, TellsEachKindOfNatToThoseWhoDiscover) {
  struct Row {
    NatKind kind;
    NatBehaviour expect;
    ClassicKind expect_classic;
  };
  using enum Dependence;
  const Row rows[] = {
      {NatKind::kNone, {false, kEndpoint, kEndpoint, false}, ClassicKind::kOpenInternet},
      {NatKind::kFullCone, {true, kEndpoint, kEndpoint, false}, ClassicKind::kFullCone},
      {NatKind::kAddressRestricted,
       {true, kEndpoint, kAddress, false},
       ClassicKind::kRestrictedCone},
      {NatKind::kPortRestricted,
       {true, kEndpoint, kAddressAndPort, false},
       ClassicKind::kPortRestrictedCone},
      {NatKind::kSymmetric,
       {true, kAddressAndPort, kAddressAndPort, false},
       ClassicKind::kSymmetric},
      {NatKind::kCarrierGrade,
       {true, kEndpoint, kAddressAndPort, false},
       ClassicKind::kPortRestrictedCone},
  };
  ASSERT_EQ(std::size(rows), kNatKindCount);
  for (const Row& row : rows) {
    World world(5);
    const Endpoint node = world.add_node().endpoint(true);
    const auto& client = world.run<DiscoveryClient>(world.add_host(behind(row.kind)), node,
                                                    world.verdict(), world.mapped_addresses());
    const auto& classic = world.run<ClassicClient>(world.add_host(behind(row.kind)), node,
                                                   world.verdict(), world.mapped_addresses());
    world.run_for(4min);
    ASSERT_TRUE(client.result().has_value()) << label(row.kind);
    EXPECT_EQ(*client.result(), row.expect) << text(*client.result());
    EXPECT_EQ(classic.result(), row.expect_classic) << label(row.kind);
    EXPECT_TRUE(world.verdict().holds()) << world.verdict().text();
    EXPECT_EQ(actors::behaviour_of(nat_chain(row.kind)), row.expect);
    EXPECT_EQ(actors::classic_kind_of(row.expect), row.expect_classic);
  }
}

TEST(World, TellsEveryMappingFilteringAndHairpinApart) {
  for (const Dependence mapping : kDependences) {
    for (const Dependence filtering : kDependences) {
      for (const bool hairpins : {false, true}) {
        World world(6);
        const Endpoint node = world.add_node().endpoint(true);
        Place place;
        place.nats = {{.mapping = mapping, .filtering = filtering, .hairpins = hairpins}};
        const auto& client = world.run<DiscoveryClient>(world.add_host(place), node,
                                                        world.verdict(), world.mapped_addresses());
        world.run_for(4min);
        ASSERT_TRUE(client.result().has_value());
        // Hairpinning is seen only where a socket that was never asked may answer.
        const bool is_seen = hairpins && filtering == Dependence::kEndpoint;
        EXPECT_EQ(*client.result(), (NatBehaviour{true, mapping, filtering, is_seen}))
            << text(*client.result());
        EXPECT_TRUE(world.verdict().holds()) << world.verdict().text();
      }
    }
  }
}

TEST(World, TellsTheFilteringOfFirewallsBeforeIpv6) {
  for (const Dependence filtering : kDependences) {
    World world(7);
    const Endpoint node = world.add_node().endpoint(false);
    Place place = behind(NatKind::kSymmetric);
    place.firewall.filtering = filtering;
    const auto& client = world.run<DiscoveryClient>(world.add_host(place), node, world.verdict(),
                                                    world.mapped_addresses());
    const auto& classic = world.run<ClassicClient>(world.add_host(place), node, world.verdict(),
                                                   world.mapped_addresses());
    world.run_for(4min);
    EXPECT_EQ(client.result(), actors::behaviour_of_firewall(place.firewall));
    EXPECT_EQ(classic.result(), filtering == Dependence::kEndpoint
                                    ? ClassicKind::kOpenInternet
                                    : ClassicKind::kSymmetricFirewall);
    EXPECT_TRUE(world.verdict().holds()) << world.verdict().text();
  }
}

// ---- Who is not honest.

class Inbox final : public Program {
 public:
  explicit Inbox(Host& home) : host(home) {}

  void on_packet(Packet packet) override { byte_count += packet.payload.size(); }
  void on_wake_up(uint64_t) override {}

  Host& host;
  size_t byte_count = 0;
};

TEST(World, AnswersNoLieWithMoreThanThreeTimesItsBytes) {
  World world(8);
  const NodeShell& node = world.add_node();
  auto& inbox = world.run<Inbox>(world.add_host());
  std::set<size_t> sizes;
  for (size_t lie = 0; lie < Liar::kLieCount; ++lie) {
    for (int i = 0; i < 20; ++i) {
      for (const bool is_v4 : {true, false}) {
        const auto message = actors::tell(static_cast<Liar::Lie>(lie), world.dice());
        inbox.byte_count = 0;
        inbox.host.send_datagram({inbox.host.addresses()[is_v4 ? 0 : 1], 5000},
                                 node.endpoint(is_v4), message);
        world.run_for(200ms);
        EXPECT_LE(inbox.byte_count, 3 * message.size()) << lie;
        sizes.insert(inbox.byte_count);
      }
    }
  }
  EXPECT_GT(sizes.size(), 2u);  // Some are answered, with this or that; some are not.
  EXPECT_EQ(accounted_messages(node.node()), 40 * Liar::kLieCount);
  EXPECT_TRUE(world.verdict().holds()) << world.verdict().text();
}

TEST(World, ServesTheHonestBesideLiars) {
  World world(9);
  const NodeShell& node = world.add_node();
  const NodeShell& other = world.add_node();
  const std::vector<Endpoint> nodes = {node.endpoint(true), node.endpoint(false),
                                       other.endpoint(true)};
  auto& liar = world.run<Liar>(world.add_host(), world.network(), Liar::Options{nodes, nodes, 5ms});
  const auto& client = add_client(world, node.endpoint(true));
  world.heal();
  world.run_for(1min);
  world.check_liveness();
  EXPECT_TRUE(world.verdict().holds()) << world.verdict().text();
  EXPECT_GE(client.answer_count(), 10u);
  const uint64_t answers = liar.answer_count();
  EXPECT_GT(answers, 0u);
  liar.stop();
  world.run_for(1s);
  const uint64_t settled = liar.answer_count();
  world.run_for(10s);
  EXPECT_EQ(liar.answer_count(), settled);
}

TEST(World, ServesTheHonestBesideAFloodOfManyPrefixes) {
  World world(10);
  const NodeShell& node = world.add_node();
  Flooder::Options options;
  options.targets = {node.endpoint(true)};
  auto& flooder = world.run<Flooder>(world.add_host(), world.network(), options);
  const auto& client = add_client(world, node.endpoint(true));
  world.heal();
  world.run_for(20s);
  world.check_liveness();
  EXPECT_TRUE(world.verdict().holds()) << world.verdict().text();
  EXPECT_GE(client.answer_count(), 3u);
  EXPECT_NEAR(static_cast<double>(flooder.sent_count()), 20'000, 20);
  // Each answer goes to an address that nobody has.
  EXPECT_GT(world.network().lost(Network::Loss::kNoSuchHost), 15'000u);
  flooder.stop();
  const uint64_t sent = flooder.sent_count();
  world.run_for(1s);
  EXPECT_EQ(flooder.sent_count(), sent);
}

TEST(World, ClosesSilentConnectionsAndKeepsWithinItsLimits) {
  World world(11);
  NodeShell& node = world.add_node();
  SilentClient::Options options{node.endpoint(true), 12, 100ms};
  auto& client = world.run<SilentClient>(world.add_host(), options);
  world.run_for(5s);
  const uint32_t limit = node.config().admission.connections_per_prefix;
  EXPECT_EQ(node.stream_count(), limit);
  world.run_for(1min);
  EXPECT_LE(node.stream_count(), limit);
  EXPECT_GT(node.node().connection_admission().accepted(), 4u * limit);
  client.stop();
  world.run_for(NodeShell::kSilenceMax + 1s);
  EXPECT_EQ(node.stream_count(), 0u);
  EXPECT_EQ(client.open_count(), 0u);
  EXPECT_TRUE(world.verdict().holds()) << world.verdict().text();
}

TEST(World, ChangesItsLimitsWhileSilentConnectionsPress) {
  World world(12);
  NodeShell& node = world.add_node();
  world.run<SilentClient>(world.add_host(), SilentClient::Options{node.endpoint(true), 12, 100ms});
  for (const uint32_t limit : {2u, 6u, 1u, 12u}) {
    node::Config config = node.config();
    config.admission.connections_per_prefix = limit;
    node.reload(config);
    world.run_for(NodeShell::kSilenceMax + 5s);
    EXPECT_EQ(node.stream_count(), limit);
  }
  EXPECT_TRUE(world.verdict().holds()) << world.verdict().text();
}

// ---- What happens to a world.

TEST(World, ReportsAClientThatIsNotServedAfterTheHealing) {
  World world(13);
  NodeShell& node = world.add_node();
  add_client(world, node.endpoint(true));
  world.heal();
  node.crash();
  world.run_for(50s);
  EXPECT_EQ(world.verdict().count(), 1u);
  world.check_liveness();
  EXPECT_EQ(world.verdict().count(), 2u) << world.verdict().text();
}

TEST(World, HealsLinesSplitsAndNodes) {
  World world(14);
  NodeShell& node = world.add_node();
  const auto& client = add_client(world, node.endpoint(true), behind(NatKind::kPortRestricted));
  world.set_links({.name = "dead", .loss_ppm = 1'000'000});
  node.crash();
  for (int i = 0; i < 8; ++i) world.split();
  world.run_for(1min);
  EXPECT_EQ(client.answer_count(), 0u);
  EXPECT_GT(world.liveness().failures(), 0u);
  world.heal();
  EXPECT_TRUE(node.is_running());
  world.run_for(75s);
  world.check_liveness();
  EXPECT_TRUE(world.verdict().holds()) << world.verdict().text();
  EXPECT_GT(client.answer_count(), 0u);
}

TEST(World, IsCutInTwoByASplit) {
  World world(15);
  const NodeShell& node = world.add_node();
  std::vector<const BindingClient*> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(&add_client(world, node.endpoint(true)));
  const auto served = [&] {
    std::vector<uint64_t> before;
    for (const BindingClient* const client : clients) before.push_back(client->answer_count());
    world.run_for(60s);
    size_t count = 0;
    for (size_t i = 0; i < clients.size(); ++i) count += clients[i]->answer_count() > before[i];
    return count;
  };
  EXPECT_EQ(served(), clients.size());
  world.split();
  world.run_for(1s);
  const size_t on_our_side = served();
  EXPECT_GT(on_our_side, 2u);
  EXPECT_LT(on_our_side, 18u);
  EXPECT_GT(world.network().lost(Network::Loss::kSplit), 0u);
  world.end_split();
  EXPECT_EQ(served(), clients.size());
}

TEST(World, MakesNatsForget) {
  World world(16);
  const NodeShell& node = world.add_node();
  add_client(world, node.endpoint(true), behind(NatKind::kCarrierGrade));
  world.run_for(10s);
  const Network& network = world.network();
  ASSERT_EQ(network.realm_count(), 3u);
  for (const auto realm : {Network::RealmId{1}, Network::RealmId{2}}) {
    EXPECT_GT(world.network().nat(realm).mapping_count(), 0u);
    world.reboot_nat(realm);
    EXPECT_EQ(world.network().nat(realm).mapping_count(), 0u);
  }
}

TEST(World, WritesDownWhatFateDoes) {
  World world(17);
  NodeShell& node = world.add_node();
  world.add_host(behind(NatKind::kFullCone));
  std::vector<TraceKind> told;
  world.trace().set_listener([&](const TraceEvent& event) { told.push_back(event.kind); });
  world.split();
  world.end_split();
  world.reboot_nat(Network::RealmId{1});
  node.reload(node.config());
  node.set_wall_clock(world.wall());
  node.crash();
  node.restart();
  world.heal();
  EXPECT_EQ(told, (std::vector{TraceKind::kSplit, TraceKind::kSplit, TraceKind::kReboot,
                               TraceKind::kReload, TraceKind::kClock, TraceKind::kCrash,
                               TraceKind::kRestart, TraceKind::kHeal}));
}

// ---- Where things are.

TEST(World, GivesANodeTwoAddressesOfEachFamilyInPrefixesOfTheirOwn) {
  World world(18);
  std::set<Prefix> prefixes;
  for (int i = 0; i < 3; ++i) {
    const NodeShell& node = world.add_node();
    for (const bool is_v4 : {true, false}) {
      for (size_t address = 0; address < 2; ++address) {
        prefixes.insert(limit_prefix(node.endpoint(is_v4, address).address));
      }
    }
    EXPECT_EQ(node.config().stun.discovery_addresses,
              (std::vector{node.endpoint(true, 0).address, node.endpoint(true, 1).address,
                           node.endpoint(false, 0).address, node.endpoint(false, 1).address}));
    EXPECT_TRUE(node::find_problems(node.config()).empty());
  }
  prefixes.insert(limit_prefix(world.add_host().addresses()[0]));
  EXPECT_EQ(prefixes.size(), 13u);
}

TEST(World, PlacesHostsAsTheyAsk) {
  World world(19);
  Place place;
  place.has_v6 = false;
  EXPECT_EQ(world.add_host(place).addresses().size(), 1u);
  EXPECT_TRUE(world.add_host(place).addresses()[0].is_v4());
  place.has_v4 = false;
  place.has_v6 = true;
  const Host& host = world.add_host(place);
  ASSERT_EQ(host.addresses().size(), 1u);
  EXPECT_FALSE(host.addresses()[0].is_v4());
  EXPECT_EQ(host.address_towards(IpAddress::v4(1)), std::nullopt);
  EXPECT_EQ(host.address_towards(host.addresses()[0]), host.addresses()[0]);
  EXPECT_TRUE(host.owns(host.addresses()[0]));

  // In each home the same inner addresses mean others.
  const Host& one = world.add_host(behind(NatKind::kFullCone));
  const Host& other = world.add_host(behind(NatKind::kFullCone));
  EXPECT_EQ(one.addresses()[0], IpAddress::v4(0x0a000001));
  EXPECT_EQ(other.addresses()[0], IpAddress::v4(0x0a000001));
  EXPECT_NE(one.addresses()[1], other.addresses()[1]);
  // Two hosts of one home share its NAT.
  const Network::RealmId home = world.add_realm({});
  place = {};
  place.realm = home;
  EXPECT_EQ(world.add_host(place).addresses()[0], IpAddress::v4(0x0a000001));
  EXPECT_EQ(world.add_host(place).addresses()[0], IpAddress::v4(0x0a000002));
}

TEST(World, UsesEachPortOfAHostAgainAsLateAsPossible) {
  World world(20);
  Host& host = world.add_host();
  std::set<uint16_t> ports;
  for (int i = 0; i < 65536 - 49152; ++i) ports.insert(host.next_port());
  EXPECT_EQ(ports.size(), 65536u - 49152u);
  EXPECT_EQ(*ports.begin(), 49152);
}

TEST(World, OfTheSameSeedAndCallsIsTheSame) {
  const auto hash_of = [](uint64_t seed) {
    World world(seed);
    const NodeShell& node = world.add_node();
    add_client(world, node.endpoint(true), behind(NatKind::kSymmetric));
    world.set_links(kLossyLink);
    world.run_for(1min);
    return world.trace().hash();
  };
  EXPECT_EQ(hash_of(1), hash_of(1));
  EXPECT_NE(hash_of(1), hash_of(2));
}

}  // namespace
}  // namespace roost::sim
