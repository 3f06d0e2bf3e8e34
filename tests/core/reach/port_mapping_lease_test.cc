// SPDX-License-Identifier: MIT
//
// Goal: what was granted is renewed in time, made anew when the gateway has forgotten it, and given
// up when nobody answers any more. Method: hours and days with a gateway with bytes of its own, in
// virtual time.
#include <gtest/gtest.h>

#include "core/reach/port_mapping.h"
#include "port_mapping_world.h"

namespace roost::core::reach {
namespace {

class PortMappingLeaseTest : public PortMappingWorld {};

TEST_F(PortMappingLeaseTest, KeepsWhatItHasWhenARenewalIsRefused) {
  begin();
  run_for(1s);
  gateway_.result = 8;
  gateway_.error_lifetime = 30;
  run_for(2h - 2s);
  EXPECT_TRUE(all_are(State::kGranted));
  run_for(2s);
  EXPECT_TRUE(all_are(State::kRefused));
  gateway_.result = 0;
  run_for(5min);
  expect_both_are_there();
}

TEST_F(PortMappingLeaseTest, RenewsOverADayAndNeverLosesThem) {
  for (const bool is_pcp : {true, false}) {
    begin(is_pcp);
    run_for(1s);
    sent_.clear();
    for (int minute = 0; minute < 24 * 60; ++minute) {
      run_for(1min);
      expect_both_are_there();
    }
    for (const uint8_t protocol : {kUdp, kTcp}) {
      const auto times =
          times_of([&](const Sent& s) { return s.is_map() && s.protocol() == protocol; });
      EXPECT_GE(times.size(), 24u * 4 / 5);
      EXPECT_LE(times.size(), 24u);
      for (size_t i = 1; i < times.size(); ++i) {
        EXPECT_GE(times[i] - times[i - 1], 1h);
        EXPECT_LE(times[i] - times[i - 1], 75min + 1s);
      }
    }
    EXPECT_LE(sent_.size(), 48u + 24 * 6) << "and a look every ten minutes";
    EXPECT_EQ(0u, mapping_.stats().expired);
    EXPECT_EQ(0u, mapping_.stats().restarts);
  }
}

TEST_F(PortMappingLeaseTest, RenewsAsOftenAsTheGatewayWishes) {
  for (const uint32_t lifetime : {120u, 20u, 5u}) {
    gateway_.lifetime_max = lifetime;
    attach();
    run_for(1s);
    sent_.clear();
    for (int i = 0; i < 1000; ++i) {
      run_for(900ms);
      expect_both_are_there();
    }
    const auto times = times_of([](const Sent& s) { return s.is_map() && s.protocol() == kUdp; });
    for (size_t i = 1; i < times.size(); ++i) EXPECT_GE(times[i] - times[i - 1], 4s);
  }
  // One that grants nothing worth having is not asked all the time either.
  gateway_.lifetime_max = 1;
  sent_.clear();
  run_for(10min);
  EXPECT_LE(times_of([](const Sent& s) { return s.is_map(); }).size(), 2u * 150 + 2);
}

TEST_F(PortMappingLeaseTest, BelievesNoLeaseForLongerThanADay) {
  gateway_.lifetime_min = UINT32_MAX;
  begin();
  run_for(1s);
  EXPECT_TRUE(all_are(State::kGranted));
  EXPECT_LE(mapping_.mapping(0).until, now() + 24h);
  sent_.clear();
  run_for(24h);
  EXPECT_GE(times_of([](const Sent& s) { return s.is_map(); }).size(), 2u);
}

TEST_F(PortMappingLeaseTest, RenewsEverMoreUrgentlyAndBeginsAnewWhenTheLeaseHasRunOut) {
  begin();
  run_for(1s);
  sent_.clear();
  gateway_.pcp = gateway_.nat_pmp = Speech::kSilent;
  const MonoTime until = mapping_.mapping(0).until;
  const MonoTime granted = until - 2h;
  run_for(2h - 2s);
  EXPECT_TRUE(all_are(State::kGranted));
  const auto times = times_of([](const Sent& s) { return s.is_map() && s.protocol() == kUdp; });
  ASSERT_GE(times.size(), 8u);
  EXPECT_LE(times.size(), 14u);
  Duration left = 2h;
  for (size_t i = 0; i < 8; ++i, left /= 2) {  // §11.2.1: 1/2 to 5/8, 3/4 to 13/16, and so on.
    EXPECT_GE(times[i], granted + 2h - left / 2) << i;
    EXPECT_LE(times[i], granted + 2h - left / 2 + left / 8 + 1s) << i;
  }
  for (size_t i = 1; i < times.size(); ++i) EXPECT_GE(times[i] - times[i - 1], 4s);
  run_for(2s + 4s);
  EXPECT_FALSE(state(0) == State::kGranted);
  run_for(PortMapping::kVerdictTime);
  EXPECT_TRUE(all_are(State::kNoAnswer));
  EXPECT_EQ(2u, mapping_.stats().expired);
  // The next router speaks the other language.
  gateway_.nat_pmp = Speech::kSpeaks;
  gateway_.restart(now());
  run_for(PortMapping::kPauseMax * 11 / 10);
  expect_both_are_there();
}

// A router that has learned PCP, or another in its place.
TEST_F(PortMappingLeaseTest, LeavesNatPmpWhenNobodyAnswersInIt) {
  begin(false);
  run_for(1min);
  gateway_.restart(now());
  gateway_.pcp = Speech::kSpeaks;
  gateway_.nat_pmp = Speech::kSilent;
  run_for(PortMapping::kLookPause + 3min);
  EXPECT_EQ(GatewayProtocol::kUndecided, mapping_.gateway_protocol());
  run_for(75min);
  expect_both_are_there();
  EXPECT_EQ(0u, mapping_.stats().expired) << "renewed in the other language";
}

TEST_F(PortMappingLeaseTest, LeavesNatPmpWhenNoMappingIsAnswered) {
  loses_ = [](const Sent& sent) { return sent.is_nat_pmp_map(); };
  begin(false);
  run_for(1s);
  EXPECT_EQ(GatewayProtocol::kNatPmp, mapping_.gateway_protocol());
  gateway_.pcp = Speech::kSpeaks;
  gateway_.nat_pmp = Speech::kSilent;
  run_for(3min);
  expect_both_are_there();
}

TEST_F(PortMappingLeaseTest, RemakesWhatTheGatewayHasForgottenWhenItSaysSo) {
  for (const bool is_pcp : {true, false}) {
    begin(is_pcp);
    run_for(5min);
    gateway_.restart(now());
    sent_.clear();
    const MonoTime restarted = now();
    for (int i = 0; i < 3; ++i) {  // Told several times.
      EXPECT_TRUE(
          hear(is_pcp ? gateway_.pcp_announcement(now()) : gateway_.nat_pmp_announcement(now())));
    }
    EXPECT_TRUE(all_are(State::kWanted));
    run_for(PortMapping::kRemakeDelayMax + 1s);
    expect_both_are_there();
    EXPECT_EQ(is_pcp ? 1u : 2u, mapping_.stats().restarts);
    const auto times = times_of([](const Sent& s) { return s.is_map(); });
    ASSERT_EQ(2u, times.size());
    EXPECT_LE(times[0], restarted + PortMapping::kRemakeDelayMax);
    EXPECT_EQ(kWay, times[1] - times[0]) << "one after the other";
  }
}

TEST_F(PortMappingLeaseTest, SpreadsRemakingOverFiveSeconds) {
  Duration earliest = 1h;
  Duration latest{};
  begin();
  run_for(1s);
  for (int i = 0; i < 100; ++i) {
    gateway_.restart(now());
    sent_.clear();
    const MonoTime restarted = now();
    hear(gateway_.pcp_announcement(now()));
    run_for(1min);
    expect_both_are_there();
    earliest = std::min(earliest, sent_.at(0).at - restarted);
    latest = std::max(latest, sent_.at(0).at - restarted);
  }
  EXPECT_LT(earliest, 500ms);
  EXPECT_GT(latest, 4500ms);
  EXPECT_LE(latest, 5s);
}

TEST_F(PortMappingLeaseTest, NoticesARestartThatItWasNotToldOf) {
  for (const bool is_pcp : {true, false}) {
    begin(is_pcp);
    run_for(2min);
    gateway_.restart(now());
    run_for(PortMapping::kLookPause + PortMapping::kRemakeDelayMax);
    expect_both_are_there();
  }
}

TEST_F(PortMappingLeaseTest, NoticesThatTheExternalAddressHasChanged) {
  begin(false);
  run_for(1min);
  gateway_.external = *IpAddress::parse("198.51.100.7");
  EXPECT_TRUE(hear(gateway_.nat_pmp_announcement(now())));
  expect_both_are_there();
  gateway_.external = *IpAddress::parse("198.51.100.8");
  run_for(PortMapping::kLookPause + kWay);
  expect_both_are_there();
  EXPECT_EQ(0u, mapping_.stats().restarts);
}

}  // namespace
}  // namespace roost::core::reach
