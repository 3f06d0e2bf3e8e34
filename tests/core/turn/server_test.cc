// SPDX-License-Identifier: MIT
//
// Goal: nobody gets anything who has not shown that they receive at their address and know a
// password; who has gets each error of RFC 8656 in its own situation, signed like their request.
// Method: floods and every shape of request from strangers; then Refresh, CreatePermission and
// ChannelBind of a client with an allocation. Allocate and relaying have files of their own.
#include "core/turn/server.h"

#include <cstdio>
#include <numeric>
#include <set>

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

uint64_t drops(const World& world, Server::Drop why) {
  return world.server.stats().drops[static_cast<size_t>(why)];
}

// ---- Strangers.

constexpr StunMethod kAllMethods[] = {
    StunMethod::kAllocate, StunMethod::kRefresh,          StunMethod::kSend,
    StunMethod::kData,     StunMethod::kCreatePermission, StunMethod::kChannelBind,
    StunMethod::kConnect,  StunMethod::kConnectionBind,   StunMethod::kConnectionAttempt,
    StunMethod::kBinding};

// Every request that somebody may send who has proved nothing: any method, with credentials of any
// completeness, with and without fingerprint, with padding that makes the size vary.
template <typename Visit>
void for_each_stranger(const std::string& realm, const std::string& nonce, Visit visit) {
  for (const StunMethod method : kAllMethods) {
    for (int bits = 0; bits < 256; ++bits) {
      for (const size_t more : {0u, 4u, 8u, 12u, 20u, 400u}) {
        Data buffer(1024);
        wire::StunBuilder builder(buffer, StunClass::kRequest, method,
                                  std::array<uint8_t, 12>{7, 7});
        if ((bits & 1) != 0) builder.add_u32(StunAttribute::kRequestedTransport, 17u << 24);
        if (more > 0) builder.add(StunAttribute::kSoftware, Data(more - 4));
        if ((bits & 2) != 0) builder.add(StunAttribute::kUsername, as_bytes("alice"));
        if ((bits & 4) != 0) builder.add(StunAttribute::kRealm, as_bytes(realm));
        if ((bits & 8) != 0) builder.add(StunAttribute::kNonce, as_bytes(nonce));
        if ((bits & 16) != 0) builder.add_u32(StunAttribute::kPasswordAlgorithm, 2u << 16);
        if ((bits & 32) != 0) builder.add_integrity(as_bytes("not the key"));
        if ((bits & 64) != 0) builder.add_integrity_sha256(as_bytes("not the key"));
        if ((bits & 128) != 0) builder.add_fingerprint();
        visit(method, Data(builder.finish().begin(), builder.finish().end()));
      }
    }
  }
}

TEST(TurnServer, GivesStrangersAtMostThreeTimesTheirBytesAndNoMemory) {
  for (const std::string realm : {"roost", "a.realm.of.24.bytes.long", "r"}) {
    Server::Options options = plain_options();
    options.authenticator.realm = realm;
    World world(options);
    Client client(world, "192.0.2.77:50000");
    client.get_nonce();
    std::set<int> codes;
    for_each_stranger(realm, client.nonce, [&](StunMethod method, const Data& request) {
      world.pass(seconds(1));
      const Reply reply = client.send(request);
      const bool is_ours = method == StunMethod::kAllocate || method == StunMethod::kRefresh ||
                           method == StunMethod::kCreatePermission ||
                           method == StunMethod::kChannelBind || method == StunMethod::kConnect ||
                           method == StunMethod::kConnectionBind;
      ASSERT_EQ(reply.is_there(), is_ours);
      if (!is_ours) return;
      ASSERT_LE(reply.bytes.size(), Server::kUnverifiedRatioMax * request.size());
      codes.insert(reply.code());
      ASSERT_TRUE(
          same_bytes(reply.view().cookie_and_transaction_id(), Bytes(request).subspan(4, 16)));
      ASSERT_EQ(reply.view().has_fingerprint(), StunView::parse(request)->has_fingerprint());
      // A challenge is one that can be answered.
      if (reply.code() == 401) {
        ASSERT_EQ(reply.text(StunAttribute::kRealm), realm);
        ASSERT_FALSE(reply.text(StunAttribute::kNonce).empty());
      }
    });
    EXPECT_EQ(codes, (std::set<int>{400, 401}));
    EXPECT_EQ(world.server.table().size(), 0u);
    EXPECT_TRUE(world.sockets.empty());
    EXPECT_FALSE(world.server.next_deadline());
  }
}

