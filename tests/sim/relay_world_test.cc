// SPDX-License-Identifier: MIT
//
// Goal: whoever may use a relay is served by it, over whatever way and with whatever credentials,
// and who may not, or no more, gets nothing through it.
// Method: small worlds of one or two nodes with a pair of clients each, and one who seeks a proxy.
#include <gtest/gtest.h>

#include "base/crypto_hash.h"
#include "sim/actors/bystander.h"
#include "sim/actors/proxy_seeker.h"
#include "sim/actors/stream_relay_client.h"
#include "sim/actors/turn_client.h"
#include "sim/world.h"

namespace roost::sim {
namespace {

using namespace std::chrono_literals;

using actors::Bystander;
using actors::Meeting;
using actors::ProxySeeker;
using actors::TurnClient;
using core::Transport;

constexpr Transport kTransports[] = {Transport::kUdp, Transport::kTcp, Transport::kTls,
                                     Transport::kDtls};
constexpr std::string_view kToken = "a token";

core::turn::Grant grant() {
  core::turn::Grant made;
  made.token_hash = sha256(as_bytes(kToken));
  made.id = load_u64(made.token_hash.data());
  return made;
}

TurnClient::Options named() {
  TurnClient::Options options;
  options.username = World::kFriend;
  options.password = World::kFriendsPassword;
  options.period = 4s;
  return options;
}
TurnClient::Options with_token() {
  TurnClient::Options options;
  options.token = kToken;
  options.period = 4s;
  return options;
}
TurnClient::Options stranger() {
  TurnClient::Options options;
  options.period = 4s;
  return options;
}

class RelayWorld : public testing::Test {
 protected:
  TurnClient& add(const NodeShell& node, TurnClient::Options options, size_t side) {
    Place place;
    place.nats = nat_chain(NatKind::kSymmetric);
    options.server = node.endpoint(true);
    options.side = side;
    if (options.password.empty() && options.token.empty()) meeting_.is_of_agents = true;
    return world_.run<TurnClient>(world_.add_host(place), options, meeting_, world_.liveness(),
                                  world_.mapped_addresses(), world_.verdict());
  }
  void expect_all_is_well(Duration time = 75s) {
    world_.heal();
    world_.run_for(time);
    world_.check_liveness();
    EXPECT_TRUE(world_.verdict().holds()) << world_.verdict().text();
  }

