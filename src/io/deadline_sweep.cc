// SPDX-License-Identifier: MIT
#include "io/deadline_sweep.h"

#include <algorithm>
#include <utility>

#include "io/clock.h"

namespace roost::io {

DeadlineSweep::DeadlineSweep(EventLoop& loop, uint32_t capacity, Duration tick, OnDue on_due)
    : loop_(loop),
      tick_(tick),
      on_due_(std::move(on_due)),
      heap_(capacity),
      timer_(loop.timer([this] { sweep(); })) {}

void DeadlineSweep::set(uint32_t slot, std::optional<MonoTime> deadline) {
  if (deadline) {
    heap_.set(slot, *deadline);
  } else {
    heap_.clear(slot);
  }
  arm();
}

// A timer that is set too early finds nothing due and is set again: that is cheaper than moving it
// whenever a deadline moves.
void DeadlineSweep::arm() {
  const auto next = heap_.next_deadline();
  if (!next) {
    if (armed_for_) loop_.clear(timer_);
    armed_for_.reset();
    return;
  }
  if (armed_for_ && *armed_for_ <= *next) return;
  const MonoTime now = read_clocks().mono;
  const MonoTime due = std::max(*next, now + tick_);
  if (armed_for_ && *armed_for_ <= due) return;
  loop_.set(timer_, due - now);
  armed_for_ = due;
}

void DeadlineSweep::sweep() {
  armed_for_.reset();
  const MonoTime now = read_clocks().mono;
  // What on_due() sets again to a moment that has passed waits for the next tick.
  for (size_t left = heap_.size(); left > 0; --left) {
    const auto slot = heap_.pop_due(now);
    if (!slot) break;
    on_due_(*slot, now);
  }
  arm();
}

}  // namespace roost::io
