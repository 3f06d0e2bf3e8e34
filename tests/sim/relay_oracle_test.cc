// SPDX-License-Identifier: MIT
//
// Goal: the oracle of the relay reports each thing that is relayed without a permission, and
// nothing that is lawful. Method: a client that is granted something, then for each promise a
// planted breach, and the nearest that is still right.
#include "sim/relay_oracle.h"

#include <array>
#include <chrono>
#include <gtest/gtest.h>

#include "wire/stun_builder.h"

namespace roost::sim {
namespace {

using namespace std::chrono_literals;
using wire::StunAttribute;
using wire::StunClass;
using wire::StunMethod;
using Data = std::vector<uint8_t>;

constexpr MonoTime kStart{1h};
constexpr Endpoint kOurs{IpAddress::v4(0x14000101), 3478};
constexpr Endpoint kOursToo{{0x2a00'0000'0000'0000, 1}, 3478};
constexpr Endpoint kAlice{IpAddress::v4(0x0b000001), 5000};
constexpr Endpoint kAliceOtherPort{kAlice.address, 5001};
constexpr Endpoint kBob{IpAddress::v4(0x0b000101), 5000};
constexpr Endpoint kPeer{IpAddress::v4(0x0c000001), 9000};
constexpr Endpoint kPeerOtherPort{kPeer.address, 9001};
constexpr Endpoint kOtherPeer{IpAddress::v4(0x0c000002), 9000};
constexpr Endpoint kPeerV6{{0x2600'0000'0000'0000, 7}, 9000};
constexpr Endpoint kPrivate{IpAddress::v4(0xc0a80101), 9000};
constexpr core::RelayId kRelay{7};
constexpr core::RelayId kOtherRelay{8};
constexpr core::StreamId kStream{3};

const Data kData(20, 0x40);

core::DatagramArrived from(const Endpoint& client, Bytes payload = kData) {
  return {0, {kOurs, 0}, client, payload};
}
core::MessageArrived on_stream(core::StreamId stream, Bytes payload = kData) {
  return {stream, core::Transport::kTcp, {kOurs, 0}, kAlice, payload};
}
core::SendDatagram to(const Endpoint& client, core::Payer payer, Bytes payload = kData) {
  core::SendDatagram send{0, {kOurs, 0}, client, payload};
  send.payer = payer;
  return send;
}
core::SendDatagram data_to(const Endpoint& client) {
  return to(client, core::Payer::kFriend);
}
core::OpenRelay open(core::RelayId relay = kRelay) {
  return {relay, kOurs.address};
}
core::SendFromRelay relayed_to(const Endpoint& peer, core::RelayId relay = kRelay) {
  return {relay, peer, kData};
}
core::RelayDatagramArrived came_from(const Endpoint& peer, core::RelayId relay = kRelay) {
  return {relay, peer, kData};
}

class RelayOracleTest : public testing::Test {
 protected:
  using Actions = std::vector<core::Action>;

  // How many faults that step is.
  uint64_t faults(const core::Input& input, const Actions& actions, bool is_cut = false) {
    const uint64_t before = verdict_.count();
    oracle_.check(now_, input, actions, is_cut);
    return verdict_.count() - before;
  }

  static Data request(StunMethod method, const std::vector<Endpoint>& peers, uint8_t number = 1) {
    Data buffer(200);
    wire::StunBuilder builder(buffer, StunClass::kRequest, method, std::array<uint8_t, 12>{number});
    for (const Endpoint& peer : peers) {
      builder.add_xor_address(StunAttribute::kXorPeerAddress, peer);
    }
    const Bytes bytes = builder.finish();
    return {bytes.begin(), bytes.end()};
  }
  static Data reply(const Data& request, StunClass message_class = StunClass::kSuccess) {
    Data buffer(100);
    const wire::StunBuilder builder(buffer, message_class, *wire::StunView::parse(request));
    const Bytes bytes = builder.finish();
    return {bytes.begin(), bytes.end()};
  }

  // The relayed address is `client`'s from here on.
  void open_for(const Endpoint& client, core::RelayId relay = kRelay) {
    EXPECT_EQ(faults(from(client), {open(relay)}), 0u);
  }
  void grant(StunMethod method, const std::vector<Endpoint>& peers,
             const Endpoint& client = kAlice) {
    const Data asked = request(method, peers);
    const Data answer = reply(asked);
    EXPECT_EQ(faults(from(client, asked), {to(client, core::Payer::kService, answer)}), 0u);
  }
  void permit(const Endpoint& peer, const Endpoint& client = kAlice) {
    grant(StunMethod::kCreatePermission, {peer}, client);
  }

  MonoTime now_ = kStart;
  Verdict verdict_;
  RelayOracle oracle_{verdict_, {kOurs.address, kOursToo.address}};
};

TEST_F(RelayOracleTest, ReportsARelayedAddressThatNobodyAskedFor) {
  EXPECT_EQ(faults(from(kAlice), {open()}), 0u);
  EXPECT_EQ(faults(on_stream(kStream), {open(kOtherRelay)}), 0u);
  EXPECT_EQ(faults(core::DeadlinePassed(), {open()}), 1u);
  EXPECT_EQ(faults(came_from(kPeer), {open()}), 1u);
}

TEST_F(RelayOracleTest, ReportsWhatLeavesARelayedAddressWithoutItsOwner) {
  open_for(kAlice);
  permit(kPeer);
  permit(kPeer, kBob);
  EXPECT_EQ(faults(from(kAlice), {relayed_to(kPeer)}), 0u);
  EXPECT_EQ(faults(from(kAlice), {}), 0u);
  EXPECT_EQ(faults(from(kBob), {relayed_to(kPeer)}), 1u);
  EXPECT_EQ(faults(from(kAliceOtherPort), {relayed_to(kPeer)}), 1u);
  EXPECT_EQ(faults(on_stream(kStream), {relayed_to(kPeer)}), 1u);
  EXPECT_EQ(faults(core::DeadlinePassed(), {relayed_to(kPeer)}), 1u);
  EXPECT_EQ(faults(came_from(kPeer), {relayed_to(kPeer)}), 1u);
  EXPECT_EQ(faults(from(kAlice), {relayed_to(kPeer, kOtherRelay)}), 1u);
  // A client that reached another address of ours is another one.
  EXPECT_EQ(faults(core::DatagramArrived{0, {kOursToo, 0}, kAlice, kData}, {relayed_to(kPeer)}),
            1u);
}

TEST_F(RelayOracleTest, ReportsAnAddressThatIsUsedAfterItsEnd) {
  open_for(kAlice);
  permit(kPeer);
  EXPECT_EQ(faults(from(kAlice), {core::CloseRelay{kRelay}}), 0u);
  EXPECT_EQ(faults(from(kAlice), {relayed_to(kPeer)}), 1u);
}

TEST_F(RelayOracleTest, TakesTheReservedAddressForItsOwnersToo) {
  core::OpenRelay pair = open();
  pair.port = core::OpenRelay::Port::kEvenAndNext;
  pair.next = kOtherRelay;
  EXPECT_EQ(faults(from(kAlice), {pair}), 0u);
  permit(kPeer);
  EXPECT_EQ(faults(from(kAlice), {relayed_to(kPeer, kOtherRelay)}), 0u);
}

TEST_F(RelayOracleTest, ReportsWhatGoesToAPeerWithoutAPermission) {
  open_for(kAlice);
  EXPECT_EQ(faults(from(kAlice), {relayed_to(kPeer)}), 1u);
  grant(StunMethod::kCreatePermission, {kPeer, kPeerV6});
  EXPECT_EQ(faults(from(kAlice), {relayed_to(kPeer)}), 0u);
  EXPECT_EQ(faults(from(kAlice), {relayed_to(kPeerOtherPort)}), 0u);  // It is for an address.
  EXPECT_EQ(faults(from(kAlice), {relayed_to(kPeerV6)}), 0u);
  EXPECT_EQ(faults(from(kAlice), {relayed_to(kOtherPeer)}), 1u);
  now_ += 5min - 1us;
  EXPECT_EQ(faults(from(kAlice), {relayed_to(kPeer)}), 0u);
  now_ += 1us;
  EXPECT_EQ(faults(from(kAlice), {relayed_to(kPeer)}), 1u);
  permit(kPeer);
  EXPECT_EQ(faults(from(kAlice), {relayed_to(kPeer)}), 0u);
}

TEST_F(RelayOracleTest, LetsAChannelServeItsPeerForTenMinutes) {
  open_for(kAlice);
  grant(StunMethod::kChannelBind, {kPeer});
  EXPECT_EQ(faults(from(kAlice), {relayed_to(kPeerOtherPort)}), 0u);  // It permits the address,
  now_ += 10min - 1us;
  EXPECT_EQ(faults(from(kAlice), {relayed_to(kPeer)}), 0u);
  EXPECT_EQ(faults(from(kAlice), {relayed_to(kPeerOtherPort)}), 1u);  // for five.
  now_ += 1us;
  EXPECT_EQ(faults(from(kAlice), {relayed_to(kPeer)}), 1u);
}

TEST_F(RelayOracleTest, ReportsWhatGoesToNoPlaceOnTheInternet) {
  open_for(kAlice);
  for (const Endpoint& forbidden : {kPrivate, kOurs, kOursToo, Endpoint{IpAddress(0, 1), 9}}) {
    permit(forbidden);
    EXPECT_EQ(faults(from(kAlice), {relayed_to(forbidden)}), 1u) << forbidden.text();
  }
}

TEST_F(RelayOracleTest, CountsOnlyWhatWasGranted) {
  open_for(kAlice);
  const Data asked = request(StunMethod::kCreatePermission, {kPeer});
  const Data refused = reply(asked, StunClass::kError);
  const Data granted = reply(asked);
  const Data other = reply(request(StunMethod::kCreatePermission, {kPeer}, 2));
  const auto answer = [](const Data& bytes, const Endpoint& client = kAlice) {
    return to(client, core::Payer::kService, bytes);
  };
  // No answer, a refusal, one to another transaction, one to another client.
  const std::vector<Actions> nothing = {
      {}, {answer(refused)}, {answer(other)}, {answer(granted, kBob)}};
  for (const Actions& actions : nothing) {
    EXPECT_EQ(faults(from(kAlice, asked), actions), 0u);
    EXPECT_EQ(faults(from(kAlice), {relayed_to(kPeer)}), 1u);
  }
  // An answer that the donation did not cover: it may have been granted.
  EXPECT_EQ(faults(from(kAlice, asked), {}, /*is_cut=*/true), 0u);
  EXPECT_EQ(faults(from(kAlice), {relayed_to(kPeer)}), 0u);
  oracle_.forget();
  open_for(kAlice);
  EXPECT_EQ(faults(from(kAlice), {relayed_to(kPeer)}), 1u);
}

TEST_F(RelayOracleTest, ReportsDataThatReachesAClientUnasked) {
  open_for(kAlice);
  open_for(kBob, kOtherRelay);
  EXPECT_EQ(faults(came_from(kPeer), {data_to(kAlice)}), 1u);
  permit(kPeer);
  EXPECT_EQ(faults(came_from(kPeer), {data_to(kAlice)}), 0u);
  EXPECT_EQ(faults(came_from(kPeerOtherPort), {data_to(kAlice)}), 0u);
  EXPECT_EQ(faults(came_from(kPeer), {}), 0u);
  EXPECT_EQ(faults(came_from(kOtherPeer), {data_to(kAlice)}), 1u);
  EXPECT_EQ(faults(came_from(kPeer), {data_to(kBob)}), 1u);
  EXPECT_EQ(faults(came_from(kPeer, kOtherRelay), {data_to(kAlice)}), 1u);
  EXPECT_EQ(faults(came_from(kPeer, core::RelayId{9}), {data_to(kAlice)}), 1u);
  EXPECT_EQ(faults(core::DeadlinePassed(), {data_to(kAlice)}), 1u);
  now_ += 5min;
  EXPECT_EQ(faults(came_from(kPeer), {data_to(kAlice)}), 1u);
}

TEST_F(RelayOracleTest, LetsDataGoFromClientToClientOnlyIfBothWereGrantedOurs) {
  open_for(kAlice);
  open_for(kBob, kOtherRelay);
  EXPECT_EQ(faults(from(kAlice), {data_to(kBob)}), 1u);
  permit(kOurs);
  EXPECT_EQ(faults(from(kAlice), {data_to(kBob)}), 1u);
  EXPECT_EQ(faults(from(kBob), {data_to(kAlice)}), 1u);
  grant(StunMethod::kChannelBind, {{kOursToo.address, 50000}}, kBob);
  EXPECT_EQ(faults(from(kAlice), {data_to(kBob)}), 0u);
  EXPECT_EQ(faults(from(kBob), {data_to(kAlice)}), 0u);
  now_ += 5min;
  EXPECT_EQ(faults(from(kBob), {data_to(kAlice)}), 1u);
  permit(kOurs);
  EXPECT_EQ(faults(from(kBob), {data_to(kAlice)}), 0u);  // Bob's channel lives for ten.
  now_ += 4min + 59s;
  EXPECT_EQ(faults(from(kBob), {data_to(kAlice)}), 0u);
  now_ += 1s;
  EXPECT_EQ(faults(from(kBob), {data_to(kAlice)}), 1u);
}

TEST_F(RelayOracleTest, WatchesStreamsAsItDoesDatagrams) {
  const Data asked = request(StunMethod::kCreatePermission, {kPeer});
  const Data granted = reply(asked);
  core::SendMessage data{kStream, kData};
  data.payer = core::Payer::kFriend;
  EXPECT_EQ(faults(on_stream(kStream), {open()}), 0u);
  EXPECT_EQ(faults(on_stream(kStream), {relayed_to(kPeer)}), 1u);
  EXPECT_EQ(faults(came_from(kPeer), {data}), 1u);
  EXPECT_EQ(faults(on_stream(kStream, asked), {core::SendMessage{kStream, granted}}), 0u);
  EXPECT_EQ(faults(on_stream(kStream), {relayed_to(kPeer)}), 0u);
  EXPECT_EQ(faults(came_from(kPeer), {data}), 0u);
  EXPECT_EQ(faults(on_stream(core::StreamId{4}), {relayed_to(kPeer)}), 1u);
}

}  // namespace
}  // namespace roost::sim
