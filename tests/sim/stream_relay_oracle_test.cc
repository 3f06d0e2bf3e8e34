// SPDX-License-Identifier: MIT
//
// Goal: the oracle of relayed TCP reports each breach, and nothing that is lawful.
// Method: a client's connections made step by step; for each promise a planted breach.
#include "sim/stream_relay_oracle.h"

#include <array>
#include <chrono>
#include <gtest/gtest.h>
#include <vector>

#include "wire/stun_builder.h"

namespace roost::sim {
namespace {

using namespace std::chrono_literals;
using core::PeerConnectionId;
using core::PeerDirection;
using core::RelayId;
using core::StreamId;
using wire::StunAttribute;
using wire::StunBuilder;
using wire::StunClass;
using wire::StunMethod;
using Data = std::vector<uint8_t>;

constexpr Endpoint kOurs{IpAddress::v4(0x14000101), 3478};
constexpr Endpoint kClient{IpAddress::v4(0x0b000001), 5000};
constexpr Endpoint kPeer{IpAddress::v4(0x0c000001), 9000};
constexpr Endpoint kOtherPeer{IpAddress::v4(0x0c000002), 9000};
constexpr Endpoint kPrivate{IpAddress::v4(0xc0a80101), 9000};
constexpr RelayId kRelay{2};
constexpr RelayId kOtherRelay{3};
constexpr StreamId kControl{1};
constexpr StreamId kData{2};
constexpr PeerConnectionId kLink{7};
constexpr PeerConnectionId kOtherLink{8};
constexpr uint32_t kNumber = 0xabcd;

class StreamRelayOracleTest : public testing::Test {
 protected:
  using Actions = std::vector<core::Action>;

  StreamRelayOracleTest() {
    const core::OpenRelay open{
        kRelay, kOurs.address, core::OpenRelay::Port::kAny, {}, core::RelayProtocol::kTcp};
    EXPECT_EQ(faults(asks(kControl, StunMethod::kAllocate), {open}), 0u);
  }
  static node::Config::Relay bounds() {
    node::Config::Relay relay;
    relay.connections = 3;
    relay.connections_per_allocation = 2;
    return relay;
  }
  uint64_t faults(const core::Input& input, const Actions& actions) {
    const uint64_t before = verdict_.count();
    oracle_.check(now_, input, actions, false);
    return verdict_.count() - before;
  }
  template <typename Add>
  static Data message(StunClass message_class, StunMethod method, Add add) {
    Data buffer(200);
    StunBuilder builder(buffer, message_class, method, std::array<uint8_t, 12>{1});
    add(builder);
    const Bytes built = builder.finish();
    return {built.begin(), built.end()};
  }
  core::MessageArrived asks(StreamId stream, StunMethod method,
                            const std::optional<Endpoint>& peer = {},
                            const std::optional<uint32_t>& number = {},
                            std::string_view user = "alice") {
    asked_ = message(StunClass::kRequest, method, [&](StunBuilder& builder) {
      builder.add(StunAttribute::kUsername, as_bytes(user));
      if (peer) builder.add_xor_address(StunAttribute::kXorPeerAddress, *peer);
      if (number) builder.add_u32(StunAttribute::kConnectionId, *number);
    });
    return {stream, core::Transport::kTcp, {kOurs, 0}, kClient, asked_};
  }
  core::SendMessage told(StreamId stream, StunMethod method,
                         const std::optional<uint32_t>& number = {},
                         StunClass message_class = StunClass::kSuccess) {
    told_ = message(message_class, method, [&](StunBuilder& builder) {
      if (number) builder.add_u32(StunAttribute::kConnectionId, *number);
    });
    return {stream, told_};
  }
  uint64_t connect(const Endpoint& asked = kPeer, const Endpoint& to = kPeer,
                   StreamId stream = kControl, PeerConnectionId link = kLink) {
    return faults(asks(stream, StunMethod::kConnect, asked), {core::ConnectPeer{link, kRelay, to}});
  }
  uint64_t answer(const std::optional<uint32_t>& number = kNumber, StreamId stream = kControl,
                  PeerConnectionId link = kLink) {
    return faults(core::PeerConnected{link}, {told(stream, StunMethod::kConnect, number)});
  }
  void permit(const Endpoint& peer) {
    const core::Input asked = asks(kControl, StunMethod::kCreatePermission, peer);
    EXPECT_EQ(faults(asked, {told(kControl, StunMethod::kCreatePermission)}), 0u);
  }
  uint64_t arrive(const Endpoint& from, PeerConnectionId link = kLink) {
    return faults(core::PeerArrived{kRelay, from},
                  {core::TakePeer{link}, told(kControl, StunMethod::kConnectionAttempt, kNumber,
                                              StunClass::kIndication)});
  }
  uint64_t bind(uint32_t number = kNumber, std::string_view user = "alice",
                StreamId stream = kData) {
    const core::Input asked = asks(kData, StunMethod::kConnectionBind, {}, number, user);
    return faults(asked, {told(kData, StunMethod::kConnectionBind), core::BindPeer{kLink, stream}});
  }
  static core::PeerDataArrived offer(uint64_t bytes = 100) {
    return {kLink, PeerDirection::kToPeer, bytes};
  }
  static core::ForwardPeerData forward(uint64_t bytes,
                                       PeerDirection direction = PeerDirection::kToPeer) {
    return {kLink, direction, bytes};
  }

