// SPDX-License-Identifier: MIT
//
// Goal: the oracle of reserved ports and second families reports each breach, and nothing that is
// lawful. Method: allocations made step by step; for each promise a planted breach.
#include "sim/reservation_oracle.h"

#include <chrono>
#include <gtest/gtest.h>
#include <vector>

#include "wire/stun_builder.h"

namespace roost::sim {
namespace {

using namespace std::chrono_literals;
using core::OpenRelay;
using core::RelayId;
using wire::StunAttribute;
using wire::StunBuilder;
using wire::StunClass;
using wire::StunMethod;
using Data = std::vector<uint8_t>;
using Token = std::array<uint8_t, 8>;

constexpr MonoTime kStart{1h};
constexpr Endpoint kOurs{IpAddress::v4(0x14000101), 3478};
constexpr Endpoint kAlice{IpAddress::v4(0x0b000001), 5000};
constexpr Endpoint kAliceAgain{IpAddress::v4(0x0b000001), 5001};
constexpr Endpoint kEven{kOurs.address, 50000};
constexpr Endpoint kAbove{kOurs.address, 50001};
constexpr Endpoint kV6{{0x2a00'0000'0000'0000, 1}, 50007};
constexpr RelayId kRelay{2};
constexpr RelayId kNext{4};
constexpr RelayId kSecond{3};
constexpr Token kToken = {1, 2, 3, 4, 5, 6, 7, 8};
constexpr Token kOtherToken = {1, 2, 3, 4, 5, 6, 7, 9};

template <typename Add>
Data message(StunClass message_class, uint8_t id, Add add) {
  Data buffer(200);
  StunBuilder builder(buffer, message_class, StunMethod::kAllocate, std::array<uint8_t, 12>{id});
  add(builder);
  const Bytes built = builder.finish();
  return {built.begin(), built.end()};
}

class ReservationOracleTest : public testing::Test {
 protected:
  using Actions = std::vector<core::Action>;

  uint64_t faults(const core::Input& input, const Actions& actions, bool is_cut = false) {
    const uint64_t before = verdict_.count();
    oracle_.check(now_, input, actions, is_cut);
    return verdict_.count() - before;
  }
  template <typename Add>
  core::DatagramArrived asks(const Endpoint& client, uint8_t id, Add add,
                             std::string_view user = "alice") {
    request_ = message(StunClass::kRequest, id, [&](StunBuilder& builder) {
      builder.add(StunAttribute::kUsername, as_bytes(user));
      add(builder);
    });
    return {0, {kOurs, 0}, client, request_};
  }
  core::DatagramArrived reserves(const Endpoint& client = kAlice) {
    return asks(client, 1, [](StunBuilder& builder) {
      builder.add(StunAttribute::kEvenPort, std::array<uint8_t, 1>{0x80});
    });
  }
  core::DatagramArrived redeems(const Token& token, std::string_view user = "alice",
                                uint8_t id = 2) {
    const auto add = [&](StunBuilder& builder) {
      builder.add(StunAttribute::kReservationToken, token);
    };
    return asks(kAliceAgain, id, add, user);
  }
  core::SendDatagram told(const Endpoint& client, uint8_t id, const std::vector<Endpoint>& relayed,
                          const std::optional<Token>& token = {}, bool says_why = false) {
    reply_ = message(StunClass::kSuccess, id, [&](StunBuilder& builder) {
      for (const Endpoint& address : relayed) {
        builder.add_xor_address(StunAttribute::kXorRelayedAddress, address);
      }
      if (token) builder.add(StunAttribute::kReservationToken, *token);
      if (says_why) builder.add_u32(StunAttribute{0x8001}, 0x02000508);
    });
    return {0, {kOurs, 0}, client, reply_};
  }
  // Alice has an even port, and the one above is kept.
  uint64_t reserve(const std::optional<Token>& token = kToken, const Endpoint& even = kEven,
                   const Endpoint& above = kAbove) {
    const core::Action open =
        OpenRelay{kRelay, kOurs.address, OpenRelay::Port::kEvenAndNext, kNext};
    EXPECT_EQ(faults(reserves(), {open}), 0u);
    EXPECT_EQ(faults(core::RelayOpened{kNext, above}, {}), 0u);
    return faults(core::RelayOpened{kRelay, even}, {told(kAlice, 1, {even}, token)});
  }
  uint64_t redeem(const Token& token, const Endpoint& address = kAbove,
                  std::string_view user = "alice", uint8_t id = 2) {
    const core::Input asked = redeems(token, user, id);
    return faults(asked, {told(kAliceAgain, id, {address})});
  }

  MonoTime now_ = kStart;
  Verdict verdict_;
  ReservationOracle oracle_{verdict_};
  Data request_;
  Data reply_;
};

TEST_F(ReservationOracleTest, LetsATokenBeRedeemedOnce) {
  EXPECT_EQ(reserve(), 0u);
  EXPECT_EQ(oracle_.reservation_count(), 1u);
  now_ += 30s;
  EXPECT_EQ(redeem(kToken), 0u);
  EXPECT_EQ(oracle_.reservation_count(), 0u);
  EXPECT_EQ(redeem(kToken), 0u);  // The same Allocate is answered alike.
  EXPECT_EQ(redeem(kToken, kAbove, "alice", 3), 1u);
}

TEST_F(ReservationOracleTest, ReportsATokenOfAnother) {
  EXPECT_EQ(reserve(), 0u);
  EXPECT_EQ(redeem(kOtherToken), 1u);
  EXPECT_EQ(redeem(kToken, kAbove, "bob", 3), 1u);
}

TEST_F(ReservationOracleTest, ReportsWhatIsRedeemedTooLateOrKeptTooLong) {
  EXPECT_EQ(reserve(), 0u);
  now_ += 30s;
  EXPECT_EQ(faults(core::DeadlinePassed(), {}), 0u);
  now_ += 1us;
  EXPECT_EQ(faults(core::DeadlinePassed(), {}), 1u);
  EXPECT_EQ(redeem(kToken), 1u);
  EXPECT_EQ(reserve(), 0u);
  now_ += 31s;
  EXPECT_EQ(faults(core::DeadlinePassed(), {core::CloseRelay{kNext}}), 0u);
  EXPECT_EQ(redeem(kToken, kAbove, "alice", 4), 1u);
}

TEST_F(ReservationOracleTest, TakesWhatTheDonationHasCutForRedeemed) {
  EXPECT_EQ(reserve(), 0u);
  now_ += 29s;
  EXPECT_EQ(faults(redeems(kToken), {}, true), 0u);
  now_ += 2s;
  EXPECT_EQ(faults(core::DeadlinePassed(), {}), 0u);
  EXPECT_EQ(redeem(kToken), 0u);
}

TEST_F(ReservationOracleTest, ReportsWrongPorts) {
  EXPECT_EQ(reserve(kToken, {kOurs.address, 50001}, {kOurs.address, 50002}), 1u);
  EXPECT_EQ(reserve(kOtherToken, kEven, {kOurs.address, 50003}), 1u);
  EXPECT_EQ(reserve({}), 1u);
  EXPECT_EQ(reserve(), 0u);
  EXPECT_EQ(redeem(kToken, {kOurs.address, 50005}), 1u);
  // Another socket than the one that was opened.
  const core::Input asked = reserves();
  const core::Action open = OpenRelay{kRelay, kOurs.address, OpenRelay::Port::kEvenAndNext, kNext};
  EXPECT_EQ(faults(asked, {open}), 0u);
  EXPECT_EQ(faults(core::RelayOpened{kNext, kAbove}, {}), 0u);
  EXPECT_EQ(
      faults(core::RelayOpened{kRelay, {kOurs.address, 50010}}, {told(kAlice, 1, {kEven}, kToken)}),
      1u);
}

TEST_F(ReservationOracleTest, ReportsHalvesOfDualAllocations) {
  const auto ask = [&](uint8_t id) {
    const core::Input asked = asks(kAlice, id, [](StunBuilder& builder) {
      builder.add_u32(StunAttribute::kAdditionalAddressFamily, 0x02000000);
    });
    EXPECT_EQ(faults(asked, {OpenRelay{kSecond, kV6.address}, OpenRelay{kRelay, kOurs.address}}),
              0u);
  };
  ask(1);
  EXPECT_EQ(faults(core::DeadlinePassed(), {told(kAlice, 1, {kEven, kV6})}), 0u);
  EXPECT_EQ(faults(core::DeadlinePassed(), {core::CloseRelay{kRelay}}), 1u);
  EXPECT_EQ(faults(core::DeadlinePassed(), {core::CloseRelay{kSecond}}), 0u);
  ask(2);
  EXPECT_EQ(faults(core::DeadlinePassed(), {told(kAlice, 2, {kEven})}), 1u);
  EXPECT_EQ(faults(core::DeadlinePassed(), {core::CloseRelay{kRelay}, core::CloseRelay{kSecond}}),
            0u);
  ask(3);
  EXPECT_EQ(faults(core::RelayRefused{kSecond}, {told(kAlice, 3, {kEven}, {}, true)}), 0u);
  EXPECT_EQ(faults(core::DeadlinePassed(), {core::CloseRelay{kRelay}}), 0u);
  ask(4);
  EXPECT_EQ(faults(core::DeadlinePassed(), {told(kAlice, 4, {kV6})}), 1u);
}

}  // namespace
}  // namespace roost::sim
