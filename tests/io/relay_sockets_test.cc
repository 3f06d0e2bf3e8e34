// SPDX-License-Identifier: MIT
//
// Goal: sockets of relayed addresses are opened where they were ordered, carry datagrams both ways,
// and nothing comes from one that was closed. Method: real sockets on loopback.
#include "io/relay_sockets.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <sys/resource.h>

#include "loop_runner.h"
#include "udp_client.h"

namespace roost::io {
namespace {

using core::OpenRelay;
using core::RelayId;

constexpr IpAddress kLoopback = IpAddress::v4(0x7f000001);
constexpr IpAddress kLoopbackV6(0, 1);

// The number of an allocation's generation, slot and family.
constexpr RelayId relay_id(uint32_t generation, uint32_t index) {
  return static_cast<RelayId>(uint64_t{generation} << 32 | index);
}

class RelaySocketsTest : public testing::Test {
 protected:
  void SetUp() override {
    relays_.start({
        .arrived =
            [this](std::span<const core::RelayDatagramArrived> arrived) {
              ++times_;
              for (const core::RelayDatagramArrived& datagram : arrived) {
                from_ = datagram.from;
                relay_ = datagram.relay;
                texts_.emplace_back(as_text(datagram.payload));
                by_relay_[datagram.relay].emplace_back(datagram.from, as_text(datagram.payload));
              }
            },
        .failed = [this](const core::RelayErrorArrived& error) { errors_.push_back(error); },
    });
  }

  std::vector<core::Input> open(const OpenRelay& order) {
    std::vector<core::Input> answers;
    relays_.open(order, answers);
    return answers;
  }
  // Where it was opened; a zero endpoint if it was not.
  Endpoint opened(const OpenRelay& order) {
    const auto answers = open(order);
    if (answers.size() != 1) return {};
    const auto* const opened = std::get_if<core::RelayOpened>(&answers[0]);
    return opened != nullptr && opened->relay == order.relay ? opened->local : Endpoint();
  }
  void send(const core::SendFromRelay& order) {
    relays_.send(order);
    relays_.flush();
  }
  std::string metrics() const {
    std::string text;
    node::MetricsWriter writer(text);
    relays_.write_metrics(writer);
    return text;
  }

