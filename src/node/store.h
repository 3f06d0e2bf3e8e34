// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "core/store_terms.h"
#include "node/store_page.h"
#include "node/write_batch.h"

namespace roost::node {

using core::StoreError;

struct StoreFailure {
  StoreError error;
  std::string detail;  // A clause for the operator: which file, what about it.
};

// Durable state of the node: keys, ordered as strings of unsigned bytes, with a value each. The
// worlds implement it (io on the real disk, sim on one that loses power); bounds on keys, values
// and batches are in core/store_terms.h.
//
// What commit() has acknowledged is there after any crash of the process, and after a loss of power
// as far as the disk keeps what it says it has. tests/node/store_conformance.h holds every store to
// this page.
//
// One thread at a time uses it, and waits for the disk meanwhile; a store never throws.
class Store {
 public:
  virtual ~Store() = default;

  // All of the batch or nothing of it, durable when this returns Done. After a failure nothing of
  // it is seen; but who opens the store again may find that it is there after all, as a whole.
  virtual Result<Done, StoreFailure> commit(const WriteBatch& batch) = 0;

  // Empty if there is no such key.
  virtual Result<std::optional<std::vector<uint8_t>>, StoreFailure> get(Bytes key) = 0;

  // From `from` on and before `to`, in ascending order. Ends are those of
  // WriteBatch::remove_range().
  virtual Result<StorePage, StoreFailure> read_range(Bytes from, Bytes to,
                                                     const StorePage::Limits& limits) = 0;

  // About what it takes, for pages and metrics.
  struct Sizes {
    uint64_t disk_bytes = 0;
    uint64_t memory_bytes = 0;
  };
  virtual Sizes sizes() = 0;
};

}  // namespace roost::node
