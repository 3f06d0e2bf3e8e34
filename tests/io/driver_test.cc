// SPDX-License-Identifier: MIT
//
// Goal: what arrives at a real socket is stepped through a real node, and what the node asks for
// leaves, whole and from the address that was asked. Method: loopback, where 127.0.0.2 is a second
// address of this machine.
#include "io/driver.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <memory>
#include <set>

#include "base/crypto_hash.h"
#include "io/clock.h"
#include "loop_runner.h"
#include "node/memory_store.h"
#include "udp_client.h"
#include "wire/stun.h"
#include "wire/stun_builder.h"

namespace roost::io {
namespace {

constexpr IpAddress kLoopback = IpAddress::v4(0x7f000001);
constexpr IpAddress kSecondLoopback = IpAddress::v4(0x7f000002);
constexpr IpAddress kLoopbackV6(0, 1);

// A bare Binding request whose transaction is told by a number.
std::string binding_request(uint32_t number) {
  std::string text("\x00\x01\x00\x00\x21\x12\xa4\x42transact....", 20);
  store_u32(reinterpret_cast<uint8_t*>(text.data()) + 16, number);
  return text;
}

// The number of the transaction that this is the success response to; empty for anything else.
std::optional<uint32_t> answered(const std::string& text) {
  const Bytes bytes = as_bytes(text);
  if (bytes.size() < 20 || load_u16(bytes.data()) != 0x0101) return {};
  return load_u32(bytes.data() + 16);
}

class SilentLog final : public Log {
 public:
  void write(Level, std::string_view line) override { ADD_FAILURE() << line; }
  bool is_enabled(Level) const override { return true; }
};

// A node without limits behind a driver that has started.
class Served {
 public:
  explicit Served(const std::vector<IpAddress>& addresses, node::Config config = {}) {
    std::vector<UdpSocket> sockets;
    for (const IpAddress& address : addresses) {
      auto socket = UdpSocket::bind({address, 0});
      EXPECT_TRUE(socket);
      endpoints.push_back(socket->local());
      sockets.push_back(std::move(*socket));
    }
    config.admission.packets_per_second_per_prefix = 0;
    config.donate.bandwidth_bytes_per_second = 0;
    node = std::make_unique<node::Node>(config, endpoints, key, random, read_clocks());
    driver = std::make_unique<Driver>(loop, *node, std::move(sockets), log, relays);
    driver->start();
  }

  std::string metrics() const {
    std::string text;
    node::MetricsWriter writer(text);
    driver->write_metrics(writer);
    return text;
  }
  uint64_t received() const {
    return node->stats().received[static_cast<size_t>(core::Transport::kUdp)];
  }

  EventLoop loop;
  std::vector<Endpoint> endpoints;
  const SigningKey key{SigningKey::Seed{}};
  SeededRandom random{1};
  SilentLog log;
  RelaySockets relays{loop, random, {}};
  std::unique_ptr<node::Node> node;
  std::unique_ptr<Driver> driver;
};

TEST(Driver, AnswersFromTheAddressThatWasAsked) {
  struct Row {
    IpAddress bound;
    IpAddress asked;
  };
  const Row rows[] = {
      {kLoopback, kLoopback},
      {IpAddress::v4(0), kLoopback},
      {IpAddress::v4(0), kSecondLoopback},
      {kLoopbackV6, kLoopbackV6},
      {IpAddress(), kLoopbackV6},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.bound.text() + " asked at " + row.asked.text());
    Served served({row.bound});
    UdpClient client(row.asked.is_v4() ? kLoopback : kLoopbackV6);
    const Endpoint asked{row.asked, served.endpoints[0].port};
    client.send(asked, binding_request(77));
    ASSERT_TRUE(run_until(served.loop, [&] { return served.node->stats().datagrams_sent == 1; }));
    const auto [text, from] = client.receive();
    EXPECT_EQ(77u, answered(text));
    EXPECT_EQ(asked, from);
  }
}

TEST(Driver, AnswersAtEachSocketFromThatSocket) {
  Served served({kLoopback, kSecondLoopback, kLoopbackV6, kLoopback});
  for (const Endpoint& endpoint : served.endpoints) {
    SCOPED_TRACE(endpoint.text());
    UdpClient client(endpoint.address.is_v4() ? kLoopback : kLoopbackV6);
    client.send(endpoint, binding_request(1));
    const uint64_t before = served.received();
    ASSERT_TRUE(run_until(served.loop, [&] { return served.received() > before; }));
    const auto [text, from] = client.receive();
    EXPECT_EQ(1u, answered(text));
    EXPECT_EQ(endpoint, from);
  }
}

TEST(Driver, SaysNothingToWhatIsNoQuestion) {
  Served served({kLoopback});
  UdpClient client(kLoopback);
  for (const char* const text :
       {"", "d1:q4:pinge", "\xff\xff", "a longer text that means nothing"}) {
    client.send(served.endpoints[0], text);
  }
  ASSERT_TRUE(run_until(served.loop, [&] { return served.received() == 4; }));
  run_for(served.loop, std::chrono::milliseconds(10));
  EXPECT_EQ("", client.receive(0).first);
  EXPECT_EQ(Endpoint{}, client.receive(0).second);
}

TEST(Driver, AnswersAllOfABurst) {
  // More than one wake-up takes: four batches of DatagramReader::kBatchMax, and some. Two clients,
  // so that neither's receive buffer has to hold all the answers.
  constexpr uint32_t kPerClient = 2 * DatagramReader::kBatchMax + 21;
  Served served({kLoopback});
  UdpClient clients[] = {UdpClient(kLoopback), UdpClient(kLoopback)};
  for (uint32_t i = 0; i < kPerClient; ++i) {
    for (UdpClient& client : clients) client.send(served.endpoints[0], binding_request(i));
  }
  ASSERT_TRUE(
      run_until(served.loop, [&] { return served.node->stats().datagrams_sent == 2 * kPerClient; }))
      << served.received() << " came in";
  for (UdpClient& client : clients) {
    std::set<uint32_t> numbers;
    for (uint32_t i = 0; i < kPerClient; ++i) {
      const auto number = answered(client.receive().first);
      ASSERT_TRUE(number.has_value()) << "after " << i;
      numbers.insert(*number);
    }
    EXPECT_EQ(kPerClient, numbers.size());
    EXPECT_EQ("", client.receive(0).first);
  }
}

size_t lines_that_begin_with(const std::string& text, const std::string& start) {
  size_t count = 0;
  for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    count += text.compare(at, start.size(), start) == 0;
  }
  return count;
}

