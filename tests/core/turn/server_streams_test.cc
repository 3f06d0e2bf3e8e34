// SPDX-License-Identifier: MIT
//
// Goal: RFC 6062's requests get its answers, each in its own situation, and what they open is
// bounded in number and time. Method: clients over streams, and a shell that answers each order as
// the test likes.
#include "turn/turn_client.h"

namespace roost::core::turn {
namespace {

uint64_t errors(const World& world, unsigned code) {
  const auto& codes = Server::kErrorCodes;
  const auto at = std::find(codes.begin(), codes.end(), code);
  uint64_t sum = 0;
  for (const auto& of_class : world.server.stats().errors) {
    sum += of_class[static_cast<size_t>(at - codes.begin())];
  }
  return sum;
}

Server::Options small_options() {
  Server::Options options = plain_options();
  options.connections = {.count = 4, .per_allocation = 3};
  return options;
}

class ServerStreams : public testing::Test {
 protected:
  Client client(uint64_t stream, const Credentials& who = kAlice,
                Transport transport = Transport::kTcp) {
    return Client::on_stream(world_, stream, transport, who);
  }
  static Reply allocate(Client& client, Attributes more = {}) {
    more.insert(more.begin(), tcp());
    const Reply reply = client.ask(StunMethod::kAllocate, more);
    if (reply.is_success()) client.relayed = reply.relayed().at(0);
    return reply;
  }
  // A Connect that is not answered yet.
  PeerConnectionId begin(Client& client, const Endpoint& to) {
    const Reply reply = client.ask(StunMethod::kConnect, {peer(to)});
    EXPECT_FALSE(reply.is_there()) << reply.code();
    EXPECT_EQ(world_.connects.size(), 1u);
    const ConnectPeer order = world_.connects.front();
    world_.connects.pop_front();
    EXPECT_EQ(order.relay, world_.relay_at(client.relayed));
    EXPECT_EQ(order.to, to);
    return order.connection;
  }
  static uint32_t number_in(const StunView& view) {
    return view.find_u32(StunAttribute::kConnectionId).value_or(0);
  }
  // A whole Connect, with the CONNECTION-ID.
  uint32_t connect(Client& client, const Endpoint& to) {
    const PeerConnectionId connection = begin(client, to);
    world_.happen(PeerConnected{connection});
    const ToClient sent = world_.take_client();
    client.expect_is_for_me(sent);
    EXPECT_EQ(sent.view().message_class(), StunClass::kSuccess);
    last_ = connection;
    return number_in(sent.view());
  }
  // As who, on a stream of its own.
  Reply bind(uint64_t stream, uint32_t number, const Credentials& who = kAlice) {
    Client data = client(stream, who);
    return data.ask(StunMethod::kConnectionBind, {connection_id(number)});
  }

