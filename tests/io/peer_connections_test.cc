// SPDX-License-Identifier: MIT
//
// Goal: what the node orders about connections with peers is done, and what happens to them is
// told; data is spliced byte for byte, and each end's end is the other's. Method: real sockets on
// loopback, a stream server with a fake node for the client's side, and answers to what is offered
// that each test chooses.
#include "io/peer_connections.h"

#include <algorithm>
#include <functional>
#include <netinet/in.h>
#include <numeric>
#include <sys/socket.h>

#include "io/socket_address.h"
#include "stream_server_fixture.h"

namespace roost::io {
namespace {

using core::PeerConnectionId;
using core::PeerDirection;
using core::RelayId;

constexpr IpAddress kLoopback = IpAddress::v4(0x7f000001);
constexpr RelayId kRelay{uint64_t{7} << 32 | 2};
constexpr PeerConnectionId kConnection{uint64_t{5} << 32 | 1};
constexpr core::StreamId kNobody{12345};

std::string text_of(size_t size) {
  std::string text(size, ' ');
  std::iota(text.begin(), text.end(), char{0});
  return text;
}

class PeerConnectionsTest : public StreamServerFixture {
 protected:
  PeerConnectionsTest() {
    options_.limits.buffers.output_bytes_max = 64 * 1024;
    start();
    node_.on_message = [this](const core::MessageArrived& message) {
      // ConnectionBind, as it were: the stream is to be bound to the connection.
      std::vector<core::Input> answers;
      server_->send({message.stream, as_bytes("bound.")});
      peers_.bind({kConnection, message.stream}, server_->find(message.stream), answers);
      for (const core::Input& answer : answers) take(answer);
    };
  }
  void TearDown() override { server_->stop(); }  // While the peers are there that it talks to.

  // The part of the node, and of the driver.
  void take(const core::Input& input) {
    if (const auto* arrived = std::get_if<core::PeerArrived>(&input)) {
      arrived_.push_back(*arrived);
      if (takes_) peers_.take({kConnection});
    } else if (const auto* offered = std::get_if<core::PeerDataArrived>(&input)) {
      ++offered_[static_cast<size_t>(offered->direction)];
      const uint64_t bytes = answer_(*offered);
      if (bytes > 0) {
        forwarded_ += bytes;
        peers_.forward({offered->connection, offered->direction, bytes});
      } else {
        peers_.hold({offered->connection, offered->direction, std::chrono::milliseconds(5)});
      }
    } else {
      told_.push_back(input);
    }
  }
  template <typename T>
  const T* last_told() const {
    return told_.empty() ? nullptr : std::get_if<T>(&told_.back());
  }

  Endpoint open(RelayId relay = kRelay, const IpAddress& address = kLoopback) {
    std::vector<core::Input> answers;
    peers_.open({relay, address, core::OpenRelay::Port::kAny, {}, core::RelayProtocol::kTcp},
                answers);
    if (answers.size() != 1) return {};
    const auto* const opened = std::get_if<core::RelayOpened>(&answers[0]);
    return opened == nullptr ? Endpoint() : opened->local;
  }
  void connect(const Endpoint& to, PeerConnectionId connection = kConnection) {
    std::vector<core::Input> answers;
    peers_.connect({connection, kRelay, to}, answers);
    for (const core::Input& answer : answers) take(answer);
  }
  // A listener of a peer's; non-blocking.
  static FileDescriptor listen_at(const IpAddress& address = kLoopback) {
    auto listener = listen_tcp({address, 0});
    EXPECT_TRUE(listener);
    return std::move(*listener);
  }
  FileDescriptor accept_from(const FileDescriptor& listener) {
    FileDescriptor fd;
    EXPECT_TRUE(run_until(loop_, [&] {
      fd = FileDescriptor(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      return fd.is_open();
    }));
    return fd;
  }
  static Endpoint other_end(const FileDescriptor& fd) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    EXPECT_EQ(0, getpeername(fd.get(), reinterpret_cast<sockaddr*>(&address), &size));
    return from_sockaddr(address).value_or(Endpoint());
  }

