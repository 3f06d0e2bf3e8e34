// SPDX-License-Identifier: MIT
#include "sim/actors/proxy_seeker.h"

#include "base/check.h"
#include "sim/actors/transaction.h"
#include "wire/stun.h"

namespace roost::sim::actors {
namespace {

using std::chrono::seconds;
using wire::StunAttribute;
using wire::StunClass;
using wire::StunMethod;
using wire::StunView;

constexpr Duration kPatience = seconds(8);      // With a server that does not answer.
constexpr Duration kSessionTime = seconds(40);  // Then all begins anew.
constexpr size_t kSentMax = 16;
constexpr std::string_view kSecret = "what the victim shall get";
constexpr std::string_view kDnsQuestion(
    "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x10\x00\x01", 17);

}  // namespace

ProxySeeker::ProxySeeker(Host& host, const Options& options)
    : Actor(host),
      options_(options),
      fetch_(host, options.server, {}),
      line_(host, {options.server, options.transport}) {
  CHECK(!options_.victims.empty());
  set_alarm(now() + options_.period);
}

void ProxySeeker::on_alarm() {
  set_alarm(now() + options_.period);
  const Duration patience = state_ == State::kTrying ? kSessionTime : kPatience;
  if (state_ == State::kNothing || now() >= began_at_ + patience) return begin();
  if (state_ == State::kTrying) try_one();
}

void ProxySeeker::begin() {
  line_.close();
  credentials_ = {};
  state_ = State::kFetching;
  began_at_ = now();
  fetch_.begin();
}

void ProxySeeker::allocate() {
  request_ =
      allocate_request(credentials_, {.is_v4 = options_.server.address.is_v4()}, host().dice());
  state_ = State::kAllocating;
  line_.send(request_);
}

void ProxySeeker::on_packet(Packet packet) {
  switch (fetch_.take(packet)) {
    case CredentialFetch::Result::kPending:
    case CredentialFetch::Result::kRefused: return;  // The alarm asks again.
    case CredentialFetch::Result::kGiven:
      if (state_ != State::kFetching) return;
      credentials_ = {fetch_.credentials().username, fetch_.credentials().password};
      line_.open();
      return allocate();
    case CredentialFetch::Result::kNotOurs: break;
  }
  if (!line_.take(packet)) return;
  while (true) {
    switch (line_.next()) {
      case TurnLine::Found::kNothing: return;
      case TurnLine::Found::kMessage: take_message(line_.message()); break;
      case TurnLine::Found::kBroken:
      case TurnLine::Found::kEnd: state_ = State::kNothing; return;
    }
  }
}

void ProxySeeker::take_message(Bytes message) {
  const auto view = StunView::parse(message);
  if (!view) return;
  if (view->message_class() == StunClass::kIndication) {
    const auto data = view->find(StunAttribute::kData);
    if (data && as_text(*data).starts_with(kSecret)) ++success_count_;
    return;
  }
  const bool is_ours = state_ == State::kAllocating && same_bytes(view->cookie_and_transaction_id(),
                                                                  Bytes(request_).subspan(4, 16));
  if (!is_ours) return;
  if (view->message_class() == StunClass::kSuccess) {
    state_ = State::kTrying;
    began_at_ = now();
    return;
  }
  const auto nonce = view->find(StunAttribute::kNonce);
  const auto realm = view->find(StunAttribute::kRealm);
  const bool was_signed = !credentials_.nonce.empty();
  if (!nonce || !realm || was_signed) return;  // The alarm begins anew.
  credentials_.nonce = as_text(*nonce);
  credentials_.realm = as_text(*realm);
  allocate();
}

void ProxySeeker::try_one() {
  ++attempt_count_;
  Dice& dice = host().dice();
  if (victim_ == Endpoint() || dice.below(8) == 0) {
    victim_ = options_.victims[dice.below(options_.victims.size())];
  }
  if (dice.below(4) == 0) line_.send(permission_request(credentials_, victim_, dice));
  play(static_cast<Trick>(dice.below(kTrickCount)));
  // Whatever was gained by it.
  if (dice.below(2) == 0) send(as_bytes(kSecret));
}

void ProxySeeker::play(Trick trick) {
  Dice& dice = host().dice();
  const auto check = [&](std::string_view names) {
    check_ = ice_check(names, dice);
    send(check_);
  };
  const auto answer = [&] {
    if (const auto view = StunView::parse(check_)) send(ice_answer(*view, victim_));
  };
  switch (trick) {
    case Trick::kData: return send(as_bytes(kSecret));
    case Trick::kQuestionOfDns: return send(as_bytes(kDnsQuestion));
    case Trick::kPlainBinding: return send(binding_request({}, dice));
    case Trick::kCheck: return check("ours:theirs");
    case Trick::kCheckTurnedRound: return check("theirs:ours");
    case Trick::kBothChecks: check("ours:theirs"); return check("theirs:ours");
    case Trick::kSelfCheck: return check("self:self");
    case Trick::kAnswer: return answer();
    case Trick::kCheckAndAnswer:
      answer();
      if (!check_.empty()) send(Message(check_));
      return;
    case Trick::kReplay:
      if (!sent_.empty()) send(Message(sent_[dice.below(sent_.size())]));
      return;
    case Trick::kIndication: {
      Message message = binding_request({}, dice);
      message[1] |= 0x10;
      return send(message);
    }
    case Trick::kCut: {
      Message message = ice_check("ours:theirs", dice);
      message.resize(message.size() - 4);
      return send(message);
    }
  }
}

void ProxySeeker::send(Bytes data) {
  if (sent_.size() == kSentMax) sent_.erase(sent_.begin());
  sent_.emplace_back(data.begin(), data.end());
  line_.send(send_indication(victim_, data, host().dice()));
}

}  // namespace roost::sim::actors