  EventLoop loop_;
  SeededRandom random_{7};
  RelaySockets relays_{loop_, random_, {.count_max = 8, .port_min = 20000, .port_max = 29999}};
  Endpoint from_;
  RelayId relay_{};
  size_t times_ = 0;  // That something was brought.
  std::vector<std::string> texts_;
  std::map<RelayId, std::vector<std::pair<Endpoint, std::string>>> by_relay_;
  std::vector<core::RelayErrorArrived> errors_;
};

TEST_F(RelaySocketsTest, CarryDatagramsBothWays) {
  for (const IpAddress& address : {kLoopback, kLoopbackV6}) {
    const RelayId id = relay_id(1, address.is_v4() ? 0 : 1);
    const Endpoint local = opened({id, address});
    EXPECT_EQ(address, local.address);
    EXPECT_GE(local.port, 20000);
    EXPECT_LE(local.port, 29999);
    UdpClient peer(address);
    send({id, peer.local(), as_bytes("out")});
    EXPECT_EQ((std::pair<std::string, Endpoint>("out", local)), peer.receive());
    texts_.clear();
    peer.send(local, "in 1");
    peer.send(local, "in 2");
    ASSERT_TRUE(run_until(loop_, [&] { return texts_.size() == 2; }));
    EXPECT_EQ((std::vector<std::string>{"in 1", "in 2"}), texts_);
    EXPECT_EQ(peer.local(), from_);
    EXPECT_EQ(id, relay_);
  }
  EXPECT_EQ(2u, relays_.open_count());
}

TEST_F(RelaySocketsTest, CarryBurstsBothWays) {
  const RelayId one = relay_id(1, 0);
  const RelayId other = relay_id(1, 2);
  const Endpoint one_local = opened({one, kLoopback});
  const Endpoint other_local = opened({other, kLoopback});
  std::vector<std::string> sent;
  for (size_t i = 0; i < 100; ++i) {
    sent.emplace_back(i % 10 == 9 ? 20 : 1000, static_cast<char>('a' + i % 26));
  }
  for (const std::string& text : sent) relays_.send({one, other_local, as_bytes(text)});
  relays_.flush();
  ASSERT_TRUE(run_until(loop_, [&] { return texts_.size() == sent.size(); }));
  EXPECT_EQ(sent, texts_);
  EXPECT_EQ(one_local, from_);
  EXPECT_EQ(other, relay_);
}

TEST_F(RelaySocketsTest, BringTogetherWhatSeveralHold) {
  const std::array<RelayId, 3> relays{relay_id(1, 0), relay_id(1, 2), relay_id(1, 4)};
  std::vector<Endpoint> locals;
  for (const RelayId relay : relays) locals.push_back(opened({relay, kLoopback}));
  UdpClient peer(kLoopback);
  // The kernel may deliver some of it later, but hardly each time.
  constexpr int kTriesMax = 20;
  bool is_brought_together = false;
  for (int i = 0; i < kTriesMax && !is_brought_together; ++i) {
    times_ = 0;
    texts_.clear();
    by_relay_.clear();
    for (const char* const text : {"first", "second"}) {
      for (const Endpoint& local : locals) peer.send(local, text);
    }
    ASSERT_TRUE(run_until(loop_, [&] { return texts_.size() == 2 * relays.size(); }));
    for (const RelayId relay : relays) {
      EXPECT_EQ((std::vector<std::pair<Endpoint, std::string>>{{peer.local(), "first"},
                                                               {peer.local(), "second"}}),
                by_relay_[relay]);
    }
    is_brought_together = times_ == 1;
  }
  EXPECT_TRUE(is_brought_together);
}

TEST_F(RelaySocketsTest, BringAllWhereMoreIsThereThanIsReadAtOnce) {
  constexpr size_t kEach = RelaySockets::kBatchMax / 2;
  std::map<RelayId, Endpoint> locals;
  // Of both families, so that what one left in a slot would show in what the other gets.
  for (uint32_t index = 0; index < 8; ++index) {
    const RelayId relay = relay_id(1, index);
    locals[relay] = opened({relay, index % 2 == 0 ? kLoopback : kLoopbackV6});
  }
  UdpClient v4(kLoopback);
  UdpClient v6(kLoopbackV6);
  for (size_t i = 0; i < kEach; ++i) {
    for (const auto& [relay, local] : locals) {
      (local.address.is_v4() ? v4 : v6).send(local, std::to_string(i));
    }
  }
  ASSERT_TRUE(run_until(loop_, [&] { return texts_.size() == kEach * locals.size(); }));
  for (const auto& [relay, local] : locals) {
    const Endpoint& peer = (local.address.is_v4() ? v4 : v6).local();
    for (size_t i = 0; i < kEach; ++i) {
      EXPECT_EQ(std::pair(peer, std::to_string(i)), by_relay_[relay][i]);
    }
  }
}

TEST_F(RelaySocketsTest, AreGivenEvenPortsAndTheNext) {
  EXPECT_EQ(0, opened({relay_id(1, 0), kLoopback, OpenRelay::Port::kEven}).port % 2);
  const auto answers =
      open({relay_id(1, 2), kLoopback, OpenRelay::Port::kEvenAndNext, relay_id(1, 4)});
  ASSERT_EQ(2u, answers.size());
  const auto next = std::get<core::RelayOpened>(answers[0]);
  const auto even = std::get<core::RelayOpened>(answers[1]);
  EXPECT_EQ(relay_id(1, 4), next.relay);
  EXPECT_EQ(relay_id(1, 2), even.relay);
  EXPECT_EQ(0, even.local.port % 2);
  EXPECT_EQ(even.local.port + 1, next.local.port);
}

TEST_F(RelaySocketsTest, AreSilentOnceClosed) {
  const RelayId id = relay_id(1, 0);
  const Endpoint local = opened({id, kLoopback});
  UdpClient peer(kLoopback);
  relays_.close({relay_id(2, 0)});  // Another one, that has never been.
  EXPECT_EQ(1u, relays_.open_count());
  peer.send(local, "late");
  relays_.close({id});
  relays_.close({id});
  EXPECT_EQ(0u, relays_.open_count());
  send({id, peer.local(), as_bytes("out")});
  EXPECT_EQ("", peer.receive(20).first);
  run_for(loop_, std::chrono::milliseconds(10));
  EXPECT_TRUE(texts_.empty());
  // The place is free for the next generation, and the port for anybody.
  EXPECT_NE(0, opened({relay_id(2, 0), kLoopback}).port);
}

TEST_F(RelaySocketsTest, RefuseWhatTheMachineHasNot) {
  // Not an address of ours.
  const auto answers = open({relay_id(1, 0), IpAddress::v4(0xc0000201), OpenRelay::Port::kAny});
  ASSERT_EQ(1u, answers.size());
  EXPECT_EQ(relay_id(1, 0), std::get<core::RelayRefused>(answers[0]).relay);

  // No descriptor: the limit is what is open now.
  rlimit old{};
  ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
  const int next_fd = dup(0);
  close(next_fd);
  const rlimit tight{static_cast<rlim_t>(next_fd), old.rlim_max};
  ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &tight));
  const auto refused =
      open({relay_id(1, 0), kLoopback, OpenRelay::Port::kEvenAndNext, relay_id(1, 2)});
  ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
  ASSERT_EQ(2u, refused.size());
  EXPECT_EQ(relay_id(1, 2), std::get<core::RelayRefused>(refused[0]).relay);
  EXPECT_EQ(relay_id(1, 0), std::get<core::RelayRefused>(refused[1]).relay);
  EXPECT_EQ(0u, relays_.open_count());
  EXPECT_NE(0, opened({relay_id(1, 0), kLoopback}).port);
}