  World world_{1};
  Meeting meeting_;
};

TEST_F(RelayWorld, ServesPairsOverEveryTwoTransports) {
  for (const Transport one : kTransports) {
    for (const Transport other : kTransports) {
      World world(7);
      Meeting meeting;
      NodeShell& node = world.add_node();
      const TurnClient* clients[2];
      for (const size_t side : {0, 1}) {
        Place place;
        place.nats = nat_chain(NatKind::kSymmetric);
        TurnClient::Options options = named();
        options.server = node.endpoint(true);
        options.transport = side == 0 ? one : other;
        options.segment_bytes = side * 61;
        options.side = side;
        clients[side] =
            &world.run<TurnClient>(world.add_host(place), options, meeting, world.liveness(),
                                   world.mapped_addresses(), world.verdict());
      }
      world.heal();
      world.run_for(2min);
      world.check_liveness();
      EXPECT_TRUE(world.verdict().holds()) << world.verdict().text();
      for (const TurnClient* const client : clients) {
        EXPECT_GT(client->answer_count(), 10u);
        EXPECT_EQ(client->allocation_count(), 1u);
      }
    }
  }
}

TEST_F(RelayWorld, KeepsThePortAboveForWhoShowsTheToken) {
  NodeShell& node = world_.add_node();
  node.set_grants({grant()});
  // Each time its grant is revoked all begins anew, with another plan.
  TurnClient::Options options = with_token();
  options.shape = TurnClient::Shape::kReservesNext;
  const TurnClient& client = add(node, options, 0);
  add(node, named(), 1);
  for (int i = 0; i < 30; ++i) {
    world_.run_for(1min);
    node.set_grants({});
    world_.run_for(1s);
    node.set_grants({grant()});
  }
  expect_all_is_well();
  EXPECT_GT(client.redeemer().redeemed_count(), 5u);
  EXPECT_GT(client.redeemer().refused_count(), 5u);
}

TEST_F(RelayWorld, ServesWhoWantsBothFamilies) {
  NodeShell& node = world_.add_node();
  for (const size_t side : {0, 1}) {
    TurnClient::Options options = named();
    options.shape = TurnClient::Shape::kDual;
    add(node, options, side);
  }
  expect_all_is_well();
}

TEST_F(RelayWorld, ServesHoldersOfGrants) {
  NodeShell& node = world_.add_node();
  node.set_grants({grant()});
  const TurnClient& client = add(node, with_token(), 0);
  add(node, named(), 1);
  expect_all_is_well();
  EXPECT_EQ(client.credential_fetch().last_status(), 200);
}

TEST_F(RelayWorld, ServesStrangersOfTwoNodesOnceTheyAgree) {
  add(world_.add_node(), stranger(), 0);
  add(world_.add_node(), stranger(), 1);
  expect_all_is_well();
  for (const NodeShell* const node : world_.nodes()) {
    const auto& passed = node->node().turn()->forwarded();
    EXPECT_GT(passed.to_peer_packets[static_cast<size_t>(core::Payer::kStranger)], 20u);
    EXPECT_GT(passed.to_client_packets[static_cast<size_t>(core::Payer::kStranger)], 20u);
  }
}

TEST_F(RelayWorld, LetsStrangersWorkWhereTheOwnerWantsIt) {
  node::Config config = World::small_config();
  config.relay.stranger_work = 8;
  NodeShell& node = world_.add_node(config);
  const TurnClient& client = add(node, stranger(), 0);
  add(node, stranger(), 1);
  expect_all_is_well();
  EXPECT_GE(client.credential_fetch().solved_count(), 1u);
}

TEST_F(RelayWorld, ServesStrangersAgainWhenTheirTimeIsOver) {
  node::Config config = World::small_config();
  config.relay.stranger_time = 40s;
  NodeShell& node = world_.add_node(config);
  const TurnClient& client = add(node, stranger(), 0);
  add(node, named(), 1);
  expect_all_is_well(3min);
  EXPECT_GE(client.allocation_count(), 4u);
}

TEST_F(RelayWorld, EndsWhatAGrantHasBegunWhenItIsRevoked) {
  NodeShell& node = world_.add_node();
  node.set_grants({grant()});
  const TurnClient& client = add(node, with_token(), 0);
  add(node, named(), 1);
  world_.run_for(30s);
  const uint64_t before = client.answer_count();
  EXPECT_GT(before, 3u);
  EXPECT_EQ(node.node().turn()->table().size(), 2u);
  node.set_grants({});
  world_.run_for(10ms);
  EXPECT_EQ(node.node().turn()->table().size(), 1u);
  world_.run_for(1min);
  EXPECT_EQ(client.answer_count(), before);
  EXPECT_EQ(client.credential_fetch().last_status(), 401);
  node.set_grants({grant()});
  expect_all_is_well();
  EXPECT_GT(client.answer_count(), before);
}

TEST_F(RelayWorld, EndsStrangersWhereTheyAreNotServedAnyMore) {
  NodeShell& node = world_.add_node();
  const TurnClient& client = add(node, stranger(), 0);
  add(node, named(), 1);
  world_.run_for(30s);
  const uint64_t before = client.answer_count();
  EXPECT_GT(before, 3u);
  node::Config config = node.config();
  config.relay.stranger_allocations = 0;
  node.reload(config);
  world_.run_for(1min);
  EXPECT_EQ(client.answer_count(), before);
  EXPECT_EQ(node.node().turn()->table().count(core::Payer::kStranger), 0u);
  config.relay.stranger_allocations = 64;
  node.reload(config);
  expect_all_is_well();
  EXPECT_GT(client.answer_count(), before);
}

// There is room for the consent of as many as the node was started for.
TEST_F(RelayWorld, TakesOnNoMoreStrangersThanItWasStartedFor) {
  node::Config config = World::small_config();
  config.relay.stranger_allocations = 1;
  NodeShell& node = world_.add_node(config);
  config = node.config();
  config.relay.stranger_allocations = 64;
  node.reload(config);
  for (const size_t side : {0, 1}) add(node, stranger(), side);
  for (int i = 0; i < 60; ++i) {
    world_.run_for(1s);
    EXPECT_LE(node.node().turn()->table().count(core::Payer::kStranger), 1u);
  }
  node.crash();
  node.restart();
  expect_all_is_well(2min);
}

TEST_F(RelayWorld, CarriesConversationsOverRelayedTcp) {
  using actors::DataPeer;
  using actors::StreamRelayClient;
  NodeShell& node = world_.add_node();
  node.set_grants({grant()});
  TransferOracle transfers(world_.verdict());
  actors::NoticeBoard board;
  DataPeer& peer = world_.run<DataPeer>(world_.add_host(), transfers);
  DataPeer& intruder = world_.run<DataPeer>(world_.add_host(), transfers);
  const StreamRelayClient* clients[2];
  for (const size_t i : {0, 1}) {
    Place place;
    place.nats = nat_chain(NatKind::kSymmetric);
    StreamRelayClient::Options options;
    options.server = node.endpoint(i == 0);
    options.is_tls = i == 0;
    if (i == 0) {
      options.username = World::kFriend;
      options.password = World::kFriendsPassword;
    } else {
      options.token = kToken;
    }
    clients[i] =
        &world_.run<StreamRelayClient>(world_.add_host(place), options, peer, intruder, board,
                                       transfers, world_.liveness(), world_.verdict());
  }
  expect_all_is_well(20min);
  for (const StreamRelayClient* const client : clients) {
    EXPECT_GT(client->transfer_count(), 20u);
    EXPECT_GT(client->refused_dare_count(), 3u);
  }
  EXPECT_GT(transfers.whole_count(), 80u);
  EXPECT_GT(intruder.refused_call_count(), 5u);
  EXPECT_GT(node.peer_links().forwarded_bytes(), 400'000u);
  EXPECT_LE(node.peer_links().connection_count(), 2u);
}

// From one relayed address of the node to another, through its host's own stack.
TEST_F(RelayWorld, CarriesConversationsBetweenItsOwnRelayedAddresses) {
  using actors::StreamRelayClient;
  for (const bool is_v4 : {true, false}) {
    World world(5);
    NodeShell& node = world.add_node();
    node.set_grants({grant()});
    TransferOracle transfers(world.verdict());
    actors::NoticeBoard board;
    auto& peer = world.run<actors::DataPeer>(world.add_host(), transfers);
    const StreamRelayClient* clients[2];
    for (const size_t i : {0, 1}) {
      StreamRelayClient::Options options;
      options.server = node.endpoint(is_v4);
      options.is_tls = i == 0;
      if (i == 0) {
        options.username = World::kFriend;
        options.password = World::kFriendsPassword;
      } else {
        options.token = kToken;
      }
      clients[i] = &world.run<StreamRelayClient>(world.add_host(), options, peer, peer, board,
                                                 transfers, world.liveness(), world.verdict());
    }
    world.heal();
    world.run_for(20min);
    world.check_liveness();
    EXPECT_TRUE(world.verdict().holds()) << world.verdict().text();
    for (const StreamRelayClient* const client : clients) EXPECT_GT(client->visit_count(), 10u);
    EXPECT_EQ(clients[0]->visit_count(), clients[1]->visit_count());
  }
}

// As when the patience of whoever has invited it ends before it comes.
TEST_F(RelayWorld, ServesWhoVisitsAnAddressThatHasBeenGivenUp) {
  using actors::StreamRelayClient;
  NodeShell& node = world_.add_node();
  TransferOracle transfers(world_.verdict());
  const Endpoint server = node.endpoint(true);
  actors::NoticeBoard board;
  constexpr LivenessOracle::ClientId kNobody = 1;
  board.invitation = {.host = kNobody, .server = server, .relayed = {server.address, 50'000}};
  auto& peer = world_.run<actors::DataPeer>(world_.add_host(), transfers);
  StreamRelayClient::Options options;
  options.server = server;
  options.username = World::kFriend;
  options.password = World::kFriendsPassword;
  const auto& client =
      world_.run<StreamRelayClient>(world_.add_host(), options, peer, peer, board, transfers,
                                    world_.liveness(), world_.verdict());
  expect_all_is_well(2min);
  EXPECT_FALSE(board.invitation && board.invitation->host == kNobody);
  EXPECT_GT(client.transfer_count(), 2u);
  EXPECT_EQ(client.visit_count(), 0u);
}

// What the donation does not cover waits, and nothing of it is lost.
TEST_F(RelayWorld, HoldsBackConversationsThatTheDonationDoesNotCover) {
  using actors::DataPeer;
  node::Config config = World::small_config();
  config.donate.bandwidth_bytes_per_second = 8'000;
  NodeShell& node = world_.add_node(config);
  TransferOracle transfers(world_.verdict());
  actors::NoticeBoard board;
  DataPeer& peer = world_.run<DataPeer>(world_.add_host(), transfers);
  actors::StreamRelayClient::Options options;
  options.server = node.endpoint(true);
  options.username = World::kFriend;
  options.password = World::kFriendsPassword;
  const auto& client =
      world_.run<actors::StreamRelayClient>(world_.add_host(), options, peer, peer, board,
                                            transfers, world_.liveness(), world_.verdict());
  world_.run_for(10min);
  EXPECT_TRUE(world_.verdict().holds()) << world_.verdict().text();
  EXPECT_GT(client.transfer_count(), 10u);
  EXPECT_GT(node.peer_links().hold_count(), 20u);
}

TEST_F(RelayWorld, EndsTheAllocationOfAStreamWithIt) {
  NodeShell& node = world_.add_node();
  TurnClient::Options options = named();
  options.transport = Transport::kTls;
  // Waits for the other longer than a stream may be silent.
  const TurnClient& client = add(node, options, 0);
  world_.run_for(2min);
  EXPECT_GT(client.allocation_count(), 5u);
  EXPECT_LE(node.node().turn()->table().size(), 1u);
  EXPECT_TRUE(world_.verdict().holds()) << world_.verdict().text();
}

TEST_F(RelayWorld, IsNoProxyForWhoeverSeeksOne) {
  for (const Transport transport : {Transport::kUdp, Transport::kTcp, Transport::kDtls}) {
    World world(3);
    NodeShell& node = world.add_node();
    ProxySeeker::Options options;
    options.server = node.endpoint(true);
    options.transport = transport;
    std::vector<const Bystander*> bystanders;
    for (const bool echoes : {false, true}) {
      Host& host = world.add_host();
      options.victims.push_back({host.addresses().front(), 7});
      bystanders.push_back(&world.run<Bystander>(host, world.verdict(), echoes));
    }
    const ProxySeeker& seeker = world.run<ProxySeeker>(world.add_host(), options);
    world.run_for(5min);
    EXPECT_TRUE(world.verdict().holds()) << world.verdict().text();
    // It did what it could.
    EXPECT_GT(seeker.attempt_count(), 300u);
    EXPECT_EQ(seeker.success_count(), 0u);
    for (const Bystander* const bystander : bystanders) EXPECT_GT(bystander->packet_count(), 40u);
  }
}

TEST_F(RelayWorld, IsFoundOutWhereItIsAProxy) {
  node::Config config = World::small_config();
  config.relay.consent = false;
  NodeShell& node = world_.add_node(config);
  ProxySeeker::Options options;
  options.server = node.endpoint(true);
  Host& host = world_.add_host();
  options.victims.push_back({host.addresses().front(), 7});
  world_.run<Bystander>(host, world_.verdict(), true);
  const ProxySeeker& seeker = world_.run<ProxySeeker>(world_.add_host(), options);
  world_.run_for(1min);
  EXPECT_FALSE(world_.verdict().holds());
  EXPECT_GT(seeker.success_count(), 10u);
}

}  // namespace
}  // namespace roost::sim
