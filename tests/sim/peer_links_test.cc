// SPDX-License-Identifier: MIT
//
// Goal: the simulated machine connects, takes on, splices and ends connections of relayed TCP as
// the daemon's does. Method: a shell that answers each offer as the test likes, and a peer's host.
#include "sim/peer_links.h"

#include <gtest/gtest.h>

#include "sim/world.h"

namespace roost::sim {
namespace {

using namespace std::chrono_literals;
using core::PeerConnectionId;
using core::PeerDirection;
using core::RelayId;
using core::StreamId;
using Data = std::vector<uint8_t>;

constexpr RelayId kRelay{2};
constexpr RelayId kOtherRelay{3};
constexpr PeerConnectionId kLink{7};
constexpr PeerConnectionId kOtherLink{8};
constexpr StreamId kStream{3};

class Ends final : public Program {
 public:
  void on_packet(Packet packet) override {
    if (links != nullptr) links->take_segment(packet);
    packets.push_back(std::move(packet));
  }
  void on_wake_up(uint64_t) override {
    if (links != nullptr) links->pump(kLink);
  }
  explicit Ends(Host& home) : host(home) {}
  Host& host;
  PeerLinks* links = nullptr;
  std::vector<Packet> packets;
};

class PeerLinksTest : public testing::Test, public PeerLinks::Shell {
 protected:
  PeerLinksTest() {
    node_.links = &links_;
    links_.open(kRelay, local_);
  }

  void happen(const core::Input& input) override {
    inputs_.push_back(input);
    if (std::holds_alternative<core::PeerArrived>(input) && takes_) {
      links_.take(core::TakePeer{kLink});
    }
    const auto* const offer = std::get_if<core::PeerDataArrived>(&input);
    if (offer == nullptr) return;
    if (granted_bytes_ == 0) return links_.hold({kLink, offer->direction, 100ms});
    links_.forward({kLink, offer->direction, std::min(offer->bytes, granted_bytes_)});
  }
  void owe(const core::Input& input) override { inputs_.push_back(input); }
  void wake_links(MonoTime when, PeerConnectionId) override { node_.host.wake_up(when, 1); }
  Connection* connection_of(StreamId stream) override {
    return stream == kStream && client_ ? &*client_ : nullptr;
  }
  core::Transport transport_of(StreamId) override { return core::Transport::kTcp; }
  void drop_stream(StreamId) override { client_.reset(); }

  template <typename Input>
  size_t count() const {
    return static_cast<size_t>(std::count_if(inputs_.begin(), inputs_.end(), [](const auto& input) {
      return std::holds_alternative<Input>(input);
    }));
  }
  void arrive() {
    peer_end_.send(peer_.host, PacketKind::kOpen);
    world_.run_for(1s);
  }
  void bind(Bytes unread = {}) {
    client_.emplace(local_, Endpoint{IpAddress::v4(0x0b000001), 5000});
    links_.bind({kLink, kStream}, unread);
    world_.run_for(1s);
  }
  Data peer_heard() const {
    Data heard;
    for (const Packet& packet : peer_.packets) {
      heard.insert(heard.end(), packet.payload.begin(), packet.payload.end());
    }
    return heard;
  }

