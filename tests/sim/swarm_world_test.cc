// SPDX-License-Identifier: MIT
//
// Goal: the nodes of a swarm do to ours what those of the DHT would.
// Method: a node made of core/dht alone, small swarms of one kind each.
#include <algorithm>
#include <gtest/gtest.h>

#include "core/dht/responder.h"
#include "core/dht/verifier.h"
#include "sim/actors/dht_newcomer.h"
#include "sim/actors/swarm_node.h"
#include "sim/dht_oracle.h"
#include "sim/world.h"

namespace roost::sim {
namespace {

using namespace std::chrono_literals;
using actors::DhtNewcomer;
using actors::SwarmNode;

// What answers queries and keeps the ring, without the rest of a node.
class Server final : public Program {
 public:
  Server(Host& host, DhtOracle& oracle)
      : host_(host),
        oracle_(oracle),
        verifier_({.contacts = {.v4_contacts = 1024, .v6_contacts = 64}}, host.dice().random(),
                  host.now()),
        responder_({.peers = {64, 64}, .items = 64}, verifier_, tables_, host.dice().random()) {
    for (const core::dht::Family family : {core::dht::Family::kV4, core::dht::Family::kV6}) {
      verifier_.set_home(family, {{0, {endpoint(family == core::dht::Family::kV4), 0}, {}}});
    }
    host.wake_up(host.now() + 1s, 0);
  }

  Endpoint endpoint(bool is_v4) const {
    return {*host_.address_towards(is_v4 ? IpAddress::v4(1) : IpAddress(1, 1)), 3478};
  }
  const core::dht::ContactRing& ring() const { return verifier_.ring(); }

  void on_packet(Packet packet) override {
    const core::DatagramArrived input{0, {packet.destination, 0}, packet.source, packet.payload};
    const auto message = wire::parse_krpc(packet.payload);
    if (message && message->kind == wire::KrpcKind::kQuery) {
      responder_.step(host_.now(), input, *message, {}, outbox_);
    } else if (message) {
      (void)verifier_.heard_answer(host_.now(), input, *message);
    }
    carry_out(input);
  }
  void on_wake_up(uint64_t) override {
    verifier_.step(host_.now(), {}, outbox_);
    carry_out(core::DeadlinePassed());
    host_.wake_up(host_.now() + 1s, 0);
  }

 private:
  void carry_out(const core::Input& input) {
    oracle_.check(host_.now(), input, outbox_.actions());
    for (const core::Action& action : outbox_.actions()) {
      const auto& send = std::get<core::SendDatagram>(action);
      host_.send_datagram(send.local.endpoint, send.to, send.payload);
    }
    outbox_.clear();
  }

  Host& host_;
  DhtOracle& oracle_;
  core::dht::Verifier verifier_;
  core::dht::RoutingTables tables_{core::dht::RoutingTable({}), core::dht::RoutingTable({})};
  core::dht::Responder responder_;
  core::Outbox outbox_;
};

class SwarmWorldTest : public testing::Test {
 protected:
  static Place place(bool is_v4, const std::vector<NatOptions>& nats = {}) {
    Place result;
    result.nats = nats;
    result.has_v4 = is_v4;
    result.has_v6 = !is_v4;
    return result;
  }
  SwarmNode& add(const Place& place, SwarmNode::Options options = {}) {
    options.servers = {server_.endpoint(place.has_v4)};
    SwarmNode& node =
        world_.run<SwarmNode>(world_.add_host(place), world_.network(), swarm_, options);
    nodes_.push_back(&node);
    return node;
  }
  size_t in_ring(bool is_v4) const {
    return server_.ring().size(is_v4 ? core::dht::Family::kV4 : core::dht::Family::kV6);
  }

