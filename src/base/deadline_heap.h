// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"

namespace roost {

// Deadlines of numbered things, the earliest first: one heap instead of a timer per object.
//
// Numbers are slots of the owner's table, 0 … capacity - 1, each with at most one deadline. All
// memory is taken in the constructor. Every change costs at most log2(capacity) moves. Equal
// deadlines come out by number, so that a simulated run is repeatable.
class DeadlineHeap {
 public:
  explicit DeadlineHeap(uint32_t capacity);

  // Sets or moves the deadline of `slot`. Requires slot < capacity.
  void set(uint32_t slot, MonoTime deadline);
  // Forgets the deadline of `slot`, if it has one.
  void clear(uint32_t slot);

  bool empty() const { return heap_.empty(); }
  size_t size() const { return heap_.size(); }
  std::optional<MonoTime> next_deadline() const;

  static constexpr size_t bytes_for(uint32_t capacity) {
    return capacity * (sizeof(Entry) + sizeof(uint32_t));
  }

  // Takes out the earliest slot whose deadline is not after `now`; empty when there is none.
  std::optional<uint32_t> pop_due(MonoTime now);

  // Aborts unless the order holds and every slot knows its place.
  void check_invariants() const;

 private:
  static constexpr uint32_t kNowhere = ~uint32_t{0};
  struct Entry {
    MonoTime deadline;
    uint32_t slot;
    friend auto operator<=>(const Entry&, const Entry&) = default;
  };

  void place(uint32_t at, const Entry& entry);
  void sift_up(uint32_t at);
  void sift_down(uint32_t at);
  void remove_at(uint32_t at);

  std::vector<Entry> heap_;
  std::vector<uint32_t> place_of_;  // By slot: index into heap_, or kNowhere.
};

}  // namespace roost
