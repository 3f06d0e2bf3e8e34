// SPDX-License-Identifier: MIT
//
// Goal: an Allocate is answered as RFC 8656 §7.2 says, once its sockets are there, and whatever
// becomes of those sockets, none is left behind.
// Method: each step of §7.2 in a table; then sockets that come late, not at all or one of two, and
// clients that repeat themselves or leave meanwhile.
#include "core/turn/server.h"
#include "turn/turn_client.h"

namespace roost::core::turn {
namespace {

using Opens = World::Opens;

Attribute transport(uint8_t protocol) {
  return number(StunAttribute::kRequestedTransport, uint32_t{protocol} << 24);
}

// ---- Each error.

TEST(TurnAllocate, IsRefusedInTheWordsOfTheRfc) {
  const Attribute token = raw(StunAttribute::kReservationToken, Data(8));
  struct Row {
    const char* what;
    Attributes asked;
    int expect;
  };
  const Row kRows[] = {
      {"UDP", {udp()}, 0},
      {"no transport", {}, 400},
      {"a short transport", {raw(StunAttribute::kRequestedTransport, {17})}, 400},
      {"TCP", {transport(6)}, 400},  // Over UDP; RFC 6062 §5.1.
      {"protocol 0", {transport(0)}, 442},
      {"DONT-FRAGMENT", {udp(), raw(StunAttribute::kDontFragment)}, 0},
      {"EVEN-PORT", {udp(), even_port(false)}, 0},
      {"EVEN-PORT and its next", {udp(), even_port(true)}, 0},
      {"an empty EVEN-PORT", {udp(), raw(StunAttribute::kEvenPort)}, 400},
      {"a long EVEN-PORT", {udp(), raw(StunAttribute::kEvenPort, {0x80, 0})}, 400},
      {"a token that nobody has", {udp(), token}, 508},
      {"a short token", {udp(), raw(StunAttribute::kReservationToken, Data(7))}, 400},
      {"a token and EVEN-PORT", {udp(), token, even_port(false)}, 400},
      {"a token and a family", {udp(), token, family(1)}, 400},
      {"a token and an additional family", {udp(), token, additional(2)}, 400},
      {"IPv4", {udp(), family(1)}, 0},
      {"IPv6", {udp(), family(2)}, 0},
      {"family 0", {udp(), family(0)}, 440},
      {"family 3", {udp(), family(3)}, 440},
      {"a family and an additional one", {udp(), family(1), additional(2)}, 400},
      {"additional IPv6", {udp(), additional(2)}, 0},
      {"additional IPv4", {udp(), additional(1)}, 400},
      {"additional family 3", {udp(), additional(3)}, 400},
      {"additional IPv6 and EVEN-PORT", {udp(), additional(2), even_port(false)}, 0},
      {"additional IPv6 and EVEN-PORT with its next", {udp(), additional(2), even_port(true)}, 400},
      {"a lifetime of the wrong size", {udp(), raw(StunAttribute::kLifetime, {1})}, 0},
  };
  for (const Row& row : kRows) {
    for (const Credentials& who : {kAlice, kModernAlice}) {
      World world;
      Client client(world, "192.0.2.77:50000", who);
      client.credentials.has_fingerprint = true;
      EXPECT_EQ(client.ask(StunMethod::kAllocate, row.asked).code(), row.expect) << row.what;
      EXPECT_EQ(world.server.table().size() > 0, row.expect == 0) << row.what;
      EXPECT_EQ(world.sockets.empty(), row.expect != 0) << row.what;
    }
  }
}

TEST(TurnAllocate, IsRefusedWith440WhereThereIsNoAddressOfTheFamily) {
  for (const uint8_t missing : {uint8_t{1}, uint8_t{2}}) {
    Server::Options options = plain_options();
    const Endpoint& left = missing == 1 ? kServerV6 : kServerV4;
    options.addresses.relay = {left.address};
    World world(options);
    Client client(world, missing == 1 ? "[2001:db8::77]:50000" : "192.0.2.77:50000");
    EXPECT_EQ(client.allocate({family(missing)}).code(), 440);
    // IPv4 is meant where nothing is said.
    EXPECT_EQ(client.allocate().code(), missing == 1 ? 440 : 0);
    EXPECT_EQ(client.refresh({lifetime(0)}).code(), missing == 1 ? 437 : 0);
    EXPECT_EQ(client.allocate({additional(2)}).code(), missing == 1 ? 440 : 0);
  }
}

TEST(TurnAllocate, IsRefusedAsAMismatchWhereThereIsOneAlready) {
  World world;
  Client client(world, "192.0.2.77:50000");
  EXPECT_TRUE(client.allocate().is_success());
  EXPECT_EQ(client.allocate().code(), 437);
  EXPECT_EQ(client.allocate({family(2)}).code(), 437);
  // Before anything else is looked at (§7.2, step 2).
  EXPECT_EQ(client.ask(StunMethod::kAllocate, {}).code(), 437);
  EXPECT_EQ(world.server.table().size(), 1u);
}

TEST(TurnAllocate, IsNotAnsweredAgainToAnotherUserOfTheSameTransaction) {
  World world;
  Client alice(world, "192.0.2.77:50000");
  Client bob(world, "192.0.2.77:50000", kBob);
  alice.get_nonce();
  bob.get_nonce();
  const Data first = alice.request(StunMethod::kAllocate, {udp()});
  const Data second = bob.request(StunMethod::kAllocate, {udp()});
  ASSERT_TRUE(same_bytes(StunView::parse(first)->transaction_id(),
                         StunView::parse(second)->transaction_id()));
  EXPECT_TRUE(alice.send(first).is_success());
  EXPECT_EQ(bob.send(second).code(), 437);
}

TEST(TurnAllocate, IsRefusedByQuotaWith486AndByCapacityWith508) {
  struct Row {
    AllocationTable::Options table;
    int expect;
  };
  AllocationTable::Options few = {.allocations = 2};
  AllocationTable::Options of_user = {.allocations = 64,
                                      .allocations_per_user = for_each_class(2u)};
  AllocationTable::Options of_prefix = {.allocations = 64, .allocations_per_prefix = 2};
  const Row kRows[] = {{few, 508}, {of_user, 486}, {of_prefix, 486}};
  for (const Row& row : kRows) {
    Server::Options options = plain_options();
    options.table = row.table;
    World world(options);
    Client first(world, "192.0.2.1:1000");
    Client second(world, "192.0.2.2:1000");
    Client third(world, "192.0.2.3:1000");
    EXPECT_EQ(first.allocate().code(), 0);
    EXPECT_EQ(second.allocate().code(), 0);
    EXPECT_EQ(third.allocate().code(), row.expect);
    EXPECT_EQ(first.refresh({lifetime(0)}).code(), 0);
    // One is not room for two, and what was begun is undone.
    EXPECT_EQ(third.allocate({even_port(true)}).code(), row.expect);
    EXPECT_EQ(world.server.table().size(), 1u);
    EXPECT_EQ(third.allocate().code(), 0);
  }
}

TEST(TurnAllocate, IsRefusedWhileNoNewOnesAreTakenOn) {
  World world;
  Client old(world, "192.0.2.1:1000");
  EXPECT_TRUE(old.allocate().is_success());
  world.server.set_accepting(false);
  Client late(world, "192.0.2.2:1000");
  EXPECT_EQ(late.allocate().code(), 508);
  EXPECT_TRUE(old.refresh({}).is_success());
  world.server.set_accepting(true);
  EXPECT_TRUE(late.allocate().is_success());
}

// ---- Success.

TEST(TurnAllocate, SaysWhereItRelaysHowLongAndWhereTheClientCameFrom) {
  struct Row {
    const char* client;
    Attributes asked;
    const char* expect;
    uint32_t lifetime;
  };
  const Row kRows[] = {
      {"192.0.2.77:50000", {}, "5.5.5.5:50000", 600},
      {"192.0.2.77:50000", {family(2)}, "[2a00:5::5]:50000", 600},
      {"192.0.2.77:50000", {lifetime(1)}, "5.5.5.5:50000", 600},
      {"192.0.2.77:50000", {lifetime(1000)}, "5.5.5.5:50000", 1000},
      {"192.0.2.77:50000", {lifetime(100'000)}, "5.5.5.5:50000", 3600},
      {"[2001:db8::77]:50000", {}, "5.5.5.5:50000", 600},
      {"[2001:db8::77]:50000", {family(2)}, "[2a00:5::5]:50000", 600},
  };
  for (const Row& row : kRows) {
    for (const Credentials& who : {kAlice, kModernAlice}) {
      World world;
      Client client(world, row.client, who);
      const Reply reply = client.allocate(row.asked);
      ASSERT_TRUE(reply.is_success());
      EXPECT_EQ(reply.relayed(), std::vector<Endpoint>{endpoint(row.expect)});
      EXPECT_EQ(reply.lifetime(), row.lifetime);
      EXPECT_EQ(reply.view().find_xor_address(StunAttribute::kXorMappedAddress), client.endpoint);
      EXPECT_FALSE(reply.view().find(StunAttribute::kReservationToken));
      EXPECT_FALSE(reply.view().find(StunAttribute::kAddressErrorCode));
      EXPECT_EQ(world.sockets.begin()->second, endpoint(row.expect));
      EXPECT_EQ(world.server.stats().allocations[static_cast<size_t>(Payer::kFriend)], 1u);
      world.pass(seconds(row.lifetime) - Duration(1));
      EXPECT_EQ(world.server.table().size(), 1u);
      world.pass(Duration(1));
      EXPECT_EQ(world.server.table().size(), 0u);
      EXPECT_TRUE(world.sockets.empty());
    }
  }
}

TEST(TurnAllocate, ShowsTheAddressThatTheWorldSees) {
  Server::Options options = plain_options();
  options.addresses.external = {ip("7.7.7.7")};
  World world(options);
  Client client(world, "192.0.2.77:50000");
  const Reply reply = client.allocate({additional(2)});
  EXPECT_EQ(reply.relayed(),
            (std::vector<Endpoint>{{ip("7.7.7.7"), 50001}, {kServerV6.address, 50000}}));
}

TEST(TurnAllocate, IsAnsweredAlikeWhenItComesAgain) {
  for (const Credentials& who : {kAlice, kModernAlice}) {
    World world;
    Client client(world, "192.0.2.77:50000", who);
    client.get_nonce();
    const Data request = client.request(StunMethod::kAllocate, {udp(), even_port(true)});
    const Reply first = client.send(request);
    EXPECT_TRUE(first.is_success());
    EXPECT_EQ(client.send(request).bytes, first.bytes);
    EXPECT_EQ(world.server.table().size(), 2u);
    EXPECT_EQ(world.sockets.size(), 2u);
    // Later but for the time that is left.
    world.pass(seconds(20));
    const Reply later = client.send(request);
    EXPECT_EQ(later.relayed(), first.relayed());
    EXPECT_EQ(later.lifetime(), 580u);
    EXPECT_EQ(later.text(StunAttribute::kReservationToken),
              first.text(StunAttribute::kReservationToken));
  }
}

TEST(TurnAllocate, IsAnsweredOnceItsSocketIsThereHoweverOftenItCame) {
  World world;
  world.opens = {Opens::kHeldBack, Opens::kHeldBack};
  Client client(world, "192.0.2.77:50000");
  client.get_nonce();
  const Data request = client.request(StunMethod::kAllocate, {udp()});
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(client.send(request).is_there());
  EXPECT_EQ(world.held_back.size(), 1u);
  EXPECT_EQ(world.server.stats().drops[static_cast<size_t>(Server::Drop::kReplay)], 4u);
  // Nothing may be done with what is not there yet, and nothing else be begun.
  EXPECT_EQ(client.refresh({}).code(), 437);
  EXPECT_EQ(client.permit(kPeer), 437);
  EXPECT_EQ(client.allocate().code(), 437);
  client.indicate(kPeer, "x");
  client.send_channel_data(0x4000, "x");
  EXPECT_TRUE(world.is_silent());
  world.pass(seconds(5));
  world.answer_held_back(true);
  const ToClient sent = world.take_client();
  client.expect_is_for_me(sent);
  client.expect_is_signed({sent.bytes}, request);
  // Its lifetime has begun with the request, lest it outlive the credentials.
  EXPECT_EQ(Reply{sent.bytes}.lifetime(), 595u);
  EXPECT_TRUE(client.refresh({}).is_success());
}

// ---- Sockets that do not come.

TEST(TurnAllocate, IsRefusedWith508WhereNoSocketCanBeOpened) {
  for (const Attributes& asked : {Attributes{}, Attributes{even_port(false)},
                                  Attributes{even_port(true)}, Attributes{additional(2)}}) {
    for (const Credentials& who : {kAlice, kModernAlice}) {
      World world;
      world.opens = {Opens::kNever, Opens::kNever};
      Client client(world, "192.0.2.77:50000", who);
      EXPECT_EQ(client.allocate(asked).code(), 508);
      EXPECT_EQ(world.server.table().size(), 0u);
      EXPECT_TRUE(world.sockets.empty());
      EXPECT_GE(world.server.stats().relay_refused, 1u);
      world.opens = {};
      EXPECT_TRUE(client.allocate(asked).is_success());
    }
  }
}

TEST(TurnAllocate, ClosesASocketThatComesTooLate) {
  World world;
  world.opens = {Opens::kHeldBack, Opens::kHeldBack};
  Client client = Client::on_stream(world, 4);
  client.get_nonce();
  EXPECT_FALSE(client.allocate({even_port(true)}).is_there());
  world.close_stream(StreamId{4});
  EXPECT_TRUE(world.closed.empty());
  world.answer_held_back(true);
  EXPECT_TRUE(world.to_clients.empty());
  // The reserved one lives until its time is over; nobody knows its token.
  world.pass(Server::kReservationLifetime);
  EXPECT_TRUE(world.sockets.empty());
  EXPECT_EQ(world.closed.size(), 2u);
  EXPECT_EQ(world.server.table().size(), 0u);
  // Nor does it matter when a refusal comes too late, or for nobody.
  world.refuse(RelayId{12345});
  EXPECT_FALSE(Client::on_stream(world, 5).allocate().is_there());
  const OpenRelay late = world.held_back.front();
  world.close_stream(StreamId{5});
  world.answer_held_back(false);
  world.refuse(late.relay);
  EXPECT_EQ(world.server.table().size(), 0u);
}

TEST(TurnAllocate, GivesUpWhatItHasReservedWhereItsOwnSocketIsRefused) {
  for (const bool is_next_open : {false, true}) {
    World world;
    world.opens = {Opens::kHeldBack, Opens::kHeldBack};
    Client client(world, "192.0.2.77:50000");
    EXPECT_FALSE(client.allocate({even_port(true)}).is_there());
    const OpenRelay open = world.held_back.front();
    if (is_next_open) world.open(open.next, endpoint("5.5.5.5:50001"));
    world.refuse(open.relay);
    EXPECT_EQ(Reply{world.take_client().bytes}.code(), 508);
    EXPECT_EQ(world.server.table().size(), 0u);
    // Its own answer may still come.
    if (!is_next_open) world.open(open.next, endpoint("5.5.5.5:50001"));
    EXPECT_TRUE(world.sockets.empty());
    EXPECT_FALSE(world.server.next_deadline());
  }
}

// ---- Two families (ADDITIONAL-ADDRESS-FAMILY).

TEST(TurnAllocate, GivesAnAddressOfEachFamilyWhereBothAreAsked) {
  World world;
  Client client(world, "192.0.2.77:50000");
  const Reply reply = client.allocate({additional(2)});
  ASSERT_EQ(reply.relayed().size(), 2u);
  EXPECT_TRUE(reply.relayed()[0].address.is_v4());
  EXPECT_FALSE(reply.relayed()[1].address.is_v4());
  EXPECT_FALSE(reply.view().find(StunAttribute::kAddressErrorCode));
  EXPECT_EQ(world.server.table().size(), 1u);
  EXPECT_EQ(client.ask(StunMethod::kCreatePermission, {peer(kPeer), peer(kPeerV6)}).code(), 0);
  client.indicate(kPeer, "four");
  client.indicate(kPeerV6, "six");
  EXPECT_EQ(world.relay_at(reply.relayed()[0]), world.take_peer().relay);
  EXPECT_EQ(world.relay_at(reply.relayed()[1]), world.take_peer().relay);
}

TEST(TurnAllocate, NamesTheErrorOfASecondFamilyThatIsMissing) {
  struct Row {
    bool is_supported;
    Data expect;
  };
  // §18.12: family, and the code in hundreds and the rest.
  const Row kRows[] = {{false, {2, 0, 4, 40}}, {true, {2, 0, 5, 8}}};
  for (const Row& row : kRows) {
    for (const bool is_late : {false, true}) {
      Server::Options options = plain_options();
      if (!row.is_supported) options.addresses.relay = {kServerV4.address};
      World world(options);
      world.opens = {Opens::kAtOnce, Opens::kNever};
      if (is_late) world.opens = {Opens::kAtOnce, Opens::kHeldBack};
      Client client(world, "192.0.2.77:50000");
      Reply reply = client.allocate({additional(2)});
      if (is_late && row.is_supported) {
        EXPECT_FALSE(reply.is_there());
        world.answer_held_back(false);
        reply = {world.take_client().bytes};
      }
      ASSERT_TRUE(reply.is_success());
      EXPECT_EQ(reply.relayed().size(), 1u);
      EXPECT_EQ(reply.text(StunAttribute::kAddressErrorCode),
                std::string(row.expect.begin(), row.expect.end()));
      EXPECT_EQ(client.permit(kPeerV6), 443);
      EXPECT_EQ(client.permit(kPeer), 0);
      EXPECT_EQ(client.refresh({family(2)}).code(), 443);
    }
  }
}

TEST(TurnAllocate, IsRefusedAndLeavesNothingWhereItsFirstFamilyIsMissing) {
  for (const auto& opens :
       {std::array{Opens::kNever, Opens::kAtOnce}, std::array{Opens::kHeldBack, Opens::kAtOnce},
        std::array{Opens::kHeldBack, Opens::kHeldBack}}) {
    World world;
    world.opens = opens;
    Client client(world, "192.0.2.77:50000");
    Reply reply = client.allocate({additional(2)});
    if (!reply.is_there()) {
      // IPv6 first, then the refusal of IPv4.
      while (!world.held_back.empty()) {
        const OpenRelay open = world.held_back.front();
        world.held_back.pop_front();
        world.answer(open, !open.address.is_v4());
      }
      reply = {world.take_client().bytes};
    }
    EXPECT_EQ(reply.code(), 508);
    EXPECT_EQ(world.server.table().size(), 0u);
    EXPECT_TRUE(world.sockets.empty());
  }
}

TEST(TurnAllocate, EndsOneFamilyOfTwoByARefreshOfThatFamily) {
  for (const uint8_t gone : {uint8_t{1}, uint8_t{2}}) {
    World world;
    Client client(world, "192.0.2.77:50000");
    const Reply reply = client.allocate({additional(2)});
    ASSERT_EQ(reply.relayed().size(), 2u);
    EXPECT_EQ(client.ask(StunMethod::kCreatePermission, {peer(kPeer), peer(kPeerV6)}).code(), 0);
    EXPECT_EQ(client.bind(0x4000, gone == 1 ? kPeer : kPeerV6), 0);
    const Endpoint gone_relay = reply.relayed()[gone - 1];
    const RelayId gone_id = world.relay_at(gone_relay);
    EXPECT_EQ(client.refresh({family(gone), lifetime(0)}).lifetime(), 0u);
    EXPECT_EQ(world.sockets.size(), 1u);
    EXPECT_EQ(world.server.table().size(), 1u);
    EXPECT_EQ(client.refresh({family(gone)}).code(), 443);
    EXPECT_EQ(client.permit(gone == 1 ? kPeer : kPeerV6), 443);
    // Neither out nor in through what has been given up.
    client.indicate(gone == 1 ? kPeer : kPeerV6, "x");
    client.send_channel_data(0x4000, "x");
    world.arrive_from_peer(gone_id, gone == 1 ? kPeer : kPeerV6, data_of("late"));
    EXPECT_TRUE(world.is_silent());
    // The other goes on.
    client.indicate(gone == 1 ? kPeerV6 : kPeer, "x");
    EXPECT_EQ(world.take_peer().to, gone == 1 ? kPeerV6 : kPeer);
    EXPECT_EQ(client.refresh({family(gone == 1 ? 2 : 1), lifetime(0)}).lifetime(), 0u);
    EXPECT_EQ(world.server.table().size(), 0u);
    EXPECT_TRUE(world.sockets.empty());
  }
}

TEST(TurnAllocate, EndsBothFamiliesByARefreshOfNone) {
  World world;
  Client client(world, "192.0.2.77:50000");
  EXPECT_TRUE(client.allocate({additional(2)}).is_success());
  EXPECT_EQ(client.refresh({lifetime(0)}).lifetime(), 0u);
  EXPECT_EQ(world.closed.size(), 2u);
  EXPECT_EQ(world.server.table().size(), 0u);
}

// ---- EVEN-PORT and RESERVATION-TOKEN.

TEST(TurnAllocate, AsksForAnEvenPortAndReservesTheNextWhereTheBitIsSet) {
  World world;
  Client first(world, "192.0.2.1:1000");
  EXPECT_TRUE(first.allocate().is_success());  // So that the next free port is odd.
  Client even(world, "192.0.2.2:1000");
  const Reply plain = even.allocate({even_port(false)});
  EXPECT_EQ(even.relayed.port % 2, 0);
  EXPECT_FALSE(plain.view().find(StunAttribute::kReservationToken));

  Client pair(world, "192.0.2.3:1000");
  const Reply reply = pair.allocate({even_port(true)});
  EXPECT_EQ(pair.relayed.port % 2, 0);
  const std::string token = reply.text(StunAttribute::kReservationToken);
  ASSERT_EQ(token.size(), 8u);
  const Attribute claim = raw(StunAttribute::kReservationToken, data_of(token));

  Client other_user(world, "192.0.2.4:1000", kBob);
  EXPECT_EQ(other_user.allocate({claim}).code(), 508);
  Client elsewhere(world, "203.0.113.3:1000");
  EXPECT_EQ(elsewhere.allocate({claim}).code(), 508);
  Client next(world, "192.0.2.3:1001");
  const Reply claimed = next.allocate({claim, lifetime(1200)});
  ASSERT_TRUE(claimed.is_success());
  EXPECT_EQ(next.relayed.address, pair.relayed.address);
  EXPECT_EQ(next.relayed.port, pair.relayed.port + 1);
  EXPECT_EQ(claimed.lifetime(), 1200u);
  // Once.
  Client again(world, "192.0.2.3:1002");
  EXPECT_EQ(again.allocate({claim}).code(), 508);
  // Thirty seconds are over, the claimed one goes on and relays.
  world.pass(seconds(40));
  EXPECT_EQ(next.permit(kPeer), 0);
  next.indicate(kPeer, "hello");
  EXPECT_EQ(world.take_peer().relay, world.relay_at(next.relayed));
  world.pass(minutes(30));
  EXPECT_EQ(world.server.table().size(), 0u);
  EXPECT_TRUE(world.sockets.empty());
}

TEST(TurnAllocate, KeepsAReservationForThirtySeconds) {
  for (const bool is_late : {false, true}) {
    World world;
    Client client(world, "192.0.2.1:1000");
    const std::string token =
        client.allocate({even_port(true)}).text(StunAttribute::kReservationToken);
    world.pass(Server::kReservationLifetime - Duration(is_late ? 0 : 1));
    EXPECT_EQ(world.sockets.size(), is_late ? 1u : 2u);
    Client next(world, "192.0.2.1:1001");
    const Reply reply = next.allocate({raw(StunAttribute::kReservationToken, data_of(token))});
    EXPECT_EQ(reply.code(), is_late ? 508 : 0);
  }
}

TEST(TurnAllocate, ShowsNobodyTheTokenOfAnother) {
  World world;
  Client first(world, "192.0.2.1:1000");
  Client pair(world, "192.0.2.2:1000");
  EXPECT_TRUE(first.allocate().is_success());
  pair.get_nonce();
  const Data request = pair.request(StunMethod::kAllocate, {udp(), even_port(true)});
  const std::string own = pair.send(request).text(StunAttribute::kReservationToken);
  // Its reservation runs out, and the slot is taken by another user's.
  world.pass(Server::kReservationLifetime);
  EXPECT_EQ(pair.send(request).text(StunAttribute::kReservationToken), "");
  EXPECT_TRUE(first.refresh({lifetime(0)}).is_success());
  Client bob(world, "203.0.113.2:1000", kBob);
  const std::string others = bob.allocate({even_port(true)}).text(StunAttribute::kReservationToken);
  EXPECT_EQ(others.size(), 8u);
  EXPECT_NE(own, others);
  EXPECT_EQ(pair.send(request).text(StunAttribute::kReservationToken), "");
}

TEST(TurnAllocate, RelaysNothingThroughWhatIsOnlyReserved) {
  World world;
  Client client(world, "192.0.2.1:1000");
  EXPECT_TRUE(client.allocate({even_port(true)}).is_success());
  EXPECT_EQ(client.permit(kPeer), 0);
  const Endpoint reserved{client.relayed.address, static_cast<uint16_t>(client.relayed.port + 1)};
  world.arrive_from_peer(world.relay_at(reserved), kPeer, data_of("x"));
  EXPECT_EQ(client.permit(reserved), 0);
  client.indicate(reserved, "x");
  EXPECT_TRUE(world.is_silent());
}

// ---- Streams.

TEST(TurnAllocate, EndsWithItsStream) {
  for (const Transport transport : {Transport::kTcp, Transport::kTls}) {
    World world;
    Client one = Client::on_stream(world, 4, transport);
    Client other = Client::on_stream(world, 5, transport);
    EXPECT_TRUE(one.allocate({additional(2)}).is_success());
    EXPECT_TRUE(other.allocate().is_success());
    world.close_stream(StreamId{4});
    EXPECT_EQ(world.server.table().size(), 1u);
    EXPECT_EQ(world.sockets.size(), 1u);
    world.close_stream(StreamId{4});
    world.close_stream(StreamId{6});
    EXPECT_TRUE(other.refresh({}).is_success());
    // A new stream from the same address begins anew.
    Client again = Client::on_stream(world, 7, transport);
    EXPECT_EQ(again.refresh({}).code(), 437);
    EXPECT_TRUE(again.allocate().is_success());
  }
}

// ---- Deadlines and reload.

TEST(TurnAllocate, EndsManyAtOnceInStepsThatFit) {
  Server::Options options = plain_options();
  options.table.allocations_per_user = for_each_class(64u);
  options.table.allocations_per_prefix = 64;
  World world(options);
  for (uint16_t i = 0; i < 50; ++i) {
    Client client(world, "192.0." + std::to_string(i) + ".1:1000");
    EXPECT_TRUE(client.allocate({additional(2)}).is_success());
  }
  EXPECT_EQ(world.sockets.size(), 100u);
  world.pass(minutes(10));
  EXPECT_TRUE(world.sockets.empty());
  EXPECT_EQ(world.server.stats().expired, 50u);
}

TEST(TurnAllocate, FollowsNewOptionsWhileOldAllocationsLive) {
  World world;
  Client alice(world, "192.0.2.1:1000");
  Client bob(world, "192.0.2.2:1000", kBob);
  EXPECT_TRUE(alice.allocate().is_success());
  EXPECT_TRUE(bob.allocate().is_success());
  EXPECT_EQ(alice.permit(kPeer), 0);
  Server::Options options = plain_options();
  options.authenticator.users = {{"alice", "open sesame"}};
  options.table.allocations_per_user = for_each_class(1u);
  options.peers = PeerPolicy({}, {*Prefix::parse("9.9.9.0/24")});
  options.lifetime_max = minutes(20);
  world.server.reload(options, world.now().mono);
  EXPECT_EQ(bob.refresh({}).code(), 401);
  EXPECT_EQ(alice.refresh({lifetime(3600)}).lifetime(), 1200u);
  // What was permitted is forbidden from the next packet on.
  alice.indicate(kPeer, "x");
  EXPECT_TRUE(world.is_silent());
  EXPECT_EQ(alice.permit(kPeer), 403);
  Client more(world, "192.0.2.3:1000");
  EXPECT_EQ(more.allocate().code(), 486);
}

TEST(TurnAllocate, EndsWhatIsAtAnAddressThatTheMachineHasLost) {
  World world;
  Client of_v4(world, "192.0.2.1:1000");
  Client of_v6(world, "192.0.2.2:1000");
  Client of_both(world, "192.0.2.3:1000");
  EXPECT_TRUE(of_v4.allocate().is_success());
  EXPECT_TRUE(of_v6.allocate({family(2)}).is_success());
  EXPECT_TRUE(of_both.allocate({additional(2)}).is_success());
  Server::Options options = plain_options();
  const IpAddress moved = ip("5.5.5.6");
  options.addresses.own[0] = moved;
  options.addresses.relay[0] = moved;
  world.server.reload(options, world.now().mono);
  world.pass(seconds(0));
  EXPECT_EQ(of_v4.refresh({}).code(), 437);
  EXPECT_EQ(of_both.refresh({}).code(), 437);
  EXPECT_TRUE(of_v6.refresh({}).is_success());
  EXPECT_EQ(world.sockets.size(), 1u);
  // Nothing is relayed to the new address, and the old one is anybody's.
  EXPECT_EQ(of_v6.permit(kPeerV6), 0);
  options.addresses.relay = {kServerV6.address};  // As the owner might have it.
  world.server.reload(options, world.now().mono);
  world.pass(seconds(0));
  EXPECT_TRUE(of_v6.refresh({}).is_success());
}

}  // namespace
}  // namespace roost::core::turn