  World world_{1};
  DhtOracle oracle_{world_.verdict()};
  DhtSwarm swarm_;
  Server& server_ = world_.run<Server>(world_.add_host(), oracle_);
  std::vector<SwarmNode*> nodes_;
};

TEST_F(SwarmWorldTest, HonestNodesComeIntoTheRingAndGo) {
  oracle_.set_truth([this](const Endpoint& endpoint) {
    const auto* const member = swarm_.find(endpoint);
    return member != nullptr && member->is_alive && member->is_open;
  });
  for (int i = 0; i < 100; ++i) add(place(i % 4 != 0));
  world_.run_for(24h);
  EXPECT_TRUE(world_.verdict().holds()) << world_.verdict().text();
  EXPECT_GE(in_ring(true), 25u);
  EXPECT_GE(in_ring(false), 8u);
  EXPECT_GT(oracle_.handed_out(), 1000u);
  EXPECT_GE(oracle_.handed_out_alive() * 100, oracle_.handed_out() * 75)
      << oracle_.handed_out_alive() << " of " << oracle_.handed_out();
  EXPECT_LT(oracle_.handed_out_alive(), oracle_.handed_out()) << "nobody has gone";
  const auto was_answered = [](const SwarmNode* node) { return node->answer_count() > 0; };
  EXPECT_GE(std::count_if(nodes_.begin(), nodes_.end(), was_answered), 90);
}

TEST_F(SwarmWorldTest, ThoseThatNobodyCanReachAreNotHandedOut) {
  for (int i = 0; i < 10; ++i) {
    add(place(true, nat_chain(NatKind::kPortRestricted)), {.pause_min = 1s});
    add(place(true), {.kind = SwarmNode::Kind::kReadOnly, .pause_min = 1s});
    add(place(false, nat_chain(NatKind::kPortRestricted)), {.pause_min = 1s});
  }
  world_.run_for(6h);
  EXPECT_TRUE(world_.verdict().holds()) << world_.verdict().text();
  EXPECT_EQ(in_ring(true) + in_ring(false), 0u);
  EXPECT_EQ(oracle_.handed_out(), 0u);
  for (const SwarmNode* const node : nodes_) {
    EXPECT_GT(node->answer_count(), 0u);
    EXPECT_TRUE(node->contact().has_value());
  }
  EXPECT_EQ(swarm_.size(), 20u) << "nobody has the read-only ones in his table";
}

TEST_F(SwarmWorldTest, ThoseThatLieHaveTwoPlacesOfAPrefix) {
  for (uint32_t i = 0; i < 28; ++i) {
    Place neighbour = place(true);
    neighbour.v4 = IpAddress::v4(0x12000001 + i);
    SwarmNode::Options options;
    options.kind = static_cast<SwarmNode::Kind>(2 + i % 4);
    options.period = 20min;
    options.victims = {IpAddress::v4(0x11000001)};
    add(neighbour, options);
  }
  for (uint32_t i = 0; i < 3; ++i) {
    SwarmNode::Options options;
    options.kind = SwarmNode::Kind::kForger;
    options.period = 10s;
    options.victims = {IpAddress::v4(0x11000001), IpAddress::v4(0x12000033)};
    add(place(true), options);
  }
  std::vector<wire::CompactNode> fellows;
  for (const SwarmNode* const node : nodes_) fellows.push_back(*node->contact());
  for (SwarmNode* const node : nodes_) node->set_fellows(fellows);
  world_.run_for(12h);
  oracle_.check_ring(world_.now(), server_.ring());
  EXPECT_TRUE(world_.verdict().holds()) << world_.verdict().text();
  EXPECT_EQ(in_ring(true), 2u);
}

TEST_F(SwarmWorldTest, NewcomersAreServedOnceThereIsSomebodyToNameToThem) {
  auto& lonely = world_.run<DhtNewcomer>(
      world_.add_host(), DhtNewcomer::Options{.server = server_.endpoint(true)}, world_.liveness());
  world_.run_for(1min);
  EXPECT_EQ(lonely.told_count(), 0u);
  EXPECT_GT(world_.liveness().failures(), 0u);
  for (int i = 0; i < 30; ++i) add(place(true), {.session_min = 24h});
  world_.run_for(3h);
  world_.heal();
  auto& behind_a_nat = world_.run<DhtNewcomer>(
      world_.add_host(place(true, nat_chain(NatKind::kPortRestricted))),
      DhtNewcomer::Options{.server = server_.endpoint(true)}, world_.liveness());
  world_.run_for(1min);
  world_.check_liveness();
  EXPECT_TRUE(world_.verdict().holds()) << world_.verdict().text();
  EXPECT_GT(lonely.answered_count(), 0u);
  EXPECT_GT(behind_a_nat.answered_count(), 0u);
}

// ---- What they answer.

class SwarmAnswerTest : public SwarmWorldTest {
 protected:
  // What a host of the Internet is told by the node.
  class Asker final : public Program {
   public:
    explicit Asker(Host& host) : host_(host) {}
    void ask(const Endpoint& whom, const wire::NodeId& target) {
      answer_.clear();
      host_.send_datagram({host_.addresses().front(), 1}, whom,
                          write_query({.method = "find_node", .target = target}));
    }
    void on_packet(Packet packet) override { answer_ = std::move(packet.payload); }
    void on_wake_up(uint64_t) override {}
    std::optional<KrpcText> answer() const { return read_krpc(answer_); }