// The ratio holds for the stale nonce too, which only who knows the password sees: with a recorded
// request an address may be asked for that somebody else has now.
TEST(TurnServer, GivesAtMostThreeTimesTheBytesWhereTheNonceIsAnothersAddress) {
  for (const Credentials& who : {kAlice, kModernAlice}) {
    World world;
    Client client(world, "192.0.2.77:50000", who);
    client.get_nonce();
    Client victim(world, "203.0.113.1:53", who);
    const Data request = client.request(StunMethod::kAllocate, {udp()});
    const Reply reply = victim.send(request);
    EXPECT_EQ(reply.code(), 438);
    EXPECT_LE(reply.bytes.size(), 3 * request.size());
    EXPECT_EQ(world.server.table().size(), 0u);
  }
}

TEST(TurnServer, SaysBadRequestWhereItsRealmFitsNoReply) {
  // Three times 28 bytes hold a realm of 24; a reply of ours holds some 440.
  for (const size_t realm_size : {24u, 25u, 400u, 500u, 763u}) {
    Server::Options options = plain_options();
    options.authenticator.realm = std::string(realm_size, 'r');
    World world(options);
    Client client(world, "192.0.2.77:50000");
    const Reply small = client.send(client.naked_request(StunMethod::kAllocate, {udp()}));
    EXPECT_EQ(small.code(), realm_size <= 24 ? 401 : 400) << realm_size;
    const Attribute software = raw(StunAttribute::kSoftware, Data(500));
    const Reply large = client.send(client.naked_request(StunMethod::kAllocate, {udp(), software}));
    EXPECT_EQ(large.code(), realm_size <= 400 ? 401 : 400) << realm_size;
  }
}

// A /48 has 256 homes, and is anybody's for the asking.
TEST(TurnServer, ChallengesASiteNotAsOftenAsAllHomesOfIt) {
  World world;
  const auto count_answered = [&](std::string_view site) {
    int answered = 0;
    for (int i = 0; i < 1000; ++i) {
      char home[8];
      std::snprintf(home, sizeof home, "%x00", i % 250);
      Client client(world,
                    "[" + std::string(site) + ":" + home + "::1]:" + std::to_string(1000 + i));
      answered += client.send(client.naked_request(StunMethod::kAllocate, {udp()})).is_there();
    }
    return answered;
  };
  EXPECT_EQ(count_answered("2a00:77:1"), 80);  // A burst of two seconds' worth.
  EXPECT_EQ(count_answered("2a00:77:2"), 80);
  world.pass(seconds(1));
  EXPECT_EQ(count_answered("2a00:77:1"), 40);
}

TEST(TurnServer, ChallengesAPrefixSoManyTimesASecondAndAFloodLeavesNothing) {
  World world;
  int answered = 0;
  for (int i = 0; i < 1000; ++i) {
    Client client(world, "192.0.2." + std::to_string(i % 250) + ":" + std::to_string(1000 + i));
    answered += client.send(client.naked_request(StunMethod::kAllocate, {udp()})).is_there();
  }
  EXPECT_EQ(answered, 20);  // A burst of two seconds' worth.
  EXPECT_EQ(drops(world, Server::Drop::kChallengeLimit), 980u);
  EXPECT_EQ(errors(world, 401), 20u);
  // Another prefix has its own, and a second brings ten more.
  Client elsewhere(world, "192.0.3.1:1000");
  EXPECT_EQ(elsewhere.send(elsewhere.naked_request(StunMethod::kAllocate, {udp()})).code(), 401);
  world.pass(seconds(1));
  answered = 0;
  for (int i = 0; i < 100; ++i) {
    Client client(world, "192.0.2.1:" + std::to_string(1000 + i));
    answered += client.send(client.naked_request(StunMethod::kRefresh, {udp()})).is_there();
  }
  EXPECT_EQ(answered, 10);
  EXPECT_EQ(world.server.table().size(), 0u);
}

