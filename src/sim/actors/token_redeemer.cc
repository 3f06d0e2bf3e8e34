// SPDX-License-Identifier: MIT
#include "sim/actors/token_redeemer.h"

namespace roost::sim::actors {
namespace {

using std::chrono::seconds;
using wire::StunAttribute;
using wire::StunClass;
using wire::StunView;

constexpr Duration kPause = seconds(1);
constexpr unsigned kRequestsMax = 5;
constexpr Duration kHoldTime = seconds(5);

}  // namespace

void TokenRedeemer::begin(const TurnCredentials& credentials, const Reserved& reserved) {
  begin(credentials, reserved, static_cast<Plan>(host_.dice().below(kPlanCount)));
}

void TokenRedeemer::begin_with_other(const TurnCredentials& credentials,
                                     const ReservationToken& token) {
  begin(credentials, {token, {}, token}, Plan::kOther);
}

void TokenRedeemer::begin(const TurnCredentials& credentials, const Reserved& reserved, Plan plan) {
  line_.close();
  credentials_ = credentials;
  credentials_.nonce.clear();
  reserved_ = reserved;
  plan_ = plan;
  has_redeemed_ = false;
  state_ = State::kWaiting;
  next_at_ = host_.now();
  if (plan == Plan::kLate) next_at_ += kReservationTime + seconds(1);
  if (plan == Plan::kOther) {
    if (!reserved.other_token) return stop();
    reserved_.token = *reserved.other_token;
  }
  if (plan != Plan::kWrong) return;
  Dice& dice = host_.dice();
  const uint64_t at = dice.below(reserved_.token.size());
  reserved_.token[at] ^= static_cast<uint8_t>(dice.between(1, 255));
}

void TokenRedeemer::poll() {
  if (host_.now() < next_at_) return;
  switch (state_) {
    case State::kIdle: return;
    case State::kWaiting: return begin_asking();
    case State::kAsking:
      if (sent_count_ >= kRequestsMax) return stop();
      return send();
    case State::kHolding: line_.send(release_request(credentials_, host_.dice())); return stop();
  }
}

void TokenRedeemer::begin_asking() {
  line_.open();
  state_ = State::kAsking;
  ask();
}

void TokenRedeemer::ask() {
  request_ = allocate_request(credentials_, {.token = reserved_.token}, host_.dice());
  sent_count_ = 0;
  send();
}

void TokenRedeemer::send() {
  ++sent_count_;
  if (sent_count_ == 1 || !line_.is_stream()) line_.send(request_);
  next_at_ = host_.now() + kPause;
}

bool TokenRedeemer::take(const Packet& packet) {
  if (!line_.take(packet)) return false;
  while (true) {
    switch (line_.next()) {
      case TurnLine::Found::kNothing: return true;
      case TurnLine::Found::kMessage: take_message(line_.message()); break;
      case TurnLine::Found::kBroken: stop(); return true;
      case TurnLine::Found::kEnd: state_ = State::kIdle; return true;
    }
  }
}

void TokenRedeemer::take_message(Bytes message) {
  const auto view = StunView::parse(message);
  const bool is_ours =
      state_ == State::kAsking && view &&
      same_bytes(view->cookie_and_transaction_id(), Bytes(request_).subspan(4, 16));
  if (!is_ours) return;
  if (view->message_class() == StunClass::kSuccess) return take_success(*view);
  if (view->message_class() == StunClass::kError) take_error(*view);
}

void TokenRedeemer::take_success(const StunView& reply) {
  ++redeemed_count_;
  const bool is_in_vain = plan_ == Plan::kWrong || plan_ == Plan::kLate || has_redeemed_;
  if (is_in_vain) verdict_.fail(host_.now(), "a token redeemed that is good for nothing");
  const auto relayed = reply.find_xor_address(StunAttribute::kXorRelayedAddress);
  if (plan_ != Plan::kOther && relayed != reserved_.address) {
    verdict_.fail(host_.now(), "a token redeemed for another port than that above");
  }
  has_redeemed_ = true;
  if (plan_ == Plan::kTwice && !is_in_vain) {
    // Whether the first one goes on or not.
    if (host_.dice().below(2) == 0) line_.send(release_request(credentials_, host_.dice()));
    credentials_.nonce.clear();
    return begin_asking();
  }
  state_ = State::kHolding;
  next_at_ = host_.now() + kHoldTime;
}

void TokenRedeemer::take_error(const StunView& reply) {
  const unsigned code = reply.error_code().value_or(0);
  const auto nonce = reply.find(StunAttribute::kNonce);
  const auto realm = reply.find(StunAttribute::kRealm);
  const bool was_signed = !credentials_.nonce.empty();
  const bool may_be_asked_again = (code == 401 && !was_signed) || code == 438;
  if (may_be_asked_again && nonce && realm) {
    credentials_.nonce = as_text(*nonce);
    credentials_.realm = as_text(*realm);
    return ask();
  }
  ++refused_count_;
  stop();
}

void TokenRedeemer::stop() {
  line_.close();
  state_ = State::kIdle;
}

}  // namespace roost::sim::actors
