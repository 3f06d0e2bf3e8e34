// SPDX-License-Identifier: MIT
#include "node/retransmission.h"

#include <algorithm>

namespace roost::node {

Retransmission::Retransmission(const Options& options, MonoTime now)
    : options_(options), gives_up_at_(now + options.timeout), sends_at_(now), sent_at_(now) {}

bool Retransmission::take_turn(MonoTime now) {
  if (is_over(now) || now < sends_at_) return false;
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
  return true;
}

MonoTime Retransmission::next_deadline() const {
  return std::min(sends_at_, gives_up_at_);
}

}  // namespace roost::node