  MonoTime now_{1h};
  Verdict verdict_;
  StreamRelayOracle oracle_{verdict_, bounds()};
  Data asked_;
  Data told_;
};

TEST_F(StreamRelayOracleTest, ReportsConnectionsThatNobodyAskedFor) {
  EXPECT_EQ(connect(kPeer, kOtherPeer), 1u);
  EXPECT_EQ(faults(core::PeerFailed{kLink, core::PeerFailure::kRefused}, {}), 0u);
  EXPECT_EQ(connect(kPeer, kPeer, kData), 1u);  // Not the owner.
  EXPECT_EQ(connect(), 1u);                     // The same number again.
  EXPECT_EQ(faults(core::PeerClosed{kLink}, {}), 0u);
  EXPECT_EQ(connect(kPrivate, kPrivate), 1u);
  EXPECT_EQ(faults(core::PeerClosed{kLink}, {}), 0u);
  EXPECT_EQ(connect(), 0u);
}

TEST_F(StreamRelayOracleTest, ReportsConnectionsToTheNodeWhereNobodyElseIsRelayed) {
  const Endpoint own{kOurs.address, 50000};
  const Endpoint others{kOurs.address, 50001};
  const core::OpenRelay open{
      kOtherRelay, kOurs.address, core::OpenRelay::Port::kAny, {}, core::RelayProtocol::kTcp};
  EXPECT_EQ(faults(core::RelayOpened{kRelay, own}, {}), 0u);
  EXPECT_EQ(faults(asks(kData, StunMethod::kAllocate), {open}), 0u);
  for (const Endpoint& nobody : {own, others, kOurs}) {
    EXPECT_EQ(connect(nobody, nobody), 1u) << nobody.text();
    EXPECT_EQ(faults(core::PeerClosed{kLink}, {}), 0u);
  }
  EXPECT_EQ(faults(core::RelayOpened{kOtherRelay, others}, {}), 0u);
  EXPECT_EQ(connect(others, others), 0u);
}

TEST_F(StreamRelayOracleTest, ReportsPeersThatAreNotPermitted) {
  EXPECT_EQ(arrive(kPeer), 1u);
  EXPECT_EQ(faults(core::PeerClosed{kLink}, {}), 0u);
  permit(kPeer);
  EXPECT_EQ(arrive(kOtherPeer), 1u);
  EXPECT_EQ(faults(core::PeerClosed{kLink}, {}), 0u);
  EXPECT_EQ(arrive({kPeer.address, 1}), 0u);  // Permissions know no ports.
  EXPECT_EQ(faults(core::PeerClosed{kLink}, {}), 0u);
  now_ += 5min;
  EXPECT_EQ(arrive(kPeer), 1u);
  EXPECT_EQ(faults(core::DeadlinePassed(), {core::TakePeer{kOtherLink}}), 1u);
}

TEST_F(StreamRelayOracleTest, ReportsWhatIsBoundAndMustNotBe) {
  EXPECT_EQ(connect(), 0u);
  EXPECT_EQ(bind(), 2u);  // Neither told nor there yet,
  EXPECT_EQ(faults(core::PeerClosed{kLink}, {}), 0u);
  EXPECT_EQ(connect(), 0u);
  EXPECT_EQ(answer(), 0u);
  EXPECT_EQ(bind(kNumber + 1), 1u);  // another, and then twice,
  EXPECT_EQ(bind(), 1u);
  EXPECT_EQ(faults(core::PeerClosed{kLink}, {}), 0u);
  EXPECT_EQ(connect(), 0u);
  EXPECT_EQ(answer(), 0u);
  EXPECT_EQ(bind(kNumber, "bob"), 1u);  // by another user,
  EXPECT_EQ(faults(core::PeerClosed{kLink}, {}), 0u);
  EXPECT_EQ(connect(), 0u);
  EXPECT_EQ(answer(), 0u);
  EXPECT_EQ(bind(kNumber, "alice", kControl), 1u);  // or another stream than asked.
  now_ += 30s;
  EXPECT_EQ(bind(), 0u);
  const core::Input asked = asks(kData, StunMethod::kConnectionBind, {}, kNumber);
  EXPECT_EQ(faults(asked, {told(kData, StunMethod::kConnectionBind)}), 1u);
}

TEST_F(StreamRelayOracleTest, ReportsWhatIsToldWrongly) {
  EXPECT_EQ(connect(), 0u);
  EXPECT_EQ(answer(kNumber, kData), 1u);
  EXPECT_EQ(answer({}), 1u);
  EXPECT_EQ(connect(kOtherPeer, kOtherPeer, kControl, kOtherLink), 0u);
  EXPECT_EQ(answer(kNumber, kControl, kOtherLink), 1u);  // That of another.
  EXPECT_EQ(faults(core::DeadlinePassed(), {told(kControl, StunMethod::kConnect, 7)}), 1u);
}

TEST_F(StreamRelayOracleTest, ReportsDataThatNobodyHasOffered) {
  EXPECT_EQ(connect(), 0u);
  EXPECT_EQ(answer(), 0u);
  EXPECT_EQ(faults(offer(), {forward(100)}), 1u);  // Not bound.
  EXPECT_EQ(bind(), 0u);
  const core::HoldPeerData hold{kLink, PeerDirection::kToPeer, 20ms};
  EXPECT_EQ(faults(offer(), {forward(100)}), 0u);
  EXPECT_EQ(faults(offer(), {forward(1)}), 0u);
  EXPECT_EQ(faults(offer(), {hold}), 0u);
  EXPECT_EQ(faults(offer(), {forward(101)}), 1u);
  EXPECT_EQ(faults(offer(), {forward(0)}), 1u);
  EXPECT_EQ(faults(offer(), {forward(9, PeerDirection::kToClient)}), 1u);
  EXPECT_EQ(faults(offer(), {}), 1u);
  EXPECT_EQ(faults(offer(), {forward(9), hold}), 1u);
  EXPECT_EQ(faults(core::DeadlinePassed(), {forward(9)}), 2u);
  EXPECT_EQ(faults(offer(), {core::ClosePeer{kLink}}), 0u);
  EXPECT_EQ(oracle_.connection_count(), 0u);
}

TEST_F(StreamRelayOracleTest, ReportsTooManyAndTooOldOnes) {
  EXPECT_EQ(connect(), 0u);
  EXPECT_EQ(connect(kPeer, kPeer, kControl, kOtherLink), 0u);
  EXPECT_EQ(connect(kPeer, kPeer, kControl, PeerConnectionId{9}), 1u);
  EXPECT_EQ(connect(kPeer, kPeer, kControl, PeerConnectionId{10}), 2u);
  now_ += 31s;
  EXPECT_EQ(faults(core::DeadlinePassed(), {}), 0u);
  now_ += 1s;
  EXPECT_EQ(faults(core::DeadlinePassed(), {}), 4u);
  EXPECT_EQ(faults(core::DeadlinePassed(), {core::CloseRelay{kRelay}}), 0u);
  EXPECT_EQ(oracle_.connection_count(), 0u);
}

TEST(StreamRelayOracle, CountsTheHeadersOfEachPacket) {
  EXPECT_EQ(StreamRelayOracle::cost_of(1), 41u);
  EXPECT_EQ(StreamRelayOracle::cost_of(1400), 1440u);
  EXPECT_EQ(StreamRelayOracle::cost_of(1401), 1481u);
}

}  // namespace
}  // namespace roost::sim
