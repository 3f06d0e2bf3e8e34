// SPDX-License-Identifier: MIT
//
// Goal: a node in the simulated world is treated as the daemon would treat it: framing, silence,
// power, reloads and clocks.
// Method: one node, and a peer on another host that sends segments and datagrams by hand.
#include "sim/node_shell.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <string>

#include "sim/actors/transaction.h"
#include "sim/krpc_text.h"
#include "sim/world.h"

namespace roost::sim {
namespace {

using namespace std::chrono_literals;

using Kinds = std::vector<PacketKind>;

class Peer final : public Program {
 public:
  explicit Peer(Host& home) : host(home) {}

  void on_packet(Packet packet) override { packets.push_back(std::move(packet)); }
  void on_wake_up(uint64_t) override {}

  Host& host;
  std::vector<Packet> packets;
};

class NodeShellTest : public testing::Test {
 protected:
  ~NodeShellTest() override { EXPECT_TRUE(world_.verdict().holds()) << world_.verdict().text(); }

  std::vector<uint8_t> request() { return actors::binding_request({}, world_.dice()); }
  Endpoint local(bool is_v4 = true, uint16_t port = 5000) const {
    return {peer_.host.addresses()[is_v4 ? 0 : 1], port};
  }
  // What has come in since it was last asked, after a second.
  std::vector<Packet> received() {
    world_.run_for(1s);
    return std::exchange(peer_.packets, {});
  }
  Kinds received_kinds() {
    Kinds kinds;
    for (const Packet& packet : received()) kinds.push_back(packet.kind);
    return kinds;
  }
  std::vector<Packet> ask(const Endpoint& to) {
    peer_.host.send_datagram(local(to.address.is_v4()), to, request());
    return received();
  }
  Connection open(uint16_t port = 5000) {
    Connection connection(local(true, port), node_.endpoint(true));
    connection.send(peer_.host, PacketKind::kOpen);
    EXPECT_EQ(received_kinds(), Kinds{PacketKind::kOpen});
    return connection;
  }
  void send(Connection& connection, Bytes bytes) {
    connection.send(peer_.host, PacketKind::kData, bytes);
  }
  uint64_t counted_bytes() const { return node_.node().budget().month().bytes_sent; }

  World world_{1};
  NodeShell& node_ = world_.add_node();
  Peer& peer_ = world_.run<Peer>(world_.add_host());
};

TEST_F(NodeShellTest, AnswersFromEachAddressAndPortThatWasAsked) {
  for (const bool is_v4 : {true, false}) {
    for (size_t address = 0; address < 2; ++address) {
      for (size_t port = 0; port < 2; ++port) {
        const Endpoint to = node_.endpoint(is_v4, address, port);
        const auto answers = ask(to);
        ASSERT_EQ(answers.size(), 1u);
        EXPECT_EQ(answers[0].source, to);
        EXPECT_EQ(answers[0].destination, local(is_v4));
      }
    }
  }
  EXPECT_EQ(node_.datagrams_sent(), 8u);
}

TEST_F(NodeShellTest, HearsNothingWhereNobodyListens) {
  Endpoint to = node_.endpoint(true);
  to.port = 53;
  EXPECT_TRUE(ask(to).empty());
  EXPECT_EQ(accounted_messages(node_.node()), 0u);
}

TEST_F(NodeShellTest, AccountsForEachMessage) {
  const std::vector<std::vector<uint8_t>> messages = {
      request(), {}, {0xff}, {'d', '1', ':'}, {0, 1, 0}, std::vector<uint8_t>(20)};
  for (const auto& message : messages) {
    peer_.host.send_datagram(local(), node_.endpoint(true), message);
  }
  received();
  EXPECT_EQ(accounted_messages(node_.node()), messages.size());
}

// ---- Power.

TEST_F(NodeShellTest, AnswersNothingWithoutPower) {
  Connection connection = open();
  EXPECT_EQ(node_.stream_count(), 1u);
  node_.crash();
  EXPECT_FALSE(node_.is_running());
  EXPECT_EQ(node_.stream_count(), 0u);
  EXPECT_TRUE(ask(node_.endpoint(true)).empty());
  send(connection, request());
  Connection(local(true, 5001), node_.endpoint(true)).send(peer_.host, PacketKind::kOpen);
  EXPECT_EQ(received_kinds(), Kinds());

  node_.restart();
  EXPECT_EQ(ask(node_.endpoint(true)).size(), 1u);
  // Of the connection it knows nothing any more, and says so.
  send(connection, request());
  EXPECT_EQ(received_kinds(), Kinds{PacketKind::kEnd});
}

// Two datagrams of one moment, between which it is gone: the first has not been looked at yet.
TEST_F(NodeShellTest, LosesWhatCameInBeforeTheLightsWentOut) {
  world_.set_links(kPerfectLink);
  int arrived = 0;
  world_.trace().set_listener([&](const TraceEvent& event) {
    if (event.kind != TraceKind::kDatagram || event.to != node_.endpoint(true)) return;
    if (++arrived != 2) return;
    node_.crash();
    node_.restart();
  });
  for (const uint16_t port : {uint16_t{5001}, uint16_t{5002}}) {
    peer_.host.send_datagram(local(true, port), node_.endpoint(true), request());
  }
  const auto answers = received();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].destination.port, 5002);
}