TEST(TurnServer, DoesNotCountWhoKnowsThePasswordAgainstTheLimitOnChallenges) {
  World world;
  Client client(world, "192.0.2.1:1000");
  EXPECT_TRUE(client.allocate().is_success());
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(client.refresh({}).is_success());
}

TEST(TurnServer, DropsWhatIsNoRequestOfItsMethods) {
  World world;
  Client client(world, "192.0.2.77:50000");
  client.get_nonce();
  struct Row {
    Data bytes;
    Server::Drop expect;
  };
  Data classic = client.request(StunMethod::kAllocate, {udp()});
  classic[4] ^= 1;
  Data cut = client.request(StunMethod::kAllocate, {udp()});
  cut.pop_back();
  const Row kRows[] = {
      {classic, Server::Drop::kMalformed},
      {cut, Server::Drop::kMalformed},
      {{0x40, 0, 0, 0}, Server::Drop::kMalformed},
      {{0}, Server::Drop::kMalformed},
      {client.build_naked(StunClass::kSuccess, StunMethod::kAllocate, {}),
       Server::Drop::kNotARequest},
      {client.build_naked(StunClass::kError, StunMethod::kAllocate, {}),
       Server::Drop::kNotARequest},
      {client.build_naked(StunClass::kIndication, StunMethod::kSend, {peer(kPeer), data("x")}),
       Server::Drop::kNoFlow},
      {client.build_naked(StunClass::kIndication, StunMethod::kData, {peer(kPeer), data("x")}),
       Server::Drop::kNoFlow},
      {client.request(StunMethod::kSend, {peer(kPeer), data("x")}), Server::Drop::kUnknownMethod},
      {client.request(StunMethod::kData, {}), Server::Drop::kUnknownMethod},
      {client.request(StunMethod::kConnectionAttempt, {}), Server::Drop::kUnknownMethod},
      {client.request(StunMethod::kBinding, {}), Server::Drop::kUnknownMethod},
  };
  for (const Row& row : kRows) {
    const uint64_t before = drops(world, row.expect);
    EXPECT_FALSE(client.send(row.bytes).is_there());
    EXPECT_EQ(drops(world, row.expect), before + 1) << label(row.expect);
  }
  EXPECT_EQ(drops(world, Server::Drop::kNoFlow), 2u);
  // ChannelData on a stream without an allocation.
  const uint64_t before = drops(world, Server::Drop::kMalformed);
  Client stream = Client::on_stream(world, 5);
  stream.send_channel_data(0x4000, "x");
  EXPECT_EQ(drops(world, Server::Drop::kMalformed), before + 1);
  EXPECT_TRUE(world.is_silent());
}

TEST(TurnServer, ServesItsMethodsInAllClassesAndNoOthers) {
  for (unsigned type = 0; type < 0x4000; ++type) {
    const std::array<uint8_t, 2> bytes = {static_cast<uint8_t>(type >> 8),
                                          static_cast<uint8_t>(type)};
    const unsigned method = type & 0x3eef;  // Without the two bits of the class.
    const bool expect = method == 3 || method == 4 || (method >= 6 && method <= 11);
    ASSERT_EQ(Server::serves(bytes), expect) << type;
  }
  EXPECT_FALSE(Server::serves({}));
  EXPECT_FALSE(Server::serves(std::array<uint8_t, 1>{0}));
}

