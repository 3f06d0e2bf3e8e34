// SPDX-License-Identifier: MIT
//
// Goal: datagrams come in and go out in batches, and a reply leaves from the address that was
// asked. Method: real sockets on loopback, where 127.0.0.2 is a second address of this machine.
#include "io/udp.h"

#include <gtest/gtest.h>
#include <poll.h>

#include "udp_client.h"

namespace roost::io {
namespace {

constexpr IpAddress kLoopback = IpAddress::v4(0x7f000001);
constexpr IpAddress kSecondLoopback = IpAddress::v4(0x7f000002);
constexpr IpAddress kLoopbackV6(0, 1);

std::span<const core::DatagramArrived> read_soon(DatagramReader& reader, const UdpSocket& socket) {
  pollfd wait{socket.fd(), POLLIN, 0};
  poll(&wait, 1, 1000);
  return reader.read(0, socket);
}

std::vector<UdpSocket> one_socket(const Endpoint& at) {
  std::vector<UdpSocket> sockets;
  auto socket = UdpSocket::bind(at);
  EXPECT_TRUE(socket) << (socket ? "" : socket.error());
  if (socket) sockets.push_back(std::move(*socket));
  return sockets;
}

TEST(Udp, AnswersFromTheAddressThatWasAsked) {
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
    const std::vector<UdpSocket> sockets = one_socket({row.bound, 0});
    ASSERT_EQ(1u, sockets.size());
    UdpClient client(row.asked.is_v4() ? kLoopback : kLoopbackV6);
    const Endpoint asked{row.asked, sockets[0].local().port};
    client.send(asked, "question");

    DatagramReader reader;
    const auto arrived = read_soon(reader, sockets[0]);
    ASSERT_EQ(1u, arrived.size());
    EXPECT_EQ("question", as_text(arrived[0].payload));
    EXPECT_EQ(client.local(), arrived[0].from);
    EXPECT_EQ(asked, arrived[0].local.endpoint);

    DatagramWriter writer(sockets);
    writer.add({0, arrived[0].local, arrived[0].from, as_bytes("answer")});
    writer.flush();
    EXPECT_EQ(std::pair(std::string("answer"), asked), client.receive());
  }
}

TEST(Udp, ReadsAFullBatchAndThenTheRest) {
  const std::vector<UdpSocket> sockets = one_socket({kLoopback, 0});
  UdpClient client(kLoopback);
  constexpr size_t kCount = DatagramReader::kBatchMax + 3;
  for (size_t i = 0; i < kCount; ++i) client.send(sockets[0].local(), std::to_string(i));

  DatagramReader reader;
  size_t next = 0;
  for (const size_t expected : {DatagramReader::kBatchMax, size_t{3}, size_t{0}}) {
    const auto arrived = reader.read(0, sockets[0]);
    ASSERT_EQ(expected, arrived.size());
    for (const auto& datagram : arrived) {
      EXPECT_EQ(std::to_string(next++), as_text(datagram.payload));
    }
  }
}

TEST(Udp, TakesTheLongestDatagramAndTheShortest) {
  const std::vector<UdpSocket> sockets = one_socket({kLoopback, 0});
  UdpClient client(kLoopback);
  client.send(sockets[0].local(), std::string(kSegmentedBytesMax, 'x'));
  client.send(sockets[0].local(), "");
  DatagramReader reader;
  const auto arrived = read_soon(reader, sockets[0]);
  ASSERT_EQ(2u, arrived.size());
  EXPECT_EQ(kSegmentedBytesMax, arrived[0].payload.size());
  EXPECT_TRUE(arrived[1].payload.empty());
}

// What is sent as a burst comes in as one, and as the datagrams that it was made of.
TEST(Udp, SendsBurstsAndReadsThem) {
  struct Row {
    std::vector<size_t> sizes;
  };
  const Row kRows[] = {
      {{1000, 1000, 1000}},
      {{1000, 1000, 10, 1000}},        // The smaller one ends a burst.
      {{10, 1000, 1000}},              // A larger one begins another.
      {{500, 0, 500, 500}},            // An empty one is never part of one.
      {std::vector<size_t>(70, 900)},  // More than the kernel takes at once.
      {std::vector<size_t>(50, 1400)},
  };
  for (const IpAddress& address : {IpAddress::v4(0), kLoopback, kLoopbackV6}) {
    const bool is_v4 = address.is_v4();
    const IpAddress& loopback = is_v4 ? kLoopback : kLoopbackV6;
    const std::vector<UdpSocket> senders = one_socket({address, 0});
    const std::vector<UdpSocket> receivers = one_socket({loopback, 0});
    const Endpoint from{loopback, senders[0].local().port};
    for (const Row& row : kRows) {
      DatagramWriter writer(senders);
      std::vector<std::string> texts;
      for (size_t i = 0; i < row.sizes.size(); ++i) {
        texts.emplace_back(row.sizes[i], static_cast<char>('a' + i % 26));
      }
      for (const std::string& text : texts) {
        // In two parts, as what is relayed has.
        const Bytes bytes = as_bytes(text);
        const size_t head = std::min<size_t>(4, bytes.size());
        core::SendDatagram send{0, {from, 0}, receivers[0].local(), bytes.subspan(head)};
        send.head = bytes.first(head);
        writer.add(send);
      }
      writer.flush();
      std::vector<std::string> received;
      DatagramReader reader;
      while (received.size() < texts.size()) {
        const auto arrived = read_soon(reader, receivers[0]);
        ASSERT_FALSE(arrived.empty());
        for (const core::DatagramArrived& datagram : arrived) {
          EXPECT_EQ(from, datagram.from);
          received.emplace_back(as_text(datagram.payload));
        }
      }
      EXPECT_EQ(texts, received);
      for (const uint64_t drops : writer.drops()) EXPECT_EQ(0u, drops);
    }
  }
}

TEST(Udp, MakesNoBurstOfWhatGoesToTwo) {
  const std::vector<UdpSocket> sockets = one_socket({kLoopback, 0});
  UdpClient one(kLoopback);
  UdpClient other(kLoopback);
  DatagramWriter writer(sockets);
  for (const char* const text : {"1", "2", "3", "4"}) {
    for (const UdpClient* const client : {&one, &other}) {
      writer.add({0, {sockets[0].local(), 0}, client->local(), as_bytes(text)});
    }
  }
  writer.flush();
  for (const char* const text : {"1", "2", "3", "4"}) {
    EXPECT_EQ(text, one.receive().first);
    EXPECT_EQ(text, other.receive().first);
  }
}

TEST(Udp, SendsMoreThanABatchInOrder) {
  const std::vector<UdpSocket> sockets = one_socket({kLoopback, 0});
  UdpClient client(kLoopback);
  DatagramWriter writer(sockets);
  std::vector<std::string> texts;
  for (size_t i = 0; i < DatagramWriter::kBatchMax + 5; ++i) texts.push_back(std::to_string(i));
  for (const std::string& text : texts) {
    writer.add({0, {sockets[0].local(), 0}, client.local(), as_bytes(text)});
  }
  writer.flush();
  for (const std::string& text : texts) EXPECT_EQ(text, client.receive().first);
}

TEST(Udp, GoesOnBehindADatagramThatTheKernelRefuses) {
  const std::vector<UdpSocket> sockets = one_socket({kLoopback, 0});
  UdpClient client(kLoopback);
  const Endpoint nowhere{IpAddress::v4(0xffffffff), 9};  // Broadcast, which we never asked for.
  DatagramWriter writer(sockets);
  writer.add({0, {sockets[0].local(), 0}, client.local(), as_bytes("first")});
  writer.add({0, {sockets[0].local(), 0}, nowhere, as_bytes("lost")});
  writer.add({0, {sockets[0].local(), 0}, client.local(), as_bytes("last")});
  writer.flush();
  EXPECT_EQ("first", client.receive().first);
  EXPECT_EQ("last", client.receive().first);
  uint64_t drops = 0;
  for (const uint64_t count : writer.drops()) drops += count;
  EXPECT_EQ(1u, drops);
}

TEST(Udp, SaysWhatToDoWhenItCannotBind) {
  const std::vector<UdpSocket> sockets = one_socket({kLoopback, 0});
  const auto taken = UdpSocket::bind(sockets[0].local());
  ASSERT_FALSE(taken);
  EXPECT_NE(std::string::npos, taken.error().find("another program serves this port"));
  const auto foreign = UdpSocket::bind({IpAddress::v4(0x08080808), 0});
  ASSERT_FALSE(foreign);
  EXPECT_NE(std::string::npos, foreign.error().find("node.listen"));
}

}  // namespace
}  // namespace roost::io