TEST_F(NodeShellTest, RestartsWithAMonthThatCoversWhatItSent) {
  ask(node_.endpoint(true));
  const uint64_t sent = counted_bytes();
  EXPECT_GT(sent, DonationOracle::kHeaderBytes);
  node_.crash();
  world_.run_for(1h);
  node_.restart();
  const uint64_t believed = counted_bytes();
  EXPECT_GE(believed, sent);
  EXPECT_LE(believed, sent + node::Budget::kAheadBytesMin);
  EXPECT_EQ(node_.donation().month().bytes, believed);

  ask(node_.endpoint(true));
  EXPECT_EQ(counted_bytes(), believed + sent);
}

// ---- Connections.

TEST_F(NodeShellTest, ClosesAConnectionThatSaysNothing) {
  open();
  // It was opened a moment later than it was asked for, a second ago.
  world_.run_for(NodeShell::kSilenceMax - 1s);
  EXPECT_EQ(node_.stream_count(), 1u);
  EXPECT_TRUE(peer_.packets.empty());
  world_.run_for(100ms);
  EXPECT_EQ(node_.stream_count(), 0u);
  EXPECT_EQ(received_kinds(), Kinds{PacketKind::kEnd});
}

TEST_F(NodeShellTest, KeepsAConnectionAsLongAsMessagesCome) {
  Connection connection = open();
  for (int i = 0; i < 5; ++i) {
    world_.run_for(NodeShell::kSilenceMax - 3s);
    send(connection, request());
    EXPECT_EQ(received_kinds(), Kinds{PacketKind::kData});
  }
  EXPECT_EQ(node_.stream_count(), 1u);
  world_.run_for(NodeShell::kSilenceMax);
  EXPECT_EQ(node_.stream_count(), 0u);
}

// A byte every second is no message.
TEST_F(NodeShellTest, ClosesAConnectionThatDripsBytes) {
  Connection connection = open();
  const auto message = request();
  for (size_t i = 0; i < 10; ++i) {
    send(connection, Bytes(message).subspan(i, 1));
    world_.run_for(1s);
  }
  EXPECT_EQ(node_.stream_count(), 0u);
}

TEST_F(NodeShellTest, CutsMessagesOutOfSegmentsOfAnySize) {
  struct Row {
    bool is_tls;
    size_t segment_bytes;
  };
  constexpr Row kRows[] = {{false, 1}, {false, 7}, {false, 40}, {true, 1}, {true, 7}, {true, 41}};
  uint16_t port = 5000;
  for (const auto& [is_tls, segment_bytes] : kRows) {
    Connection connection = open(++port);
    std::vector<uint8_t> bytes;
    if (is_tls) bytes.push_back(22);
    for (int i = 0; i < 2; ++i) {
      const auto message = request();
      bytes.insert(bytes.end(), message.begin(), message.end());
    }
    for (size_t i = 0; i < bytes.size(); i += segment_bytes) {
      send(connection, Bytes(bytes).subspan(i, std::min(segment_bytes, bytes.size() - i)));
    }
    EXPECT_EQ(received_kinds(), (Kinds{PacketKind::kData, PacketKind::kData})) << segment_bytes;
    connection.send(peer_.host, PacketKind::kEnd);
    EXPECT_EQ(received_kinds(), Kinds{PacketKind::kEnd});
  }
  const auto& requests = node_.node().stun_stats().requests;
  EXPECT_EQ(requests[static_cast<size_t>(core::Transport::kTcp)], 6u);
  EXPECT_EQ(requests[static_cast<size_t>(core::Transport::kTls)], 6u);
  EXPECT_EQ(node_.stream_count(), 0u);
}

