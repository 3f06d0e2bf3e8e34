// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace roost {

// Two clocks, never mixed.
//
// MonoTime orders events and drives every timer. WallTime is what a signature or an expiry on the
// wire refers to; it may jump, and on a router without a real-time clock it is unknown until NTP
// answers. Code below io/ and sim/ never reads a clock: both times arrive as a `Now` argument.
struct MonoClock {
  using duration = std::chrono::microseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonoClock>;
  static constexpr bool is_steady = true;
  static time_point
  now() noexcept;  // Defined nowhere: a core that asks for the time fails to link.
};

using Duration = MonoClock::duration;
using MonoTime = MonoClock::time_point;
using WallTime = std::chrono::sys_seconds;

// Before this moment a system clock is implausible and counts as unknown: no release is that old.
inline constexpr WallTime kWallTimeMin{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};

struct Now {
  MonoTime mono;
  std::optional<WallTime> wall;  // Empty while the system clock is earlier than kWallTimeMin.
};

}  // namespace roost
