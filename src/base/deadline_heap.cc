// SPDX-License-Identifier: MIT
#include "base/deadline_heap.h"

#include "base/check.h"

namespace roost {

DeadlineHeap::DeadlineHeap(uint32_t capacity) : place_of_(capacity, kNowhere) {
  heap_.reserve(capacity);
}

void DeadlineHeap::set(uint32_t slot, MonoTime deadline) {
  CHECK(slot < place_of_.size());
  uint32_t at = place_of_[slot];
  if (at == kNowhere) {
    at = static_cast<uint32_t>(heap_.size());
    heap_.push_back({});
  }
  place(at, {deadline, slot});
  sift_up(at);
  sift_down(place_of_[slot]);
}

void DeadlineHeap::clear(uint32_t slot) {
  CHECK(slot < place_of_.size());
  if (place_of_[slot] != kNowhere) remove_at(place_of_[slot]);
}

std::optional<MonoTime> DeadlineHeap::next_deadline() const {
  if (heap_.empty()) return {};
  return heap_.front().deadline;
}

std::optional<uint32_t> DeadlineHeap::pop_due(MonoTime now) {
  if (heap_.empty() || heap_.front().deadline > now) return {};
  const uint32_t slot = heap_.front().slot;
  remove_at(0);
  return slot;
}

void DeadlineHeap::check_invariants() const {
  for (uint32_t at = 0; at < heap_.size(); ++at) {
    CHECK(place_of_[heap_[at].slot] == at);
    CHECK(at == 0 || heap_[(at - 1) / 2] <= heap_[at]);
  }
  size_t placed = 0;
  for (const uint32_t at : place_of_) placed += at != kNowhere;
  CHECK(placed == heap_.size());
}

void DeadlineHeap::place(uint32_t at, const Entry& entry) {
  heap_[at] = entry;
  place_of_[entry.slot] = at;
}

void DeadlineHeap::sift_up(uint32_t at) {
  const Entry moving = heap_[at];
  while (at > 0 && moving < heap_[(at - 1) / 2]) {
    place(at, heap_[(at - 1) / 2]);
    at = (at - 1) / 2;
  }
  place(at, moving);
}

void DeadlineHeap::sift_down(uint32_t at) {
  const Entry moving = heap_[at];
  for (;;) {
    uint32_t child = 2 * at + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1] < heap_[child]) ++child;
    if (moving <= heap_[child]) break;
    place(at, heap_[child]);
    at = child;
  }
  place(at, moving);
}

void DeadlineHeap::remove_at(uint32_t at) {
  place_of_[heap_[at].slot] = kNowhere;
  const Entry last = heap_.back();
  heap_.pop_back();
  if (at == heap_.size()) return;
  place(at, last);
  sift_up(at);
  sift_down(place_of_[last.slot]);
}

}  // namespace roost
