// SPDX-License-Identifier: MIT
//
// Goal: the whole node keeps what it promises to who relays, and what it promises to its owner.
// Method: clients that speak TURN to the node over UDP and streams, and a clock of our own.
#include <cstdlib>
#include <gtest/gtest.h>
#include <new>

#include "base/crypto_hash.h"
#include "node/metrics.h"
#include "node/node.h"
#include "wire/channel_data.h"
#include "wire/stun_builder.h"

// Every allocation of this program is counted: relaying a packet makes none.
static size_t allocation_count = 0;

void* operator new(size_t size) {
  ++allocation_count;
  if (void* const memory = std::malloc(size != 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}

namespace roost::node {
namespace {

using namespace std::chrono_literals;
using wire::StunAttribute;
using wire::StunClass;
using wire::StunMethod;
using wire::StunView;
using Data = std::vector<uint8_t>;

const Endpoint kLocal{IpAddress::v4(0x05050505), 3478};
const Endpoint kPeer{IpAddress::v4(0x09090909), 9000};
const Endpoint kClient{IpAddress::v4(0x07070707), 4000};
constexpr uint16_t kChannel = 0x4001;

Config with_relay(Config config) {
  config.node.listen = {kLocal.address};
  config.relay.users = {{"a", "b"}};
  config.relay.addresses = {kLocal.address};
  config.relay.machine_addresses = {kLocal.address};
  return config;
}

class Rig {
 public:
  explicit Rig(const Config& config) : node(with_relay(config), {kLocal}, key_, random_, now) {}

  struct Client {
    core::Transport transport;
    Endpoint from;
    core::StreamId stream{};
    std::string nonce{};
    core::RelayId relay{};
    uint32_t protocol = 17;  // REQUESTED-TRANSPORT.
    uint32_t connection_number = 0;
  };

  // What goes back to the client, with the sockets that were ordered opened at once.
  Data step(const core::Input& input, Client* client = nullptr) {
    out.clear();
    node.step(now, input, out);
    Data reply;
    std::vector<core::OpenRelay> orders;
    for (const core::Action& action : out.actions()) {
      if (const auto* const open = std::get_if<core::OpenRelay>(&action)) orders.push_back(*open);
      if (const auto* const datagram = std::get_if<core::SendDatagram>(&action)) {
        reply.assign(datagram->payload.begin(), datagram->payload.end());
      }
      if (const auto* const message = std::get_if<core::SendMessage>(&action)) {
        reply.assign(message->payload.begin(), message->payload.end());
      }
    }
    for (const core::OpenRelay& order : orders) {
      if (client != nullptr) client->relay = order.relay;
      reply = step(core::RelayOpened{order.relay, {order.address, next_port_++}});
    }
    return reply;
  }

  core::Input from(const Client& client, const Data& bytes) {
    if (client.transport == core::Transport::kUdp) {
      return core::DatagramArrived{0, {kLocal, 0}, client.from, bytes};
    }
    return core::MessageArrived{client.stream, client.transport, {kLocal, 0}, client.from, bytes};
  }

  Data request(const Client& client, StunMethod method) {
    Data buffer(1024);
    std::array<uint8_t, 12> id{};
    store_u64(id.data(), ++transaction_);
    wire::StunBuilder builder(buffer, StunClass::kRequest, method, id);
    if (method == StunMethod::kAllocate) {
      builder.add_u32(StunAttribute::kRequestedTransport, client.protocol << 24);
    }
    if (method == StunMethod::kConnect || method == StunMethod::kCreatePermission) {
      builder.add_xor_address(StunAttribute::kXorPeerAddress, kPeer);
    }
    if (method == StunMethod::kConnectionBind) {
      builder.add_u32(StunAttribute::kConnectionId, client.connection_number);
    }
    if (method == StunMethod::kChannelBind) {
      builder.add_u32(StunAttribute::kChannelNumber, uint32_t{kChannel} << 16);
      builder.add_xor_address(StunAttribute::kXorPeerAddress, kPeer);
    }
    if (!client.nonce.empty()) {
      builder.add(StunAttribute::kUsername, as_bytes("a"));
      builder.add(StunAttribute::kRealm, as_bytes("roost"));
      builder.add(StunAttribute::kNonce, as_bytes(client.nonce));
      builder.add_integrity(md5(as_bytes("a:roost:b")));
    }
    const Bytes built = builder.finish();
    return {built.begin(), built.end()};
  }

  // Whether the client got an allocation with a channel.
  bool allocate(Client& client) {
    const Data challenge = step(from(client, request(client, StunMethod::kAllocate)));
    const auto view = StunView::parse(challenge);
    if (!view || !view->find(StunAttribute::kNonce)) return false;
    client.nonce = as_text(*view->find(StunAttribute::kNonce));
    return is_success(step(from(client, request(client, StunMethod::kAllocate)), &client)) &&
           (client.protocol == 6 || binds_channel(client));
  }
  bool binds_channel(const Client& client) {
    return is_success(step(from(client, request(client, StunMethod::kChannelBind))));
  }

  // A connection to kPeer of an allocation over TCP, bound to a stream of its own.
  core::PeerConnectionId ask_to_connect(const Client& client) {
    step(from(client, request(client, StunMethod::kConnect)));
    core::PeerConnectionId connection{};
    for (const core::Action& action : out.actions()) {
      if (const auto* const order = std::get_if<core::ConnectPeer>(&action)) {
        connection = order->connection;
      }
    }
    return connection;
  }
  core::PeerConnectionId connect(Client& client) {
    const core::PeerConnectionId connection = ask_to_connect(client);
    const Data reply = step(core::PeerConnected{connection});
    const auto view = StunView::parse(reply);
    EXPECT_TRUE(view);
    if (view) {
      client.connection_number = view->find_u32(StunAttribute::kConnectionId).value_or(0);
    }
    Client data = client;
    data.stream = core::StreamId{1'000 + static_cast<uint64_t>(client.stream)};
    EXPECT_TRUE(is_success(step(from(data, request(data, StunMethod::kConnectionBind)))));
    return connection;
  }
  // How many of so many bytes may go on.
  uint64_t offer(core::PeerConnectionId connection, core::PeerDirection direction, uint64_t bytes) {
    step(core::PeerDataArrived{connection, direction, bytes});
    EXPECT_EQ(1u, out.actions().size());
    const auto* const forward = std::get_if<core::ForwardPeerData>(&out.actions()[0]);
    return forward == nullptr ? 0 : forward->bytes;
  }

  bool permits_peer(const Client& client) {
    return is_success(step(from(client, request(client, StunMethod::kCreatePermission))));
  }
  bool refreshes(const Client& client) {
    return is_success(step(from(client, request(client, StunMethod::kRefresh))));
  }

  static bool is_success(const Data& reply) {
    const auto view = StunView::parse(reply);
    return view && view->message_class() == StunClass::kSuccess;
  }

  void pass(Duration time) {
    now.mono += time;
    *now.wall += std::chrono::duration_cast<std::chrono::seconds>(time);
  }

  Now now{MonoTime(1h), kWallTimeMin};

 private:
  const SigningKey key_{SigningKey::Seed{}};
  SeededRandom random_{1};
  uint64_t transaction_ = 0;
  uint16_t next_port_ = 50'000;

 public:
  core::Outbox out;
  Node node;
};

Rig::Client over(core::Transport transport, uint32_t prefix = 0) {
  Rig::Client client{transport, kClient, core::StreamId{prefix + 1}};
  client.from.address = IpAddress::v4(kClient.address.v4_value() + (prefix << 8));
  return client;
}

Data binding_request() {
  Data request(20);
  request[1] = 1;
  store_u32(request.data() + 4, wire::kStunMagicCookie);
  return request;
}

Rig::Client of_tcp(uint32_t prefix = 0) {
  Rig::Client client = over(core::Transport::kTcp, prefix);
  client.protocol = 6;
  return client;
}

TEST(NodeRelay, PaysForEachByteOfAConnectionOnceInEachDirection) {
  Config config;
  config.relay.allocation_bandwidth_bytes_per_second = 0;
  Rig rig(config);
  Rig::Client client = of_tcp();
  ASSERT_TRUE(rig.allocate(client));
  const core::PeerConnectionId connection = rig.connect(client);
  const uint64_t before = rig.node.budget().bytes_sent();
  constexpr uint64_t kBytes = 7'000;
  constexpr uint64_t kCost = kBytes + 5 * 40;
  EXPECT_EQ(kBytes, rig.offer(connection, core::PeerDirection::kToPeer, kBytes));
  EXPECT_EQ(before + kCost, rig.node.budget().bytes_sent());
  EXPECT_EQ(kBytes, rig.offer(connection, core::PeerDirection::kToClient, kBytes));
  EXPECT_EQ(before + 2 * kCost, rig.node.budget().bytes_sent());
  // What the stream reports then is paid for already; what TLS has added is not.
  rig.step(core::StreamBytesSent{core::Transport::kTls, kBytes + 29});
  EXPECT_EQ(before + 2 * kCost + 29, rig.node.budget().bytes_sent());
  const Node::Stats& stats = rig.node.stats();
  EXPECT_EQ(2 * kCost, stats.relayed_bytes[static_cast<size_t>(core::Payer::kFriend)]);
  EXPECT_GE(stats.sent_bytes[static_cast<size_t>(core::Transport::kTcp)], kBytes);
}

TEST(NodeRelay, KeepsConnectionsWithinTheBandwidthAndTheMonth) {
  Config config;
  config.donate.bandwidth_bytes_per_second = 100'000;
  config.donate.monthly_bytes = 1'600'000;
  config.relay.allocation_bandwidth_bytes_per_second = 0;
  Rig rig(config);
  std::vector<core::PeerConnectionId> connections;
  for (uint32_t i = 0; i < 8; ++i) {
    rig.pass(1s);
    Rig::Client client = of_tcp(i);
    ASSERT_TRUE(rig.allocate(client));
    connections.push_back(rig.connect(client));
  }
  rig.pass(1s);
  const uint64_t before = rig.node.budget().bytes_sent();
  const auto relay_for = [&](int seconds) {
    for (int i = 0; i < 100 * seconds; ++i) {
      rig.pass(10ms);
      for (const core::PeerConnectionId connection : connections) {
        for (const auto direction :
             {core::PeerDirection::kToPeer, core::PeerDirection::kToClient}) {
          rig.offer(connection, direction, 8'192);
        }
      }
    }
    return rig.node.budget().bytes_sent() - before;
  };
  const uint64_t after_ten = relay_for(10);
  EXPECT_LE(after_ten, 11 * 100'000u);
  EXPECT_GE(after_ten, 10 * 99'000u);  // What is there is used.
  relay_for(10);
  EXPECT_LE(rig.node.budget().bytes_sent(), 1'600'000u);
  EXPECT_GE(rig.node.budget().bytes_sent(), 1'600'000u - 1'440u);
}

TEST(NodeRelay, TakesNoConnectionsOfPeersInAMonthThatIsUsedUp) {
  Config config;
  config.donate.monthly_bytes = 100'000;
  Rig rig(config);
  Rig::Client client = of_tcp();
  ASSERT_TRUE(rig.allocate(client));
  const auto arrives = [&](uint16_t port) {
    rig.step(core::PeerArrived{client.relay, {kPeer.address, port}});
    return !rig.out.actions().empty();
  };
  ASSERT_TRUE(rig.permits_peer(client));
  EXPECT_TRUE(arrives(1'001));
  rig.node.budget().spend(rig.now, 100'000 - rig.node.budget().bytes_sent());
  EXPECT_FALSE(arrives(1'002));
  EXPECT_EQ(1u, rig.node.stats().drops[static_cast<size_t>(Node::Drop::kDonation)]);
}

TEST(NodeRelay, SaysNothingLateInAMonthThatIsUsedUp) {
  for (const bool connects : {true, false}) {
    Config config;
    config.donate.monthly_bytes = 100'000;
    Rig rig(config);
    Rig::Client client = of_tcp();
    ASSERT_TRUE(rig.allocate(client));
    ASSERT_TRUE(rig.permits_peer(client));
    const core::PeerConnectionId connection = rig.ask_to_connect(client);
    rig.node.budget().spend(rig.now, 100'000 - rig.node.budget().bytes_sent());
    if (connects) {
      rig.step(core::PeerConnected{connection});
    } else {
      rig.step(core::PeerFailed{connection, core::PeerFailure::kRefused});
    }
    ASSERT_EQ(1u, rig.out.actions().size());
    const auto* const refused = std::get_if<core::RefuseStream>(&rig.out.actions()[0]);
    ASSERT_NE(nullptr, refused) << "whom we do not answer must see that";
    EXPECT_EQ(client.stream, refused->stream);
    EXPECT_EQ(1u, rig.node.stats().drops[static_cast<size_t>(Node::Drop::kDonation)]);
  }
}

TEST(NodeRelay, RelaysAPacketWithoutAllocating) {
  for (const core::Transport transport : {core::Transport::kUdp, core::Transport::kTcp}) {
    Rig rig{Config()};
    Rig::Client client = over(transport);
    ASSERT_TRUE(rig.allocate(client));
    Data channel_data(4 + 172);
    store_u16(channel_data.data(), kChannel);
    store_u16(channel_data.data() + 2, 172);
    const Data payload(172, 7);
    const core::Input from_client = rig.from(client, channel_data);
    const core::Input from_peer = core::RelayDatagramArrived{client.relay, kPeer, payload};
    size_t relayed = 0;
    const size_t before = allocation_count;
    EXPECT_GT(before, 0u) << "it counts";
    for (int i = 0; i < 1000; ++i) {
      rig.now.mono += 10ms;
      for (const core::Input* const input : {&from_client, &from_peer}) {
        rig.out.clear();
        rig.node.step(rig.now, *input, rig.out);
        relayed += rig.out.actions().size();
      }
    }
    EXPECT_EQ(before, allocation_count) << label(transport);
    EXPECT_EQ(2000u, relayed) << label(transport);
  }
}

TEST(NodeRelay, KeepsTrafficToStreamsWithinTheBandwidth) {
  Config config;
  config.donate.bandwidth_bytes_per_second = 125'000;
  Rig rig(config);
  std::vector<Rig::Client> clients;
  for (uint32_t i = 0; i < 16; ++i) {
    rig.pass(1s);
    clients.push_back(over(core::Transport::kTcp, i));
    ASSERT_TRUE(rig.allocate(clients.back()));
  }
  const Data data(1200, 7);
  uint64_t sent = 0;
  constexpr int kSeconds = 10;
  for (int i = 0; i < 10 * kSeconds; ++i) {
    rig.now.mono += 100ms;
    // One wake-up brings much from many sockets, and what was written is told afterwards.
    uint64_t written = 0;
    for (const Rig::Client& client : clients) {
      rig.out.clear();
      for (int k = 0; k < 32; ++k) {
        rig.node.step(rig.now, core::RelayDatagramArrived{client.relay, kPeer, data}, rig.out);
      }
      for (const core::Action& action : rig.out.actions()) {
        written += std::get<core::SendMessage>(action).payload.size();
      }
    }
    rig.step(core::StreamBytesSent{core::Transport::kTcp, written});
    sent += written;
  }
  EXPECT_LE(sent / kSeconds, 140'000u);  // And a burst.
  EXPECT_GE(sent / kSeconds, 50'000u);
}

TEST(NodeRelay, KeepsCallsGoingWhileStrangersFloodTheReflection) {
  Rig rig{Config()};
  Rig::Client client = over(core::Transport::kUdp);
  ASSERT_TRUE(rig.allocate(client));
  Data voice(wire::kChannelDataHeaderSize + 200);
  const auto header = wire::channel_data_header(kChannel, 200);
  std::copy(header.begin(), header.end(), voice.begin());
  uint32_t forged = 0;
  int lost = 0;
  for (int ms = 0; ms < 4000; ++ms) {
    rig.now.mono += 1ms;
    for (int i = 0; i < 60; ++i, ++forged) {
      const IpAddress source = IpAddress::v4(0x0b000001 + (forged % 60'000 << 8));
      rig.step(core::DatagramArrived{0, {kLocal, 0}, {source, 5}, binding_request()});
    }
    if (ms % 20 != 0) continue;
    rig.out.clear();
    rig.node.step(rig.now, rig.from(client, voice), rig.out);
    lost += rig.out.actions().empty();
  }
  EXPECT_EQ(0, lost);
  EXPECT_GT(rig.node.budget().refusals(Budget::Refusal::kBandwidth), 10'000u);  // It was a flood.
}

TEST(NodeRelay, TakesOnNewClientsWhileOthersTakeAllTheExcess) {
  Config config;
  config.donate.bandwidth_bytes_per_second = 100'000;
  config.relay.allocation_bandwidth_bytes_per_second = 0;
  Rig rig(config);
  const auto greedy = [&] {
    Rig::Client client = over(core::Transport::kUdp);
    EXPECT_TRUE(rig.allocate(client));
    return client;
  }();
  Data bulk(wire::kChannelDataHeaderSize + 40);  // Small: they fit wherever an answer does.
  const auto header = wire::channel_data_header(kChannel, 40);
  std::copy(header.begin(), header.end(), bulk.begin());
  for (uint32_t newcomer = 1; newcomer <= 10; ++newcomer) {
    for (int ms = 0; ms < 1500; ++ms) {
      rig.now.mono += 1ms;
      for (int i = 0; i < 4; ++i) rig.step(rig.from(greedy, bulk));
    }
    Rig::Client client = over(core::Transport::kUdp, newcomer);
    EXPECT_TRUE(rig.allocate(client)) << newcomer;
  }
  EXPECT_GT(rig.node.budget().refusals(Budget::Refusal::kBandwidth), 10'000u);  // It was greedy.
}

TEST(NodeRelay, AnswersRequestsOfAnAllocationWhateverIsForgedInItsPrefix) {
  for (const core::Transport transport : {core::Transport::kUdp, core::Transport::kTls}) {
    Rig rig{Config()};
    Rig::Client client = over(transport);
    ASSERT_TRUE(rig.allocate(client));
    for (int ms = 0; ms < 10'000; ++ms) {
      rig.now.mono += 1ms;
      const Endpoint neighbour{IpAddress::v4(0x07070799), 5};
      rig.step(core::DatagramArrived{0, {kLocal, 0}, neighbour, Data{0xff}});
      if (ms % 500 != 250) continue;
      EXPECT_TRUE(rig.refreshes(client));
    }
  }
}

TEST(NodeRelay, AnswersOrClosesAStreamWhateverElseIsGoingOn) {
  Config config;
  config.donate.bandwidth_bytes_per_second = 125'000;
  Rig rig(config);
  Rig::Client client = over(core::Transport::kTcp);
  ASSERT_TRUE(rig.allocate(client));
  rig.step(core::StreamBytesSent{core::Transport::kTls, 1'000'000});  // Others' traffic.
  EXPECT_TRUE(rig.refreshes(client));
  // One without an allocation is not left waiting.
  rig.out.clear();
  const Data request = binding_request();
  rig.node.step(rig.now, rig.from(over(core::Transport::kTcp, 5), request), rig.out);
  ASSERT_EQ(1u, rig.out.actions().size());
  EXPECT_EQ(core::StreamId{6}, std::get<core::RefuseStream>(rig.out.actions()[0]).stream);
}

TEST(NodeRelay, TakesOnNothingNewNearTheEndOfTheMonthAndGoesOnWithWhatThereIs) {
  Config config;
  config.donate.monthly_bytes = 1'000'000;
  Rig rig(config);
  Rig::Client first = over(core::Transport::kTls);
  ASSERT_TRUE(rig.allocate(first));
  rig.step(core::StreamBytesSent{core::Transport::kTcp, 960'000});
  Rig::Client second = over(core::Transport::kTls, 1);
  EXPECT_FALSE(rig.allocate(second));
  EXPECT_EQ(1u, rig.node.turn()->stats().refused_late[static_cast<size_t>(core::Payer::kFriend)]);
  EXPECT_TRUE(rig.refreshes(first));
  // The next month begins with whatever comes in first.
  rig.pass(std::chrono::hours(24 * 40));
  Rig::Client third = over(core::Transport::kTls, 2);
  EXPECT_TRUE(rig.allocate(third));
}

TEST(NodeRelay, ClosesStreamsWithAllocationsAtTheEndOfTheMonth) {
  Config config;
  config.donate.monthly_bytes = 1'000'000;
  Rig rig(config);
  const Rig::Client client = [&] {
    Rig::Client made = over(core::Transport::kTls);
    EXPECT_TRUE(rig.allocate(made));
    return made;
  }();
  rig.step(core::StreamBytesSent{core::Transport::kTcp, 990'000});
  EXPECT_TRUE(rig.refreshes(client));
  rig.step(core::StreamBytesSent{core::Transport::kTcp,
                                 1'000'000 - rig.node.budget().month().bytes_sent - 511});
  EXPECT_FALSE(rig.refreshes(client));
  ASSERT_EQ(1u, rig.out.actions().size());
  EXPECT_EQ(client.stream, std::get<core::RefuseStream>(rig.out.actions()[0]).stream);
}

TEST(NodeRelay, DoesNotPayForOthersWithTheHeadersOfWhatItRelaysOnStreams) {
  Rig rig{Config()};
  Rig::Client client = over(core::Transport::kTcp);
  ASSERT_TRUE(rig.allocate(client));
  const uint64_t before = rig.node.budget().month().bytes_sent;
  const Data data(100, 7);
  constexpr uint64_t kCount = 1000;
  uint64_t written = 0;
  for (uint64_t i = 0; i < kCount; ++i) {
    rig.now.mono += 10ms;
    const Data relayed = rig.step(core::RelayDatagramArrived{client.relay, kPeer, data});
    ASSERT_FALSE(relayed.empty());
    rig.step(core::StreamBytesSent{core::Transport::kTcp, relayed.size()});
    written += relayed.size();
  }
  const uint64_t relayed = rig.node.budget().month().bytes_sent - before;
  EXPECT_EQ(written + kCount * Budget::kHeaderBytes, relayed);
  rig.step(core::StreamBytesSent{core::Transport::kTcp, 5000});
  EXPECT_EQ(before + relayed + 5000, rig.node.budget().month().bytes_sent);
}

TEST(NodeRelay, TellsDropsAndRefusalsByClass) {
  Rig rig{Config()};
  Rig::Client client = over(core::Transport::kUdp);
  ASSERT_TRUE(rig.allocate(client));
  rig.step(core::RelayDatagramArrived{client.relay, {IpAddress::v4(1), 1}, Data(9)});
  rig.step(core::RelayDatagramArrived{core::RelayId{0xfff0}, kPeer, Data(9)});
  EXPECT_FALSE(
      Rig::is_success(rig.step(rig.from(client, rig.request(client, StunMethod::kConnect)))));
  std::string text;
  MetricsWriter writer(text);
  write_metrics(rig.node, rig.now, writer);
  for (const std::string_view line :
       {"roost_relay_dropped_packets_total{class=\"friend\",reason=\"no_permission\"} 1\n",
        "roost_relay_dropped_packets_total{class=\"none\",reason=\"gone\"} 1\n",
        "roost_relay_dropped_packets_total{class=\"stranger\",reason=\"no_consent\"} 0\n",
        "roost_turn_errors_total{class=\"none\",code=\"401\"} 1\n",
        "roost_turn_errors_total{class=\"friend\",code=\"403\"} 1\n",
        "roost_relay_allocations_refused_total{class=\"stranger\",bound=\"monthly\"} 0\n",
        "roost_relay_stream_waits_total{class=\"friend_of_friend\",reason=\"donation\"} 0\n"}) {
    EXPECT_NE(text.npos, text.find(line)) << line;
  }
}

TEST(NodeRelay, PaysOnceForWhatItRelaysOverDtls) {
  constexpr uint64_t kRecordBytes = 37;  // Header, nonce and tag of AES-GCM (RFC 5288).
  constexpr uint64_t kDatagram = 4 + 100 + kRecordBytes + 28;
  Rig rig{Config()};
  Rig::Client client = over(core::Transport::kDtls);
  ASSERT_TRUE(rig.allocate(client));
  // The answers so far.
  rig.step(core::StreamBytesSent{core::Transport::kDtls, 300, 3});
  const uint64_t before = rig.node.budget().bytes_sent();
  const Data data(100, 7);
  const auto relay = [&] {
    EXPECT_EQ(4u + 100u, rig.step(core::RelayDatagramArrived{client.relay, kPeer, data}).size());
  };
  relay();
  rig.step(core::StreamBytesSent{core::Transport::kDtls, 104 + kRecordBytes, 1});
  EXPECT_EQ(before + kDatagram, rig.node.budget().bytes_sent());
  // Several at once, as a batch is reported.
  for (int i = 0; i < 5; ++i) relay();
  rig.step(core::StreamBytesSent{core::Transport::kDtls, 5 * (104 + kRecordBytes), 5});
  EXPECT_EQ(before + 6 * kDatagram, rig.node.budget().bytes_sent());
  // It has paid for nothing else: neither for another datagram, nor for a stream of bytes.
  rig.step(core::StreamBytesSent{core::Transport::kDtls, 72, 1});
  rig.step(core::StreamBytesSent{core::Transport::kTls, 5000});
  EXPECT_EQ(before + 6 * kDatagram + 100 + 5000, rig.node.budget().bytes_sent());
}

// What waits to be written to one kind of stream does not pay for the other.
TEST(NodeRelay, KeepsWhatItHasPaidForDtlsApart) {
  Rig rig{Config()};
  Rig::Client client = over(core::Transport::kDtls);
  ASSERT_TRUE(rig.allocate(client));
  rig.step(core::RelayDatagramArrived{client.relay, kPeer, Data(1000, 7)});
  const uint64_t before = rig.node.budget().bytes_sent();
  rig.step(core::StreamBytesSent{core::Transport::kTcp, 500});
  EXPECT_EQ(before + 500, rig.node.budget().bytes_sent());
  rig.step(core::StreamBytesSent{core::Transport::kDtls, 1004, 1});
  EXPECT_EQ(before + 500, rig.node.budget().bytes_sent());
}

TEST(NodeRelay, OpensStreamsAgainInTheNewMonth) {
  Config config;
  config.donate.monthly_bytes = 1'000'000;
  Rig rig(config);
  rig.step(core::StreamBytesSent{core::Transport::kTcp, 1'000'000});
  rig.step(core::StreamOpened{core::StreamId{1}, kClient});
  EXPECT_EQ(1u, rig.out.actions().size());
  rig.pass(std::chrono::hours(24 * 40));
  rig.step(core::StreamOpened{core::StreamId{2}, kClient});
  EXPECT_TRUE(rig.out.actions().empty());
}

TEST(NodeRelay, GoesOnWithTheAddressesThatTheMachineHasNow) {
  Rig rig{Config()};
  Rig::Client client = over(core::Transport::kUdp);
  ASSERT_TRUE(rig.allocate(client));
  Config::Relay found;
  found.addresses = {kPeer.address};
  found.machine_addresses = {kPeer.address};
  found.machine_networks = {*Prefix::parse("6.0.0.0/8")};
  const Config before = rig.node.config();
  rig.node.readdress(found, rig.now);
  // A reload of the file knows nothing of the machine.
  rig.node.reload(before, rig.now);
  EXPECT_EQ(found.machine_addresses, rig.node.config().relay.machine_addresses);
  EXPECT_EQ(found.machine_networks, rig.node.config().relay.machine_networks);
  // kLocal is an address of `listen` too, and stays ours by the owner's word.
  rig.step(core::DeadlinePassed{});
  EXPECT_TRUE(rig.refreshes(client));
  // What was a peer is the machine itself now.
  Data message(wire::kChannelDataHeaderSize + 4);
  const auto header = wire::channel_data_header(kChannel, 4);
  std::copy(header.begin(), header.end(), message.begin());
  rig.out.clear();
  rig.node.step(rig.now, rig.from(client, message), rig.out);
  EXPECT_TRUE(rig.out.actions().empty());
}

}  // namespace
}  // namespace roost::node