TEST_F(RelaySocketsTest, NeverShareAPortAmongAddressesOfAFamily) {
  RelaySockets relays(loop_, random_, {.count_max = 4, .port_min = 21000, .port_max = 21002});
  std::set<uint16_t> ports;
  std::vector<core::Input> answers;
  for (uint32_t i = 0; i < 3; ++i) {
    relays.open({relay_id(1, i), IpAddress::v4(0x7f000001 + i)}, answers);
  }
  for (const core::Input& answer : answers) {
    ports.insert(std::get<core::RelayOpened>(answer).local.port);
  }
  EXPECT_EQ((std::set<uint16_t>{21000, 21001, 21002}), ports);
  answers.clear();
  relays.open({relay_id(1, 3), kLoopback}, answers);
  EXPECT_TRUE(std::holds_alternative<core::RelayRefused>(answers.at(0)));
}

TEST_F(RelaySocketsTest, TellWhoWasUnreachableAndSendOnAllTheSame) {
  for (const IpAddress& address : {kLoopback, kLoopbackV6}) {
    const RelayId id = relay_id(1, address.is_v4() ? 0 : 1);
    ASSERT_NE(0, opened({id, address}).port);
    Endpoint closed;
    {
      UdpClient nobody(address);
      closed = nobody.local();
    }
    errors_.clear();
    send({id, closed, as_bytes("x")});
    ASSERT_TRUE(run_until(loop_, [&] { return errors_.size() == 1; }));
    EXPECT_EQ(id, errors_[0].relay);
    EXPECT_EQ(closed, errors_[0].peer);
    EXPECT_EQ(address.is_v4() ? 3 : 1, errors_[0].icmp_type);  // Destination unreachable,
    EXPECT_EQ(address.is_v4() ? 3 : 4, errors_[0].icmp_code);  // port.
    EXPECT_EQ(0u, errors_[0].mtu);
    // An error that is not read yet hits nobody else.
    send({id, closed, as_bytes("x")});
    UdpClient peer(address);
    send({id, peer.local(), as_bytes("out")});
    EXPECT_EQ("out", peer.receive().first);
    ASSERT_TRUE(run_until(loop_, [&] { return errors_.size() == 2; }));
  }
}

TEST_F(RelaySocketsTest, CountWhatTheKernelWouldNotSend) {
  const RelayId id = relay_id(1, 0);
  ASSERT_NE(0, opened({id, kLoopback}).port);
  send({id, {IpAddress::v4(0xffffffff), 9}, as_bytes("to all")});
  EXPECT_NE(std::string::npos,
            metrics().find("roost_relay_send_dropped_total{reason=\"forbidden\"} 1\n"));
  EXPECT_NE(std::string::npos, metrics().find("roost_relay_sockets 1\n"));
}

}  // namespace
}  // namespace roost::io