TEST(TurnServer, NamesEachMethodAndDropOnce) {
  std::set<std::string_view> labels;
  for (size_t i = 0; i < Server::kDropCount; ++i) {
    labels.insert(label(static_cast<Server::Drop>(i)));
  }
  EXPECT_EQ(labels.size(), Server::kDropCount);
  labels.clear();
  const size_t methods = std::tuple_size_v<decltype(Server::Stats::successes)>;
  for (size_t i = 0; i < methods; ++i) labels.insert(method_label(i));
  EXPECT_EQ(labels.size(), methods);
}

// ---- Credentials, at the server.

TEST(TurnServer, TellsEachCredentialErrorByItsCode) {
  World world;
  Client client(world, "192.0.2.77:50000");
  client.get_nonce();
  const Data good = client.request(StunMethod::kRefresh, {});
  EXPECT_EQ(client.send(good).code(), 437);

  Client nameless = client;
  nameless.nonce = "hello";
  EXPECT_EQ(nameless.send(nameless.request(StunMethod::kAllocate, {udp()})).code(), 438);
  Client wrong = client;
  wrong.credentials.password = "open barley";
  EXPECT_EQ(wrong.send(wrong.request(StunMethod::kAllocate, {udp()})).code(), 401);
  Client unknown = client;
  unknown.credentials.username = "carol";
  EXPECT_EQ(unknown.send(unknown.request(StunMethod::kAllocate, {udp()})).code(), 401);
  Client modern = client;
  modern.credentials = kModernAlice;
  modern.algorithms = std::string("\0\1\0\0", 4);  // Somebody took SHA-256 from the offer.
  EXPECT_EQ(modern.send(modern.request(StunMethod::kAllocate, {udp()})).code(), 400);
  // 401 and 438 bring what is needed to try again (RFC 8489 §9.2.4).
  const Reply stale = nameless.send(nameless.request(StunMethod::kAllocate, {udp()}));
  nameless.learn(stale);
  EXPECT_EQ(stale.text(StunAttribute::kRealm), "roost");
  EXPECT_EQ(stale.text(StunAttribute::kPasswordAlgorithms), client.algorithms);
  EXPECT_TRUE(nameless.ask(StunMethod::kAllocate, {udp()}).is_success());
}

TEST(TurnServer, AsksForANewNonceAfterAnHour) {
  World world;
  Client client(world, "192.0.2.77:50000");
  EXPECT_TRUE(client.allocate({lifetime(3600)}).is_success());
  world.pass(minutes(50));
  EXPECT_TRUE(client.refresh({lifetime(3600)}).is_success());
  world.pass(minutes(12));
  const Reply stale = client.refresh({lifetime(3600)});
  EXPECT_EQ(stale.code(), 438);
  client.learn(stale);
  EXPECT_TRUE(client.refresh({lifetime(3600)}).is_success());
}

TEST(TurnServer, NamesTheAttributesThatItDoesNotKnow) {
  for (const Credentials& who : {kAlice, kModernAlice}) {
    World world;
    Client client(world, "192.0.2.77:50000", who);
    EXPECT_TRUE(client.allocate().is_success());
    for (const StunMethod method : {StunMethod::kAllocate, StunMethod::kRefresh,
                                    StunMethod::kCreatePermission, StunMethod::kChannelBind}) {
      // BANDWIDTH of the drafts before RFC 5766 is one of those; what is optional is not.
      const Reply reply =
          client.ask(method, {udp(), raw(static_cast<StunAttribute>(0x7f01)), peer(kPeer),
                              raw(static_cast<StunAttribute>(0x0010), Data(4)),
                              raw(static_cast<StunAttribute>(0xff01))});
      EXPECT_EQ(reply.code(), 420);
      EXPECT_EQ(reply.text(StunAttribute::kUnknownAttributes), std::string("\x7f\x01\0\x10", 4));
    }
    Attributes many(10, raw(static_cast<StunAttribute>(0x7f02)));
    const Reply reply = client.ask(StunMethod::kRefresh, many);
    EXPECT_EQ(reply.code(), 420);
    EXPECT_EQ(reply.text(StunAttribute::kUnknownAttributes).size(), 16u);
  }
}

