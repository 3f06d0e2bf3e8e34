// SPDX-License-Identifier: MIT
//
// Goal: clients of DTLS are served whatever the network does to their datagrams, cost nothing
// before they have proved their address, and cannot be thrown out by those who have not. Method:
// OpenSSL clients on loopback against a real node behind a real driver; the test loses, keeps,
// repeats and forges datagrams on the way.
#include "io/dtls_server.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "dtls_client.h"
#include "io/driver.h"
#include "loop_runner.h"

namespace roost::io {
namespace {

using namespace std::chrono_literals;

constexpr IpAddress kLoopback = IpAddress::v4(0x7f000001);

class SilentLog final : public Log {
 public:
  void write(Level, std::string_view line) override { ADD_FAILURE() << line; }
  bool is_enabled(Level) const override { return true; }
};

std::string binding_request(uint32_t number = 7) {
  std::string text("\x00\x01\x00\x00\x21\x12\xa4\x42transact....", 20);
  store_u32(reinterpret_cast<uint8_t*>(text.data()) + 16, number);
  return text;
}
bool answers(const std::string& message, uint32_t number = 7) {
  const Bytes bytes = as_bytes(message);
  return bytes.size() == 32 && load_u16(bytes.data()) == 0x0101 &&
         load_u32(bytes.data() + 16) == number;
}

class DtlsServerTest : public testing::Test {
 protected:
  DtlsServerTest() {
    std::string pattern = testing::TempDir() + "roost-dtls-XXXXXX";
    root_ = mkdtemp(pattern.data());
    const auto state_dir = StateDir::open(root_ + "/state", {});
    EXPECT_TRUE(state_dir);
    auto tls = TlsContext::self_signed(*state_dir, {});
    EXPECT_TRUE(tls);
    tls_.emplace(std::move(*tls));
    config_.admission.packets_per_second_per_prefix = 0;
    config_.donate.bandwidth_bytes_per_second = 0;
    config_.admission.connections_per_prefix = 512;
    options_.tick = 1ms;
  }

  ~DtlsServerTest() override {
    if (server_ != nullptr) {
      server_->stop();
      EXPECT_EQ(0u, server_->dtls_stats().association_count());
      EXPECT_EQ(0u, node_->connection_admission().open_count());
      // Each association has ended once; the node has refused some before they began.
      uint64_t ended = 0;
      for (const uint64_t count : server_->dtls_stats().ended) ended += count;
      EXPECT_EQ(server_->dtls_stats().opened + refused_before_begin_, ended);
    }
    std::filesystem::remove_all(root_);
  }

  // Call after the options have been set.
  void start() {
    std::vector<UdpSocket> sockets;
    auto socket = UdpSocket::bind({kLoopback, 0});
    ASSERT_TRUE(socket);
    endpoint_ = socket->local();
    sockets.push_back(std::move(*socket));
    node_ = std::make_unique<node::Node>(config_, std::vector<Endpoint>{endpoint_}, key_, random_,
                                         read_clocks());
    driver_ = std::make_unique<Driver>(loop_, *node_, std::move(sockets), log_, relays_);
    server_ =
        std::make_unique<DtlsServer>(loop_, *tls_, driver_->writer(), random_, options_,
                                     [this](const core::Input& input) { driver_->turn(input); });
    driver_->set_dtls(server_.get());
    driver_->start();
  }

  bool run_until_done(std::initializer_list<DtlsClient*> clients,
                      const std::function<bool()>& is_done, Duration patience = kPatience) {
    return run_until(
        loop_,
        [&] {
          for (DtlsClient* const client : clients) client->pump();
          return is_done();
        },
        patience);
  }
  bool opens(DtlsClient& client) {
    return run_until_done({&client}, [&] { return client.is_open() || client.has_failed(); }) &&
           client.is_open();
  }
  bool is_served(DtlsClient& client, uint32_t number = 7) {
    const size_t before = client.received().size();
    client.send(binding_request(number));
    return run_until_done({&client}, [&] { return client.received().size() > before; }) &&
           answers(client.received().back(), number);
  }
  void run_for(DtlsClient& client, Duration time) {
    run_until_done(
        {&client}, [] { return false; }, time);
  }

