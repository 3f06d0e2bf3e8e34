// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/crypto_hash.h"

namespace roost {

// A hash table with a fixed capacity whose keys are chosen by strangers.
//
// All memory is taken in the constructor; a full table refuses, it never grows. The hash is keyed
// (SipHash) with a secret, so that nobody can choose keys that collide. Linear probing at a load of
// at most one half; erasing shifts the followers back, so that there are no tombstones and a
// look-up never gets slower with age. Pointers to values are valid until the next insert or erase.
//
// `Key` has operator==. `KeyBytes()(key)` names the bytes to hash: anything that converts to Bytes,
// a temporary array included.
template <typename Key, typename Value, typename KeyBytes>
class BoundedMap {
 public:
  // Requires 0 < capacity <= 2^30.
  BoundedMap(size_t capacity, const SipHashKey& secret)
      : capacity_(capacity), secret_(secret), slots_(std::bit_ceil(2 * capacity)) {
    CHECK(capacity > 0 && capacity <= size_t{1} << 30);
  }

  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  bool is_full() const { return size_ == capacity_; }
  static constexpr size_t bytes_for(size_t capacity) {
    return std::bit_ceil(2 * capacity) * sizeof(Slot);
  }

  Value* find(const Key& key) {
    const size_t at = find_slot(key);
    return slots_[at] ? &slots_[at]->second : nullptr;
  }
  const Value* find(const Key& key) const {
    const size_t at = find_slot(key);
    return slots_[at] ? &slots_[at]->second : nullptr;
  }

  // The value under `key`, made from `value` if there was none; null if that needs room and the
  // table is full.
  [[nodiscard]] Value* find_or_insert(const Key& key, Value value) {
    const size_t at = find_slot(key);
    if (slots_[at]) return &slots_[at]->second;
    if (is_full()) return nullptr;
    slots_[at].emplace(key, std::move(value));
    ++size_;
    return &slots_[at]->second;
  }

  // Whether there was such a key.
  bool erase(const Key& key) {
    size_t hole = find_slot(key);
    if (!slots_[hole]) return false;
    --size_;
    // Move back each follower that may no longer be found behind the hole.
    for (size_t at = next(hole); slots_[at]; at = next(at)) {
      const size_t home = home_of(slots_[at]->first);
      const size_t hole_distance = (hole - home) & (slots_.size() - 1);
      const size_t own_distance = (at - home) & (slots_.size() - 1);
      if (hole_distance > own_distance) continue;
      slots_[hole] = std::move(slots_[at]);
      hole = at;
    }
    slots_[hole].reset();
    return true;
  }

  // Calls `visit(key, value)` for each entry, in an order that means nothing.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Slot& slot : slots_) {
      if (slot) visit(slot->first, slot->second);
    }
  }

  // Aborts unless every entry can be found and the count is right.
  void check_invariants() const {
    size_t count = 0;
    for (size_t at = 0; at < slots_.size(); ++at) {
      if (!slots_[at]) continue;
      ++count;
      CHECK(find_slot(slots_[at]->first) == at);
    }
    CHECK(count == size_ && size_ <= capacity_);
  }

 private:
  using Slot = std::optional<std::pair<Key, Value>>;

  size_t next(size_t at) const { return (at + 1) & (slots_.size() - 1); }
  size_t home_of(const Key& key) const {
    return sip_hash(secret_, KeyBytes()(key)) & (slots_.size() - 1);
  }
  size_t find_slot(const Key& key) const {  // Of the key, or of the hole where it would go.
    size_t at = home_of(key);
    while (slots_[at] && !(slots_[at]->first == key)) at = next(at);
    return at;
  }

  size_t capacity_;
  size_t size_ = 0;
  SipHashKey secret_;
  std::vector<Slot> slots_;
};

}  // namespace roost
