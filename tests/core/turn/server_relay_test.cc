// SPDX-License-Identifier: MIT
//
// Goal: data goes between a client and the peers that it has permitted, unchanged and in the form
// that RFC 8656 §11 and §12 ask for, and nowhere else.
// Method: a client with an allocation sends and receives through the whole server, over UDP and
// streams, in indications and channels, while permissions and channels come and go.
#include "core/turn/server.h"
#include "turn/turn_client.h"

namespace roost::core::turn {
namespace {

uint64_t drops(const World& world, Forwarder::Drop why) {
  uint64_t sum = 0;
  for (const auto& of_class : world.server.forwarded().drops) {
    sum += of_class[static_cast<size_t>(why)];
  }
  return sum;
}

std::string text_of(const Data& bytes) {
  return {bytes.begin(), bytes.end()};
}

// A Data indication's parts; checks that it is one.
struct Indication {
  explicit Indication(const ToClient& sent) {
    const StunView view = sent.view();
    EXPECT_EQ(view.message_class(), StunClass::kIndication);
    EXPECT_EQ(view.method(), StunMethod::kData);
    from = view.find_xor_address(StunAttribute::kXorPeerAddress).value_or(Endpoint());
    text = as_text(view.find(StunAttribute::kData).value_or(Bytes()));
  }
  Endpoint from;
  std::string text;
};

Client with_allocation(World& world, bool is_stream) {
  Client client = is_stream ? Client::on_stream(world, 4) : Client(world, "192.0.2.77:50000");
  EXPECT_TRUE(client.allocate().is_success());
  return client;
}

// ---- Indications (§11).

TEST(TurnRelay, CarriesIndicationsBothWays) {
  for (const bool is_stream : {false, true}) {
    World world;
    Client client = with_allocation(world, is_stream);
    EXPECT_EQ(client.permit(kPeer), 0);
    for (const std::string text : {"", "1", "12", "123", "1234", "hello peer"}) {
      client.indicate(kPeer, text);
      const ToPeer sent = world.take_peer();
      EXPECT_EQ(text_of(sent.bytes), text);
      EXPECT_EQ(sent.to, kPeer);
      EXPECT_EQ(sent.relay, world.relay_at(client.relayed));
      EXPECT_FALSE(sent.is_dont_fragment);
      EXPECT_EQ(sent.payer, Payer::kFriend);

      client.receive_from(kPeer, text);
      const ToClient received = world.take_client();
      client.expect_is_for_me(received);
      EXPECT_EQ(Indication(received).from, kPeer);
      EXPECT_EQ(Indication(received).text, text);
      EXPECT_EQ(received.may_be_dropped, is_stream);
      EXPECT_EQ(received.payer, Payer::kFriend);
    }
    // Any port of a permitted address (§9).
    client.indicate({kPeer.address, 1}, "x");
    EXPECT_EQ(world.take_peer().to.port, 1);
    client.receive_from({kPeer.address, 2}, "y");
    EXPECT_EQ(Indication(world.take_client()).from.port, 2);
    EXPECT_TRUE(world.is_silent());
  }
}

TEST(TurnRelay, AsksNotToFragmentWhereTheClientDoes) {
  World world;
  Client client = with_allocation(world, false);
  EXPECT_EQ(client.permit(kPeer), 0);
  client.indicate(kPeer, "x", {raw(StunAttribute::kDontFragment)});
  EXPECT_TRUE(world.take_peer().is_dont_fragment);
}

TEST(TurnRelay, DropsIndicationsThatItMayNotCarry) {
  struct Row {
    const char* what;
    StunMethod method;
    Attributes attributes;
    Forwarder::Drop expect;
  };
  const Attribute hello = data("hello");
  const Row kRows[] = {
      {"no peer", StunMethod::kSend, {hello}, Forwarder::Drop::kMalformed},
      {"no data", StunMethod::kSend, {peer(kPeer)}, Forwarder::Drop::kMalformed},
      {"a malformed peer",
       StunMethod::kSend,
       {raw(StunAttribute::kXorPeerAddress, {0, 1}), hello},
       Forwarder::Drop::kMalformed},
      {"an attribute that must be understood",
       StunMethod::kSend,
       {raw(static_cast<StunAttribute>(0x7f01)), peer(kPeer), hello},
       Forwarder::Drop::kMalformed},
      {"a peer without a permission",
       StunMethod::kSend,
       {peer(kOtherPeer), hello},
       Forwarder::Drop::kNoPermission},
      {"a neighbour of the permitted",
       StunMethod::kSend,
       {peer(endpoint("9.9.9.8:9000")), hello},
       Forwarder::Drop::kNoPermission},
      {"the other family",
       StunMethod::kSend,
       {peer(kPeerV6), hello},
       Forwarder::Drop::kNoPermission},
      {"port zero",
       StunMethod::kSend,
       {peer({kPeer.address, 0}), hello},
       Forwarder::Drop::kForbiddenPeer},
  };
  World world;
  Client client = with_allocation(world, false);
  EXPECT_EQ(client.permit(kPeer), 0);
  for (const Row& row : kRows) {
    const uint64_t before = drops(world, row.expect);
    client.deliver(client.build_naked(StunClass::kIndication, row.method, row.attributes));
    EXPECT_EQ(drops(world, row.expect), before + 1) << row.what;
    EXPECT_TRUE(world.is_silent()) << row.what;
  }
}

TEST(TurnRelay, LetsNothingInFromWhoIsNotPermitted) {
  World world;
  Client client = with_allocation(world, false);
  client.receive_from(kPeer, "too early");
  EXPECT_EQ(client.permit(kPeer), 0);
  client.receive_from(kOtherPeer, "a stranger");
  client.receive_from(endpoint("9.9.9.8:9000"), "a neighbour");
  EXPECT_TRUE(world.is_silent());
  EXPECT_EQ(drops(world, Forwarder::Drop::kNoPermission), 3u);
  // A dead socket's last words.
  const RelayId relay = world.relay_at(client.relayed);
  EXPECT_TRUE(client.refresh({lifetime(0)}).is_success());
  world.arrive_from_peer(relay, kPeer, data_of("late"));
  EXPECT_EQ(drops(world, Forwarder::Drop::kGone), 1u);
  EXPECT_TRUE(world.is_silent());
}

TEST(TurnRelay, ForgetsAPermissionAfterFiveMinutesUnlessItIsRefreshed) {
  World world;
  Client client = with_allocation(world, false);
  EXPECT_EQ(client.permit(kPeer), 0);
  EXPECT_EQ(client.permit(kOtherPeer), 0);
  world.pass(minutes(3));
  EXPECT_EQ(client.permit(kPeer), 0);
  world.pass(minutes(2) - Duration(1));
  client.indicate(kOtherPeer, "x");
  EXPECT_EQ(world.take_peer().to, kOtherPeer);
  world.pass(Duration(1));
  client.indicate(kOtherPeer, "x");
  client.receive_from(kOtherPeer, "x");
  EXPECT_TRUE(world.is_silent());
  // Data does not refresh (§9).
  for (int i = 0; i < 3; ++i) {
    client.indicate(kPeer, "x");
    EXPECT_EQ(world.take_peer().to, kPeer);
    client.receive_from(kPeer, "x");
    EXPECT_EQ(Indication(world.take_client()).from, kPeer);
    if (i < 2) world.pass(minutes(1));
  }
  world.pass(minutes(1));
  client.indicate(kPeer, "x");
  client.receive_from(kPeer, "x");
  EXPECT_TRUE(world.is_silent());
}

// ---- Channels (§12).

TEST(TurnRelay, CarriesChannelDataBothWaysAndPadsItOnStreams) {
  for (const bool is_stream : {false, true}) {
    World world;
    Client client = with_allocation(world, is_stream);
    EXPECT_EQ(client.bind(0x4abc, kPeer), 0);
    for (const std::string text : {"", "1", "12", "123", "1234", "hello peer"}) {
      client.send_channel_data(0x4abc, text);
      const ToPeer sent = world.take_peer();
      EXPECT_EQ(text_of(sent.bytes), text);
      EXPECT_EQ(sent.to, kPeer);

      client.receive_from(kPeer, text);
      const ToClient received = world.take_client();
      client.expect_is_for_me(received);
      Data expect = {0x4a, 0xbc, 0, static_cast<uint8_t>(text.size())};
      expect.insert(expect.end(), text.begin(), text.end());
      if (is_stream) expect.resize((expect.size() + 3) / 4 * 4);
      EXPECT_EQ(received.bytes, expect);
      EXPECT_EQ(received.may_be_dropped, is_stream);
      EXPECT_EQ(received.payer, Payer::kFriend);
    }
    // Another port of the peer comes as an indication; and the client may still send one.
    client.receive_from({kPeer.address, 1}, "x");
    EXPECT_EQ(Indication(world.take_client()).from.port, 1);
    client.indicate(kPeer, "y");
    EXPECT_EQ(text_of(world.take_peer().bytes), "y");
  }
}

TEST(TurnRelay, TakesChannelDataWithPaddingOverUdpAndNoneThatIsCutShort) {
  World world;
  Client client = with_allocation(world, false);
  EXPECT_EQ(client.bind(0x4000, kPeer), 0);
  client.deliver({0x40, 0, 0, 1, 'x', 0, 0, 0});
  EXPECT_EQ(text_of(world.take_peer().bytes), "x");
  client.deliver({0x40, 0, 0, 5, 'x', 'x', 'x', 'x'});
  EXPECT_EQ(drops(world, Forwarder::Drop::kMalformed), 1u);
  // Not even to be told as ChannelData: no header, and no channel of RFC 8656.
  client.deliver({0x40, 0, 0});
  client.deliver({0x50, 0, 0, 0});
  EXPECT_EQ(world.server.stats().drops[static_cast<size_t>(Server::Drop::kMalformed)], 2u);
  client.send_channel_data(0x4001, "unbound");
  EXPECT_EQ(drops(world, Forwarder::Drop::kNoChannel), 1u);
  // From another address of the client's nothing is taken: it has no allocation there.
  Client elsewhere(world, "192.0.2.77:50001");
  elsewhere.send_channel_data(0x4000, "x");
  EXPECT_TRUE(world.is_silent());
}

TEST(TurnRelay, ForgetsAChannelAfterTenMinutesUnlessItIsRefreshed) {
  World world;
  Client client(world, "192.0.2.77:50000");
  EXPECT_TRUE(client.allocate({lifetime(3600)}).is_success());
  EXPECT_EQ(client.bind(0x4000, kPeer), 0);
  // Its permission lasts five (§12): nothing comes in then, but the channel carries out.
  world.pass(minutes(5));
  client.receive_from(kPeer, "x");
  EXPECT_TRUE(world.is_silent());
  client.indicate(kPeer, "x");
  EXPECT_TRUE(world.is_silent());
  client.send_channel_data(0x4000, "x");
  EXPECT_EQ(text_of(world.take_peer().bytes), "x");
  EXPECT_EQ(client.permit(kPeer), 0);
  client.receive_from(kPeer, "x");
  EXPECT_TRUE(world.take_client().is_channel_data());

  world.pass(minutes(5) - Duration(1));
  client.send_channel_data(0x4000, "x");
  EXPECT_EQ(text_of(world.take_peer().bytes), "x");
  world.pass(Duration(1));
  client.send_channel_data(0x4000, "x");
  EXPECT_TRUE(world.is_silent());
  EXPECT_EQ(client.permit(kPeer), 0);
  client.receive_from(kPeer, "x");
  EXPECT_EQ(Indication(world.take_client()).from, kPeer);

  EXPECT_EQ(client.bind(0x4000, kOtherPeer), 0);
  world.pass(minutes(9));
  EXPECT_EQ(client.bind(0x4000, kOtherPeer), 0);
  world.pass(minutes(9));
  client.send_channel_data(0x4000, "x");
  EXPECT_EQ(world.take_peer().to, kOtherPeer);
}

TEST(TurnRelay, PermitsThePeerOfAChannel) {
  World world;
  Client client = with_allocation(world, false);
  EXPECT_EQ(client.bind(0x4000, kPeer), 0);
  client.indicate({kPeer.address, 7}, "x");
  EXPECT_EQ(world.take_peer().to.port, 7);
  world.pass(minutes(4));
  EXPECT_EQ(client.bind(0x4000, kPeer), 0);  // Refreshes the permission as well.
  world.pass(minutes(4));
  client.receive_from(kPeer, "x");
  EXPECT_TRUE(world.take_client().is_channel_data());
}

// ---- What is too long.

TEST(TurnRelay, CarriesDataUpToItsBoundAndNothingLonger) {
  for (const bool is_stream : {false, true}) {
    World world;
    Client client = with_allocation(world, is_stream);
    EXPECT_EQ(client.bind(0x4000, kPeer), 0);
    EXPECT_EQ(client.permit(kOtherPeer), 0);
    const std::string longest(Forwarder::kDataSizeMax, 'x');
    client.send_channel_data(0x4000, longest);
    EXPECT_EQ(text_of(world.take_peer().bytes), longest);
    client.indicate(kOtherPeer, longest);
    EXPECT_EQ(text_of(world.take_peer().bytes), longest);
    client.receive_from(kPeer, longest);
    EXPECT_EQ(world.take_client().bytes.size(), longest.size() + 4);
    client.receive_from(kOtherPeer, longest);
    EXPECT_EQ(Indication(world.take_client()).text, longest);

    const std::string longer = longest + 'x';
    client.send_channel_data(0x4000, longer);
    client.indicate(kOtherPeer, longer);
    client.receive_from(kPeer, longer);
    client.receive_from(kOtherPeer, longer);
    client.receive_from(kPeer, std::string(60'000, 'x'));
    EXPECT_TRUE(world.is_silent());
    EXPECT_EQ(drops(world, Forwarder::Drop::kTooLong), 5u);
  }
}

// ---- Between two allocations of ours.

TEST(TurnRelay, HandsOverBetweenItsOwnAllocationsAfterBothSidesChecks) {
  World world;
  Client alice(world, "192.0.2.77:50000");
  Client bob = Client::on_stream(world, 9, Transport::kTls, kBob);
  EXPECT_TRUE(alice.allocate().is_success());
  EXPECT_TRUE(bob.allocate().is_success());
  EXPECT_EQ(alice.permit(bob.relayed), 0);
  alice.indicate(bob.relayed, "not yet");
  EXPECT_TRUE(world.is_silent());
  EXPECT_EQ(bob.permit(alice.relayed), 0);
  alice.indicate(bob.relayed, "now");
  ToClient sent = world.take_client();
  bob.expect_is_for_me(sent);
  EXPECT_EQ(Indication(sent).from, alice.relayed);
  EXPECT_EQ(Indication(sent).text, "now");
  EXPECT_EQ(bob.bind(0x4001, alice.relayed), 0);
  EXPECT_EQ(alice.bind(0x4002, bob.relayed), 0);
  alice.send_channel_data(0x4002, "abc");
  sent = world.take_client();
  bob.expect_is_for_me(sent);
  EXPECT_EQ(sent.bytes, (Data{0x40, 0x01, 0, 3, 'a', 'b', 'c', 0}));
  bob.send_channel_data(0x4001, "abc");
  sent = world.take_client();
  alice.expect_is_for_me(sent);
  EXPECT_EQ(sent.bytes, (Data{0x40, 0x02, 0, 3, 'a', 'b', 'c'}));
  EXPECT_TRUE(world.to_peers.empty());
  EXPECT_EQ(world.server.forwarded().handed_over_packets[static_cast<size_t>(Payer::kFriend)], 4u);
  // One's own relayed address is one of them.
  EXPECT_EQ(alice.permit(alice.relayed), 0);
  alice.indicate(alice.relayed, "echo");
  EXPECT_EQ(Indication(world.take_client()).text, "echo");

  world.close_stream(StreamId{9});
  alice.send_channel_data(0x4002, "gone");
  EXPECT_TRUE(world.is_silent());
}

TEST(TurnRelay, HandsOverByTheAddressThatTheWorldSees) {
  Server::Options options = plain_options();
  options.addresses.external = {ip("7.7.7.7")};
  World world(options);
  Client alice(world, "192.0.2.77:50000");
  Client bob(world, "192.0.2.78:50000", kBob);
  EXPECT_TRUE(alice.allocate().is_success());
  EXPECT_TRUE(bob.allocate().is_success());
  EXPECT_EQ(alice.relayed.address, ip("7.7.7.7"));
  EXPECT_EQ(alice.permit(bob.relayed), 0);
  EXPECT_EQ(bob.permit(alice.relayed), 0);
  alice.indicate(bob.relayed, "x");
  const ToClient sent = world.take_client();
  EXPECT_EQ(sent.to, bob.endpoint);
  EXPECT_EQ(Indication(sent).from, alice.relayed);
  EXPECT_TRUE(world.is_silent());
}

TEST(TurnRelay, HandsOverAtEachAddressAtWhichClientsReachIt) {
  // Not the one where relayed addresses are by default.
  const Endpoint second = endpoint("5.5.5.6:3478");
  Server::Options options = plain_options();
  options.addresses.own.push_back(second.address);
  options.peers = PeerPolicy({}, {}, {*Prefix::parse("5.5.5.0/24")});
  World world(options);
  Client alice(world, "192.0.2.77:50000");
  Client bob(world, "192.0.2.78:50000", kBob);
  alice.local = bob.local = {second, 0};
  EXPECT_TRUE(alice.allocate().is_success());
  EXPECT_EQ(alice.relayed.address, second.address);
  EXPECT_TRUE(bob.allocate().is_success());
  EXPECT_EQ(alice.permit(bob.relayed), 0);
  EXPECT_EQ(bob.permit(alice.relayed), 0);
  alice.indicate(bob.relayed, "x");
  EXPECT_EQ(Indication(world.take_client()).from, alice.relayed);
  // No longer than somebody has one there, and nothing else is there to be reached.
  EXPECT_EQ(alice.bind(0x4000, {second.address, 22}), 403);
  for (Client* const client : {&alice, &bob}) {
    EXPECT_TRUE(client->ask(StunMethod::kRefresh, {lifetime(0)}).is_success());
  }
  Client carol(world, "192.0.2.79:50000");
  EXPECT_TRUE(carol.allocate().is_success());
  EXPECT_EQ(carol.permit(bob.relayed), 403);
}

TEST(TurnRelay, SendsNothingElseToItsOwnAddresses) {
  Server::Options options = plain_options();
  options.addresses.external = {ip("7.7.7.7")};
  World world(options);
  Client client(world, "192.0.2.77:50000");
  EXPECT_TRUE(client.allocate({additional(2)}).is_success());
  for (const char* address : {"5.5.5.5", "7.7.7.7", "127.0.0.1", "2a00:5::5", "::1"}) {
    // Those that carry relayed addresses may be permitted.
    const bool is_loopback = address == std::string_view("127.0.0.1") || address[0] == ':';
    EXPECT_EQ(client.permit({ip(address), 0}), is_loopback ? 403 : 0) << address;
    constexpr uint16_t kPorts[] = {22, 53, 80, 3478, 49'999, 51'000, 65'535};
    for (const uint16_t port : kPorts) {
      const Endpoint own{ip(address), port};
      client.indicate(own, "x");
      EXPECT_TRUE(world.is_silent()) << own.text();
      EXPECT_EQ(client.bind(0x4000, own), 403) << own.text();
    }
  }
}

TEST(TurnRelay, TellsTheClientWhyADatagramDidNotArrive) {
  struct Row {
    Endpoint peer;
    uint8_t type;
    uint8_t code;
    uint32_t mtu;
    Data expect;
  };
  const Row kRows[] = {
      {kPeer, 3, 3, 0, {0, 0, 6, 3, 0, 0, 0, 0}},       // Port unreachable.
      {kPeer, 3, 4, 1280, {0, 0, 6, 4, 0, 0, 5, 0}},    // Too large for the next hop.
      {kPeer, 11, 0, 0, {0, 0, 22, 0, 0, 0, 0, 0}},     // Its time was exceeded.
      {kPeerV6, 2, 0, 1280, {0, 0, 4, 0, 0, 0, 5, 0}},  // Too large.
  };
  for (const bool is_stream : {false, true}) {
    World world;
    Client client = is_stream ? Client::on_stream(world, 4) : Client(world, "192.0.2.77:50000");
    const auto relayed = client.allocate({additional(2)}).relayed();
    ASSERT_EQ(relayed.size(), 2u);
    EXPECT_EQ(client.permit(kPeer), 0);
    EXPECT_EQ(client.permit(kPeerV6), 0);
    for (const Row& row : kRows) {
      const RelayId relay = world.relay_at(relayed[row.peer.address.is_v4() ? 0 : 1]);
      world.arrive_error({relay, row.peer, row.type, row.code, row.mtu});
      const ToClient told = world.take_client();
      client.expect_is_for_me(told);
      EXPECT_EQ(told.view().find_xor_address(StunAttribute::kXorPeerAddress), row.peer);
      EXPECT_FALSE(told.view().find(StunAttribute::kData));
      const auto icmp = told.view().find(StunAttribute::kIcmp);
      ASSERT_TRUE(icmp);
      EXPECT_EQ(Data(icmp->begin(), icmp->end()), row.expect);
      // About whom the client does not talk to, nothing.
      world.arrive_error({relay, kOtherPeer, row.type, row.code, row.mtu});
      EXPECT_TRUE(world.is_silent());
    }
    EXPECT_EQ(world.server.forwarded().icmp_errors, std::size(kRows));
  }
}

TEST(TurnRelay, SendsToItsOwnMachineWhereTheOwnerSaysSoButNeverToItself) {
  Server::Options options = plain_options();
  options.peers = PeerPolicy({*Prefix::parse("127.0.0.0/8")}, {});
  options.addresses.own_ports = {3478, 9478};
  World world(options);
  Client client(world, "192.0.2.77:50000");
  EXPECT_TRUE(client.allocate().is_success());
  EXPECT_EQ(client.permit(endpoint("127.0.0.1:80")), 0);
  client.indicate(endpoint("127.0.0.1:80"), "x");
  EXPECT_EQ(text_of(world.take_peer().bytes), "x");
  for (const uint16_t port : {uint16_t{3478}, uint16_t{9478}}) {
    const Endpoint own{ip("127.0.0.1"), port};
    client.indicate(own, "x");
    EXPECT_TRUE(world.is_silent()) << own.text();
    EXPECT_EQ(client.bind(0x4000, own), 403) << own.text();
  }
}

TEST(TurnRelay, ForgetsThatAnAddressWasARelayedOneOnceThatIsGone) {
  World world;
  Client alice(world, "192.0.2.77:50000");
  Client bob(world, "192.0.2.78:50000", kBob);
  EXPECT_TRUE(alice.allocate().is_success());
  EXPECT_TRUE(bob.allocate().is_success());
  EXPECT_EQ(alice.bind(0x4000, bob.relayed), 0);
  EXPECT_TRUE(bob.refresh({lifetime(0)}).is_success());
  alice.send_channel_data(0x4000, "x");
  EXPECT_TRUE(world.is_silent());
  EXPECT_EQ(drops(world, Forwarder::Drop::kForbiddenPeer), 1u);
}

// ---- What it costs.

TEST(TurnRelay, EndsAnAllocationThatHasUsedUpItsBytes) {
  Server::Options options = plain_options();
  options.forwarder.bytes_per_allocation = for_each_class(uint64_t{1000});
  World world(options);
  Client client = with_allocation(world, false);
  EXPECT_EQ(client.permit(kPeer), 0);
  // 100 bytes and 28 of headers, whichever way: seven fit.
  int carried = 0;
  for (int i = 0; i < 10; ++i) {
    if (i % 2 == 0) {
      client.indicate(kPeer, std::string(100, 'x'));
    } else {
      client.receive_from(kPeer, std::string(100, 'x'));
    }
    if (!world.is_silent()) ++carried;
    world.to_peers.clear();
    world.to_clients.clear();
  }
  EXPECT_EQ(carried, 7);
  EXPECT_EQ(drops(world, Forwarder::Drop::kUsedUp), 3u);
  world.pass(Duration(0));
  EXPECT_EQ(world.server.table().size(), 0u);
  EXPECT_TRUE(world.sockets.empty());
}

TEST(TurnRelay, GradesWhatItCarriesAndDropsWhatIsOverOnesOwnLimit) {
  Server::Options options = plain_options();
  options.forwarder.share = {.bytes_per_second = 100'000,
                             .percent = {0, 50, 0, 0},
                             .allocation_bytes_per_second = for_each_class(uint64_t{80'000})};
  World world(options);
  Client client = with_allocation(world, false);
  EXPECT_EQ(client.permit(kPeer), 0);
  std::array<int, kGradeCount> graded{};
  for (int i = 0; i < 100; ++i) {
    client.indicate(kPeer, std::string(972, 'x'));
    if (world.to_peers.empty()) continue;
    ++graded[static_cast<size_t>(world.take_peer().grade)];
  }
  EXPECT_EQ(graded, (std::array<int, kGradeCount>{50, 0, 30}));
  EXPECT_EQ(drops(world, Forwarder::Drop::kOwnLimit), 20u);
  const auto& stats = world.server.forwarded();
  EXPECT_EQ(stats.to_peer_packets[static_cast<size_t>(Payer::kFriend)], 80u);
  EXPECT_EQ(stats.to_peer_bytes[static_cast<size_t>(Payer::kFriend)], 80'000u);
}

}  // namespace
}  // namespace roost::core::turn
