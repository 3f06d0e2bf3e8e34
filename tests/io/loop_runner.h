// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <event2/event.h>
#include <functional>
#include <thread>

#include "io/clock.h"
#include "io/event_loop.h"

namespace roost::io {

// Far more than any test needs; a machine that is busy with other things stays below it.
inline constexpr Duration kPatience = std::chrono::seconds(10);

// Runs the loop until `is_done()` says so, which is asked after each pass and may do the other
// side's work. False if that takes too long.
inline bool run_until(EventLoop& loop, const std::function<bool()>& is_done,
                      Duration patience = kPatience) {
  const MonoTime give_up_at = read_clocks().mono + patience;
  for (;;) {
    event_base_loop(loop.base(), EVLOOP_NONBLOCK);
    if (is_done()) return true;
    if (read_clocks().mono > give_up_at) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

inline void run_for(EventLoop& loop, Duration time) {
  run_until(
      loop, [] { return false; }, time);
}

}  // namespace roost::io
