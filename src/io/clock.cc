// SPDX-License-Identifier: MIT
#include "io/clock.h"

#include <time.h>

#include "base/check.h"

namespace roost::io {

Now read_clocks() {
  timespec mono;
  timespec wall;
  CHECK(clock_gettime(CLOCK_MONOTONIC, &mono) == 0);
  // Seconds are all that the wall clock is asked for, and the coarse one is a quarter of the price.
  CHECK(clock_gettime(CLOCK_REALTIME_COARSE, &wall) == 0);
  Now now{MonoTime(std::chrono::seconds(mono.tv_sec) +
                   std::chrono::duration_cast<Duration>(std::chrono::nanoseconds(mono.tv_nsec))),
          WallTime(std::chrono::seconds(wall.tv_sec))};
  if (*now.wall < kWallTimeMin) now.wall.reset();
  return now;
}

}  // namespace roost::io
