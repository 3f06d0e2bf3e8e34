// SPDX-License-Identifier: MIT
//
// Goal: of what is relayed over TCP every byte is charged once, and before it goes on; what is not
// covered waits, and nothing is charged for waiting; a light flow does not wait for a heavy one.
// Method: chunks offered at every edge of the three accounts: the allocation's rate, its bytes in
// all, and what the donation has left.
#include "core/turn/stream_relay.h"

#include "turn/turn_client.h"

namespace roost::core::turn {
namespace {

using Wait = Forwarder::Wait;
constexpr uint64_t kLots = ~uint64_t{0};
constexpr PeerDirection kToPeer = PeerDirection::kToPeer;
constexpr PeerDirection kToClient = PeerDirection::kToClient;

// A world with clients that have a bound connection each.
class Relayed {
 public:
  explicit Relayed(const Server::Options& options, size_t clients = 1) : world(options) {
    for (size_t i = 0; i < clients; ++i) {
      Client client = Client::on_stream(world, i + 1);
      EXPECT_TRUE(client.ask(StunMethod::kAllocate, {tcp()}).is_success());
      client.ask(StunMethod::kConnect, {peer(kPeer)});
      const PeerConnectionId connection = world.connects.back().connection;
      world.happen(PeerConnected{connection});
      const auto number = world.take_client().view().find_u32(StunAttribute::kConnectionId);
      Client data = Client::on_stream(world, i + 100);
      EXPECT_TRUE(data.ask(StunMethod::kConnectionBind, {connection_id(*number)}).is_success());
      connections.push_back(connection);
    }
  }

  uint64_t waits(Wait why) const {
    const auto& waits = world.server.streams().stats().waits;
    return waits[static_cast<size_t>(Payer::kFriend)][static_cast<size_t>(why)];
  }
  uint64_t relayed_bytes() const {
    uint64_t bytes = 0;
    world.server.table().for_each(
        [&](const Allocation& allocation) { bytes += allocation.relayed_bytes; });
    return bytes;
  }