  World world_{1};
  Ends& node_ = world_.run<Ends>(world_.add_host());
  Ends& peer_ = world_.run<Ends>(world_.add_host());
  Endpoint local_{node_.host.addresses()[0], 50000};
  Endpoint remote_{peer_.host.addresses()[0], 9000};
  Verdict verdict_;
  PeerLinks links_{node_.host, verdict_, *this};
  Connection peer_end_{remote_, local_};
  std::optional<Connection> client_;
  std::vector<core::Input> inputs_;
  bool takes_ = true;
  uint64_t granted_bytes_ = 1000;
};

TEST_F(PeerLinksTest, TakesOnPeersOrSendsThemAway) {
  takes_ = false;
  arrive();
  ASSERT_EQ(peer_.packets.size(), 1u);
  EXPECT_TRUE(Connection::is_reset(peer_.packets[0]));
  takes_ = true;
  arrive();
  EXPECT_EQ(peer_.packets.back().kind, PacketKind::kOpen);
  EXPECT_EQ(links_.connection_count(), 1u);
  EXPECT_EQ(count<core::PeerArrived>(), 2u);
}

TEST_F(PeerLinksTest, TellsWhetherThereIsAConnection) {
  links_.connect({kLink, kRelay, remote_});
  world_.run_for(1s);
  Connection::answering(peer_.packets.back()).send(peer_.host, PacketKind::kOpen);
  world_.run_for(1s);
  EXPECT_EQ(count<core::PeerConnected>(), 1u);
  links_.close(kLink);
  world_.run_for(1s);
  EXPECT_TRUE(Connection::is_reset(peer_.packets.back()));
  links_.connect({kLink, kRelay, remote_});
  world_.run_for(1s);
  Connection::answering(peer_.packets.back()).reset(peer_.host);
  world_.run_for(1s);
  EXPECT_EQ(count<core::PeerFailed>(), 1u);
  EXPECT_EQ(links_.connection_count(), 0u);
}

// Of the two who connect to each other at the same time the second one is late, as in the kernel.
TEST_F(PeerLinksTest, ConnectsOneRelayedAddressToAnotherOnce) {
  const Endpoint other{local_.address, 50001};
  links_.open(kOtherRelay, other);
  links_.connect({kOtherLink, kRelay, other});
  ASSERT_EQ(count<core::PeerFailed>(), 0u);
  links_.connect({kLink, kOtherRelay, local_});
  EXPECT_EQ(count<core::PeerFailed>(), 1u);
  world_.run_for(1s);
  EXPECT_EQ(count<core::PeerConnected>(), 1u);
  ASSERT_EQ(count<core::PeerArrived>(), 1u);
  EXPECT_EQ(links_.connection_count(), 2u);  // Both ends of it.
  bind(Data{1, 2, 3});
  links_.close(kOtherLink);
  world_.run_for(1s);
  EXPECT_EQ(links_.forwarded_bytes(), 3u);
  EXPECT_TRUE(verdict_.holds()) << verdict_.text();
}

TEST_F(PeerLinksTest, PassesOnWhatIsGrantedAndTheEndBehindIt) {
  arrive();
  granted_bytes_ = 2;
  bind(Data{1, 2, 3, 4, 5});
  EXPECT_EQ(peer_heard(), (Data{1, 2, 3, 4, 5}));
  EXPECT_EQ(count<core::PeerDataArrived>(), 3u);
  links_.take_client_end(kStream);
  world_.run_for(1s);
  EXPECT_EQ(peer_.packets.back().kind, PacketKind::kEnd);
  EXPECT_FALSE(Connection::is_reset(peer_.packets.back()));
  EXPECT_EQ(links_.connection_count(), 1u);  // The other direction goes on.
  peer_end_.send(peer_.host, PacketKind::kData, Data{6, 7});
  peer_end_.send(peer_.host, PacketKind::kEnd);
  world_.run_for(1s);
  EXPECT_EQ(links_.forwarded_bytes(), 7u);
  EXPECT_EQ(count<core::StreamBytesSent>(), 1u);
  EXPECT_EQ(count<core::PeerClosed>(), 1u);
  EXPECT_FALSE(client_);
}

TEST_F(PeerLinksTest, OffersAgainWhatIsHeld) {
  arrive();
  granted_bytes_ = 0;
  bind(Data{1, 2, 3});
  EXPECT_GE(links_.hold_count(), 9u);
  EXPECT_EQ(links_.forwarded_bytes(), 0u);
  granted_bytes_ = 1000;
  world_.run_for(1s);
  EXPECT_EQ(peer_heard(), (Data{1, 2, 3}));
}

TEST_F(PeerLinksTest, OffersNoMoreThanTheOtherEndHasRoomFor) {
  arrive();
  granted_bytes_ = 100'000;
  bind(Data(2 * Connection::kWindowBytes));
  EXPECT_EQ(links_.forwarded_bytes(), Connection::kWindowBytes);
  peer_end_.send(peer_.host, PacketKind::kData, Data{1});
  peer_.host.send({PacketKind::kWindow, 5000, remote_, local_, {}});
  world_.run_for(1s);
  EXPECT_EQ(links_.forwarded_bytes(), Connection::kWindowBytes + 5001);
}

TEST_F(PeerLinksTest, ReportsAnswersToWhatWasNotOffered) {
  arrive();
  bind();
  EXPECT_TRUE(verdict_.holds());
  links_.take({kLink});
  EXPECT_EQ(verdict_.count(), 1u);
  links_.close(kLink);
  links_.forward({kLink, PeerDirection::kToPeer, 1});
  EXPECT_EQ(verdict_.count(), 2u);
}

TEST_F(PeerLinksTest, EndsWhoIsSilent) {
  arrive();
  bind();
  world_.run_for(PeerLinks::kIdleMax + 1s);
  EXPECT_EQ(count<core::PeerClosed>(), 1u);
  EXPECT_EQ(links_.connection_count(), 0u);
}

TEST_F(PeerLinksTest, EndsAllOfARelayedAddress) {
  arrive();
  bind();
  links_.close(kRelay);
  EXPECT_EQ(links_.connection_count(), 0u);
  EXPECT_EQ(count<core::PeerClosed>(), 0u);  // Who has ordered it knows.
  EXPECT_FALSE(client_);
  arrive();
  EXPECT_EQ(links_.connection_count(), 0u);
}

}  // namespace
}  // namespace roost::sim