TEST(TurnServer, IgnoresWhatFollowsTheIntegrity) {
  World world;
  Client client(world, "192.0.2.77:50000");
  EXPECT_TRUE(client.allocate().is_success());
  const Data refresh = client.build(StunMethod::kRefresh, {},
                                    {lifetime(0), raw(static_cast<StunAttribute>(0x7f01))});
  EXPECT_TRUE(client.send(refresh).is_success());
  EXPECT_EQ(world.server.table().size(), 1u);
  const Data permission = client.build(StunMethod::kCreatePermission, {}, {peer(kPeer)});
  EXPECT_EQ(client.send(permission).code(), 400);
}

// ---- Whose allocation.

TEST(TurnServer, LetsOnlyTheUserWhoMadeAnAllocationUseIt) {
  World world;
  Client alice(world, "192.0.2.77:50000");
  Client bob(world, "192.0.2.77:50000", kBob);
  const Attributes bind = {channel(0x4000), peer(kPeer)};
  // 437 where there is none, of either; 441 where it is another's (§5).
  for (Client* const client : {&alice, &bob}) {
    EXPECT_EQ(client->refresh({}).code(), 437);
    EXPECT_EQ(client->permit(kPeer), 437);
    EXPECT_EQ(client->ask(StunMethod::kChannelBind, bind).code(), 437);
  }
  EXPECT_TRUE(alice.allocate().is_success());
  EXPECT_EQ(bob.refresh({lifetime(0)}).code(), 441);
  EXPECT_EQ(bob.permit(kPeer), 441);
  EXPECT_EQ(bob.ask(StunMethod::kChannelBind, bind).code(), 441);
  EXPECT_EQ(bob.allocate().code(), 437);
  EXPECT_EQ(world.server.table().size(), 1u);
  EXPECT_TRUE(alice.refresh({}).is_success());
  // The same user at another port has none.
  Client elsewhere(world, "192.0.2.77:50001");
  EXPECT_EQ(elsewhere.refresh({}).code(), 437);
  // The same user may change the algorithm meanwhile, and is answered in the new one.
  Client modern(world, "192.0.2.77:50000", kModernAlice);
  EXPECT_TRUE(modern.refresh({}).is_success());
}

// ---- Refresh (§8).

TEST(TurnServer, RefreshesForAsLongAsIsAskedWithinItsLimits) {
  struct Row {
    Attributes asked;
    uint32_t expect;
  };
  const Row kRows[] = {{{}, 600},
                       {{lifetime(1)}, 600},
                       {{lifetime(600)}, 600},
                       {{lifetime(601)}, 601},
                       {{lifetime(3600)}, 3600},
                       {{lifetime(3601)}, 3600},
                       {{lifetime(0xffffffff)}, 3600}};
  for (const Row& row : kRows) {
    for (const Credentials& who : {kAlice, kModernAlice}) {
      World world;
      Client client(world, "192.0.2.77:50000", who);
      client.credentials.has_fingerprint = true;
      EXPECT_TRUE(client.allocate().is_success());
      world.pass(minutes(5));
      const Reply reply = client.refresh(row.asked);
      ASSERT_TRUE(reply.is_success());
      EXPECT_EQ(reply.lifetime(), row.expect);
      world.pass(seconds(row.expect) - Duration(1));
      EXPECT_EQ(world.server.table().size(), 1u);
      world.pass(Duration(1));
      EXPECT_EQ(world.server.table().size(), 0u);
      EXPECT_EQ(world.server.stats().expired, 1u);
      EXPECT_TRUE(world.sockets.empty());
    }
  }
}

