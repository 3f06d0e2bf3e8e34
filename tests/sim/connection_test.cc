// SPDX-License-Identifier: MIT
//
// Goal: a connection hands out each segment once and in order, whatever the line made of them.
// Method: all orders of a few segments; two hosts on a perfect line.
#include "sim/connection.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <utility>

#include "sim/host.h"

namespace roost::sim {
namespace {

using namespace std::chrono_literals;

constexpr Endpoint kLocal{IpAddress::v4(0x14000101), 5000};
constexpr Endpoint kRemote{IpAddress::v4(0x14000201), 3478};

Packet segment(PacketKind kind, uint32_t sequence, std::vector<uint8_t> payload = {}) {
  return {kind, sequence, kRemote, kLocal, std::move(payload)};
}

std::vector<uint32_t> taken(Connection& connection) {
  std::vector<uint32_t> sequences;
  while (const auto next = connection.next()) sequences.push_back(next->sequence);
  return sequences;
}

TEST(Connection, HandsOutEachSegmentOnceAndInOrder) {
  std::vector<uint32_t> order = {0, 1, 2, 3};
  do {
    Connection connection(kLocal, kRemote);
    std::vector<uint32_t> all;
    for (const uint32_t sequence : order) {
      const PacketKind kind = sequence == 0 ? PacketKind::kOpen : PacketKind::kData;
      // Some come twice, before and after they were due.
      connection.add(segment(kind, sequence));
      connection.add(segment(kind, sequence));
      for (const uint32_t next : taken(connection)) all.push_back(next);
      connection.add(segment(kind, sequence));
    }
    for (const uint32_t next : taken(connection)) all.push_back(next);
    EXPECT_EQ(all, (std::vector<uint32_t>{0, 1, 2, 3}));
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Connection, HasRoomForWhatTheOtherSideHasRead) {
  Schedule schedule;
  Dice dice(1);
  Network network(schedule, dice);
  Trace trace;
  Host::Options options;
  options.addresses = {kLocal.address};
  Host host(schedule, network, trace, Dice(2), options);
  Connection connection(kLocal, kRemote);
  connection.send(host, PacketKind::kOpen);
  EXPECT_EQ(connection.room(), Connection::kWindowBytes);
  connection.send(host, PacketKind::kData, std::vector<uint8_t>(Connection::kWindowBytes - 1));
  EXPECT_EQ(connection.room(), 1u);
  connection.send(host, PacketKind::kData, std::vector<uint8_t>(9));
  EXPECT_EQ(connection.room(), 0u);
  connection.add(segment(PacketKind::kWindow, 1008));
  EXPECT_EQ(connection.room(), 1000u);
  connection.add(segment(PacketKind::kWindow, 8));  // Has been overtaken.
  EXPECT_EQ(connection.room(), 1000u);
  EXPECT_EQ(connection.next(), std::nullopt);
}

TEST(Connection, HandsOutWhatASegmentSays) {
  Connection connection(kLocal, kRemote);
  EXPECT_EQ(connection.next(), std::nullopt);
  connection.add(segment(PacketKind::kEnd, 2));
  connection.add(segment(PacketKind::kData, 1, {7, 8}));
  EXPECT_EQ(connection.next(), std::nullopt);
  connection.add(segment(PacketKind::kOpen, 0));
  EXPECT_EQ(connection.next().value().kind, PacketKind::kOpen);
  const Packet data = connection.next().value();
  EXPECT_EQ(data.kind, PacketKind::kData);
  EXPECT_EQ(data.payload, (std::vector<uint8_t>{7, 8}));
  EXPECT_EQ(connection.next().value().kind, PacketKind::kEnd);
  EXPECT_EQ(connection.next(), std::nullopt);
}

TEST(Connection, KeepsNothingOfWhatComesAgain) {
  Connection connection(kLocal, kRemote);
  for (uint32_t i = 0; i < 2 * Connection::kEarlyMax; ++i) {
    connection.add(segment(PacketKind::kData, i));
    EXPECT_EQ(taken(connection), std::vector<uint32_t>{i});
  }
  for (uint32_t i = 0; i < 2 * Connection::kEarlyMax; ++i) {
    connection.add(segment(PacketKind::kData, i));
    EXPECT_EQ(connection.next(), std::nullopt);
  }
}

// The other side has lost all memory of the connection, or refuses it: its count begins with kEnd.
TEST(Connection, TakesAnEndThatIsTheFirstSegmentAtOnce) {
  for (const bool is_open : {false, true}) {
    Connection connection(kLocal, kRemote);
    if (is_open) {
      connection.add(segment(PacketKind::kOpen, 0));
      connection.add(segment(PacketKind::kData, 1));
      EXPECT_EQ(taken(connection), (std::vector<uint32_t>{0, 1}));
    }
    connection.add(segment(PacketKind::kData, 5));
    connection.add(segment(PacketKind::kEnd, 0));
    EXPECT_EQ(connection.next().value().kind, PacketKind::kEnd);
    EXPECT_EQ(connection.next(), std::nullopt);
  }
}

class Inbox final : public Program {
 public:
  void on_packet(Packet packet) override { packets.push_back(std::move(packet)); }
  void on_wake_up(uint64_t) override {}

  std::vector<Packet> packets;
};

class ConnectionDeathTest : public testing::Test {
 protected:
  Host::Options options(const Endpoint& endpoint) {
    return {Network::kInternet, {endpoint.address}, kPerfectLink};
  }

  Schedule schedule_;
  Dice dice_{1};
  Network network_{schedule_, dice_};
  Trace trace_;
  Host host_{schedule_, network_, trace_, Dice(2), options(kLocal)};
};
using ConnectionOnHostTest = ConnectionDeathTest;

TEST_F(ConnectionOnHostTest, NumbersItsSegmentsFromTheFirstOn) {
  Host peer(schedule_, network_, trace_, Dice(3), options(kRemote));
  auto program = std::make_unique<Inbox>();
  const Inbox& inbox = *program;
  peer.run(std::move(program));

  Connection connection(kLocal, kRemote);
  EXPECT_EQ(connection.local(), kLocal);
  EXPECT_EQ(connection.remote(), kRemote);
  connection.send(host_, PacketKind::kOpen);
  connection.send(host_, PacketKind::kData, as_bytes("ab"));
  connection.send(host_, PacketKind::kEnd);
  schedule_.run_until(MonoTime(1s));
  ASSERT_EQ(inbox.packets.size(), 3u);
  constexpr PacketKind kExpect[] = {PacketKind::kOpen, PacketKind::kData, PacketKind::kEnd};
  for (uint32_t i = 0; i < 3; ++i) {
    const Packet& packet = inbox.packets[i];
    EXPECT_EQ(packet.kind, kExpect[i]);
    EXPECT_EQ(packet.sequence, i);
    EXPECT_EQ(packet.source, kLocal);
    EXPECT_EQ(packet.destination, kRemote);
    EXPECT_EQ(as_text(packet.payload), i == 1 ? "ab" : "");
  }
}

TEST_F(ConnectionDeathTest, SendsNoDatagrams) {
  Connection connection(kLocal, kRemote);
  EXPECT_DEATH(connection.send(host_, PacketKind::kDatagram), "broken invariant");
}

TEST_F(ConnectionDeathTest, KeepsSoManySegmentsWaitingAndNoMore) {
  Connection connection(kLocal, kRemote);
  for (uint32_t i = 1; i <= Connection::kEarlyMax; ++i) {
    connection.add(segment(PacketKind::kData, i));
  }
  EXPECT_DEATH(connection.add(segment(PacketKind::kData, Connection::kEarlyMax + 1)),
               "broken invariant");
}

// As when a NAT gives a port to somebody else, or a client has forgotten what its server has not.
TEST(Connection, DropsWhatBelongsToAnOlderOneBetweenTheSameEnds) {
  Packet open = segment(PacketKind::kOpen, 0);
  open.conversation = 7;
  Connection connection = Connection::answering(open);
  connection.add(open);
  ASSERT_TRUE(connection.next().has_value());
  Packet late = segment(PacketKind::kData, 1, {9});
  late.conversation = 6;
  EXPECT_TRUE(connection.is_foreign(late));
  connection.add(late);
  EXPECT_FALSE(connection.next().has_value());
  Packet due = segment(PacketKind::kData, 1, {5});
  due.conversation = 7;
  connection.add(due);
  const auto next = connection.next();
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->payload, std::vector<uint8_t>{5});
}

}  // namespace
}  // namespace roost::sim
