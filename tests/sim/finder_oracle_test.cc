// SPDX-License-Identifier: MIT
//
// Goal: the oracle reports every Binding request too many to whoever has not answered one, and
// nothing that is allowed.
// Method: for each promise a planted breach, and the nearest that is still right.
#include "sim/finder_oracle.h"

#include <chrono>
#include <gtest/gtest.h>

namespace roost::sim {
namespace {

using namespace std::chrono_literals;

constexpr Endpoint kOurs{IpAddress::v4(0x14000101), 3478};
constexpr Endpoint kNode{IpAddress::v4(0x0b000001), 3478};
constexpr Endpoint kItsOtherPort{kNode.address, 3479};
constexpr Endpoint kNeighbour{IpAddress::v4(0x0b000002), 3478};
constexpr Endpoint kElsewhere{IpAddress::v4(0x0b000101), 3478};

std::vector<uint8_t> message(uint8_t class_bits, size_t size = 20) {
  std::vector<uint8_t> bytes(size);
  bytes[0] = class_bits;
  bytes[1] = 0x01;
  return bytes;
}

class FinderOracleTest : public testing::Test {
 protected:
  void ask(Duration at, const Endpoint& to) {
    const core::Action actions[] = {core::SendDatagram{0, {kOurs, 0}, to, request_}};
    oracle_.check(MonoTime() + at, core::DeadlinePassed{}, actions);
  }
  void answer(Duration at, const Endpoint& from) {
    oracle_.check(MonoTime() + at, core::DatagramArrived{0, {kOurs, 0}, from, response_}, {});
  }

  std::vector<uint8_t> request_ = message(0);
  std::vector<uint8_t> response_ = message(1, 32);
  Verdict verdict_;
  FinderOracle oracle_{verdict_};
};

TEST_F(FinderOracleTest, AllowsAnAddressOneAnHour) {
  ask(0s, kNode);
  ask(1h, kNode);
  EXPECT_EQ(verdict_.count(), 0u);
  ask(2h - 1us, kItsOtherPort);
  EXPECT_EQ(verdict_.count(), 1u);
  EXPECT_EQ(oracle_.asked(), 3u);
}

TEST_F(FinderOracleTest, AllowsAPrefixOneAMinute) {
  ask(0s, kNode);
  ask(1s, kElsewhere);
  ask(1min, kNeighbour);
  EXPECT_EQ(verdict_.count(), 0u);
  ask(1min + 1s, {IpAddress::v4(0x0b0000ff), 3478});
  EXPECT_EQ(verdict_.count(), 1u);
}

TEST_F(FinderOracleTest, AllowsEverythingTowardsWhoeverHasAnswered) {
  ask(0s, kNode);
  answer(1s, kNode);
  ask(2s, kNode);
  EXPECT_EQ(verdict_.count(), 0u);
  ask(3s, kItsOtherPort);  // Nobody has answered there: both rules are broken.
  EXPECT_EQ(verdict_.count(), 2u);
}

TEST_F(FinderOracleTest, IsNotTakenInByAnAnswerToNothing) {
  answer(0s, kNode);
  ask(1s, kNode);
  ask(2min, kNode);
  EXPECT_EQ(verdict_.count(), 1u);
}

TEST_F(FinderOracleTest, ForgetsWhatANodeHasForgotten) {
  ask(0s, kNode);
  oracle_.forget();
  ask(1s, kNode);
  EXPECT_EQ(verdict_.count(), 0u);
}

TEST(BareBindingRequest, IsAHeaderAlone) {
  EXPECT_TRUE(is_bare_binding_request(message(0)));
  EXPECT_FALSE(is_bare_binding_request(message(1)));
  EXPECT_FALSE(is_bare_binding_request(message(0, 24)));
  EXPECT_FALSE(is_bare_binding_request(message(0, 19)));
  EXPECT_FALSE(is_bare_binding_request({}));
}

}  // namespace
}  // namespace roost::sim
