// SPDX-License-Identifier: MIT
#include "node/binding_probe.h"

#include "base/check.h"
#include "wire/stun.h"
#include "wire/stun_builder.h"

namespace roost::node {

using wire::StunAttribute;

BindingProbe::BindingProbe(const Options& options, Random& random, MonoTime now)
    : schedule_(options, now), transaction_id_(random.bytes<12>()) {
  wire::StunBuilder builder(request_, wire::StunClass::kRequest, wire::StunMethod::kBinding,
                            transaction_id_);
  builder.add_fingerprint();
  CHECK(builder.finish().size() == request_.size());
}

std::optional<Bytes> BindingProbe::poll(MonoTime now) {
  if (state_ != State::kWaiting) return {};
  if (schedule_.is_over(now)) {
    state_ = State::kTimedOut;
    return {};
  }
  if (!schedule_.take_turn(now)) return {};
  return Bytes(request_);
}

std::optional<MonoTime> BindingProbe::next_deadline() const {
  if (state_ != State::kWaiting) return {};
  return schedule_.next_deadline();
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
  round_trip_ = now - schedule_.sent_at();
}

}  // namespace roost::node
