// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>

#include "sim/actors/turn_line.h"
#include "sim/actors/turn_message.h"
#include "sim/verdict.h"
#include "wire/stun.h"

namespace roost::sim::actors {

// What somebody does with the token of a reserved port (RFC 8656 §7.2), on a way of its own to the
// server: redeems it, by an allocation that it gives up again, or tries what must not work.
//
//   idle -> waiting -> asking --success--> holding -> idle
//                        `------error, silence--------^
//
// Has no alarm: its owner polls it whenever it wakes up.
class TokenRedeemer {
 public:
  enum class Plan : uint8_t {
    kAtOnce,
    kTwice,  // The second time in vain.
    kWrong,  // Nobody was given such a token.
    kLate,   // After the time it is kept for.
    kOther,  // The token that the friend was given, who may have another name.
  };
  static constexpr size_t kPlanCount = 5;
  static constexpr Duration kReservationTime = std::chrono::seconds(30);

  struct Reserved {
    ReservationToken token;
    Endpoint address;                               // That the token is good for.
    std::optional<ReservationToken> other_token{};  // Of the friend.
  };

  // All must outlive it.
  TokenRedeemer(Host& host, const TurnLine::Options& line, Verdict& verdict)
      : host_(host), verdict_(verdict), line_(host, line) {}

  // Draws a plan. What it was doing is forgotten.
  void begin(const TurnCredentials& credentials, const Reserved& reserved);
  // With the friend's token only.
  void begin_with_other(const TurnCredentials& credentials, const ReservationToken& token);
  void poll();
  // Whether the packet was for it.
  bool take(const Packet& packet);

  uint64_t redeemed_count() const { return redeemed_count_; }
  uint64_t refused_count() const { return refused_count_; }

 private:
  enum class State : uint8_t { kIdle, kWaiting, kAsking, kHolding };

  void begin(const TurnCredentials& credentials, const Reserved& reserved, Plan plan);
  void begin_asking();
  void ask();
  void send();
  void take_message(Bytes message);
  void take_success(const wire::StunView& reply);
  void take_error(const wire::StunView& reply);
  void stop();

  Host& host_;
  Verdict& verdict_;
  TurnLine line_;
  TurnCredentials credentials_;
  Reserved reserved_{};
  Plan plan_ = Plan::kAtOnce;
  State state_ = State::kIdle;
  MonoTime next_at_{};
  Message request_;
  unsigned sent_count_ = 0;
  bool has_redeemed_ = false;
  uint64_t redeemed_count_ = 0;
  uint64_t refused_count_ = 0;
};

}  // namespace roost::sim::actors
