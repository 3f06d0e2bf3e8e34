// SPDX-License-Identifier: MIT
#include "node/pace.h"

#include <algorithm>

namespace roost::node {

using std::chrono::seconds;

uint64_t extrapolate(uint64_t bytes, seconds elapsed, seconds span) {
  const auto divisor = static_cast<uint64_t>(elapsed.count());
  const auto factor = static_cast<uint64_t>(span.count());
  return bytes / divisor * factor + bytes % divisor * factor / divisor;
}

Pace::Pace(MonoTime now) {
  marks_[0].at = now;
}

std::optional<uint64_t> Pace::bytes_in(seconds span, MonoTime now, uint64_t bytes_sent) const {
  const Mark& begin = begin_of_window(now);
  const Duration elapsed = now - begin.at;
  if (elapsed < kRunMin) return {};
  return extrapolate(bytes_sent - begin.bytes_sent, std::chrono::duration_cast<seconds>(elapsed),
                     span);
}

void Pace::mark(MonoTime now, uint64_t bytes_sent) {
  newest_ = (newest_ + 1) % kMarkCount;
  marks_[newest_] = {now, bytes_sent};
  count_ = std::min(count_ + 1, kMarkCount);
}

// The newest mark that is as old as the window is long, or the oldest there is.
const Pace::Mark& Pace::begin_of_window(MonoTime now) const {
  size_t index = newest_;
  for (size_t i = 1; i < count_ && now - marks_[index].at < kWindow; ++i) {
    index = (index + kMarkCount - 1) % kMarkCount;
  }
  return marks_[index];
}

}  // namespace roost::node
