// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/deadline_heap.h"
#include "base/time.h"
#include "io/event_loop.h"

namespace roost::io {

// The deadlines of a server's streams behind one coarse timer.
//
// The timer is set for the earliest deadline, but never for sooner than one tick: a thousand
// streams wake the process at most once a tick, ten idle ones once in their idle time, none not at
// all. A deadline is therefore kept late by up to a tick, never early.
class DeadlineSweep {
 public:
  // `on_due` may set the deadlines of any slots, its own again included.
  using OnDue = std::function<void(uint32_t slot, MonoTime now)>;

  // Slots are 0 … capacity - 1.
  DeadlineSweep(EventLoop& loop, uint32_t capacity, Duration tick, OnDue on_due);

  // Sets, moves or (empty) clears the deadline of `slot`.
  void set(uint32_t slot, std::optional<MonoTime> deadline);

  bool empty() const { return heap_.empty(); }

 private:
  void arm();
  void sweep();

  EventLoop& loop_;
  Duration tick_;
  OnDue on_due_;
  DeadlineHeap heap_;
  EventLoop::Watch timer_;
  std::optional<MonoTime> armed_for_;
};

}  // namespace roost::io
