// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <rocksdb/env.h>
#include <string>

namespace roost::io {

// The real file system below RocksDB, with a disk that can be full, break, and lose power.
class FaultyDisk {
 public:
  FaultyDisk();
  ~FaultyDisk();

  rocksdb::Env* env();

  // What it says of itself.
  void set_free_bytes(uint64_t bytes);
  // Whatever it says: half of what is written is there, then there is no room.
  void set_full(bool is_full);
  // A sync fails; nobody knows what it has written.
  void set_sync_fails(bool fails);
  uint64_t sync_count() const;

  // What would be there had the power gone: of each file what was synced, in another directory.
  void copy_synced(const std::string& from, const std::string& to) const;

 private:
  class Files;
  class File;
  struct State;

  std::unique_ptr<State> state_;
  std::unique_ptr<rocksdb::Env> env_;
};

}  // namespace roost::io