TEST_F(NodeShellTest, EndsConnectionsThatSpeakNoProtocol) {
  const auto with_length = [this](uint16_t length) {
    auto message = request();
    store_u16(message.data() + 2, length);
    return message;
  };
  const std::vector<uint8_t> inputs[] = {
      {0xff},               // Nothing that we know.
      {22, 22},             // TLS inside TLS.
      {22, 0xff},           // Nothing that we know inside TLS.
      with_length(0xfffc),  // A message longer than any may be.
      with_length(2),       // A length that is no multiple of four.
      std::vector<uint8_t>(NodeShell::kHttpHeadMax + 1, 'G'),
      {'G', 'E', 'T', '\r', '\n', '\r', '\n'},
  };
  uint16_t port = 5000;
  for (const auto& input : inputs) {
    Connection connection = open(++port);
    send(connection, input);
    EXPECT_EQ(received_kinds(), Kinds{PacketKind::kEnd}) << port;
    EXPECT_EQ(node_.stream_count(), 0u);
  }
}

TEST_F(NodeShellTest, EndsTlsInsideTlsAlsoWhereItComesLater) {
  Connection connection = open();
  send(connection, as_bytes("\x16"));
  EXPECT_EQ(received_kinds(), Kinds());
  send(connection, as_bytes("\x16"));
  EXPECT_EQ(received_kinds(), Kinds{PacketKind::kEnd});
}

TEST_F(NodeShellTest, AnswersOneRequestOfHttpAndEnds) {
  struct Row {
    std::string_view head;
    std::string_view expect;
  };
  constexpr Row kRows[] = {
      {"GET /v1/node HTTP/1.1\r\n\r\n", "HTTP/1.1 200\r\n"},
      {"HEAD /v1/node HTTP/1.1\r\nHost: node\r\n\r\n", "HTTP/1.1 200\r\n"},
      {"POST /v1/node HTTP/1.1\r\n\r\n", "HTTP/1.1 405\r\nAllow: GET, HEAD\r\n"},
      {"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404\r\n"},
  };
  uint16_t port = 5000;
  for (const auto& [head, expect] : kRows) {
    for (const bool is_tls : {false, true}) {
      Connection connection = open(++port);
      send(connection, as_bytes(is_tls ? "\x16" + std::string(head) : std::string(head)));
      const auto packets = received();
      ASSERT_EQ(packets.size(), 2u) << head;
      EXPECT_TRUE(as_text(packets[0].payload).starts_with(expect)) << head;
      EXPECT_EQ(packets[1].kind, PacketKind::kEnd);
    }
  }
  EXPECT_EQ(node_.stream_count(), 0u);
}

TEST_F(NodeShellTest, RefusesConnectionsToAPortThatIsNotForThem) {
  Connection(local(), node_.endpoint(true, 0, 1)).send(peer_.host, PacketKind::kOpen);
  EXPECT_EQ(received_kinds(), Kinds{PacketKind::kEnd});
  EXPECT_EQ(node_.stream_count(), 0u);
}

TEST_F(NodeShellTest, AnswersDataOfNoConnectionAndNoOtherSegment) {
  Connection connection(local(), node_.endpoint(true));
  connection.send(peer_.host, PacketKind::kEnd);
  EXPECT_EQ(received_kinds(), Kinds());
  send(connection, request());
  EXPECT_EQ(received_kinds(), Kinds{PacketKind::kEnd});
}

TEST_F(NodeShellTest, TakesAConnectionThatIsOpenedAgainForANewOne) {
  open();
  open();
  EXPECT_EQ(node_.stream_count(), 1u);
  EXPECT_EQ(node_.node().connection_admission().accepted(), 2u);
  EXPECT_EQ(node_.node().connection_admission().open_count(), 1u);
}

// ---- The owner and the clocks.