TEST(TurnServer, PromisesNoMoreThanTheStreamsOwnTime) {
  for (const Transport transport : {Transport::kTcp, Transport::kTls, Transport::kDtls}) {
    World world;
    Client client = Client::on_stream(world, 4, transport);
    EXPECT_EQ(client.allocate({lifetime(3600)}).lifetime(), 600u);
    world.pass(minutes(5));
    EXPECT_EQ(client.refresh({lifetime(3600)}).lifetime(), 600u);
    world.pass(minutes(10));
    EXPECT_EQ(world.server.table().size(), 0u);
  }
}

TEST(TurnServer, TellsTheShellHowLongAStreamIsToBeKept) {
  World world;
  Client client = Client::on_stream(world, 4, Transport::kDtls);
  const auto granted_by = [&](const Reply& reply) {
    EXPECT_TRUE(reply.is_there());
    return std::exchange(world.granted_lifetime, std::nullopt);
  };
  EXPECT_EQ(granted_by(client.refresh({})), std::nullopt);
  EXPECT_EQ(granted_by(client.allocate({additional(2), lifetime(1)})), minutes(10));
  EXPECT_EQ(granted_by(client.allocate()), std::nullopt);  // 437.
  EXPECT_EQ(granted_by(client.ask(StunMethod::kCreatePermission, {peer(kPeer)})), std::nullopt);
  EXPECT_EQ(granted_by(client.refresh({lifetime(3600)})), minutes(10));
  // What is left of two families has the time that it had.
  EXPECT_EQ(granted_by(client.refresh({family(2), lifetime(0)})), std::nullopt);
  EXPECT_EQ(granted_by(client.refresh({lifetime(0)})), Duration());
}

TEST(TurnServer, EndsAnAllocationByARefreshOfZeroAndKnowsNoneTheSecondTime) {
  World world;
  Client client(world, "192.0.2.77:50000");
  EXPECT_TRUE(client.allocate().is_success());
  const Data request = client.request(StunMethod::kRefresh, {lifetime(0)});
  const Reply reply = client.send(request);
  EXPECT_TRUE(reply.is_success());
  EXPECT_EQ(reply.lifetime(), 0u);
  client.expect_is_signed(reply, request);
  EXPECT_EQ(world.server.table().size(), 0u);
  EXPECT_TRUE(world.sockets.empty());
  EXPECT_FALSE(world.server.next_deadline());
  EXPECT_EQ(client.send(request).code(), 437);
  EXPECT_TRUE(client.allocate().is_success());
}

TEST(TurnServer, RefusesARefreshOfAFamilyThatTheAllocationHasNot) {
  World world;
  Client client(world, "192.0.2.77:50000");
  EXPECT_TRUE(client.allocate().is_success());
  EXPECT_TRUE(client.refresh({family(1)}).is_success());
  for (const uint8_t other : {uint8_t{0}, uint8_t{2}, uint8_t{3}}) {
    EXPECT_EQ(client.refresh({family(other), lifetime(0)}).code(), 443);
  }
  EXPECT_EQ(world.server.table().size(), 1u);
  EXPECT_EQ(client.refresh({family(1), lifetime(0)}).lifetime(), 0u);
  EXPECT_EQ(world.server.table().size(), 0u);
}

// ---- CreatePermission (§10).

