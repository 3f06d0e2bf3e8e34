// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/check.h"

namespace roost::io {

// Things by number: a fixed count of slots, numbers that are never used again.
//
// A number is a serial and the slot that it lies in, so that a look-up is an index and a
// comparison, and the number of what is gone finds nothing although its slot has a new tenant.
// Slots are taken from the heap as they are first needed.
template <typename T>
class SlotTable {
 public:
  // A million connections is more than one machine serves; 44 bits of serial never run out.
  static constexpr unsigned kSlotBits = 20;

  // Requires 0 < capacity <= 2^kSlotBits.
  explicit SlotTable(uint32_t capacity) : capacity_(capacity) {
    CHECK(capacity > 0 && capacity <= uint32_t{1} << kSlotBits);
  }

  static uint32_t slot_of(uint64_t number) {
    return static_cast<uint32_t>(number & ((uint64_t{1} << kSlotBits) - 1));
  }

  size_t size() const { return slots_.size() - free_.size(); }
  bool is_full() const { return size() == capacity_; }

  // A number that names nothing yet; it may be put() until the next reserve(). Requires !is_full().
  uint64_t reserve() {
    CHECK(!is_full());
    const uint64_t slot = free_.empty() ? slots_.size() : free_.back();
    return serial_++ << kSlotBits | slot;
  }

  T& put(uint64_t number, std::unique_ptr<T> thing) {
    const uint32_t slot = slot_of(number);
    if (slot == slots_.size()) {
      slots_.emplace_back();
    } else {
      CHECK(!free_.empty() && free_.back() == slot);
      free_.pop_back();
    }
    slots_[slot] = {number, std::move(thing)};
    return *slots_[slot].thing;
  }

  // Null if there is no such thing, or no more.
  T* find(uint64_t number) const {
    const uint32_t slot = slot_of(number);
    return slot < slots_.size() && slots_[slot].number == number ? slots_[slot].thing.get()
                                                                 : nullptr;
  }
  T* at_slot(uint32_t slot) const {
    return slot < slots_.size() ? slots_[slot].thing.get() : nullptr;
  }

  // Destroys it. Requires that find() finds it.
  void erase(uint64_t number) {
    CHECK(find(number) != nullptr);
    slots_[slot_of(number)].thing.reset();
    free_.push_back(slot_of(number));
  }

  // Calls `visit(thing)` for each. It must not put or erase.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Slot& slot : slots_) {
      if (slot.thing) visit(*slot.thing);
    }
  }

 private:
  struct Slot {
    uint64_t number = 0;
    std::unique_ptr<T> thing;
  };

  uint32_t capacity_;
  uint64_t serial_ = 1;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
};

}  // namespace roost::io