   private:
    Host& host_;
    KrpcBytes answer_;
  };

  std::vector<wire::CompactNode> ask(SwarmNode::Kind kind) {
    SwarmNode& node =
        add(place(true),
            {.kind = kind, .session_min = 1000h, .fellows = {fellow_}, .victims = {victim_}});
    for (int i = 0; i < 100; ++i) {
      asker_.ask(node.contact()->endpoint, target_);
      world_.run_for(1s);
      const auto answer = asker_.answer();
      if (!answer) continue;
      id_ = *answer->id;
      return answer->nodes;
    }
    ADD_FAILURE() << "is never there";
    return {};
  }

  Asker& asker_ = world_.run<Asker>(world_.add_host());
  wire::NodeId target_{0xab, 0xcd, 0xef, 1, 2, 3};
  wire::NodeId id_{};
  IpAddress victim_ = IpAddress::v4(0x11000001);
  wire::CompactNode fellow_{{5}, {IpAddress::v4(0x12000001), 6881}};
};

TEST_F(SwarmAnswerTest, TheHonestNameTheirNeighbours) {
  for (int i = 0; i < 40; ++i) add(place(true), {.session_min = 1000h, .pause_min = 1min});
  const auto nodes = ask(SwarmNode::Kind::kHonest);
  EXPECT_EQ(nodes.size(), SwarmNode::kNeighbours);
  for (const wire::CompactNode& node : nodes) {
    ASSERT_NE(swarm_.find(node.endpoint), nullptr);
    EXPECT_EQ(swarm_.find(node.endpoint)->contact, node);
  }
}

TEST_F(SwarmAnswerTest, ThoseThatLieNameWhomTheyWouldHaveAsked) {
  for (const wire::CompactNode& node : ask(SwarmNode::Kind::kSybil)) EXPECT_EQ(node, fellow_);
  const auto ghosts = ask(SwarmNode::Kind::kGhosts);
  EXPECT_EQ(ghosts.size(), SwarmNode::kNeighbours);
  for (const wire::CompactNode& node : ghosts) {
    EXPECT_EQ(swarm_.find(node.endpoint), nullptr);
    EXPECT_TRUE(wire::conforms(node.id, node.endpoint.address));
    EXPECT_EQ(node.id[5], target_[5]) << "as near as it may be";
  }
  for (const wire::CompactNode& node : ask(SwarmNode::Kind::kAccuser)) {
    EXPECT_EQ(node.endpoint.address, victim_);
    EXPECT_TRUE(wire::conforms(node.id, victim_));
  }
  const auto poison = ask(SwarmNode::Kind::kPoisoner);
  EXPECT_EQ(poison.front().id, target_);
  for (const wire::CompactNode& node : poison) {
    EXPECT_EQ(node.endpoint, fellow_.endpoint);
    EXPECT_EQ(node.id[5], target_[5]);
  }
  EXPECT_EQ(id_[5], target_[5]) << "it has that ID itself";
  EXPECT_NE(id_, nodes_.back()->contact()->id);
}

}  // namespace
}  // namespace roost::sim
