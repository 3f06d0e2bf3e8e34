// SPDX-License-Identifier: MIT
#include "sim/schedule.h"

#include <algorithm>

#include "base/check.h"

namespace roost::sim {

void Schedule::at(MonoTime when, Listener& listener, uint64_t what) {
  heap_.push_back({std::max(when, now_), order_++, &listener, what});
  std::push_heap(heap_.begin(), heap_.end(), is_later);
}

bool Schedule::step(MonoTime end) {
  CHECK(end >= now_);
  if (heap_.empty() || heap_.front().when > end) {
    now_ = end;
    return false;
  }
  std::pop_heap(heap_.begin(), heap_.end(), is_later);
  const Event event = heap_.back();
  heap_.pop_back();
  now_ = event.when;
  ++event_count_;
  event.listener->on_event(event.what);
  return true;
}

void Schedule::run_until(MonoTime end) {
  while (step(end)) continue;
}

bool Schedule::is_later(const Event& a, const Event& b) {
  return a.when != b.when ? a.when > b.when : a.order > b.order;
}

}  // namespace roost::sim
