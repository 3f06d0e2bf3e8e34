// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "core/store_terms.h"

namespace roost::node {

using core::kStoreKeySizeMax;
using core::kStoreValueSizeMax;

// Changes that become durable together or not at all (node/store.h), in the order in which they
// were added: a later one wins.
//
// One flat string of bytes, so that a batch is handed to another thread, or joined to others, at
// the price of one allocation:
//
//   kind (1)  key size (2)  value size (4)  key  value      and so on
class WriteBatch {
 public:
  static constexpr size_t kSizeMax = core::kCommitSizeMax;
  static constexpr size_t kOverhead = core::kChangeOverhead;

  using Kind = core::StoreChange::Kind;
  using Change = core::StoreChange;  // With views into the batch.

  // All require has_room_for(), keys of 1 to kStoreKeySizeMax bytes, and values of
  // kStoreValueSizeMax at most, which may be empty.
  void put(Bytes key, Bytes value);
  // A key that is not there is as good as one that was removed.
  void remove(Bytes key);
  // From `from` on, and before `to`. An end that is empty is that of all keys; ends may be one byte
  // longer than a key, so as to lie behind it.
  void remove_range(Bytes from, Bytes to);
  // Any of the three.
  void add(const Change& change);
  // What the other says, after what this one says.
  void append(const WriteBatch& other);

  // Whether another change with a key and a value of these sizes fits in.
  bool has_room_for(size_t key_size, size_t value_size) const {
    return bytes_.size() + kOverhead + key_size + value_size <= kSizeMax;
  }
  bool has_room_for(const WriteBatch& other) const {
    return bytes_.size() + other.size() <= kSizeMax;
  }

  bool is_empty() const { return bytes_.empty(); }
  size_t size() const { return bytes_.size(); }
  void clear() { bytes_.clear(); }

  // Calls `visit(const Change&)` for each, in order.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (Bytes rest = bytes_; !rest.empty();) visit(take_first(rest));
  }

 private:
  void add(Kind kind, Bytes key, Bytes value);
  static Change take_first(Bytes& rest);

  std::vector<uint8_t> bytes_;
};

}  // namespace roost::node
