// SPDX-License-Identifier: MIT
#include "sim/actors/transaction.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "wire/stun.h"
#include "wire/stun_builder.h"

namespace roost::sim::actors {

using wire::StunAttribute;

Duration Pace::patience() const {
  Duration sum = last_pause;
  Duration pause = first_pause;
  for (unsigned i = 1; i < request_count; ++i) {
    sum += pause;
    pause = std::min(2 * pause, pause_max);
  }
  return sum;
}

Transaction::Transaction(const Pace& pace, const Question& question, Dice& dice, MonoTime now)
    : pace_(pace),
      pause_(pace.first_pause),
      began_at_(now),
      next_at_(now),
      request_(binding_request(question, dice)) {}

bool Transaction::poll(MonoTime now) {
  if (now < next_at_ || sent_count_ == pace_.request_count) return false;
  if (++sent_count_ == pace_.request_count) {
    next_at_ = now + pace_.last_pause;
  } else {
    next_at_ = now + pause_;
    pause_ = std::min(2 * pause_, pace_.pause_max);
  }
  return true;
}

std::optional<Answer> Transaction::read(const Endpoint& from, Bytes message) const {
  return read_answer(request_, from, message);
}

std::vector<uint8_t> binding_request(const Question& question, Dice& dice) {
  std::array<uint8_t, 64> buffer;
  const auto id = dice.random().bytes<12>();
  wire::StunBuilder builder(buffer, wire::StunClass::kRequest, wire::StunMethod::kBinding, id);
  if (question.has_change_request || question.changes_address || question.changes_port) {
    builder.add_u32(StunAttribute::kChangeRequest,
                    (question.changes_address ? wire::kChangeAddressFlag : 0) |
                        (question.changes_port ? wire::kChangePortFlag : 0));
  }
  if (question.has_fingerprint && !question.is_classic) builder.add_fingerprint();
  const Bytes built = builder.finish();
  CHECK(!built.empty());
  std::vector<uint8_t> request(built.begin(), built.end());
  if (question.is_classic) {
    // The ID of RFC 3489 begins where the cookie would stand, and is just not the cookie.
    do {
      dice.random().fill(MutableBytes(request).subspan(4, 4));
    } while (load_u32(request.data() + 4) == wire::kStunMagicCookie);
  }
  return request;
}

std::optional<Answer> read_answer(Bytes request, const Endpoint& from, Bytes message) {
  const auto view = wire::StunView::parse(message);
  if (!view || !same_bytes(view->cookie_and_transaction_id(), request.subspan(4, 16))) return {};
  Answer answer{{message.begin(), message.end()}, from, 0, {}, {}, {}};
  if (view->message_class() == wire::StunClass::kError) {
    answer.error_code = view->error_code().value_or(599);
    return answer;
  }
  if (view->message_class() != wire::StunClass::kSuccess) return {};
  answer.mapped = view->find_xor_address(StunAttribute::kXorMappedAddress);
  if (!answer.mapped) answer.mapped = view->find_address(StunAttribute::kMappedAddress);
  answer.other = view->find_address(view->is_classic() ? StunAttribute::kChangedAddress
                                                       : StunAttribute::kOtherAddress);
  answer.origin = view->find_address(view->is_classic() ? StunAttribute::kSourceAddress
                                                        : StunAttribute::kResponseOrigin);
  return answer;
}

}  // namespace roost::sim::actors
