// SPDX-License-Identifier: MIT
//
// Goal: the hot path copies no data, counts each packet once, and asks the table and the policy
// anew for every packet.
// Method: a forwarder on a table that is filled by hand, without a server; server_relay_test.cc has
// the same from a client's point of view.
#include "core/turn/forwarder.h"

#include <set>

#include "turn/turn_client.h"

namespace roost::core::turn {
namespace {

using Drop = Forwarder::Drop;

constexpr MonoTime kStart{seconds(1'000)};
constexpr AllocationTable::Options kSizes = {.allocations = 8};

// One allocation of each class of people, all permitted to talk to kPeer, with a channel to it.
struct Setting {
  explicit Setting(const FairShare::Options& share = {}, uint64_t bytes_per_allocation = 0)
      : forwarder(table, addresses, peers, kSizes,
                  {share, for_each_class(bytes_per_allocation), 0, false}, SipHashKey{2}, kStart) {
    for (size_t i = 1; i < kPayerCount; ++i) {
      Flow flow;
      flow.socket = 3;
      flow.local = {kServerV4, 5};
      flow.client = {IpAddress::v4(0xc0000200 + static_cast<uint32_t>(i)), 1000};
      if (i == 3) {
        flow.transport = Transport::kTcp;
        flow.stream = StreamId{i};
      }
      Authenticator::Proof proof;
      proof.user = i;
      proof.payer = static_cast<Payer>(i);
      Allocation& made = **table.create(flow, proof);
      made.state = Allocation::State::kActive;
      const Endpoint local{kServerV4.address, static_cast<uint16_t>(50'000 + i)};
      table.open_relay(made, Family::kV4, local, local);
      EXPECT_TRUE(table.permit(kStart, made, kPeer.address, kStart + minutes(5)));
      EXPECT_TRUE(table.bind_channel(kStart, made, 0x4000, kPeer, kStart + minutes(10)));
      allocations[i] = &made;
    }
  }
  Allocation& of(Payer payer) { return *allocations[static_cast<size_t>(payer)]; }
  RelayId relay_of(Payer payer) { return AllocationTable::relay_id(of(payer), Family::kV4); }
  uint64_t drops(Drop why) const {
    uint64_t sum = 0;
    for (const auto& of_class : forwarder.stats().drops) sum += of_class[static_cast<size_t>(why)];
    return sum;
  }
  uint64_t all_drops() const {
    uint64_t sum = 0;
    for (size_t i = 0; i < Forwarder::kDropCount; ++i) sum += drops(static_cast<Drop>(i));
    return sum;
  }

  AllocationTable table{kSizes, SipHashKey{1}};
  Addresses addresses{{{kServerV4.address}, {}, {kServerV4.address}}};
  PeerPolicy peers;
  Forwarder forwarder;
  Outbox out;
  std::array<Allocation*, kPayerCount> allocations{};
};

constexpr std::array<Payer, 3> kPeople = {Payer::kFriend, Payer::kFriendOfFriend, Payer::kStranger};

TEST(Forwarder, CopiesNothingOverUdpAndBuildsFourBytesForAChannel) {
  Setting given;
  const Data from_client = {0x40, 0, 0, 3, 'a', 'b', 'c'};
  given.forwarder.take_channel_data(kStart, given.of(Payer::kFriend), from_client, given.out);
  const auto& to_peer = std::get<SendFromRelay>(given.out.actions()[0]);
  EXPECT_EQ(to_peer.payload.data(), from_client.data() + 4);
  EXPECT_EQ(to_peer.payload.size(), 3u);

  const Data from_peer = data_of("hello");
  given.forwarder.take_datagram(
      kStart, RelayDatagramArrived{given.relay_of(Payer::kFriend), kPeer, from_peer}, given.out);
  const auto& to_client = std::get<SendDatagram>(given.out.actions()[1]);
  EXPECT_EQ(to_client.payload.data(), from_peer.data());
  EXPECT_TRUE(same_bytes(to_client.head, Data{0x40, 0, 0, 5}));
  EXPECT_EQ(to_client.from, 3);
  EXPECT_EQ(to_client.local.interface_index, 5u);
  EXPECT_EQ(to_client.to, given.of(Payer::kFriend).flow.client);
}

TEST(Forwarder, PadsChannelDataForAStreamOfBytesOnly) {
  for (const Transport transport : {Transport::kTcp, Transport::kTls, Transport::kDtls}) {
    for (size_t size = 0; size < 9; ++size) {
      Setting given;
      Allocation& allocation = given.of(Payer::kStranger);
      allocation.flow.transport = transport;
      const Data from_peer(size, 'x');
      given.forwarder.take_datagram(
          kStart, RelayDatagramArrived{given.relay_of(Payer::kStranger), kPeer, from_peer},
          given.out);
      const auto& sent = std::get<SendMessage>(given.out.actions()[0]);
      EXPECT_EQ(sent.payload.size(),
                4 + (transport == Transport::kDtls ? size : (size + 3) / 4 * 4));
      EXPECT_EQ(sent.payload[3], size);
      EXPECT_TRUE(sent.may_be_dropped);
      EXPECT_EQ(sent.is_datagram, transport == Transport::kDtls);
    }
  }
}

TEST(Forwarder, FillsAnOutboxOfSmallPacketsWithoutRunningOutOfItsArena) {
  Setting given;
  const Data from_peer(Forwarder::kDataSizeMax);
  int count = 0;
  for (; given.out.has_room(); ++count) {
    given.forwarder.take_datagram(
        kStart, RelayDatagramArrived{given.relay_of(Payer::kFriend), kPeer, from_peer}, given.out);
  }
  EXPECT_GT(count, 400);
}

TEST(Forwarder, GivesEachIndicationAnIdOfItsOwn) {
  Setting given;
  std::set<Data> ids;
  for (int i = 0; i < 30; ++i) {
    for (const Payer payer : kPeople) {
      given.out.clear();
      const Endpoint other_port{kPeer.address, 1};
      given.forwarder.take_datagram(
          kStart, RelayDatagramArrived{given.relay_of(payer), other_port, data_of("x")}, given.out);
      ASSERT_EQ(given.out.actions().size(), 1u);
      const auto* datagram = std::get_if<SendDatagram>(&given.out.actions()[0]);
      const Bytes bytes =
          datagram ? datagram->payload : std::get<SendMessage>(given.out.actions()[0]).payload;
      const auto id = StunView::parse(bytes)->transaction_id();
      EXPECT_TRUE(ids.insert(Data(id.begin(), id.end())).second);
    }
  }
}

TEST(Forwarder, CountsForTheClassThatPaysAndNamesItAsThePayer) {
  for (const Payer payer : kPeople) {
    Setting given;
    const auto at = static_cast<size_t>(payer);
    const Data message = {0x40, 0, 0, 2, 'a', 'b', 0, 0};
    given.forwarder.take_channel_data(kStart, given.of(payer), message, given.out);
    EXPECT_EQ(std::get<SendFromRelay>(given.out.actions()[0]).payer, payer);
    given.forwarder.take_datagram(
        kStart, RelayDatagramArrived{given.relay_of(payer), kPeer, data_of("abc")}, given.out);
    if (payer == Payer::kStranger) {  // On a stream here.
      EXPECT_EQ(std::get<SendMessage>(given.out.actions()[1]).payer, payer);
      EXPECT_TRUE(std::get<SendMessage>(given.out.actions()[1]).may_be_dropped);
    } else {
      EXPECT_EQ(std::get<SendDatagram>(given.out.actions()[1]).payer, payer);
    }
    const Forwarder::Stats& stats = given.forwarder.stats();
    EXPECT_EQ(stats.to_peer_packets[at], 1u);
    EXPECT_EQ(stats.to_peer_bytes[at], 2 + Forwarder::kHeaderBytes);
    EXPECT_EQ(stats.to_client_packets[at], 1u);
    EXPECT_EQ(stats.to_client_bytes[at], 3 + Forwarder::kHeaderBytes);
    EXPECT_EQ(given.of(payer).relayed_bytes, 5 + 2 * Forwarder::kHeaderBytes);
    for (const Payer other : kPeople) {
      if (other == payer) continue;
      EXPECT_EQ(stats.to_peer_packets[static_cast<size_t>(other)], 0u);
      EXPECT_EQ(stats.to_client_packets[static_cast<size_t>(other)], 0u);
    }
    EXPECT_EQ(given.all_drops(), 0u);
  }
}

TEST(Forwarder, DropsOnceAndForTheReasonThatItIs) {
  struct Row {
    Drop expect;
    void (*act)(Setting&);
  };
  const Row kRows[] = {
      {Drop::kMalformed,
       [](Setting& given) {
         given.forwarder.take_channel_data(kStart, given.of(Payer::kFriend), Data{0x40, 0, 0, 1},
                                           given.out);
       }},
      {Drop::kNoChannel,
       [](Setting& given) {
         given.forwarder.take_channel_data(kStart, given.of(Payer::kFriend), Data{0x40, 1, 0, 0},
                                           given.out);
       }},
      {Drop::kNoPermission,
       [](Setting& given) {
         given.forwarder.take_datagram(
             kStart, RelayDatagramArrived{given.relay_of(Payer::kFriend), kOtherPeer, {}},
             given.out);
       }},
      {Drop::kTooLong,
       [](Setting& given) {
         given.forwarder.take_datagram(
             kStart,
             RelayDatagramArrived{given.relay_of(Payer::kFriend), kPeer,
                                  std::array<uint8_t, Forwarder::kDataSizeMax + 1>{}},
             given.out);
       }},
      // The policy has changed since the channel was bound.
      {Drop::kForbiddenPeer,
       [](Setting& given) {
         given.peers = PeerPolicy({}, {*Prefix::parse("9.9.9.9")});
         given.forwarder.take_channel_data(kStart, given.of(Payer::kFriend), Data{0x40, 0, 0, 0},
                                           given.out);
       }},
      // The address has become ours.
      {Drop::kForbiddenPeer,
       [](Setting& given) {
         given.addresses = Addresses({{}, {kPeer.address}, {}});
         given.forwarder.take_channel_data(kStart, given.of(Payer::kFriend), Data{0x40, 0, 0, 0},
                                           given.out);
       }},
      {Drop::kForbiddenPeer,
       [](Setting& given) {
         given.table.close_relay(given.of(Payer::kFriend), Family::kV4);
         given.forwarder.take_channel_data(kStart, given.of(Payer::kFriend), Data{0x40, 0, 0, 0},
                                           given.out);
       }},
      {Drop::kGone,
       [](Setting& given) {
         const RelayId relay = given.relay_of(Payer::kFriend);
         given.table.close_relay(given.of(Payer::kFriend), Family::kV4);
         given.forwarder.take_datagram(kStart, RelayDatagramArrived{relay, kPeer, {}}, given.out);
       }},
      {Drop::kGone,
       [](Setting& given) {
         given.forwarder.take_datagram(kStart, RelayDatagramArrived{RelayId{7}, kPeer, {}},
                                       given.out);
       }},
  };
  for (const Row& row : kRows) {
    Setting given;
    row.act(given);
    EXPECT_EQ(given.drops(row.expect), 1u) << label(row.expect);
    EXPECT_EQ(given.all_drops(), 1u) << label(row.expect);
    EXPECT_TRUE(given.out.actions().empty()) << label(row.expect);
    EXPECT_EQ(given.of(Payer::kFriend).relayed_bytes, 0u) << label(row.expect);
  }
}

TEST(Forwarder, CountsDropsForTheClassThatWouldHavePaid) {
  for (const Payer payer : kPeople) {
    Setting given;
    const Data unbound = {0x40, 7, 0, 1, 'x', 0, 0, 0};
    given.forwarder.take_channel_data(kStart, given.of(payer), unbound, given.out);
    given.forwarder.take_datagram(
        kStart, RelayDatagramArrived{given.relay_of(payer), {IpAddress::v4(1), 1}, unbound},
        given.out);
    given.forwarder.take_datagram(kStart, RelayDatagramArrived{RelayId{0xfff0}, kPeer, unbound},
                                  given.out);
    const auto& drops = given.forwarder.stats().drops;
    EXPECT_EQ(drops[static_cast<size_t>(payer)][static_cast<size_t>(Drop::kNoChannel)], 1u);
    EXPECT_EQ(drops[static_cast<size_t>(payer)][static_cast<size_t>(Drop::kNoPermission)], 1u);
    // Of somebody who is gone.
    EXPECT_EQ(drops[static_cast<size_t>(Payer::kService)][static_cast<size_t>(Drop::kGone)], 1u);
    EXPECT_EQ(given.all_drops(), 3u);
  }
}

TEST(Forwarder, MakesBothSidesPayForWhatItHandsOver) {
  Setting given;
  Allocation& from = given.of(Payer::kFriend);
  Allocation& to = given.of(Payer::kFriendOfFriend);
  EXPECT_TRUE(
      given.table.bind_channel(kStart, from, 0x4001, to.relays[0].local, kStart + minutes(10)));
  EXPECT_TRUE(given.table.permit(kStart, to, kServerV4.address, kStart + minutes(5)));
  given.forwarder.take_channel_data(kStart, from, Data{0x40, 1, 0, 1, 'x'}, given.out);
  ASSERT_EQ(given.out.actions().size(), 1u);
  const auto& sent = std::get<SendDatagram>(given.out.actions()[0]);
  EXPECT_EQ(sent.payer, Payer::kFriendOfFriend);
  EXPECT_EQ(StunView::parse(sent.payload)->find_xor_address(StunAttribute::kXorPeerAddress),
            from.relays[0].local);
  EXPECT_EQ(from.relayed_bytes, 29u);
  EXPECT_EQ(to.relayed_bytes, 29u);
  const Forwarder::Stats& stats = given.forwarder.stats();
  EXPECT_EQ(stats.to_peer_packets[1], 1u);
  EXPECT_EQ(stats.handed_over_packets[1], 1u);
  EXPECT_EQ(stats.to_client_packets[2], 1u);
}

TEST(Forwarder, AsksForAnEndAtOnceWhereTheBytesAreUsedUp) {
  Setting given({}, 100);
  Allocation& allocation = given.of(Payer::kFriend);
  given.table.set_deadline(allocation, kStart + minutes(10));
  const Data message(4 + 73, 0);
  Data exact = message;
  exact[0] = 0x40;
  exact[3] = 73;  // 101 with its headers.
  given.forwarder.take_channel_data(kStart, allocation, exact, given.out);
  EXPECT_EQ(given.drops(Drop::kUsedUp), 1u);
  EXPECT_EQ(given.table.next_deadline(), kStart);
  exact[3] = 72;
  given.forwarder.take_channel_data(kStart, allocation, exact, given.out);
  EXPECT_EQ(given.out.actions().size(), 1u);
  // No limit once the owner says so.
  given.forwarder.set_options({}, kStart);
  given.forwarder.take_channel_data(kStart, allocation, exact, given.out);
  EXPECT_EQ(given.out.actions().size(), 2u);
}

TEST(Forwarder, KnowsTheAttributesOfTurnAndStunAndNoOthers) {
  const std::set<uint16_t> kKnown = {0x0001, 0x0006, 0x0008, 0x0009, 0x000a, 0x000c, 0x000d, 0x0012,
                                     0x0013, 0x0014, 0x0015, 0x0016, 0x0017, 0x0018, 0x0019, 0x001a,
                                     0x001c, 0x001d, 0x001e, 0x0020, 0x0022, 0x002a};
  for (uint32_t type = 0; type < 0x8000; ++type) {
    EXPECT_EQ(is_known(static_cast<StunAttribute>(type)),
              kKnown.contains(static_cast<uint16_t>(type)))
        << type;
  }
}

TEST(Forwarder, NamesEachReasonOnce) {
  std::set<std::string_view> labels;
  for (size_t i = 0; i < Forwarder::kDropCount; ++i) labels.insert(label(static_cast<Drop>(i)));
  EXPECT_EQ(labels.size(), Forwarder::kDropCount);
}

}  // namespace
}  // namespace roost::core::turn
