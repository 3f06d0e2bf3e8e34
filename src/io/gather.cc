// SPDX-License-Identifier: MIT
#include "io/gather.h"

#include <algorithm>

namespace roost::io {

Duration Gather::after(MonoTime now, uint64_t packets) {
  if (now - window_began_at_ >= kWindow) {
    // A window that nobody has looked at was empty.
    in_last_window_ = now - window_began_at_ < 2 * kWindow ? in_window_ : 0;
    in_window_ = 0;
    window_began_at_ = now;
  }
  in_window_ += packets;
  if (packets >= kEnough || in_last_window_ == 0) return {};
  const auto window_us = static_cast<uint64_t>(kWindow.count());
  const uint64_t expected = in_last_window_ * static_cast<uint64_t>(nap_max_.count()) / window_us;
  if (expected < kExpectedMin) return {};
  // Long enough for enough, and no longer.
  const Duration enough_after(static_cast<int64_t>(kEnough * window_us / in_last_window_));
  return std::clamp(enough_after - kWakeUp, Duration{}, nap_max_);
}

}  // namespace roost::io
