// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "node/store.h"

namespace rocksdb {
class Env;
}

namespace roost::io {

// The store on RocksDB: a log that is synced by each commit, and sorted files that the library
// writes and merges in two threads of its own.
//
// Its memory is bounded by the three constants below, a few hundred KiB for the library itself, and
// a commit's batch twice. Damage is found by checksums on everything that is read.

// What is committed is sorted here before it becomes a file; two of them while one is written.
inline constexpr size_t kRocksdbWriteBufferBytes = 1024 * 1024;
// Blocks that were read, indexes of files included.
inline constexpr size_t kRocksdbCacheBytes = 1024 * 1024;
// Files are closed and opened again beyond that; each also holds its footer and its name.
inline constexpr int kRocksdbFilesMax = 64;

// While less is free on its file system, what would grow the store is answered by kFull before
// anything is written: enough for the buffers to be written out, and for removals, which make room.
inline constexpr uint64_t kRocksdbReserveBytes = 4 * 1024 * 1024;

struct OpenedStore {
  std::unique_ptr<node::Store> store;
  // The log was damaged, and the store is as it was before that. What is missing was not synced
  // before a power cut, or the disk has lost what it had acknowledged; nobody can tell which.
  bool is_cut_short = false;
};

// Opens what is in `directory`, or makes it; who wants its name to outlive a loss of power makes
// and syncs it before. kDamaged if what was kept cannot be trusted; then nothing was changed, and
// the caller may set the directory aside. On a full disk what there is can be read, and commits are
// answered by kFull until there is room. `env` is the machine's unless a test brings its own, and
// outlives the store.
Result<OpenedStore, node::StoreFailure> open_rocksdb_store(const std::string& directory,
                                                           rocksdb::Env* env = nullptr);

}  // namespace roost::io