  uint64_t ended(DtlsEnd why) const {
    return server_->dtls_stats().ended[static_cast<size_t>(why)];
  }
  uint64_t dropped(DtlsDrop why) const {
    return server_->dtls_stats().dropped[static_cast<size_t>(why)];
  }
  uint64_t associations(DtlsState state) const {
    return server_->dtls_stats().associations[static_cast<size_t>(state)];
  }
  uint64_t received() const {
    return node_->stats().received[static_cast<size_t>(core::Transport::kUdp)];
  }

  std::string root_;
  std::optional<TlsContext> tls_;
  node::Config config_;
  DtlsServer::Options options_;
  Endpoint endpoint_;
  EventLoop loop_;
  const SigningKey key_{SigningKey::Seed{}};
  SeededRandom random_{1};
  SilentLog log_;
  RelaySockets relays_{loop_, random_, {}};
  std::unique_ptr<node::Node> node_;
  std::unique_ptr<Driver> driver_;
  std::unique_ptr<DtlsServer> server_;
  uint64_t refused_before_begin_ = 0;
};

TEST_F(DtlsServerTest, AnswersInsideAnAssociation) {
  start();
  DtlsClient client(endpoint_, {.protocols = "\x08http/1.1\x09stun.turn"});
  ASSERT_TRUE(opens(client));
  EXPECT_EQ("stun.turn", client.protocol());
  EXPECT_TRUE(is_served(client, 1));
  EXPECT_TRUE(is_served(client, 2));
  EXPECT_EQ(1u, server_->dtls_stats().handshakes);
  EXPECT_EQ(1u, node_->connection_admission().open_count());
  run_for(client, 5ms);
  // Every byte is accounted for, but for the cookie, which is UDP's.
  const auto& sent = node_->stats().sent_bytes;
  EXPECT_EQ(client.wire_bytes_received(), sent[static_cast<size_t>(core::Transport::kDtls)] +
                                              sent[static_cast<size_t>(core::Transport::kUdp)]);
  EXPECT_EQ(client.datagrams_received(), node_->stats().datagrams_sent);
  EXPECT_EQ(node_->budget().bytes_sent(),
            client.wire_bytes_received() + client.datagrams_received() * 28);
}

TEST_F(DtlsServerTest, KeepsNothingForWhoHasNotBroughtTheCookie) {
  start();
  DtlsClient first(endpoint_);
  first.on_the_way = [](size_t, std::string) { return ""; };
  first.pump();
  const std::string hello = first.sent().at(0);
  for (uint64_t i = 1; i <= 100; ++i) {
    UdpClient stranger(kLoopback);
    stranger.send(endpoint_, hello);
    ASSERT_TRUE(run_until(loop_, [&] { return received() == i; }));
    const std::string reply = stranger.receive().first;
    EXPECT_GT(reply.size(), 0u);
    EXPECT_LT(reply.size(), hello.size());
    EXPECT_EQ("", stranger.receive(0).first);
    EXPECT_EQ(0u, server_->dtls_stats().association_count());
  }
  EXPECT_EQ(0u, server_->dtls_stats().opened);
}

TEST_F(DtlsServerTest, TakesACookieFromNobodyElse) {
  start();
  DtlsClient owner(endpoint_);
  owner.on_the_way = [](size_t number, std::string datagram) {
    return number == 0 ? datagram : "";
  };
  ASSERT_TRUE(run_until_done({&owner}, [&] { return owner.sent().size() == 2; }));
  UdpClient thief(kLoopback);
  thief.send(endpoint_, owner.sent()[1]);
  ASSERT_TRUE(run_until(loop_, [&] { return received() == 2; }));
  EXPECT_LT(thief.receive().first.size(), owner.sent()[1].size());
  EXPECT_EQ(0u, server_->dtls_stats().opened);
  owner.send_raw(owner.sent()[1]);
  EXPECT_TRUE(run_until(loop_, [&] { return associations(DtlsState::kHandshake) == 1; }));
}

TEST_F(DtlsServerTest, ComesThroughWhereDatagramsAreLost) {
  start();
  // All at once, since each costs a second.
  DtlsClient loses_hello(endpoint_), loses_finished(endpoint_), misses_cookie(endpoint_),
      misses_certificate(endpoint_), misses_finished(endpoint_);
  loses_hello.on_the_way = [](size_t number, std::string datagram) {
    return number == 1 ? "" : datagram;
  };
  loses_finished.on_the_way = [](size_t number, std::string datagram) {
    return number == 2 ? "" : datagram;
  };
  misses_cookie.arrives = [](size_t number) { return number != 0; };
  misses_certificate.arrives = [](size_t number) { return number != 1; };
  misses_finished.arrives = [](size_t number) { return number != 2; };
  EXPECT_TRUE(run_until_done(
      {&loses_hello, &loses_finished, &misses_cookie, &misses_certificate, &misses_finished}, [&] {
        return loses_hello.is_open() && loses_finished.is_open() && misses_cookie.is_open() &&
               misses_certificate.is_open() && misses_finished.is_open();
      }));
  EXPECT_EQ(5u, server_->dtls_stats().handshakes);
  for (DtlsClient* const client :
       {&loses_hello, &loses_finished, &misses_cookie, &misses_certificate, &misses_finished}) {
    EXPECT_TRUE(is_served(*client));
  }
}

// A client whose path is narrow sends its flight in parts; the last one comes first here.
TEST_F(DtlsServerTest, ComesThroughWhereAFlightIsCutAndItsPartsChangePlaces) {
  start();
  DtlsClient client(endpoint_, {.mtu = 256});
  std::vector<std::string> held;
  client.on_the_way = [&](size_t number, std::string datagram) {
    // Of a whole flight: key exchange, ChangeCipherSpec and Finished, each on its own.
    if (number < 2 || held.size() == 3) return datagram;
    for (size_t at = 0; at + 13 <= datagram.size();) {
      const size_t size = 13 + load_u16(as_bytes(datagram).data() + at + 11);
      held.push_back(datagram.substr(at, size));
      at += size;
    }
    for (size_t i = held.size(); i-- > 0;) client.send_raw(held[i]);
    return std::string();
  };
  ASSERT_TRUE(opens(client));
  ASSERT_EQ(3u, held.size());
  EXPECT_TRUE(is_served(client));
  EXPECT_EQ(1u, dropped(DtlsDrop::kOutOfTurn));  // Finished, before there were keys for it.
}

TEST_F(DtlsServerTest, OpensWhatComesInOneDatagram) {
  start();
  DtlsClient client(endpoint_);
  ASSERT_TRUE(opens(client));
  std::string both;
  client.on_the_way = [&](size_t, std::string datagram) {
    both += datagram;
    return "";
  };
  for (uint32_t number = 1; number <= 3; ++number) client.send(binding_request(number));
  client.send_raw(both);
  ASSERT_TRUE(run_until_done({&client}, [&] { return client.received().size() == 3; }));
  for (uint32_t number = 1; number <= 3; ++number) {
    EXPECT_TRUE(answers(client.received()[number - 1], number));
  }
}

// A datagram that holds more messages than the outbox has room for, behind a ClientHello that has
// not been carried out: the messages left are of an association that is no more.
TEST_F(DtlsServerTest, DropsWhatIsLeftOfADatagramOnceItsAssociationIsReplaced) {
  start();
  DtlsClient client(endpoint_);
  ASSERT_TRUE(opens(client));
  constexpr size_t kMessages = 60;
  constexpr size_t kDatagrams = core::Outbox::kActionCountMax / kMessages + 2;
  std::array<std::string, kDatagrams> many;
  for (std::string& one : many) {
    client.on_the_way = [&](size_t, std::string datagram) {
      one += datagram;
      return "";
    };
    for (uint32_t number = 0; number < kMessages; ++number) client.send(binding_request(number));
    ASSERT_LE(one.size(), DtlsServer::kDatagramSizeMax);
  }
  std::string hello;  // With the cookie.
  client.on_the_way = [&, first = client.sent().size()](size_t number, std::string datagram) {
    if (number == first) return datagram;
    hello = datagram;
    return std::string();
  };
  client.begin_anew();
  ASSERT_TRUE(run_until_done({&client}, [&] { return !hello.empty(); }));
  // In one batch, so that they are all read before anything is carried out.
  client.send_raw(hello);
  for (const std::string& one : many) client.send_raw(one);
  ASSERT_TRUE(run_until(loop_, [&] { return dropped(DtlsDrop::kOutOfTurn) > 0; }));
  EXPECT_EQ(1u, ended(DtlsEnd::kReplaced));
  // One is the ClientHello's.
  const size_t messages_max = core::Outbox::kActionCountMax - core::Outbox::kActionsPerStepMax;
  const uint64_t taken = node_->stats().received[static_cast<size_t>(core::Transport::kDtls)];
  EXPECT_GT(taken, messages_max - kMessages);
  EXPECT_LE(taken, messages_max);
  EXPECT_NE(0u, messages_max % kMessages);  // The outbox was full in the middle of a datagram.
}

TEST_F(DtlsServerTest, AnswersManyAtOnce) {
  start();
  DtlsClient client(endpoint_);
  ASSERT_TRUE(opens(client));
  constexpr uint32_t kCount = 200;  // More than a batch.
  for (uint32_t number = 0; number < kCount; ++number) client.send(binding_request(number));
  ASSERT_TRUE(run_until_done({&client}, [&] { return client.received().size() == kCount; }));
  for (uint32_t number = 0; number < kCount; ++number) {
    EXPECT_TRUE(answers(client.received()[number], number));
  }
}

TEST_F(DtlsServerTest, LetsAClientBeginAnewFromTheSamePort) {
  config_.admission.connections_per_prefix = 1;
  start();
  DtlsClient client(endpoint_);
  ASSERT_TRUE(opens(client));
  EXPECT_TRUE(is_served(client));
  for (uint64_t times = 1; times <= 3; ++times) {
    client.begin_anew();  // As a program does that was killed.
    ASSERT_TRUE(opens(client));
    EXPECT_TRUE(is_served(client));
    EXPECT_EQ(times, ended(DtlsEnd::kReplaced));
    EXPECT_EQ(1u, server_->dtls_stats().association_count());
    EXPECT_EQ(1u, node_->connection_admission().open_count());
  }
}

TEST_F(DtlsServerTest, ForgedAndRepeatedDatagramsDoNotTouchAnAssociation) {
  start();
  DtlsClient client(endpoint_);
  ASSERT_TRUE(opens(client));
  EXPECT_TRUE(is_served(client));
  const std::vector<std::string> sent = client.sent();
  DtlsClient other(endpoint_);
  other.on_the_way = [](size_t, std::string) { return ""; };
  other.pump();

  client.send_raw(other.sent().at(0));  // Another ClientHello, without a cookie.
  for (const std::string& datagram : sent) client.send_raw(datagram);
  client.send_raw(
      std::string("\x15\xfe\xfd\0\0\0\0\0\0\0\0\0\2\2\50", 15));  // An alert in the clear.
  client.send_raw(std::string("\x15\xfe\xfd\0\1\0\0\0\0\0\x99\0\x1a", 13) + std::string(26, 'x'));
  client.send_raw(std::string("\x17\xfe\xfd\0\1\0\0\0\0\0\x9a\0\x30", 13) + std::string(48, 'x'));
  client.send_raw(std::string("\x17\xfe\xfd\0\2\0\0\0\0\0\x9a\0\x30", 13) + std::string(48, 'x'));
  client.send_raw(std::string("\x14\xfe\xfd\0\0\0\0\0\0\0\x09\0\1\1", 14));
  client.send_raw(std::string(3, '\x16'));
  client.send_raw(std::string(4500, '\x17'));
  EXPECT_TRUE(run_until(loop_, [&] { return dropped(DtlsDrop::kTooLong) == 1; }));
  EXPECT_EQ(1u, dropped(DtlsDrop::kRepeatedHello));
  EXPECT_TRUE(is_served(client, 99));
  EXPECT_FALSE(client.has_failed());
  EXPECT_EQ(1u, server_->dtls_stats().opened);
  EXPECT_EQ(1u, associations(DtlsState::kOpen));
}

TEST_F(DtlsServerTest, TakesFewDatagramsDuringAHandshakeAndKeepsNoneOfThem) {
  options_.limits.handshake_time_max = 300ms;
  start();
  DtlsClient client(endpoint_);
  client.on_the_way = [](size_t number, std::string datagram) {
    return number < 2 ? datagram : "";
  };
  ASSERT_TRUE(run_until_done({&client}, [&] { return client.sent().size() == 3; }));
  ASSERT_EQ(1u, associations(DtlsState::kHandshake));
  for (int i = 0; i < 40; ++i) {
    const auto number = static_cast<char>(i);
    client.send_raw(std::string("\x16\xfe\xfd\0\1\0\0\0\0\0", 10) + number + '\0' + '\x30' +
                    std::string(48, 'x'));
  }
  EXPECT_TRUE(run_until(loop_, [&] {
    return dropped(DtlsDrop::kOutOfTurn) == DtlsAssociation::kHandshakeDatagramsMax &&
           dropped(DtlsDrop::kHandshakeLimit) == 40 - DtlsAssociation::kHandshakeDatagramsMax;
  }));
  EXPECT_TRUE(run_until(loop_, [&] { return ended(DtlsEnd::kTimeoutHandshake) == 1; }));
  EXPECT_EQ(0u, node_->connection_admission().open_count());
}

// What is behind the keys cannot be looked at, so there is one try.
TEST_F(DtlsServerTest, TakesWhatShouldBeFinishedOnce) {
  options_.limits.handshake_time_max = 1500ms;
  start();
  DtlsClient client(endpoint_);
  client.on_the_way = [](size_t number, std::string datagram) {
    if (number < 2) return datagram;
    datagram.back() ^= 1;  // Of the last record of the flight.
    return datagram;
  };
  ASSERT_TRUE(run_until_done({&client}, [&] { return client.sent().size() == 3; }));
  client.on_the_way = nullptr;
  EXPECT_TRUE(run_until_done({&client}, [&] { return dropped(DtlsDrop::kOutOfTurn) == 1; }));
  EXPECT_TRUE(run_until(loop_, [&] { return ended(DtlsEnd::kTimeoutHandshake) == 1; }));
  EXPECT_EQ(0u, server_->dtls_stats().handshakes);
}

TEST_F(DtlsServerTest, EndsWhoSaysNothing) {
  options_.limits.silent_time_max = 100ms;
  options_.limits.idle_time_max = 400ms;
  start();
  DtlsClient silent(endpoint_), talks(endpoint_);
  ASSERT_TRUE(opens(talks));
  ASSERT_TRUE(opens(silent));
  EXPECT_TRUE(is_served(talks));
  EXPECT_TRUE(run_until_done({&silent, &talks}, [&] { return silent.has_ended(); }));
  EXPECT_FALSE(talks.has_ended());
  EXPECT_TRUE(is_served(talks));
  EXPECT_TRUE(run_until_done({&talks}, [&] { return talks.has_ended(); }));
  EXPECT_EQ(2u, ended(DtlsEnd::kTimeoutIdle));
  EXPECT_TRUE(run_until(loop_, [&] { return node_->connection_admission().open_count() == 0; }));
}

TEST_F(DtlsServerTest, KeepsAnAssociationAsLongAsWhatIsGrantedOnIt) {
  options_.limits.idle_time_max = 100ms;
  start();
  EXPECT_EQ(Duration(1min), DtlsAssociation::Limits().idle_time_max);
  DtlsClient client(endpoint_);
  ASSERT_TRUE(opens(client));
  const core::StreamId stream{uint64_t{1} << 63 | uint64_t{1} << 20};
  const auto grant = [&](std::optional<Duration> lifetime) {
    core::SendMessage reply{stream, as_bytes("granted.")};
    reply.granted_lifetime = lifetime;
    server_->send(reply);
  };
  EXPECT_TRUE(is_served(client));
  grant(600ms);
  grant({});  // Takes nothing back.
  run_for(client, 400ms);
  EXPECT_FALSE(client.has_ended());
  EXPECT_TRUE(is_served(client));
  grant(10min);
  grant(Duration());
  EXPECT_TRUE(run_until_done({&client}, [&] { return client.has_ended(); }));
  EXPECT_EQ(1u, ended(DtlsEnd::kTimeoutIdle));
}

// What is never answered does not keep the place.
TEST_F(DtlsServerTest, EndsWhoTalksNonsense) {
  options_.limits.silent_time_max = 200ms;
  start();
  DtlsClient client(endpoint_);
  ASSERT_TRUE(opens(client));
  EXPECT_TRUE(run_until_done({&client}, [&] {
    if (!client.has_ended()) client.send("@nonsense");
    return client.has_ended();
  }));
  EXPECT_EQ(1u, ended(DtlsEnd::kTimeoutIdle));
}

TEST_F(DtlsServerTest, EndsWithTheClient) {
  start();
  DtlsClient client(endpoint_);
  ASSERT_TRUE(opens(client));
  client.close();
  EXPECT_TRUE(run_until_done({&client}, [&] { return client.has_ended(); }));
  EXPECT_EQ(1u, ended(DtlsEnd::kPeerClosed));
  EXPECT_TRUE(run_until(loop_, [&] { return server_->dtls_stats().association_count() == 0; }));
}

TEST_F(DtlsServerTest, HasNoRoomForMoreThanItWasMadeFor) {
  options_.association_count_max = 1;
  start();
  DtlsClient first(endpoint_), second(endpoint_);
  ASSERT_TRUE(opens(first));
  EXPECT_TRUE(run_until_done({&second}, [&] { return dropped(DtlsDrop::kTableFull) == 1; }));
  EXPECT_TRUE(is_served(first));
  first.close();
  EXPECT_TRUE(opens(second));  // It asks again by itself.
}

TEST_F(DtlsServerTest, OpensNothingThatTheNodeRefuses) {
  config_.admission.connections_per_prefix = 1;
  start();
  DtlsClient first(endpoint_), second(endpoint_);
  ASSERT_TRUE(opens(first));
  EXPECT_TRUE(run_until_done({&second}, [&] { return ended(DtlsEnd::kRefused) == 1; }));
  refused_before_begin_ = 1;
  EXPECT_EQ(1u, server_->dtls_stats().opened);
  EXPECT_EQ(1u, server_->dtls_stats().association_count());
  EXPECT_TRUE(is_served(first));
  // And what the node refuses later is closed.
  server_->refuse({core::StreamId{uint64_t{1} << 63 | uint64_t{1} << 20}});
  EXPECT_TRUE(run_until_done({&first}, [&] { return first.has_ended(); }));
  EXPECT_EQ(2u, ended(DtlsEnd::kRefused));
  refused_before_begin_ = 1;
}

TEST_F(DtlsServerTest, NamesWhatAHandshakeFailedFor) {
  struct Row {
    DtlsClient::Options options;
    DtlsEnd expected;
  };
  const Row rows[] = {
      {{.version = DTLS1_VERSION}, DtlsEnd::kOldVersion},
      {{.ciphers = "AES128-GCM-SHA256"}, DtlsEnd::kNoSharedCipher},
      {{.protocols = "\x08http/1.1"}, DtlsEnd::kTlsError},
  };
  start();
  for (const Row& row : rows) {
    DtlsClient client(endpoint_, row.options);
    EXPECT_FALSE(opens(client));
    EXPECT_EQ(1u, ended(row.expected)) << label(row.expected);
  }
  EXPECT_EQ(0u, server_->dtls_stats().handshakes);
}

TEST_F(DtlsServerTest, DoesNotShakeHandsTwice) {
  start();
  DtlsClient client(endpoint_);
  ASSERT_TRUE(opens(client));
  EXPECT_TRUE(is_served(client));
  ASSERT_TRUE(client.renegotiate());
  EXPECT_TRUE(run_until_done({&client}, [&] { return client.has_failed() || client.has_ended(); }));
  EXPECT_EQ(1u, server_->dtls_stats().handshakes);
  EXPECT_TRUE(run_until(loop_, [&] { return server_->dtls_stats().association_count() == 0; }));
}

TEST_F(DtlsServerTest, TellsItsClientsThatItStops) {
  start();
  DtlsClient client(endpoint_);
  ASSERT_TRUE(opens(client));
  server_->stop();
  EXPECT_TRUE(run_until_done({&client}, [&] { return client.has_ended(); }));
  EXPECT_EQ(1u, ended(DtlsEnd::kStopped));
  EXPECT_EQ(0u, node_->connection_admission().open_count());
}

TEST_F(DtlsServerTest, NumbersItsAssociationsApartFromStreams) {
  for (const uint64_t number : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 62}) {
    EXPECT_FALSE(DtlsServer::owns(core::StreamId{number}));
    EXPECT_TRUE(DtlsServer::owns(core::StreamId{number | uint64_t{1} << 63}));
  }
}

}  // namespace
}  // namespace roost::io
