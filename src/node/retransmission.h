// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

#include "base/time.h"

namespace roost::node {

// When a client sends a STUN request, sends it again, and gives up (RFC 8489 §6.2.1, §6.2.2).
//
// Over UDP it goes out up to kRequestCountMax times, with pauses that double from kFirstPause; over
// a stream once. `timeout` bounds all of it, as the operator waits for the answer.
class Retransmission {
 public:
  static constexpr Duration kFirstPause = std::chrono::milliseconds(500);  // RTO.
  static constexpr unsigned kRequestCountMax = 7;                          // Rc.
  static constexpr unsigned kLastPauseFactor = 16;                         // Rm.

  struct Options {
    bool is_reliable = false;  // A stream: no retransmissions.
    Duration timeout{};
  };

  Retransmission(const Options& options, MonoTime now);

  // Whether the request is to be sent now; it counts as sent then.
  [[nodiscard]] bool take_turn(MonoTime now);
  // Whether nobody need wait for the answer any more.
  bool is_over(MonoTime now) const { return now >= gives_up_at_; }
  // When to look again at the two above.
  MonoTime next_deadline() const;

  unsigned request_count() const { return request_count_; }
  MonoTime sent_at() const { return sent_at_; }  // The last one.

 private:
  Options options_;
  MonoTime gives_up_at_;
  MonoTime sends_at_;
  MonoTime sent_at_;
  Duration pause_ = kFirstPause;
  unsigned request_count_ = 0;
};

}  // namespace roost::node