TEST(TurnServer, RefusesPermissionsInTheWordsOfTheRfc) {
  struct Row {
    const char* what;
    Attributes asked;
    int expect;
  };
  const Row kRows[] = {
      {"one", {peer(kPeer)}, 0},
      {"two", {peer(kPeer), peer(kOtherPeer)}, 0},
      {"one twice", {peer(kPeer), peer(kPeer)}, 0},
      {"a port of zero", {peer({kPeer.address, 0})}, 0},
      {"none", {}, 400},
      {"malformed", {raw(StunAttribute::kXorPeerAddress, {0, 1, 0, 0})}, 400},
      {"of no family", {raw(StunAttribute::kXorPeerAddress, {0, 3, 0, 0, 1, 2, 3, 4})}, 400},
      {"empty", {raw(StunAttribute::kXorPeerAddress)}, 400},
      {"the second malformed", {peer(kPeer), raw(StunAttribute::kXorPeerAddress)}, 400},
      {"the other family", {peer(kPeerV6)}, 443},
      {"the second of the other family", {peer(kPeer), peer(kPeerV6)}, 443},
      {"private", {peer(endpoint("10.0.0.1:1"))}, 403},
      {"the second private", {peer(kPeer), peer(endpoint("192.168.0.1:1"))}, 403},
      {"loopback, not ours", {peer(endpoint("127.0.0.2:1"))}, 403},
      {"unspecified", {peer(endpoint("0.0.0.0:1"))}, 403},
      {"multicast", {peer(endpoint("224.0.0.251:5353"))}, 403},
      {"broadcast", {peer(endpoint("255.255.255.255:1"))}, 403},
      {"metadata", {peer(endpoint("169.254.169.254:80"))}, 403},
  };
  for (const Row& row : kRows) {
    for (const Credentials& who : {kAlice, kModernAlice}) {
      World world;
      Client client(world, "192.0.2.77:50000", who);
      EXPECT_TRUE(client.allocate().is_success());
      EXPECT_EQ(client.ask(StunMethod::kCreatePermission, row.asked).code(), row.expect)
          << row.what;
      // All or nothing: the first peer of a refused request is not permitted either.
      client.receive_from(kPeer, "hello");
      const bool expect_data = row.expect == 0;
      EXPECT_EQ(!world.to_clients.empty(), expect_data) << row.what;
    }
  }
}

TEST(TurnServer, RefusesPermissionsAndChannelsBeyondItsBoundsWith508) {
  Server::Options options = plain_options();
  options.table.permissions_per_allocation = 2;
  options.table.channels_per_allocation = 1;
  World world(options);
  Client client(world, "192.0.2.77:50000");
  EXPECT_TRUE(client.allocate().is_success());
  EXPECT_EQ(client.bind(0x4000, kPeer), 0);
  EXPECT_EQ(client.bind(0x4001, kOtherPeer), 508);
  EXPECT_EQ(client.permit(endpoint("1.1.1.1:1")), 0);
  EXPECT_EQ(client.permit(kOtherPeer), 508);
  EXPECT_EQ(client.permit(kPeer), 0);
  EXPECT_EQ(client.bind(0x4000, kPeer), 0);
  world.pass(minutes(6));
  EXPECT_EQ(client.permit(kOtherPeer), 0);
}

TEST(TurnServer, PermitsNobodyWhereItCannotPermitAll) {
  Server::Options options = plain_options();
  options.table.permissions_per_allocation = 3;
  World world(options);
  Client client(world, "192.0.2.77:50000");
  EXPECT_TRUE(client.allocate({lifetime(3600)}).is_success());
  const auto permit = [&](const std::vector<Endpoint>& peers) {
    Attributes asked;
    for (const Endpoint& one : peers) asked.push_back(peer(one));
    return client.ask(StunMethod::kCreatePermission, asked).code();
  };
  const auto is_permitted = [&](const Endpoint& one) {
    client.receive_from(one, "x");
    const bool has_come = !world.to_clients.empty();
    world.to_clients.clear();
    return has_come;
  };
  const Endpoint third = endpoint("1.1.1.1:1");
  const Endpoint fourth = endpoint("1.0.0.1:1");
  EXPECT_EQ(permit({kPeer}), 0);
  world.pass(minutes(4));
  EXPECT_EQ(permit({kPeer, kOtherPeer, third, fourth}), 508);
  EXPECT_FALSE(is_permitted(kOtherPeer));
  // Nor is what there was refreshed.
  world.pass(minutes(1));
  EXPECT_FALSE(is_permitted(kPeer));
  // The same address again takes no second place.
  EXPECT_EQ(permit({kPeer, kOtherPeer, third, kPeer}), 0);
  EXPECT_TRUE(is_permitted(kPeer) && is_permitted(kOtherPeer) && is_permitted(third));
  // A channel that finds no room leaves no permission, nor the other way round.
  EXPECT_EQ(client.bind(0x4000, fourth), 508);
  world.pass(minutes(5));
  EXPECT_EQ(client.bind(0x4000, kPeer), 0);
  EXPECT_EQ(client.bind(0x4001, fourth), 0);
}

