// SPDX-License-Identifier: MIT
#include "core/reach/gateway_epoch.h"

#include <utility>

namespace roost::core::reach {
namespace {

int64_t seconds_between(MonoTime from, MonoTime to) {
  return std::chrono::floor<std::chrono::seconds>(to - from).count();
}

}  // namespace

bool GatewayEpoch::goes_on_by_pcp(MonoTime now, uint32_t seconds) {
  const auto last = std::exchange(last_, Response{now, seconds});
  if (!last) return true;
  // Both clocks may be wrong by a sixteenth.
  const int64_t ours = seconds_between(last->at, now);
  const int64_t theirs = int64_t{seconds} - last->seconds;
  if (theirs < -1) return false;
  return ours + kToleranceSeconds >= theirs - theirs / 16 &&
         theirs + kToleranceSeconds >= ours - ours / 16;
}

bool GatewayEpoch::goes_on_by_nat_pmp(MonoTime now, uint32_t seconds) {
  const auto last = std::exchange(last_, Response{now, seconds});
  if (!last) return true;
  const int64_t expected = last->seconds + seconds_between(last->at, now) * 7 / 8;
  return int64_t{seconds} + kToleranceSeconds >= expected;
}

}  // namespace roost::core::reach