  World world_{small_options()};
  PeerConnectionId last_{};
};

TEST_F(ServerStreams, AnAllocationOfTcpIsForClientsOverTcpAndTls) {
  Client over_udp(world_, "192.0.2.1:1000");
  EXPECT_EQ(over_udp.ask(StunMethod::kAllocate, {tcp()}).code(), 400);
  Client over_dtls = client(3, kAlice, Transport::kDtls);
  EXPECT_EQ(over_dtls.ask(StunMethod::kAllocate, {tcp()}).code(), 400);
  EXPECT_TRUE(world_.sockets.empty());
  Client over_tcp = client(1);
  Client over_tls = client(2, kBob, Transport::kTls);
  EXPECT_TRUE(allocate(over_tcp).is_success());
  EXPECT_TRUE(allocate(over_tls, {family(2)}).is_success());
  EXPECT_FALSE(over_tls.relayed.address.is_v4());
  EXPECT_EQ(world_.listeners.size(), 2u);
}

TEST_F(ServerStreams, WhatOnlyDatagramsHaveIsRefused) {
  const Attributes wrong[] = {
      {raw(StunAttribute::kDontFragment)},
      {even_port(false)},
      {even_port(true)},
      {raw(StunAttribute::kReservationToken, Data(8))},
      {additional(2)},
  };
  Client alice = client(1);
  for (const Attributes& attributes : wrong) EXPECT_EQ(allocate(alice, attributes).code(), 400);
  EXPECT_EQ(
      alice.ask(StunMethod::kAllocate, {number(StunAttribute::kRequestedTransport, 33u << 24)})
          .code(),
      442);
  EXPECT_EQ(allocate(alice, {family(3)}).code(), 440);
  EXPECT_TRUE(world_.sockets.empty());
  EXPECT_TRUE(allocate(alice).is_success());
}

TEST_F(ServerStreams, WithoutConnectionsThereAreNoAllocationsOfTcp) {
  Server::Options options = plain_options();
  options.connections.count = 0;
  World world(options);
  Client alice = Client::on_stream(world, 1);
  EXPECT_EQ(alice.ask(StunMethod::kAllocate, {tcp()}).code(), 442);
  EXPECT_EQ(alice.ask(StunMethod::kAllocate, {udp()}).code(), 0);
}

TEST_F(ServerStreams, EachKindOfAllocationHasItsOwnRequests) {
  Client of_tcp = client(1);
  Client of_udp = client(2);
  allocate(of_tcp);
  EXPECT_TRUE(of_udp.allocate().is_success());
  EXPECT_EQ(of_tcp.bind(0x4000, kPeer), 403);
  EXPECT_EQ(of_udp.ask(StunMethod::kConnect, {peer(kPeer)}).code(), 403);
  EXPECT_EQ(of_tcp.permit(kPeer), 0);
  of_tcp.indicate(kPeer, "a datagram");
  of_tcp.send_channel_data(0x4000, "another");
  EXPECT_TRUE(world_.is_silent());
  const auto& drops = world_.server.forwarded().drops[static_cast<size_t>(Payer::kFriend)];
  EXPECT_EQ(drops[static_cast<size_t>(Forwarder::Drop::kNoDatagrams)], 2u);
}

TEST_F(ServerStreams, ConnectIsAnsweredWhenThePeerHas) {
  for (const Credentials& who : {kAlice, kModernAlice}) {
    Client alice = client(who.uses_userhash ? 2 : 1, who);
    EXPECT_TRUE(allocate(alice).is_success());
    const Data asked = alice.request(StunMethod::kConnect, {peer(kPeer)});
    EXPECT_FALSE(alice.send(asked).is_there());
    const PeerConnectionId connection = world_.connects.front().connection;
    world_.connects.pop_front();
    // The control connection goes on meanwhile.
    EXPECT_EQ(alice.refresh({}).code(), 0);
    world_.pass(seconds(29));
    world_.happen(PeerConnected{connection});
    const Reply reply{world_.take_client().bytes};
    EXPECT_TRUE(reply.is_success());
    alice.expect_is_signed(reply, asked);
    EXPECT_EQ(reply.view().method(), StunMethod::kConnect);
    EXPECT_TRUE(reply.view().find_u32(StunAttribute::kConnectionId));
  }
  EXPECT_EQ(world_.server.streams().stats().outgoing, 2u);
}

TEST_F(ServerStreams, WhoCannotBeReachedIs447) {
  Client alice = client(1);
  allocate(alice);
  for (const PeerFailure why :
       {PeerFailure::kRefused, PeerFailure::kUnreachable, PeerFailure::kNoResources}) {
    const PeerConnectionId connection = begin(alice, kPeer);
    world_.peer_fails(connection, why);
    EXPECT_EQ(Reply{world_.take_client().bytes}.code(), 447);
    EXPECT_EQ(world_.server.streams().stats().failures[static_cast<size_t>(why)], 1u);
  }
  // Nor who says nothing for 30 seconds.
  const PeerConnectionId connection = begin(alice, kPeer);
  world_.pass(seconds(30) - std::chrono::microseconds(1));
  EXPECT_TRUE(world_.is_silent());
  world_.pass(std::chrono::microseconds(1));
  EXPECT_EQ(Reply{world_.take_client().bytes}.code(), 447);
  EXPECT_EQ(world_.closed_connections, std::deque{connection});
  // What comes late finds nothing, and is closed.
  world_.happen(PeerConnected{connection});
  EXPECT_TRUE(world_.is_silent());
  EXPECT_EQ(world_.closed_connections.size(), 2u);
  EXPECT_EQ(errors(world_, 447), 4u);
  EXPECT_EQ(world_.server.streams().connections().size(), 0u);
}

TEST_F(ServerStreams, ASecondConnectionToAPeerIs446) {
  Client alice = client(1);
  allocate(alice);
  const PeerConnectionId connection = begin(alice, kPeer);
  const auto again = [&] { return alice.ask(StunMethod::kConnect, {peer(kPeer)}).code(); };
  EXPECT_EQ(again(), 446);  // While connecting,
  world_.happen(PeerConnected{connection});
  const uint32_t number = number_in(world_.take_client().view());
  EXPECT_EQ(again(), 446);  // pending,
  EXPECT_EQ(bind(9, number).code(), 0);
  EXPECT_EQ(again(), 446);  // and bound.
  world_.peer_closes(connection);
  begin(alice, kPeer);
  // Another port is another peer, and another client has its own.
  begin(alice, {kPeer.address, 9001});
  Client bob = client(2, kBob);
  allocate(bob);
  begin(bob, kPeer);
  EXPECT_EQ(errors(world_, 446), 3u);
}

TEST_F(ServerStreams, PeersArePermittedAsForDatagrams) {
  Server::Options options = small_options();
  options.addresses.own_ports = {3478};
  options.peers = PeerPolicy({*Prefix::parse("10.1.0.0/16"), *Prefix::parse("5.5.5.5/32")},
                             {*Prefix::parse("8.8.4.0/24")});
  World world(options);
  Client alice = Client::on_stream(world, 1);
  allocate(alice);
  struct Row {
    std::string_view peer;
    int code;
  };
  const Row rows[] = {
      {"127.0.0.1:80", 403},          {"10.0.0.1:80", 403},  {"192.168.0.1:80", 403},
      {"169.254.1.1:80", 403},        {"224.0.0.1:80", 403}, {"8.8.4.4:80", 403},
      {"5.5.5.5:3478", 403},          {"9.9.9.9:0", 400},    {"[2606:4700::1111]:80", 443},
      {"[::ffff:127.0.0.1]:80", 403},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(alice.ask(StunMethod::kConnect, {peer(endpoint(row.peer))}).code(), row.code)
        << row.peer;
  }
  EXPECT_EQ(alice.ask(StunMethod::kConnect, {peer(alice.relayed)}).code(), 403);  // Itself.
  EXPECT_EQ(alice.ask(StunMethod::kConnect, {}).code(), 400);
  for (const std::string_view allowed : {"10.1.2.3:80", "5.5.5.5:22", "9.9.9.9:3478"}) {
    EXPECT_FALSE(alice.ask(StunMethod::kConnect, {peer(endpoint(allowed))}).is_there()) << allowed;
  }
  EXPECT_EQ(world.connects.size(), 3u);
}

TEST_F(ServerStreams, NobodyConnectsWithoutAnAllocationOrWithAnothers) {
  Client alice = client(1);
  EXPECT_EQ(alice.ask(StunMethod::kConnect, {peer(kPeer)}).code(), 437);
  allocate(alice);
  Client bob = client(1, kBob);
  EXPECT_EQ(bob.ask(StunMethod::kConnect, {peer(kPeer)}).code(), 441);
  EXPECT_TRUE(world_.connects.empty());
}

TEST_F(ServerStreams, ConnectionsHaveBounds) {
  Client alice = client(1);
  Client bob = client(2, kBob);
  allocate(alice);
  allocate(bob);
  for (uint16_t port = 1; port <= 3; ++port) begin(alice, {kPeer.address, port});
  EXPECT_EQ(alice.ask(StunMethod::kConnect, {peer(kPeer)}).code(), 508);
  begin(bob, kPeer);
  EXPECT_EQ(bob.ask(StunMethod::kConnect, {peer(kOtherPeer)}).code(), 508);
  EXPECT_EQ(bob.permit(kPeer), 0);
  EXPECT_FALSE(world_.arrive_peer(world_.relay_at(bob.relayed), {kPeer.address, 1}));
  // All of them end in time, though not all in one step, and each is answered.
  world_.pass(seconds(30));
  EXPECT_EQ(world_.to_clients.size(), 4u);
  EXPECT_EQ(world_.server.streams().connections().size(), 0u);
  EXPECT_TRUE(world_.connections.empty());
}

TEST_F(ServerStreams, APermittedPeerIsAnnounced) {
  Client alice = client(1, kAlice, Transport::kTls);
  allocate(alice);
  const RelayId relay = world_.relay_at(alice.relayed);
  EXPECT_FALSE(world_.arrive_peer(relay, kPeer));
  EXPECT_EQ(alice.permit(kPeer), 0);
  const Endpoint from{kPeer.address, 5555};
  EXPECT_TRUE(world_.arrive_peer(relay, from));
  const ToClient told = world_.take_client();
  alice.expect_is_for_me(told);
  EXPECT_EQ(told.view().message_class(), StunClass::kIndication);
  EXPECT_EQ(told.view().method(), StunMethod::kConnectionAttempt);
  EXPECT_EQ(told.view().find_xor_address(StunAttribute::kXorPeerAddress), from);
  EXPECT_FALSE(told.may_be_dropped);
  EXPECT_EQ(bind(9, number_in(told.view())).code(), 0);
  ASSERT_EQ(world_.binds.size(), 1u);
  EXPECT_EQ(world_.binds[0].connection, world_.taken[0]);
  EXPECT_EQ(world_.binds[0].stream, StreamId{9});
  // Five minutes later others are not let in, but who is in stays.
  world_.pass(minutes(5));
  EXPECT_FALSE(world_.arrive_peer(relay, kPeer));
  EXPECT_EQ(world_.offer(world_.taken[0], PeerDirection::kToClient, 100), 100u);
  const auto& stats = world_.server.streams().stats();
  EXPECT_EQ(stats.incoming, 1u);
  const auto& refusals = stats.refusals[static_cast<size_t>(Payer::kFriend)];
  EXPECT_EQ(refusals[static_cast<size_t>(StreamRelay::Refusal::kNoPermission)], 2u);
}

TEST_F(ServerStreams, WhatNobodyBindsEndsAfter30Seconds) {
  Client alice = client(1);
  allocate(alice);
  alice.permit(kOtherPeer);
  const uint32_t made = connect(alice, kPeer);
  EXPECT_TRUE(world_.arrive_peer(world_.relay_at(alice.relayed), kOtherPeer));
  const uint32_t came = number_in(world_.take_client().view());
  world_.pass(seconds(30) - std::chrono::microseconds(1));
  EXPECT_TRUE(world_.closed_connections.empty());
  world_.pass(std::chrono::microseconds(1));
  EXPECT_EQ(world_.closed_connections.size(), 2u);
  EXPECT_EQ(bind(8, made).code(), 400);
  EXPECT_EQ(bind(9, came).code(), 400);
  EXPECT_TRUE(world_.binds.empty());
  EXPECT_EQ(world_.server.streams().stats().never_bound, 2u);
}

TEST_F(ServerStreams, ABindIsForTheNumberAndTheUserOfTheConnection) {
  Client alice = client(1);
  allocate(alice);
  const uint32_t number = connect(alice, kPeer);
  EXPECT_EQ(bind(5, number ^ 1).code(), 400);
  EXPECT_EQ(bind(5, number, kBob).code(), 441);
  Client nameless = client(5);
  EXPECT_EQ(nameless.ask(StunMethod::kConnectionBind, {}).code(), 400);
  EXPECT_EQ(nameless.ask(StunMethod::kConnectionBind, {raw(StunAttribute::kConnectionId, Data(8))})
                .code(),
            400);
  // Not over UDP, nor on a control connection.
  Client over_udp(world_, "192.0.2.1:1000");
  EXPECT_EQ(over_udp.ask(StunMethod::kConnectionBind, {connection_id(number)}).code(), 400);
  EXPECT_EQ(alice.ask(StunMethod::kConnectionBind, {connection_id(number)}).code(), 400);
  EXPECT_TRUE(world_.binds.empty());
  EXPECT_EQ(bind(5, number).code(), 0);
  EXPECT_EQ(bind(6, number).code(), 400);  // It is bound.
  EXPECT_EQ(world_.binds.size(), 1u);
}

TEST_F(ServerStreams, ANonceIsGoodForEveryStreamFromThere) {
  Client alice = client(1);
  allocate(alice);
  const uint32_t number = connect(alice, kPeer);
  Client data = client(7);
  data.endpoint.port = 50001;
  data.nonce = alice.nonce;
  data.realm = alice.realm;
  EXPECT_EQ(data.ask(StunMethod::kConnectionBind, {connection_id(number)}).code(), 0);
  // But not for one from elsewhere, nor for a datagram, whose sender has shown nothing.
  Client elsewhere = client(8);
  elsewhere.endpoint = endpoint("192.0.2.78:50000");
  elsewhere.nonce = alice.nonce;
  elsewhere.realm = alice.realm;
  EXPECT_EQ(elsewhere.ask(StunMethod::kConnectionBind, {connection_id(number)}).code(), 438);
  Client over_udp(world_, "192.0.2.77:50000");
  over_udp.nonce = alice.nonce;
  over_udp.realm = alice.realm;
  EXPECT_EQ(over_udp.refresh({}).code(), 438);
}

TEST_F(ServerStreams, ConnectionsEndWithTheirAllocation) {
  const auto end_by = [&](uint64_t stream, auto end) {
    Client alice = client(stream);
    EXPECT_TRUE(allocate(alice).is_success());
    alice.permit(kOtherPeer);
    bind(stream + 50, connect(alice, kPeer));
    begin(alice, kOtherPeer);
    EXPECT_TRUE(world_.arrive_peer(world_.relay_at(alice.relayed), {kOtherPeer.address, 1}));
    world_.take_client();
    EXPECT_EQ(world_.connections.size(), 3u);
    end(alice);
    EXPECT_TRUE(world_.connections.empty());
    EXPECT_TRUE(world_.listeners.empty());
    EXPECT_EQ(world_.server.streams().connections().size(), 0u);
    world_.to_clients.clear();
    // What happens to them afterwards is nobody's business.
    world_.happen(PeerClosed{last_});
    EXPECT_EQ(world_.offer(last_, PeerDirection::kToPeer, 10), 0u);
    EXPECT_TRUE(world_.is_silent());
  };
  end_by(1, [](Client& alice) { alice.refresh({lifetime(0)}); });
  end_by(2, [&](Client& alice) { world_.close_stream(alice.stream); });
  end_by(3, [&](Client&) { world_.pass(minutes(10)); });
  end_by(4, [&](Client&) {
    Server::Options options = small_options();
    options.authenticator.users = {{"bob", "secret"}};
    world_.server.reload(options, world_.now().mono);
    world_.pass(Duration());
  });
}

TEST_F(ServerStreams, TwoClientsOfOneServerReachEachOther) {
  Server::Options options = small_options();
  options.addresses.external = {ip("5.5.5.77")};
  World world(options);
  Client alice = Client::on_stream(world, 1);
  Client bob = Client::on_stream(world, 2, Transport::kTcp, kBob);
  allocate(alice);
  allocate(bob);
  EXPECT_EQ(bob.relayed.address, ip("5.5.5.77"));
  EXPECT_EQ(bob.permit(alice.relayed), 0);
  EXPECT_FALSE(alice.ask(StunMethod::kConnect, {peer(bob.relayed)}).is_there());
  // Where the socket is, not where the world sees it.
  const Endpoint bound{kServerV4.address, bob.relayed.port};
  EXPECT_EQ(world.connects.front().to, bound);
  const Endpoint from{kServerV4.address, alice.relayed.port};
  EXPECT_TRUE(world.arrive_peer(world.relay_at(bound), from));
  EXPECT_EQ(world.take_client().view().find_xor_address(StunAttribute::kXorPeerAddress),
            alice.relayed);
}

// A port of UDP and one of TCP may have the same number.
TEST_F(ServerStreams, RelayedAddressesOfUdpAndTcpAreApart) {
  Client alice = client(1);
  Client bob = client(2, kBob);
  world_.opens[0] = World::Opens::kHeldBack;
  alice.ask(StunMethod::kAllocate, {tcp()});
  bob.ask(StunMethod::kAllocate, {udp()});
  const Endpoint same{kServerV4.address, 49999};
  for (const OpenRelay& open : world_.held_back) world_.open(open.relay, same);
  alice.relayed = bob.relayed = same;
  world_.to_clients.clear();
  // Of UDP it is bob's, and of TCP alice's.
  EXPECT_EQ(bob.ask(StunMethod::kConnect, {peer(kPeer)}).code(), 403);
  Client carol(world_, "192.0.2.9:1000", kBob);
  world_.opens[0] = World::Opens::kAtOnce;
  EXPECT_TRUE(carol.allocate().is_success());
  EXPECT_EQ(carol.bind(0x4000, same), 0);
  Client dave = client(3, kBob);
  allocate(dave);
  EXPECT_FALSE(dave.ask(StunMethod::kConnect, {peer(same)}).is_there());
  world_.close_stream(alice.stream);
  EXPECT_EQ(carol.bind(0x4000, same), 0);
  EXPECT_EQ(dave.ask(StunMethod::kConnect, {peer(same)}).code(), 446);
}

}  // namespace
}  // namespace roost::core::turn
