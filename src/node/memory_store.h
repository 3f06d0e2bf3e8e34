// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "node/store.h"

namespace roost::node {

// A store that ends with the process: for tests, for what the simulator's disks have written, and
// for a node that is to leave nothing behind.
class MemoryStore final : public Store {
 public:
  // `size_max` bounds keys and values together.
  explicit MemoryStore(uint64_t size_max) : size_max_(size_max) {}

  // kFull unless all that the batch puts fits beside all that is there: like a log, it takes in the
  // new before it lets go of the old. Removing always succeeds.
  Result<Done, StoreFailure> commit(const WriteBatch& batch) override;
  Result<std::optional<std::vector<uint8_t>>, StoreFailure> get(Bytes key) override;
  Result<StorePage, StoreFailure> read_range(Bytes from, Bytes to,
                                             const StorePage::Limits& limits) override;
  Sizes sizes() override;

  void set_size_max(uint64_t size_max) { size_max_ = size_max; }

 private:
  struct Before {
    using is_transparent = void;
    bool operator()(Bytes a, Bytes b) const;
  };
  using Entries = std::map<std::vector<uint8_t>, std::vector<uint8_t>, Before>;

  void apply(const WriteBatch::Change& change);
  Entries::iterator erase(Entries::iterator entry);
  bool is_before(const Entries::const_iterator& entry, Bytes to) const;

  uint64_t size_max_;
  uint64_t size_ = 0;
  Entries entries_;
};

}  // namespace roost::node