  World world;
  std::vector<PeerConnectionId> connections;
};

TEST(StreamRelay, CountsTheHeadersOfEachPacket) {
  EXPECT_EQ(StreamRelay::cost_of(1), 41u);
  EXPECT_EQ(StreamRelay::cost_of(1400), 1440u);
  EXPECT_EQ(StreamRelay::cost_of(1401), 1481u);
  EXPECT_EQ(StreamRelay::cost_of(8192), 8192u + 6 * 40);
}

TEST(StreamRelay, ChargesBothDirectionsOnceEach) {
  Relayed relayed(plain_options());
  World& world = relayed.world;
  EXPECT_EQ(world.offer(relayed.connections[0], kToPeer, 8192), 8192u);
  EXPECT_EQ(world.forwarded->payer, Payer::kFriend);
  EXPECT_EQ(world.forwarded->grade, Grade::kCommitted);
  EXPECT_EQ(world.offer(relayed.connections[0], kToClient, 100), 100u);
  const auto& stats = world.server.streams().stats();
  const auto friends = static_cast<size_t>(Payer::kFriend);
  EXPECT_EQ(stats.to_peer_bytes[friends], 8432u);
  EXPECT_EQ(stats.to_client_bytes[friends], 140u);
  EXPECT_EQ(relayed.relayed_bytes(), 8572u);
}

TEST(StreamRelay, WaitsForTheDonationAndIsChargedNothingForIt) {
  Relayed relayed(plain_options());
  World& world = relayed.world;
  world.room = {1439, 1439};
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(world.offer(relayed.connections[0], kToPeer, 8192), 0u);
    EXPECT_GE(world.held->time, StreamRelay::kHoldTimeMin);
    EXPECT_LE(world.held->time, StreamRelay::kHoldTimeMax);
  }
  EXPECT_EQ(relayed.waits(Wait::kDonation), 100u);
  EXPECT_EQ(relayed.relayed_bytes(), 0u);
  // One packet of it goes as soon as there is enough for that.
  world.room = {1440, 1440};
  EXPECT_EQ(world.offer(relayed.connections[0], kToPeer, 8192), 1400u);
  EXPECT_EQ(relayed.relayed_bytes(), 1440u);
}

TEST(StreamRelay, KeepsItsAllocationsRateHoweverOftenItAsks) {
  Server::Options options = plain_options();
  options.forwarder.share.allocation_bytes_per_second = {0, 50'000, 50'000, 50'000};
  Relayed relayed(options);
  World& world = relayed.world;
  uint64_t sent = 0;
  for (int tick = 0; tick < 10'000; ++tick) {  // A thousand times a second.
    for (const PeerDirection direction : {kToPeer, kToClient}) {
      sent += StreamRelay::cost_of(world.offer(relayed.connections[0], direction, 8192));
    }
    world.pass(std::chrono::milliseconds(1));
  }
  EXPECT_LE(sent, 50'000u * 11);  // Ten seconds, and the one that is saved up.
  EXPECT_GE(sent, 50'000u * 10);
  EXPECT_GT(relayed.waits(Wait::kOwnLimit), 1'000u);
  EXPECT_EQ(relayed.relayed_bytes(), sent);
}

TEST(StreamRelay, EndsAnAllocationThatHasUsedUpItsBytes) {
  Server::Options options = plain_options();
  options.forwarder.bytes_per_allocation = {0, 10'000, 10'000, 10'000};
  Relayed relayed(options);
  World& world = relayed.world;
  EXPECT_EQ(world.offer(relayed.connections[0], kToPeer, 8192), 8192u);
  EXPECT_EQ(world.offer(relayed.connections[0], kToPeer, 8192), 1400u);
  EXPECT_EQ(world.offer(relayed.connections[0], kToPeer, 8192), 0u);
  EXPECT_EQ(relayed.waits(Wait::kUsedUp), 1u);
  world.pass(Duration());
  EXPECT_TRUE(world.connections.empty());
  EXPECT_TRUE(world.listeners.empty());
}

TEST(StreamRelay, RelaysPacketByPacketWhatIsLeftWhereAChunkIsMore) {
  Server::Options options = plain_options();
  options.forwarder.bytes_per_allocation = {0, 5 * 1440, 5 * 1440, 5 * 1440};
  Relayed relayed(options);
  World& world = relayed.world;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(world.offer(relayed.connections[0], kToPeer, 8192), 1400u);
    world.pass(Duration());
  }
  EXPECT_EQ(relayed.waits(Wait::kUsedUp), 0u);
  EXPECT_EQ(world.connections.size(), 1u);
  EXPECT_EQ(world.offer(relayed.connections[0], kToPeer, 1), 0u);
  world.pass(Duration());
  EXPECT_TRUE(world.connections.empty());
}

TEST(StreamRelay, WhatIsBeyondItsPartIsExcessAndWaitsWhileThereIsNoReserve) {
  Server::Options options = plain_options();
  options.forwarder.share.bytes_per_second = 100'000;
  options.forwarder.share.percent = {0, 50, 30, 20};
  Relayed relayed(options, 2);
  World& world = relayed.world;
  const PeerConnectionId heavy = relayed.connections[0];
  const PeerConnectionId light = relayed.connections[1];
  // With a reserve there is no waiting, and what is beyond the part is marked so.
  uint64_t excess = 0;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(world.offer(heavy, kToPeer, 8192), 8192u);
    excess += world.forwarded->grade == Grade::kExcess;
  }
  EXPECT_GT(excess, 10u);
  // Without one it waits, and the light one does not.
  world.room = {kLots, 0};
  uint64_t sent = 0;
  for (int tick = 0; tick < 5'000; ++tick) {
    sent += StreamRelay::cost_of(world.offer(heavy, kToPeer, 8192));
    if (tick % 20 == 0) {
      EXPECT_EQ(world.offer(light, kToClient, 200), 200u) << tick;
    }
    world.pass(std::chrono::milliseconds(1));
  }
  // Five seconds of 25,000: half of the class's half, and what the light one leaves of its own.
  EXPECT_LE(sent, 5u * 50'000 + 56'250);
  EXPECT_GE(sent, 5u * 25'000 - 8'500);
  EXPECT_GT(relayed.waits(Wait::kDonation), 1'000u);
}

TEST(StreamRelay, EndsConnectionsToWhomTheOwnerForbids) {
  Server::Options options = plain_options();
  Relayed relayed(options);
  World& world = relayed.world;
  EXPECT_EQ(world.offer(relayed.connections[0], kToPeer, 10), 10u);
  options.peers = PeerPolicy({}, {*Prefix::parse("9.9.9.0/24")});
  world.server.reload(options, world.now().mono);
  EXPECT_EQ(world.offer(relayed.connections[0], kToPeer, 10), 0u);
  EXPECT_EQ(world.closed_connections, std::deque{relayed.connections[0]});
  EXPECT_EQ(world.server.streams().connections().size(), 0u);
}

TEST(StreamRelay, WhoIsNotBoundRelaysNothing) {
  World world(plain_options());
  Client alice = Client::on_stream(world, 1);
  EXPECT_TRUE(alice.ask(StunMethod::kAllocate, {tcp()}).is_success());
  alice.ask(StunMethod::kConnect, {peer(kPeer)});
  const PeerConnectionId connection = world.connects.back().connection;
  world.happen(PeerConnected{connection});
  EXPECT_EQ(world.offer(connection, kToClient, 10), 0u);
  EXPECT_EQ(world.closed_connections, std::deque{connection});
}

}  // namespace
}  // namespace roost::core::turn
