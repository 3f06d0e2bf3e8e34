// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "core/store_terms.h"

namespace roost::node {

// Part of a range of a store: entries in the order of their keys, as many as the limits allow, and
// whether there are more. Flat like a WriteBatch, for the same reason.
class StorePage {
 public:
  static constexpr size_t kSizeMax = core::kReadSizeMax;

  struct Limits {
    size_t count_max = SIZE_MAX;
    // Keys and values together. The first entry is given however large it is, or nobody would ever
    // see what comes behind it.
    size_t size_max = kSizeMax;
  };

  // Requires limits above 0, and not above kSizeMax.
  explicit StorePage(const Limits& limits);

  // For stores: false if the page is full, which it then remembers.
  [[nodiscard]] bool add(Bytes key, Bytes value);

  size_t count() const { return count_; }
  // Whether the range ends here.
  bool is_last() const { return !is_cut_; }
  // Where the next page begins: right behind the last entry of this one. Requires count() > 0.
  std::vector<uint8_t> next_from() const;

  // The same as for_each() visits, in a row; the views are of this page.
  std::vector<core::StoreEntry> entries() const;

  // Calls `visit(Bytes key, Bytes value)` for each, in order; the views are of this page.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (Bytes rest = bytes_; !rest.empty();) {
      const core::StoreEntry entry = take_first(rest);
      visit(entry.key, entry.value);
    }
  }

 private:
  static core::StoreEntry take_first(Bytes& rest);

  Limits limits_;
  std::vector<uint8_t> bytes_;  // key size (2), value size (4), key, value; and so on.
  size_t count_ = 0;
  size_t size_ = 0;
  size_t last_at_ = 0;  // In bytes_.
  bool is_cut_ = false;
};

}  // namespace roost::node