TEST(Driver, CountsWhatTheKernelWouldNotSend) {
  Served served({kLoopback});
  for (const char* const reason : {"buffer_full", "unreachable", "forbidden", "other"}) {
    const std::string sample = std::string("roost_udp_send_dropped_total{reason=\"") + reason;
    EXPECT_EQ(1u, lines_that_begin_with(served.metrics(), sample + "\"} 0\n")) << reason;
  }
  // Broadcast, which no socket of ours has asked for.
  const std::string request = binding_request(1);
  const Endpoint everybody{IpAddress::v4(0xffffffff), 9};
  served.driver->turn(
      core::DatagramArrived{0, {served.endpoints[0], 0}, everybody, as_bytes(request)});
  EXPECT_EQ(1u, lines_that_begin_with(served.metrics(),
                                      "roost_udp_send_dropped_total{reason=\"forbidden\"} 1\n"));
}

TEST(Driver, MeasuresEachWakeUp) {
  Served served({kLoopback});
  EXPECT_EQ(1u,
            lines_that_begin_with(served.metrics(), "# TYPE roost_loop_busy_seconds histogram"));
  EXPECT_EQ(1u, lines_that_begin_with(served.metrics(), "roost_loop_busy_seconds_count 0\n"));
  UdpClient client(kLoopback);
  for (uint64_t wake_ups = 1; wake_ups <= 2; ++wake_ups) {
    client.send(served.endpoints[0], binding_request(1));
    ASSERT_TRUE(run_until(served.loop, [&] { return served.received() == wake_ups; }));
    const std::string sample = "roost_loop_busy_seconds_count " + std::to_string(wake_ups) + '\n';
    EXPECT_EQ(1u, lines_that_begin_with(served.metrics(), sample)) << served.metrics();
  }
}

// An Allocate of user "a" with password "b"; without a nonce yet, to be given one.
std::string allocate_request(std::string_view nonce) {
  std::array<uint8_t, 1024> buffer{};
  const std::array<uint8_t, 12> id = {static_cast<uint8_t>(nonce.size())};
  wire::StunBuilder builder(buffer, wire::StunClass::kRequest, wire::StunMethod::kAllocate, id);
  builder.add_u32(wire::StunAttribute::kRequestedTransport, 17u << 24);
  if (!nonce.empty()) {
    builder.add(wire::StunAttribute::kUsername, as_bytes("a"));
    builder.add(wire::StunAttribute::kRealm, as_bytes("roost"));
    builder.add(wire::StunAttribute::kNonce, as_bytes(nonce));
    builder.add_integrity(md5(as_bytes("a:roost:b")));
  }
  return std::string(as_text(builder.finish()));
}

