// SPDX-License-Identifier: MIT
//
// Goal: strangers are let in where the gateway allows it, and no longer than we run; within
// kVerdictTime there is an answer to whether it does, if only that there is none.
// Method: a gateway with bytes of its own, in virtual time.
#include "core/reach/port_mapping.h"

#include <cstring>
#include <gtest/gtest.h>

#include "port_mapping_world.h"

namespace roost::core::reach {
namespace {

class PortMappingTest : public PortMappingWorld {};

TEST_F(PortMappingTest, SendsNothingWithoutAGateway) {
  mapping_.want(now(), Protocol::kUdp, 3478);
  run_for(1h);
  EXPECT_TRUE(sent_.empty());
  EXPECT_EQ(State::kWanted, state(0));
  mapping_.release(now());
  EXPECT_TRUE(mapping_.is_released());
}

TEST_F(PortMappingTest, HasBothPortsMappedByPcpAtOnce) {
  begin();
  EXPECT_TRUE(all_are(State::kWanted));
  step();
  EXPECT_EQ(State::kAsked, state(0));
  run_for(10ms);
  expect_both_are_there();
  EXPECT_EQ(kPublic, mapping_.mapping(0).external);
  EXPECT_EQ(GatewayProtocol::kPcp, mapping_.gateway_protocol());
  EXPECT_FALSE(mapping_.is_behind_another_nat());
  EXPECT_GT(mapping_.mapping(0).until, now() + 2h - 1min);
  ASSERT_EQ(2u, sent_.size());
  EXPECT_NE(gateway_.mapping(now(), kUdp, 3478)->nonce, gateway_.mapping(now(), kTcp, 3478)->nonce);
  // The address that the request comes from, mapped.
  EXPECT_EQ(0, std::memcmp(&sent_[0].payload[8], kOurs.address.v6_bytes().data(), 16));
}

TEST_F(PortMappingTest, TakesAnotherPortThanItsOwnAndKeepsIt) {
  gateway_.port_shift = 7;
  begin();
  run_for(10h);
  expect_both_are_there();
  EXPECT_EQ(3485, mapping_.mapping(0).external.port);
  gateway_.port_shift = 0;
  gateway_.restart(now());
  run_for(kWay + PortMapping::kLookPause + PortMapping::kRemakeDelayMax);
  expect_both_are_there();
  EXPECT_EQ(3485, mapping_.mapping(0).external.port) << "suggested after the restart";
}

TEST_F(PortMappingTest, GivesAVerdictThatNobodyAnswersAndAsksOnEverMoreRarely) {
  gateway_.pcp = gateway_.nat_pmp = Speech::kSilent;
  attach();
  run_for(PortMapping::kVerdictTime - 1us);
  EXPECT_TRUE(all_are(State::kAsked));
  run_for(1us);
  EXPECT_TRUE(all_are(State::kNoAnswer));
  run_for(24h);
  EXPECT_TRUE(all_are(State::kNoAnswer));
  EXPECT_LT(sent_.size(), 300u + 30);

  // RFC 6887 §8.1.1.
  const auto pcp = times_of([](const Sent& s) { return s.is_pcp_map() && s.protocol() == kUdp; });
  Duration expected = 3s;
  for (size_t i = 1; i < pcp.size(); ++i) {
    const Duration pause = pcp[i] - pcp[i - 1];
    EXPECT_GE(pause, expected * 9 / 10 - 1s) << i;
    EXPECT_LE(pause, expected * 11 / 10 + 1s) << i;
    expected = std::min<Duration>(pause * 2, 1024s);
  }
  EXPECT_NE(1024s, pcp[12] - pcp[11]) << "not in step with all others";
  // RFC 6886 §3.1, but for the turns that it waits for.
  const auto nat_pmp = times_of([](const Sent& s) { return s.payload.size() == 2; });
  ASSERT_GT(nat_pmp.size(), 10u);
  for (size_t i = 1; i <= 9; ++i) {
    const Duration pause = nat_pmp[i] - nat_pmp[i - 1];
    EXPECT_GE(pause, 250ms * (1 << (i - 1)));
    EXPECT_LE(pause, 250ms * (1 << (i - 1)) + 1s);
  }
  EXPECT_GE(nat_pmp[10] - nat_pmp[9], 1024s);
}

TEST_F(PortMappingTest, FindsAGatewayThatComesLater) {
  for (const bool is_pcp : {true, false}) {
    gateway_.pcp = gateway_.nat_pmp = Speech::kSilent;
    attach();
    run_for(6h);
    gateway_.restart(now());
    (is_pcp ? gateway_.pcp : gateway_.nat_pmp) = Speech::kSpeaks;
    run_for(PortMapping::kPauseMax * 11 / 10 + 1min);
    expect_both_are_there();
  }
}

TEST_F(PortMappingTest, HearsThatAGatewayHasCome) {
  for (const bool is_pcp : {true, false}) {
    gateway_.pcp = gateway_.nat_pmp = Speech::kSilent;
    attach();
    run_for(6h);
    EXPECT_TRUE(all_are(State::kNoAnswer));
    gateway_.restart(now());
    (is_pcp ? gateway_.pcp : gateway_.nat_pmp) = Speech::kSpeaks;
    EXPECT_TRUE(
        hear(is_pcp ? gateway_.pcp_announcement(now()) : gateway_.nat_pmp_announcement(now())));
    sent_.clear();
    run_for(20ms);
    for (const Sent& sent : sent_) EXPECT_FALSE(sent.is_map()) << "all ask at once";
    run_for(PortMapping::kRemakeDelayMax + 1s);
    expect_both_are_there();
  }
}

TEST_F(PortMappingTest, IsGrantedInTimeThoughTheFirstRequestsAreLost) {
  for (const bool is_pcp : {true, false}) {
    gateway_.pcp = is_pcp ? Speech::kSpeaks : Speech::kSilent;
    gateway_.nat_pmp = is_pcp ? Speech::kSilent : Speech::kSpeaks;
    const Duration begun = passed_;
    loses_ = [&](const Sent&) { return passed_ < begun + (is_pcp ? 2s : 3500ms); };
    attach();
    run_for(PortMapping::kVerdictTime);
    expect_both_are_there();
  }
}

TEST_F(PortMappingTest, SpeaksNatPmpWhereTheGatewayComplains) {
  begin(false);
  run_for(300ms);
  expect_both_are_there();
  EXPECT_EQ(GatewayProtocol::kNatPmp, mapping_.gateway_protocol());
  EXPECT_EQ(kPublic.address, mapping_.external_address());
  EXPECT_EQ(4u, sent_.size()) << "one of PCP, the address, two ports";
}

TEST_F(PortMappingTest, SpeaksNatPmpWhereTheGatewayIsDeafToPcp) {
  gateway_.pcp = Speech::kSilent;
  gateway_.nat_pmp = Speech::kSpeaks;
  attach();
  run_for(PortMapping::kPcpAloneTime + 800ms);
  expect_both_are_there();
}

TEST_F(PortMappingTest, SpeaksPcpWhereTheGatewayComplainsOfNatPmp) {
  loses_ = [&](const Sent& sent) { return sent.is_map() && passed_ < 2900ms; };
  begin();
  run_for(3500ms);
  expect_both_are_there();
  EXPECT_EQ(GatewayProtocol::kPcp, mapping_.gateway_protocol());
}

TEST_F(PortMappingTest, RefusesAGatewayThatComplainsOfBoth) {
  gateway_.pcp = gateway_.nat_pmp = Speech::kComplains;
  attach();
  run_for(1s);
  EXPECT_TRUE(all_are(State::kRefused));
  EXPECT_EQ(Refusal::kUnsupportedVersion, mapping_.mapping(0).refusal);
  run_for(24h);
  EXPECT_TRUE(all_are(State::kRefused));
  EXPECT_LT(sent_.size(), 1000u);
}

// One whose setting was changed while it ran: whatever it is asked in last, it is left in peace.
TEST_F(PortMappingTest, AsksSeldomWhereBothAreComplainedOf) {
  for (const bool is_pcp : {true, false}) {
    begin(is_pcp);
    run_for(1min);
    expect_both_are_there();
    gateway_.pcp = gateway_.nat_pmp = Speech::kComplains;
    sent_.clear();
    run_for(24h);
    EXPECT_TRUE(all_are(State::kRefused));
    EXPECT_LT(sent_.size(), 1000u);
  }
}

TEST_F(PortMappingTest, GoesBackToPcpWhenThatIsAnsweredAfterAll) {
  gateway_.pcp = Speech::kSilent;
  gateway_.nat_pmp = Speech::kSpeaks;
  loses_ = [](const Sent& sent) { return sent.is_nat_pmp_map(); };
  attach();
  run_for(5s);
  EXPECT_EQ(GatewayProtocol::kNatPmp, mapping_.gateway_protocol());
  gateway_.pcp = Speech::kSpeaks;
  EXPECT_TRUE(hear(*gateway_.answer(now(), sent_.at(0).payload)));
  run_for(10ms);
  expect_both_are_there();
  EXPECT_EQ(GatewayProtocol::kPcp, mapping_.gateway_protocol());
}

TEST_F(PortMappingTest, TakesNoPortZero) {
  gateway_.port_shift = static_cast<uint16_t>(-3478);
  begin();
  run_for(1s);
  EXPECT_TRUE(all_are(State::kRefused));
  EXPECT_EQ(Refusal::kOther, mapping_.mapping(0).refusal);
}

TEST_F(PortMappingTest, SaysWhenAGatewayThatHasRefusedIsGone) {
  gateway_.result = 2;
  begin();
  run_for(1s);
  EXPECT_TRUE(all_are(State::kRefused));
  gateway_.pcp = gateway_.nat_pmp = Speech::kSilent;
  run_for(30min);
  EXPECT_TRUE(all_are(State::kRefused));
  run_for(PortMapping::kVerdictTime);
  EXPECT_TRUE(all_are(State::kNoAnswer));
}

TEST_F(PortMappingTest, SaysWhyItIsRefusedAndAsksAgainWhenThatIsOver) {
  struct Row {
    bool is_pcp;
    uint8_t result;
    bool is_error_short;
    uint32_t error_lifetime;
    Refusal refusal;
    Duration rest;
  };
  const Row kRows[] = {
      {true, 2, false, 1800, Refusal::kNotAuthorized, 30min},
      {true, 2, false, 86400, Refusal::kNotAuthorized, 30min},
      {true, 8, false, 60, Refusal::kNoResources, 60s},
      {true, 8, false, 0, Refusal::kNoResources, 30s},
      {true, 12, false, 1800, Refusal::kAddressMismatch, 30min},
      {false, 2, false, 0, Refusal::kNotAuthorized, 30min},
      {false, 4, false, 0, Refusal::kNoResources, 30s},
      {false, 4, true, 0, Refusal::kNoResources, 30s},
  };
  for (const Row& row : kRows) {
    SCOPED_TRACE(label(row.refusal));
    gateway_.pcp = row.is_pcp ? Speech::kSpeaks : Speech::kComplains;
    gateway_.nat_pmp = Speech::kSpeaks;
    gateway_.result = row.result;
    gateway_.is_error_short = row.is_error_short;
    gateway_.error_lifetime = row.error_lifetime;
    attach();
    run_for(20ms);
    EXPECT_TRUE(all_are(State::kRefused));
    EXPECT_EQ(row.refusal, mapping_.mapping(1).refusal);
    const auto is_map = [](const Sent& sent) { return sent.is_map(); };
    const size_t before = times_of(is_map).size();
    gateway_.result = 0;
    run_for(row.rest - 20ms);
    EXPECT_EQ(before, times_of(is_map).size());
    EXPECT_TRUE(all_are(State::kRefused)) << "until there is something else to say";
    run_for(20ms);
    expect_both_are_there();
  }
}

TEST_F(PortMappingTest, TellsOfAnotherNatBeforeIt) {
  for (const char* address : {"100.64.3.4", "192.168.0.2", "10.0.0.1"}) {
    for (const bool is_pcp : {true, false}) {
      gateway_.external = *IpAddress::parse(address);
      begin(is_pcp);
      EXPECT_FALSE(mapping_.is_behind_another_nat());
      run_for(1s);
      expect_both_are_there();
      EXPECT_TRUE(mapping_.is_behind_another_nat()) << address;
    }
  }
  // The last does not know its own yet, which is not to say that it has a private one.
  for (const char* address : {"9.9.9.9", "0.0.0.0"}) {
    for (const bool is_pcp : {true, false}) {
      gateway_.external = *IpAddress::parse(address);
      begin(is_pcp);
      run_for(1s);
      expect_both_are_there();
      EXPECT_FALSE(mapping_.is_behind_another_nat()) << address;
    }
  }
}

TEST_F(PortMappingTest, BelievesNobodyElse) {
  begin();
  run_for(1min);
  gateway_.restart(now() - 1s);
  const auto forged = gateway_.pcp_announcement(now());
  EXPECT_FALSE(hear(forged, Endpoint{kGateway, 5350}));
  EXPECT_FALSE(hear(forged, Endpoint{*IpAddress::parse("192.168.1.2"), 5351}));
  EXPECT_TRUE(all_are(State::kGranted));
  EXPECT_EQ(2u, mapping_.stats().strangers);
  EXPECT_FALSE(hear(Bytes())) << "nothing";
  EXPECT_FALSE(hear(gateway_.nat_pmp_announcement(now()))) << "not its language";
  EXPECT_EQ(2u, mapping_.stats().unasked);
  EXPECT_TRUE(all_are(State::kGranted));
}

TEST_F(PortMappingTest, BelievesNoAnswerWithAnotherNonceOrPort) {
  begin();
  run_for(1min);
  const PortMapping::Mapping before = mapping_.mapping(0);
  FakeGateway other(now());  // Its epoch alone would have everything made anew.
  const auto request = sent_.at(0).payload;
  for (const size_t at : {24u, 35u, 36u, 41u}) {  // The nonce's ends, the protocol, the port.
    auto wrong = request;
    wrong[at] ^= 0x40;
    EXPECT_FALSE(hear(*other.answer(now(), wrong))) << at;
  }
  EXPECT_TRUE(all_are(State::kGranted));
  EXPECT_EQ(before.until, mapping_.mapping(0).until);
  EXPECT_FALSE(hear(request)) << "reflected";
  // Of the gateway itself, unasked: its mapping has changed (RFC 6887 §14.2).
  gateway_.external = *IpAddress::parse("198.51.100.7");
  EXPECT_TRUE(hear(*gateway_.answer(now(), request)));
  EXPECT_EQ("198.51.100.7:3478", mapping_.mapping(0).external.text());
}

TEST_F(PortMappingTest, BelievesNoMappingOfNatPmpThatItHasNotAskedFor) {
  begin(false);
  run_for(1min);
  const FakeGateway::Datagram request = sent_.back().payload;
  ASSERT_TRUE(sent_.back().is_nat_pmp_map());
  gateway_.lifetime_max = 60;
  EXPECT_FALSE(hear(*gateway_.answer(now(), request)));
  EXPECT_GT(mapping_.mapping(1).until, now() + 1h);
  EXPECT_FALSE(hear(FakeGateway::Datagram{0, 128, 0, 1, 0, 0, 0, 0})) << "the version is right";
  EXPECT_FALSE(hear(gateway_.pcp_announcement(now()))) << "not its language";
  EXPECT_EQ(GatewayProtocol::kNatPmp, mapping_.gateway_protocol());
}

TEST_F(PortMappingTest, TakesALinkLocalGatewayFromItsOwnLinkOnly) {
  gateway_address_ = *IpAddress::parse("fe80::1");
  gateway_.external = IpAddress();
  local_ = {*Endpoint::parse("[2001:db8::10]:40000"), 3};
  begin();
  run_for(1s);
  EXPECT_TRUE(all_are(State::kGranted));
  EXPECT_EQ("[2001:db8::10]:3478", mapping_.mapping(0).external.text()) << "a pinhole";
  run_for(1min);
  gateway_.restart(now());
  const Endpoint gateway{gateway_address_, 5351};
  EXPECT_FALSE(hear(gateway_.pcp_announcement(now()), gateway, 4));
  EXPECT_TRUE(all_are(State::kGranted));
  EXPECT_TRUE(hear(gateway_.pcp_announcement(now()), gateway, 3));
  run_for(PortMapping::kRemakeDelayMax + 1s);
  EXPECT_EQ(2u, gateway_.mapping_count(now()));
}

TEST_F(PortMappingTest, NeverSpeaksNatPmpOverIpv6) {
  gateway_address_ = *IpAddress::parse("fe80::1");
  local_ = {*Endpoint::parse("[2001:db8::10]:40000"), 3};
  gateway_.pcp = Speech::kSilent;
  gateway_.nat_pmp = Speech::kSpeaks;
  attach();
  run_for(1h);
  EXPECT_TRUE(all_are(State::kNoAnswer));
  gateway_.pcp = Speech::kComplains;
  run_for(1h);
  EXPECT_TRUE(all_are(State::kRefused));
  EXPECT_EQ(Refusal::kUnsupportedVersion, mapping_.mapping(0).refusal);
  for (const Sent& sent : sent_) EXPECT_TRUE(sent.is_pcp_map());
}

class PortMappingReleaseTest : public PortMappingTest, public testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(Protocols, PortMappingReleaseTest, testing::Bool(),
                         [](const auto& given) { return given.param ? "Pcp" : "NatPmp"; });

TEST_P(PortMappingReleaseTest, GivesBackWhatItHasAndIsDone) {
  begin(GetParam());
  run_for(1min);
  EXPECT_EQ(2u, gateway_.mapping_count(now()));
  sent_.clear();
  mapping_.release(now());
  EXPECT_FALSE(mapping_.is_released());
  run_for(2 * kWay);
  EXPECT_TRUE(mapping_.is_released());
  EXPECT_TRUE(all_are(State::kReleased));
  EXPECT_EQ(0u, gateway_.mapping_count(now()));
  EXPECT_EQ(2u, sent_.size());
  EXPECT_FALSE(mapping_.next_deadline());
}

TEST_P(PortMappingReleaseTest, IsNotMisledByALateGrant) {
  begin(GetParam());
  run_for(1min);
  const auto request = sent_.back().payload;
  const auto grant = *gateway_.answer(now(), request);
  mapping_.release(now());
  step();
  hear(grant);
  EXPECT_EQ(State::kGranted, state(1)) << "the last that was asked for";
  run_for(2 * kWay);
  EXPECT_TRUE(mapping_.is_released());
  EXPECT_EQ(0u, gateway_.mapping_count(now()));
}

TEST_P(PortMappingReleaseTest, IsDoneWhenTheGatewayRefusesToTakeItBack) {
  begin(GetParam());
  run_for(1min);
  gateway_.result = 2;
  mapping_.release(now());
  run_for(2 * kWay);
  EXPECT_TRUE(mapping_.is_released());
}

TEST_F(PortMappingTest, WaitsForNobodyWhenItIsToStop) {
  begin();
  run_for(1min);
  gateway_.pcp = gateway_.nat_pmp = Speech::kSilent;
  sent_.clear();
  mapping_.release(now());
  gateway_.restart(now());
  hear(gateway_.pcp_announcement(now()));
  const MonoTime begun = now();
  run_for(PortMapping::kReleaseTryCountMax * PortMapping::kReleasePause);
  EXPECT_TRUE(mapping_.is_released());
  EXPECT_EQ(4u, sent_.size());
  for (const Sent& sent : sent_) {
    EXPECT_LE(sent.at, begun + PortMapping::kReleasePause);
    EXPECT_EQ(0u, load_u32(&sent.payload[4])) << "the lifetime";
    EXPECT_EQ(0u, load_u16(&sent.payload[42])) << "the suggested port (RFC 6887 §15)";
  }
  EXPECT_FALSE(mapping_.next_deadline());
}

TEST_F(PortMappingTest, HasNothingToGiveBackWhereNothingWasGranted) {
  gateway_.result = 2;
  begin();
  run_for(1s);
  mapping_.release(now());
  EXPECT_TRUE(mapping_.is_released());
}

TEST_F(PortMappingTest, BeginsAnewAtAnotherGateway) {
  begin();
  run_for(1s);
  const auto nonce = gateway_.mapping(now(), kUdp, 3478)->nonce;
  mapping_.set_gateway(now(), PortMapping::Gateway{kGateway, kSocket, local_});
  EXPECT_TRUE(all_are(State::kGranted)) << "the same";
  mapping_.set_gateway(now(), {});
  EXPECT_TRUE(all_are(State::kWanted));
  EXPECT_FALSE(mapping_.next_deadline());
  EXPECT_FALSE(hear(gateway_.pcp_announcement(now())));
  gateway_ = FakeGateway(now() - 1h);
  gateway_address_ = *IpAddress::parse("10.1.1.1");
  attach();
  run_for(1s);
  expect_both_are_there();
  EXPECT_NE(nonce, gateway_.mapping(now(), kUdp, 3478)->nonce);
}

// Whoever can forge the gateway's address on our link makes us ask, but not all the time.
TEST_F(PortMappingTest, AsksAtABoundedRateWhateverItHears) {
  begin();
  run_for(1s);
  sent_.clear();
  for (int i = 0; i < 10'000; ++i) {
    FakeGateway liar(now() - std::chrono::seconds(random_.below(100'000)));
    hear(liar.pcp_announcement(now()));
    hear(liar.nat_pmp_announcement(now()));
    hear(FakeGateway::Datagram{0, 128, 0, 1, 0, 0, 0, 0});
    run_for(10ms);
  }
  EXPECT_LT(sent_.size(), 150u) << "in 100 seconds";
}

}  // namespace
}  // namespace roost::core::reach
