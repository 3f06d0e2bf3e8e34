// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"

namespace roost::core::dht {

// How many of our questions are answered, over the last ten to twenty minutes. About half of the
// nodes that one hears of are gone, so a third to two thirds is usual. Hardly any, or none of many
// in a row, means that we are being ignored: our packets are filtered, or our network is one that
// many do not answer.
class QueryRate {
 public:
  static constexpr Duration kWindow = std::chrono::minutes(10);
  static constexpr uint64_t kAskedMin = 64;  // Fewer say nothing.
  static constexpr uint64_t kIgnoredPercent = 10;
  static constexpr uint64_t kInARowMax = 24;

  void asked(MonoTime now) {
    turn(now);
    ++current_.asked;
    ++asked_;
    ++in_a_row_;
  }
  void answered(MonoTime now) {
    turn(now);
    ++current_.answered;
    ++answered_;
    in_a_row_ = 0;
  }

  uint64_t asked_count() const { return asked_; }  // Since the start.
  uint64_t answered_count() const { return answered_; }

  // Empty while too few were asked.
  std::optional<uint64_t> answered_percent() const {
    const uint64_t asked = current_.asked + last_.asked;
    if (asked < kAskedMin) return {};
    return (current_.answered + last_.answered) * 100 / asked;
  }
  bool is_ignored() const {
    return answered_percent().value_or(100) < kIgnoredPercent || in_a_row_ > kInARowMax;
  }

 private:
  struct Counts {
    uint64_t asked = 0;
    uint64_t answered = 0;
  };

  void turn(MonoTime now) {
    if (now < turns_at_) return;
    last_ = now < turns_at_ + kWindow ? current_ : Counts();
    current_ = {};
    turns_at_ = now + kWindow;
  }

  Counts current_;
  Counts last_;
  uint64_t asked_ = 0;
  uint64_t answered_ = 0;
  uint64_t in_a_row_ = 0;  // Asked since the last answer.
  MonoTime turns_at_{};
};

}  // namespace roost::core::dht