TEST(Driver, EndsAllThatIsDueThoughOneStepEndsOnlySomeOfIt) {
  node::Config config;
  constexpr uint32_t kAllocations = 40;
  config.relay.users = {{"a", "b"}};
  config.relay.allocations_per_user = kAllocations;
  Served served({kLoopback}, config);
  for (uint32_t i = 0; i < kAllocations; ++i) {
    UdpClient client(IpAddress::v4(0x7f000001 | i << 8));  // Each of another prefix.
    const auto ask = [&](const std::string& request) {
      client.send(served.endpoints[0], request);
      std::string reply;
      run_until(served.loop, [&] { return !(reply = client.receive(0).first).empty(); });
      return reply;
    };
    const std::string challenge = ask(allocate_request(""));
    const auto view = wire::StunView::parse(as_bytes(challenge));
    ASSERT_TRUE(view && view->find(wire::StunAttribute::kNonce));
    ask(allocate_request(as_text(*view->find(wire::StunAttribute::kNonce))));
  }
  ASSERT_EQ(kAllocations, served.node->turn()->table().size());
  config.relay.users.clear();
  served.node->reload(config, read_clocks());
  served.driver->turn(core::DeadlinePassed{});
  EXPECT_NE(0u, served.node->turn()->table().size());
  served.driver->end_what_is_due();
  EXPECT_EQ(0u, served.node->turn()->table().size());
}

TEST(Driver, TellsTheNodeOfTimeThoughNobodyEverSendsAnything) {
  Served served({kLoopback});
  // It begins with what it keeps in the store, where there is none here.
  EXPECT_TRUE(
      run_until(served.loop, [&] { return served.node->dht_service()->snapshot().is_loaded(); }));
}

// Of a node with so many contacts, and a store of that size; what came of it, once it is said.
struct Kept {
  bool is_keeping = true;
  uint64_t snapshots = 0;
};
std::optional<Kept> keep_now(uint32_t contacts, uint64_t store_bytes, Duration within,
                             Duration patience) {
  Served served({kLoopback});
  DiskThread disk(served.loop, std::make_unique<node::MemoryStore>(store_bytes));
  served.driver->set_disk(&disk);
  const auto& snapshot = served.node->dht_service()->snapshot();
  EXPECT_TRUE(run_until(served.loop, [&] { return snapshot.is_loaded(); }));
  for (uint32_t i = 0; i < contacts; ++i) {
    (void)served.node->dht()->verifier().ring().admit(
        read_clocks().mono, {{}, {IpAddress::v4(0x08000001 + (i << 8)), 6881}});
  }
  std::optional<Kept> kept;
  served.driver->keep_now(within, [&] {
    EXPECT_FALSE(kept);
    kept = Kept{served.node->is_keeping(), snapshot.stats().snapshots};
  });
  EXPECT_FALSE(kept) << "never at once";
  (void)run_until(
      served.loop, [&] { return kept.has_value(); }, patience);
  run_for(served.loop, std::chrono::milliseconds(5));
  disk.finish();
  return kept;
}

TEST(Driver, SaysWhenAllIsKeptBeforeTheEnd) {
  constexpr uint64_t kPlenty = 1 << 20;
  const auto some = keep_now(3000, kPlenty, std::chrono::hours(1), kPatience);
  ASSERT_TRUE(some);
  EXPECT_FALSE(some->is_keeping);
  EXPECT_EQ(1u, some->snapshots);
  const auto none = keep_now(0, kPlenty, std::chrono::hours(1), kPatience);
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->is_keeping);
  EXPECT_EQ(0u, none->snapshots);
}

TEST(Driver, WaitsNoLongerThanItIsToldForWhatIsToBeKept) {
  // The disk is full, and is asked again a second later.
  const auto kept = keep_now(10, 1, std::chrono::milliseconds(50), std::chrono::milliseconds(900));
  ASSERT_TRUE(kept);
  EXPECT_TRUE(kept->is_keeping);
  EXPECT_EQ(0u, kept->snapshots);
}

TEST(Driver, LeavesTheSocketsAloneUntilItIsStarted) {
  Served served({kLoopback});
  auto socket = UdpSocket::bind({kLoopback, 0});
  ASSERT_TRUE(socket);
  const Endpoint endpoint = socket->local();
  std::vector<UdpSocket> sockets;
  sockets.push_back(std::move(*socket));
  RelaySockets relays(served.loop, served.random, {});
  Driver driver(served.loop, *served.node, std::move(sockets), served.log, relays);
  UdpClient client(kLoopback);
  client.send(endpoint, binding_request(5));
  run_for(served.loop, std::chrono::milliseconds(10));
  EXPECT_EQ(0u, served.received());
  driver.start();  // What has waited is answered now.
  ASSERT_TRUE(run_until(served.loop, [&] { return served.received() == 1; }));
  EXPECT_EQ(5u, answered(client.receive().first));
}

}  // namespace
}  // namespace roost::io