// ---- ChannelBind (§12.2).

TEST(TurnServer, RefusesChannelsInTheWordsOfTheRfc) {
  struct Row {
    const char* what;
    Attributes asked;
    int expect;
  };
  const Row kRows[] = {
      {"the first", {channel(0x4000), peer(kPeer)}, 0},
      {"the last", {channel(0x4fff), peer(kPeer)}, 0},
      {"below", {channel(0x3fff), peer(kPeer)}, 400},
      {"above", {channel(0x5000), peer(kPeer)}, 400},
      {"zero", {channel(0), peer(kPeer)}, 400},
      {"ffff", {channel(0xffff), peer(kPeer)}, 400},
      {"no number", {peer(kPeer)}, 400},
      {"a short number", {raw(StunAttribute::kChannelNumber, {0x40, 0}), peer(kPeer)}, 400},
      {"no peer", {channel(0x4000)}, 400},
      {"a malformed peer", {channel(0x4000), raw(StunAttribute::kXorPeerAddress)}, 400},
      {"port 0", {channel(0x4000), peer({kPeer.address, 0})}, 400},
      {"the other family", {channel(0x4000), peer(kPeerV6)}, 443},
      {"private", {channel(0x4000), peer(endpoint("10.0.0.1:1"))}, 403},
      {"a port of ours that is no relay", {channel(0x4000), peer(endpoint("5.5.5.5:22"))}, 403},
      {"loopback that is ours", {channel(0x4000), peer(endpoint("127.0.0.1:22"))}, 403},
      // RFFU behind the number is ignored.
      {"reserved bits", {number(StunAttribute::kChannelNumber, 0x4000ffff), peer(kPeer)}, 0},
  };
  for (const Row& row : kRows) {
    for (const Credentials& who : {kAlice, kModernAlice}) {
      World world;
      Client client(world, "192.0.2.77:50000", who);
      EXPECT_TRUE(client.allocate().is_success());
      EXPECT_EQ(client.ask(StunMethod::kChannelBind, row.asked).code(), row.expect) << row.what;
    }
  }
}

TEST(TurnServer, BindsAChannelToNoOtherPeerAndAPeerToNoOtherChannel) {
  World world;
  Client client(world, "192.0.2.77:50000");
  EXPECT_TRUE(client.allocate().is_success());
  EXPECT_EQ(client.bind(0x4000, kPeer), 0);
  EXPECT_EQ(client.bind(0x4000, kPeer), 0);
  EXPECT_EQ(client.bind(0x4000, kOtherPeer), 400);
  EXPECT_EQ(client.bind(0x4001, kPeer), 400);
  EXPECT_EQ(client.bind(0x4001, kOtherPeer), 0);
  EXPECT_EQ(client.bind(0x4000, kOtherPeer), 400);  // Both bound, to others.
  // Another port of the same peer is another peer.
  EXPECT_EQ(client.bind(0x4002, {kPeer.address, 9001}), 0);
  // Refreshed in time it goes on; expired it is free (§12: to be used again only 5 minutes later,
  // which the client has to keep to).
  world.pass(minutes(9));
  EXPECT_TRUE(client.refresh({}).is_success());
  EXPECT_EQ(client.bind(0x4000, kPeer), 0);
  world.pass(minutes(1));
  EXPECT_EQ(client.bind(0x4000, kOtherPeer), 400);
  EXPECT_EQ(client.bind(0x4005, kOtherPeer), 0);
}

}  // namespace
}  // namespace roost::core::turn