TEST_F(NodeShellTest, TakesNewLimitsForNewConnections) {
  const auto open_one = [&](uint16_t port) {
    Connection(local(true, port), node_.endpoint(true)).send(peer_.host, PacketKind::kOpen);
    return received_kinds() == Kinds{PacketKind::kOpen};
  };
  node::Config config = node_.config();
  config.admission.connections_per_prefix = 2;
  node_.reload(config);
  EXPECT_TRUE(open_one(5001));
  EXPECT_TRUE(open_one(5002));
  EXPECT_FALSE(open_one(5003));
  config.admission.connections_per_prefix = 8;
  config.donate.connections = 3;
  node_.reload(config);
  EXPECT_TRUE(open_one(5004));
  EXPECT_FALSE(open_one(5005));
  config.donate.connections = 1;
  node_.reload(config);
  EXPECT_EQ(node_.stream_count(), 3u);  // Those that are open may stay.
  EXPECT_FALSE(open_one(5006));
}

TEST_F(NodeShellTest, TakesNewLimitsOfPacketsAndBytes) {
  node::Config config = node_.config();
  config.admission.packets_per_second_per_prefix = 1;
  node_.reload(config);
  for (int i = 0; i < 10; ++i) {
    peer_.host.send_datagram(local(), node_.endpoint(true), request());
  }
  EXPECT_EQ(received().size(), PrefixLimiter::kBurstSeconds);
  config.admission.packets_per_second_per_prefix = 200;
  config.donate.monthly_bytes = counted_bytes() * 3 / 2;  // Those were two answers.
  node_.reload(config);
  EXPECT_EQ(ask(node_.endpoint(true)).size(), 1u);
  EXPECT_TRUE(ask(node_.endpoint(true)).empty());
  // A restart keeps what the owner said.
  world_.run_for(1min);
  node_.crash();
  node_.restart();
  EXPECT_TRUE(ask(node_.endpoint(true)).empty());
}

TEST_F(NodeShellTest, KnowsTheTimeOnlyIfItIsPlausible) {
  EXPECT_EQ(node_.clocks().wall, world_.wall());
  const MonoTime before = node_.clocks().mono;
  for (const WallTime wall : {WallTime(), kWallTimeMin - 10s}) {
    node_.set_wall_clock(wall);
    EXPECT_EQ(node_.clocks().wall, std::nullopt);
  }
  world_.run_for(10s);
  EXPECT_EQ(node_.clocks().wall, kWallTimeMin);  // Time goes on.
  EXPECT_EQ(node_.clocks().mono, before + 10s);  // The other clock has not noticed.
}

TEST_F(NodeShellTest, CountsTowardsTheMonthOfItsClock) {
  using std::chrono::sys_days;
  constexpr WallTime kJanuary{sys_days{std::chrono::year{2030} / 1 / 1}};
  ask(node_.endpoint(true));
  const uint64_t of_one = counted_bytes();
  node_.set_wall_clock(kJanuary - 1s);
  EXPECT_EQ(ask(node_.endpoint(true)).size(), 1u);
  EXPECT_EQ(node_.donation().month().number, 12 * 2029 + 11);
  EXPECT_EQ(ask(node_.endpoint(true)).size(), 1u);
  EXPECT_EQ(node_.donation().month(), (DonationOracle::Month{12 * 2030, of_one}));
  node_.set_wall_clock(WallTime());
  EXPECT_EQ(ask(node_.endpoint(true)).size(), 1u);
  EXPECT_EQ(node_.donation().month(), (DonationOracle::Month{12 * 2030, 2 * of_one}));
}

// A ping of its own account has no address of ours in it: the kernel would choose one.
TEST_F(NodeShellTest, AnswersAndAsksNodesOfTheDht) {
  const KrpcBytes query = write_query({.method = "find_node", .target = wire::NodeId{}});
  for (const bool is_v4 : {true, false}) {
    peer_.host.send_datagram(local(is_v4), node_.endpoint(is_v4), query);
    std::string kinds;
    for (const Packet& packet : received()) {
      EXPECT_EQ(packet.source, node_.endpoint(is_v4));
      const auto text = read_krpc(packet.payload);
      ASSERT_TRUE(text);
      kinds.push_back(text->kind);
      if (text->kind != 'q') continue;
      const KrpcBytes pong = write_answer({.transaction_id = text->transaction_id});
      peer_.host.send_datagram(local(is_v4), packet.source, pong);
    }
    std::sort(kinds.begin(), kinds.end());
    EXPECT_EQ(kinds, "qr");
  }
  EXPECT_EQ(node_.dht_oracle().answered(), 2u);
  EXPECT_EQ(node_.node().dht()->verifier().stats().answers[0], 1u);
  EXPECT_TRUE(received().empty());
  EXPECT_EQ(node_.node().dht()->verifier().stats().answers[0], 2u);
}

}  // namespace
}  // namespace roost::sim
