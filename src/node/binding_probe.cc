// SPDX-License-Identifier: MIT
#include "node/binding_probe.h"

#include <algorithm>

#include "base/check.h"
#include "wire/stun.h"
#include "wire/stun_builder.h"

namespace roost::node {

using wire::StunAttribute;

BindingProbe::BindingProbe(const Options& options, Random& random, MonoTime now)
    : options_(options),
      transaction_id_(random.bytes<12>()),
      gives_up_at_(now + options.timeout),
      sends_at_(now),
      sent_at_(now) {
  wire::StunBuilder builder(request_, wire::StunClass::kRequest, wire::StunMethod::kBinding,
                            transaction_id_);
  builder.add_fingerprint();
  CHECK(builder.finish().size() == request_.size());
}

std::optional<Bytes> BindingProbe::poll(MonoTime now) {
  if (state_ != State::kWaiting) return {};
  if (now >= gives_up_at_) {
    state_ = State::kTimedOut;
    return {};
  }
  if (now < sends_at_) return {};
  ++request_count_;
  sent_at_ = now;
  const bool is_last = options_.is_reliable || request_count_ == kRequestCountMax;
  if (is_last) {
    sends_at_ = MonoTime::max();
    if (!options_.is_reliable) {
      gives_up_at_ = std::min(gives_up_at_, now + kFirstPause * kLastPauseFactor);
    }
  } else {
    sends_at_ = now + pause_;
    pause_ *= 2;
  }
  return Bytes(request_);
}

std::optional<MonoTime> BindingProbe::next_deadline() const {
  if (state_ != State::kWaiting) return {};
  return std::min(sends_at_, gives_up_at_);
}

void BindingProbe::take(MonoTime now, Bytes message) {
  if (state_ != State::kWaiting) return;
  const auto view = wire::StunView::parse(message);
  if (!view || view->is_classic() || view->method() != wire::StunMethod::kBinding) return;
  if (!same_bytes(view->transaction_id(), transaction_id_)) return;
  if (view->message_class() == wire::StunClass::kError) {
    state_ = State::kRefused;
    error_code_ = view->error_code().value_or(0);
  } else if (view->message_class() == wire::StunClass::kSuccess) {
    state_ = State::kAnswered;
    mapped_ = view->find_xor_address(StunAttribute::kXorMappedAddress);
    if (!mapped_) mapped_ = view->find_address(StunAttribute::kMappedAddress);
    other_address_ = view->find_address(StunAttribute::kOtherAddress);
  } else {
    return;
  }
  round_trip_ = now - sent_at_;
}

}  // namespace roost::node