  // A connection to a peer, bound to a client's.
  void bind(bool uses_tls = false, int client_receive_buffer = 0) {
    if (peers_.listener_count() == 0) open();
    const FileDescriptor listener = listen_at();
    connect(bound_endpoint(listener.get()));
    peer_.emplace(accept_from(listener));
    ASSERT_TRUE(run_until(loop_, [&] { return last_told<core::PeerConnected>() != nullptr; }));
    bind_client(uses_tls, client_receive_buffer);
  }
  void bind_client(bool uses_tls = false, int receive_buffer = 0) {
    client_.emplace(endpoint_, receive_buffer);
    if (uses_tls) client_->start_tls({});
    client_->send(stun_message());
    ASSERT_TRUE(until([&] { return client_->received().starts_with("bound."); }));
  }
  bool until(const std::function<bool()>& is_done, Duration patience = kPatience) {
    return run_until(
        loop_,
        [&] {
          if (client_) client_->pump();
          if (peer_) peer_->pump();
          return is_done();
        },
        patience);
  }
  void let_pass(Duration time) {
    until([] { return false; }, time);
  }
  std::string to_client() const { return client_->received().substr(6); }

  SeededRandom random_{3};
  PeerConnections peers_{loop_,
                         random_,
                         {.relay_count_max = 8,
                          .connection_count_max = 4,
                          .port_min = 30000,
                          .port_max = 39999,
                          .tick = std::chrono::milliseconds(1)},
                         [this](const core::Input& input) { take(input); }};
  std::function<uint64_t(const core::PeerDataArrived&)> answer_ =
      [](const core::PeerDataArrived& offered) { return offered.bytes; };
  bool takes_ = true;
  std::vector<core::PeerArrived> arrived_;
  std::vector<core::Input> told_;
  std::array<int, core::kPeerDirectionCount> offered_{};
  uint64_t forwarded_ = 0;
  std::optional<StreamClient> client_;
  std::optional<StreamClient> peer_;
};

TEST_F(PeerConnectionsTest, ConnectsFromTheAddressThatListens) {
  takes_ = false;
  for (const IpAddress& address : {kLoopback, IpAddress(0, 1)}) {
    const Endpoint relayed = open(kRelay, address);
    ASSERT_EQ(address, relayed.address);
    EXPECT_TRUE(relayed.port >= 30000 && relayed.port <= 39999);
    const FileDescriptor first = listen_at(address);
    const FileDescriptor second = listen_at(address);
    connect(bound_endpoint(first.get()));
    connect(bound_endpoint(second.get()), PeerConnectionId{3});
    EXPECT_EQ(relayed, other_end(accept_from(first)));
    EXPECT_EQ(relayed, other_end(accept_from(second)));
    ASSERT_TRUE(run_until(loop_, [&] { return told_.size() == 2; }));
    EXPECT_EQ(kConnection, std::get<core::PeerConnected>(told_[0]).connection);
    told_.clear();
    // And it listens still.
    StreamClient third(relayed);
    ASSERT_TRUE(run_until(loop_, [&] { return arrived_.size() == 1; }));
    EXPECT_EQ(third.local(), arrived_[0].from);
    EXPECT_EQ(kRelay, arrived_[0].relay);
    arrived_.clear();
    peers_.close(core::CloseRelay{kRelay});
    io::run_for(loop_, std::chrono::milliseconds(1));
  }
  EXPECT_EQ(0u, peers_.listener_count());
}

// Both ends are ours. Whoever connects at the same time the other way round finds it there.
TEST_F(PeerConnectionsTest, ConnectsOneRelayedAddressToAnother) {
  constexpr RelayId kOtherRelay{3};
  for (const IpAddress& address : {kLoopback, IpAddress(0, 1)}) {
    const Endpoint relayed = open(kRelay, address);
    const Endpoint other = open(kOtherRelay, address);
    connect(other, PeerConnectionId{3});
    std::vector<core::Input> answers;
    peers_.connect({PeerConnectionId{2}, kOtherRelay, relayed}, answers);
    ASSERT_EQ(1u, answers.size());
    EXPECT_EQ(core::PeerFailure::kNoResources, std::get<core::PeerFailed>(answers[0]).why);
    ASSERT_TRUE(until([&] { return arrived_.size() == 1 && told_.size() == 1; }));
    EXPECT_EQ(relayed, arrived_[0].from);
    EXPECT_EQ(kOtherRelay, arrived_[0].relay);
    EXPECT_EQ(PeerConnectionId{3}, std::get<core::PeerConnected>(told_[0]).connection);
    bind_client();
    peers_.close(core::ClosePeer{PeerConnectionId{3}});
    ASSERT_TRUE(until([&] { return client_->has_ended(); }));
    client_->finish();
    ASSERT_TRUE(until([&] { return last_told<core::PeerClosed>() != nullptr; }));
    for (const RelayId relay : {kRelay, kOtherRelay}) peers_.close(core::CloseRelay{relay});
    let_pass(std::chrono::milliseconds(5));
    arrived_.clear();
    told_.clear();
  }
}

TEST_F(PeerConnectionsTest, TakesNoPortTwiceNorOneThatOthersHave) {
  PeerConnections narrow(loop_, random_,
                         {.relay_count_max = 8, .port_min = 30100, .port_max = 30101},
                         [](const core::Input&) {});
  // As another program of ours would have it, which shares with whoever lets it.
  FileDescriptor other(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(other.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  sockaddr_storage address;
  const socklen_t size = to_sockaddr({kLoopback, 30100}, address);
  ASSERT_EQ(0, ::bind(other.get(), reinterpret_cast<const sockaddr*>(&address), size));
  ASSERT_EQ(0, listen(other.get(), 1));
  for (uint64_t i = 0; i < 2; ++i) {
    std::vector<core::Input> answers;
    narrow.open({RelayId{i}, kLoopback, core::OpenRelay::Port::kAny, {}, core::RelayProtocol::kTcp},
                answers);
    ASSERT_EQ(1u, answers.size());
    const auto* const opened = std::get_if<core::RelayOpened>(&answers[0]);
    ASSERT_EQ(i == 0, opened != nullptr);
    if (opened == nullptr) continue;
    EXPECT_EQ(30101, opened->local.port);
  }
}

TEST_F(PeerConnectionsTest, TellsWhyThereIsNoConnection) {
  open();
  Endpoint nobody;
  {
    const FileDescriptor listener = listen_at();
    nobody = bound_endpoint(listener.get());
  }
  connect(nobody);
  ASSERT_TRUE(run_until(loop_, [&] { return last_told<core::PeerFailed>() != nullptr; }));
  EXPECT_EQ(core::PeerFailure::kRefused, last_told<core::PeerFailed>()->why);
  // No such relayed address.
  peers_.close(core::CloseRelay{kRelay});
  connect(nobody);
  EXPECT_EQ(core::PeerFailure::kNoResources, last_told<core::PeerFailed>()->why);
}

TEST_F(PeerConnectionsTest, ClosesWhoArrivesAndIsNotTaken) {
  takes_ = false;
  StreamClient peer(open());
  peer.send("hello?");
  ASSERT_TRUE(run_until(loop_, [&] {
    peer.pump();
    return peer.has_ended() || peer.was_reset();
  }));
  EXPECT_EQ(1u, arrived_.size());
  EXPECT_TRUE(told_.empty());
}

TEST_F(PeerConnectionsTest, DoesNotAskTheNodeAboutAFlood) {
  takes_ = false;
  PeerConnections peers(loop_, random_,
                        {.relay_count_max = 8,
                         .connection_count_max = 4,
                         .port_min = 40000,
                         .port_max = 49999,
                         .arrivals_per_second_per_prefix = 1},
                        [this](const core::Input& input) { take(input); });
  constexpr size_t kCount = 12;
  // Whoever connects on this machine has the first of these for its own address.
  for (const IpAddress& address : {kLoopback, IpAddress::v4(0x7f000002)}) {
    if (address != kLoopback) {
      EXPECT_EQ(kCount, arrived_.size());
    }
    arrived_.clear();
    std::vector<core::Input> answers;
    const RelayId relay{uint64_t{7} << 32 | address.v4_value() % 8};
    peers.open({relay, address, core::OpenRelay::Port::kAny, {}, core::RelayProtocol::kTcp},
               answers);
    ASSERT_EQ(1u, answers.size());
    for (size_t i = 0; i < kCount; ++i) {
      StreamClient peer(std::get<core::RelayOpened>(answers[0]).local);
      ASSERT_TRUE(run_until(loop_, [&] {
        peer.pump();
        return peer.has_ended() || peer.was_reset();
      }));
    }
  }
  EXPECT_GE(arrived_.size(), PrefixLimiter::kBurstSeconds);
  EXPECT_LT(arrived_.size(), kCount);
  std::string text;
  node::MetricsWriter writer(text);
  peers.write_metrics(writer);
  const std::string dropped =
      "roost_relay_arrivals_dropped_total " + std::to_string(kCount - arrived_.size()) + '\n';
  EXPECT_NE(std::string::npos, text.find(dropped)) << text;
}

TEST_F(PeerConnectionsTest, SplicesWhatArrivesWithWhoBindsIt) {
  for (const bool uses_tls : {false, true}) {
    peer_.emplace(open());
    peer_->send("said before anybody listened");
    ASSERT_TRUE(until([&] { return !arrived_.empty(); }));
    bind_client(uses_tls);
    ASSERT_TRUE(until([&] { return to_client() == "said before anybody listened"; }));
    client_->send("and back");
    ASSERT_TRUE(until([&] { return peer_->received() == "and back"; }));
    EXPECT_EQ(1u, StreamServerFixture::open(StreamKind::kData));
    peers_.close(core::CloseRelay{kRelay});
    ASSERT_TRUE(until([&] { return client_->has_ended() || client_->was_reset(); }));
    ASSERT_TRUE(until([&] { return peer_->has_ended() || peer_->was_reset(); }));
    EXPECT_TRUE(told_.empty());  // The core knows.
    client_.reset();
    peer_.reset();
    arrived_.clear();
    io::run_for(loop_, std::chrono::milliseconds(5));
  }
}

TEST_F(PeerConnectionsTest, CarriesMuchBothWaysAtOnce) {
  for (const bool uses_tls : {false, true}) {
    bind(uses_tls);
    const std::string there = text_of(3'000'000);
    const std::string back = text_of(2'000'001);
    client_->send(there);
    peer_->send(back);
    ASSERT_TRUE(until([&] {
      return client_->received().size() == 6 + back.size() && peer_->received() == there;
    }));
    EXPECT_EQ(back, to_client());
    EXPECT_GE(forwarded_, there.size() + back.size());
    peers_.close(core::ClosePeer{kConnection});
    client_.reset();
    peer_.reset();
    io::run_for(loop_, std::chrono::milliseconds(5));
    told_.clear();
  }
}

TEST_F(PeerConnectionsTest, TakesWhatFollowsTheBindInTheSamePacket) {
  open();
  const FileDescriptor listener = listen_at();
  connect(bound_endpoint(listener.get()));
  peer_.emplace(accept_from(listener));
  ASSERT_TRUE(run_until(loop_, [&] { return !told_.empty(); }));
  client_.emplace(endpoint_);
  // Behind it may be anything: even what looks like another message is data.
  client_->send(stun_message() + stun_message(8));
  ASSERT_TRUE(until([&] { return peer_->received() == stun_message(8); }));
  EXPECT_EQ("bound.", client_->received());
}

TEST_F(PeerConnectionsTest, OffersAgainWhatIsHeldAndLosesNothing) {
  bind();
  int asked = 0;
  answer_ = [&](const core::PeerDataArrived& offered) -> uint64_t {
    if (++asked % 3 != 0) return 0;
    return std::min<uint64_t>(offered.bytes, 1000);
  };
  const std::string text = text_of(20'000);
  peer_->send(text);
  peer_->finish();
  ASSERT_TRUE(until([&] { return client_->has_ended(); }));
  EXPECT_EQ(text, to_client());
  EXPECT_EQ(text.size(), forwarded_);
}

TEST_F(PeerConnectionsTest, HoldsBackWhoSendsMoreThanIsTaken) {
  bind(false, 4096);
  client_->stop_reading();
  const std::string text = text_of(8'000'000);
  peer_->send(text);
  let_pass(std::chrono::milliseconds(300));
  EXPECT_FALSE(peer_->all_is_sent());
  // Nothing but the kernel's buffers and ours have it: the server's, and the client's.
  EXPECT_LT(forwarded_, 2'000'000u);
  const uint64_t before = forwarded_;
  let_pass(std::chrono::milliseconds(100));
  EXPECT_EQ(before, forwarded_);
  // The other direction goes on.
  client_->send("still here");
  ASSERT_TRUE(until([&] { return peer_->received() == "still here"; }));
  client_->go_on_reading();
  peer_->finish();
  ASSERT_TRUE(until([&] { return client_->has_ended(); }));
  EXPECT_EQ(text, to_client());
}

TEST_F(PeerConnectionsTest, PassesOnTheEndOfEachDirection) {
  for (const bool uses_tls : {false, true}) {
    for (const bool client_is_first : {true, false}) {
      SCOPED_TRACE(testing::Message() << uses_tls << client_is_first);
      bind(uses_tls);
      StreamClient& first = client_is_first ? *client_ : *peer_;
      StreamClient& second = client_is_first ? *peer_ : *client_;
      const size_t bound = client_is_first ? 0 : 6;
      first.send("the last of mine");
      first.finish();
      ASSERT_TRUE(until([&] { return second.has_ended(); }));
      EXPECT_EQ("the last of mine", second.received().substr(bound));
      const std::string answer = text_of(300'000);
      second.send(answer);
      second.finish();
      ASSERT_TRUE(until([&] { return first.has_ended(); }));
      EXPECT_EQ(answer, first.received().substr(6 - bound));
      ASSERT_TRUE(until([&] { return last_told<core::PeerClosed>() != nullptr; }));
      EXPECT_EQ(kConnection, last_told<core::PeerClosed>()->connection);
      client_.reset();
      peer_.reset();
      told_.clear();
      io::run_for(loop_, std::chrono::milliseconds(5));
    }
  }
  EXPECT_EQ(4u, closed(CloseReason::kPeerDone));
}

TEST_F(PeerConnectionsTest, EndsBothWhenOneIsGone) {
  for (const bool client_goes : {true, false}) {
    bind();
    StreamClient& going = client_goes ? *client_ : *peer_;
    StreamClient& other = client_goes ? *peer_ : *client_;
    going.send("gone");
    ASSERT_TRUE(until([&] { return other.received().ends_with("gone"); }));
    going.reset();
    ASSERT_TRUE(until([&] { return other.has_ended() || other.was_reset(); }));
    other.finish();
    ASSERT_TRUE(until([&] { return last_told<core::PeerClosed>() != nullptr; }));
    client_.reset();
    peer_.reset();
    told_.clear();
    io::run_for(loop_, std::chrono::milliseconds(5));
  }
}

TEST_F(PeerConnectionsTest, DeliversWhatItHoldsOfAnEndThatIsGone) {
  bind();
  bool is_held = true;
  answer_ = [&](const core::PeerDataArrived& offered) -> uint64_t {
    if (offered.direction == PeerDirection::kToPeer) return offered.bytes;
    return is_held ? 0 : std::min<uint64_t>(offered.bytes, 100);
  };
  peer_->send(text_of(1000));
  ASSERT_TRUE(until([&] { return offered_[1] > 0; }));
  // It is reset, which is seen when something is sent to it.
  peer_->reset();
  client_->send("are you there?");
  let_pass(std::chrono::milliseconds(30));
  client_->send("are you there?");
  let_pass(std::chrono::milliseconds(30));
  EXPECT_EQ("", to_client());
  is_held = false;
  ASSERT_TRUE(until([&] { return client_->has_ended(); }));
  EXPECT_EQ(text_of(1000), to_client());
}

TEST_F(PeerConnectionsTest, EndsAConnectionThatTheNodeForbidsWhileItsDataIsHeld) {
  // By the peer's data, or the client's; both when it is shown for the first time and again.
  for (const PeerDirection direction : {PeerDirection::kToClient, PeerDirection::kToPeer}) {
    for (const int held : {0, 1, 3}) {
      SCOPED_TRACE(testing::Message() << static_cast<int>(direction) << " " << held);
      bind();
      answer_ = [&, left = held](const core::PeerDataArrived& offered) mutable -> uint64_t {
        if (left-- > 0) return 0;
        peers_.close(core::ClosePeer{offered.connection});
        return 0;
      };
      (direction == PeerDirection::kToPeer ? *client_ : *peer_).send(text_of(1000));
      ASSERT_TRUE(until([&] { return client_->has_ended() || client_->was_reset(); }));
      ASSERT_TRUE(until([&] { return peer_->has_ended() || peer_->was_reset(); }));
      EXPECT_EQ(0u, forwarded_);
      EXPECT_EQ(nullptr, last_told<core::PeerClosed>());  // The core knows.
      client_.reset();
      peer_.reset();
      told_.clear();
      io::run_for(loop_, std::chrono::milliseconds(5));
    }
  }
}

TEST_F(PeerConnectionsTest, ReportsAConnectionWhoseClientIsGoneBeforeItIsBound) {
  open();
  const FileDescriptor listener = listen_at();
  connect(bound_endpoint(listener.get()));
  peer_.emplace(accept_from(listener));
  ASSERT_TRUE(run_until(loop_, [&] { return !told_.empty(); }));
  std::vector<core::Input> answers;
  peers_.bind({kConnection, kNobody}, server_->find(kNobody), answers);
  ASSERT_EQ(1u, answers.size());
  EXPECT_EQ(kConnection, std::get<core::PeerClosed>(answers[0]).connection);
  ASSERT_TRUE(until([&] { return peer_->has_ended(); }));
}

TEST_F(PeerConnectionsTest, GivesASlotToItsNextTenantAtOnce) {
  open();
  const FileDescriptor listener = listen_at();
  connect(bound_endpoint(listener.get()));
  peers_.close(core::ClosePeer{kConnection});
  const PeerConnectionId next{uint64_t{6} << 32 | 1};
  const FileDescriptor other = listen_at();
  connect(bound_endpoint(other.get()), next);
  ASSERT_TRUE(run_until(loop_, [&] { return !told_.empty(); }));
  ASSERT_NE(nullptr, last_told<core::PeerConnected>());
  EXPECT_EQ(next, last_told<core::PeerConnected>()->connection);
  // What is ordered of the one before is not for it.
  peers_.close(core::ClosePeer{kConnection});
  peers_.forward({kConnection, PeerDirection::kToPeer, 5});
  bind_client();
  EXPECT_EQ(nullptr, last_told<core::PeerConnected>());
}

}  // namespace
}  // namespace roost::io
