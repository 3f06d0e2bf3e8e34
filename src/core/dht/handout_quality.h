// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/deadline_heap.h"
#include "base/endpoint.h"
#include "base/time.h"
#include "core/dht/ping_cookie.h"

namespace roost::core::dht {

// How good the contacts are that we hand out: a sample of them is asked again, 15 and 60 minutes
// after it was handed out, and the share that answers is what newcomers may expect.
//
// Tells what to ask, and counts; it sends nothing. A question is lost now and then, so the share is
// a little below the truth.
class HandoutQuality {
 public:
  static constexpr uint32_t kSamplesMax = 128;  // Under way.
  // Every so many contacts one is taken, as long as there is room.
  static constexpr uint32_t kOneIn = 64;
  static constexpr std::array<Duration, 2> kAskedAfter = {std::chrono::minutes(15),
                                                          std::chrono::minutes(60)};
  static constexpr Duration kAnswerWithin = 2 * PingCookies::kSlot;

  struct Counters {
    uint64_t asked = 0;  // An answer may still come.
    uint64_t answered = 0;
  };
  struct Question {
    Endpoint to;
    PingPurpose purpose;
  };

  HandoutQuality() : due_(kSamplesMax) {}

  // A contact has been handed out.
  void handed_out(MonoTime now, const Endpoint& contact) {
    if (--until_next_ == 0) sample(now, contact);
  }

  // What is to be asked now; empty when nothing is.
  std::optional<Question> next_question(MonoTime now);
  std::optional<MonoTime> next_deadline() const { return due_.next_deadline(); }
  // The answer to such a question. Counts once.
  void answered(PingPurpose purpose, const Endpoint& from);

  // By index of kAskedAfter.
  const std::array<Counters, kAskedAfter.size()>& counters() const { return counters_; }

 private:
  struct Sample {
    Endpoint contact;  // Port 0: free.
    MonoTime handed_out_at;
    uint8_t asked = 0;  // How often.
    bool is_open = false;
  };

  void sample(MonoTime now, const Endpoint& contact);

  std::array<Sample, kSamplesMax> samples_{};
  DeadlineHeap due_;
  uint32_t until_next_ = 1;
  std::array<Counters, kAskedAfter.size()> counters_{};
};

}  // namespace roost::core::dht
