// SPDX-License-Identifier: MIT
#include "node/turn_session.h"

#include <utility>

#include "base/check.h"
#include "wire/stun.h"
#include "wire/stun_builder.h"

namespace roost::node {

using Outcome = TurnSession::Answer::Outcome;
using wire::StunAttribute;
using wire::StunClass;
using wire::StunMethod;
using wire::StunView;

namespace {

// REQUESTED-TRANSPORT: UDP, by its protocol number (RFC 8656 §18.7).
constexpr uint32_t kRequestedUdp = 17u << 24;
constexpr uint32_t kRequestedV6 = 2u << 24;  // REQUESTED-ADDRESS-FAMILY (§18.6).
// ERROR-CODE's phrase may have 763 bytes (RFC 8489 §14.8); nobody reads more than a line.
constexpr size_t kReasonSizeMax = 120;

StunMethod method_of(TurnSession::Method method) {
  switch (method) {
    case TurnSession::Method::kBinding: return StunMethod::kBinding;
    case TurnSession::Method::kAllocate: return StunMethod::kAllocate;
    case TurnSession::Method::kRefresh: return StunMethod::kRefresh;
    case TurnSession::Method::kCreatePermission: return StunMethod::kCreatePermission;
    case TurnSession::Method::kChannelBind: return StunMethod::kChannelBind;
  }
  CHECK(false);
}

std::string reason_of(const StunView& view) {
  const auto value = view.find(StunAttribute::kErrorCode);
  if (!value || value->size() < 4) return {};
  const std::string_view phrase = as_text(*value).substr(4, kReasonSizeMax);
  return std::string(
      phrase.substr(0, phrase.find('\0')));  // Some servers send the end of a C string.
}

std::string_view text_of(LongTermCredential::Error error) {
  switch (error) {
    case LongTermCredential::Error::kIncomplete: return "the challenge has no realm or no nonce";
    case LongTermCredential::Error::kNoAlgorithm:
      return "the challenge offers no password algorithm that we know";
    case LongTermCredential::Error::kAlgorithmsMissing:
      return "somebody has taken the password algorithms out of the challenge";
  }
  CHECK(false);
}

}  // namespace

TurnSession::TurnSession(const Options& options, LongTermCredential::Login login, Random& random)
    : options_(options), credential_(std::move(login)), random_(random) {}

void TurnSession::start(MonoTime now, const Request& request) {
  CHECK(!is_waiting());
  request_ = request;
  answer_.reset();
  started_at_ = now;
  gives_up_at_ = now + options_.timeout;
  challenge_count_ = request_count_ = discarded_count_ = discarded_code_ = 0;
  build(now);
}

// A new transaction with what is known of the server by now.
void TurnSession::build(MonoTime now) {
  transaction_id_ = random_.bytes<12>();
  std::vector<uint8_t> buffer(wire::kStunMessageSizeMax);
  wire::StunBuilder builder(buffer, StunClass::kRequest, method_of(request_.method),
                            transaction_id_);
  switch (request_.method) {
    case Method::kBinding: break;
    case Method::kAllocate:
      builder.add_u32(StunAttribute::kRequestedTransport, kRequestedUdp);
      if (request_.wants_v6) builder.add_u32(StunAttribute::kRequestedAddressFamily, kRequestedV6);
      break;
    case Method::kRefresh:
      builder.add_u32(StunAttribute::kLifetime, request_.lifetime_seconds);
      break;
    case Method::kCreatePermission:
      builder.add_xor_address(StunAttribute::kXorPeerAddress, {request_.peer.address, 0});
      break;
    case Method::kChannelBind:
      builder.add_u32(StunAttribute::kChannelNumber, uint32_t{request_.channel} << 16);
      builder.add_xor_address(StunAttribute::kXorPeerAddress, request_.peer);
      break;
  }
  is_signed_ = request_.method != Method::kBinding && credential_.is_challenged();
  if (is_signed_) credential_.sign(builder);
  builder.add_fingerprint();
  const Bytes built = builder.finish();
  // Name, realm and nonce are each bounded, but not their sum.
  message_.assign(built.begin(), built.end());
  schedule_.emplace(Retransmission::Options{options_.is_reliable, gives_up_at_ - now}, now);
}

std::optional<Bytes> TurnSession::poll(MonoTime now) {
  if (!is_waiting()) return {};
  if (message_.empty()) {
    give_up(now, Outcome::kMalformed, "name, realm and nonce together are too long for a message");
    return {};
  }
  if (schedule_->is_over(now)) {
    Answer answer;
    answer.outcome = discarded_count_ > 0 ? Outcome::kUnsigned : Outcome::kTimedOut;
    answer.error_code = discarded_code_;
    finish(now, std::move(answer));
    return {};
  }
  if (!schedule_->take_turn(now)) return {};
  return Bytes(message_);
}

std::optional<MonoTime> TurnSession::next_deadline() const {
  if (!is_waiting()) return {};
  return schedule_->next_deadline();
}

void TurnSession::take(MonoTime now, Bytes message) {
  if (!is_waiting()) return;
  const auto view = StunView::parse(message);
  if (!view || view->is_classic() || view->method() != method_of(request_.method)) return;
  if (!same_bytes(view->transaction_id(), transaction_id_)) return;
  switch (view->message_class()) {
    case StunClass::kRequest:
    case StunClass::kIndication: return;
    case StunClass::kSuccess: return take_success(now, *view);
    case StunClass::kError: return take_error(now, *view);
  }
}

void TurnSession::give_up(MonoTime now, Answer::Outcome outcome, std::string reason) {
  if (!is_waiting()) return;
  Answer answer;
  answer.outcome = outcome;
  answer.reason = std::move(reason);
  finish(now, std::move(answer));
}

bool TurnSession::is_believable(const StunView& view) const {
  return !is_signed_ || credential_.matches(view);
}

void TurnSession::take_success(MonoTime now, const StunView& view) {
  // An Allocate that was not signed cannot succeed, unless the server asks for no credentials.
  if (!is_believable(view)) return discard(now, 0);
  if (const auto software = view.find(StunAttribute::kSoftware)) {
    software_ = as_text(*software).substr(0, kReasonSizeMax);
  }
  if (const auto mapped = view.find_xor_address(StunAttribute::kXorMappedAddress)) {
    mapped_ = mapped;
  } else if (const auto plain = view.find_address(StunAttribute::kMappedAddress)) {
    mapped_ = plain;
  }
  if (request_.method == Method::kAllocate) {
    relayed_ = view.find_xor_address(StunAttribute::kXorRelayedAddress);
    lifetime_seconds_ = view.find_u32(StunAttribute::kLifetime).value_or(0);
    if (!relayed_) {
      return give_up(now, Outcome::kMalformed, "the answer names no relayed address");
    }
  }
  if (request_.method == Method::kRefresh && request_.lifetime_seconds == 0) relayed_.reset();
  Answer answer;
  answer.outcome = Outcome::kSuccess;
  finish(now, std::move(answer));
}

void TurnSession::take_error(MonoTime now, const StunView& view) {
  const unsigned code = view.error_code().value_or(0);
  const bool is_challenge = request_.method != Method::kBinding && (code == 401 || code == 438);
  if (is_challenge) {
    // 401 to a signed request: the name or the password is wrong.
    const bool is_final =
        (code == 401 && is_signed_) || challenge_count_ == kChallengesPerRequestMax;
    if (!is_final) return answer_challenge(now, view, code);
  } else if (!is_believable(view)) {
    return discard(now, code);
  }
  // It was given back by a copy of the request whose reply was lost (RFC 8656 §8).
  const bool is_gone_already = code == 437 && request_.method == Method::kRefresh &&
                               request_.lifetime_seconds == 0 && schedule_->request_count() > 1;
  Answer answer;
  if (is_gone_already) {
    relayed_.reset();
    answer.outcome = Outcome::kSuccess;
    return finish(now, std::move(answer));
  }
  answer.outcome = Outcome::kRefused;
  answer.error_code = code;
  answer.reason = reason_of(view);
  if (code == 300) answer.alternate_server = view.find_address(StunAttribute::kAlternateServer);
  finish(now, std::move(answer));
}

void TurnSession::answer_challenge(MonoTime now, const StunView& view, unsigned code) {
  ++challenge_count_;
  const auto learned = credential_.learn(view);
  if (!learned) {
    Answer answer;
    answer.outcome = Outcome::kMalformed;
    answer.error_code = code;
    answer.reason = text_of(learned.error());
    return finish(now, std::move(answer));
  }
  request_count_ += schedule_->request_count();
  build(now);
}

// As if it had never come; over a stream nothing else will come (RFC 8489 §9.2.5).
void TurnSession::discard(MonoTime now, unsigned error_code) {
  ++discarded_count_;
  discarded_code_ = error_code;
  if (!options_.is_reliable) return;
  Answer answer;
  answer.outcome = Outcome::kUnsigned;
  answer.error_code = error_code;
  finish(now, std::move(answer));
}

void TurnSession::finish(MonoTime now, Answer answer) {
  answer.took = now - started_at_;
  answer.request_count = request_count_ + schedule_->request_count();
  schedule_.reset();
  answer_ = std::move(answer);
}

}  // namespace roost::node
