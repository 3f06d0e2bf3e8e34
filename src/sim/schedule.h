// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"

namespace roost::sim {

// Virtual time and the one queue of all that is going to happen in it.
//
// Events of the same moment happen in the order in which they were put in, so that a run is
// repeatable. An event cannot be taken back: whoever no longer wants it knows so by its number.
class Schedule {
 public:
  class Listener {
   public:
    virtual void on_event(uint64_t what) = 0;

   protected:
    ~Listener() = default;
  };

  MonoTime now() const { return now_; }

  // `listener` must outlive the event. A `when` that is past counts as now.
  void at(MonoTime when, Listener& listener, uint64_t what);

  // Moves to the next event that is not after `end` and lets it happen; or, when there is none,
  // moves to `end` and returns false.
  bool step(MonoTime end);
  void run_until(MonoTime end);

  uint64_t event_count() const { return event_count_; }  // That have happened.

 private:
  struct Event {
    MonoTime when;
    uint64_t order;
    Listener* listener;
    uint64_t what;
  };
  static bool is_later(const Event& a, const Event& b);

  MonoTime now_{};
  std::vector<Event> heap_;
  uint64_t order_ = 0;
  uint64_t event_count_ = 0;
};

}  // namespace roost::sim
