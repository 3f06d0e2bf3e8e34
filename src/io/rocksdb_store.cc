// SPDX-License-Identifier: MIT
#include "io/rocksdb_store.h"

#include <algorithm>
#include <exception>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/iterator.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "io/without_signals.h"

namespace roost::io {
namespace {

using node::Store;
using node::StoreError;
using node::StoreFailure;
using node::StorePage;

// A file is merged with others once there are more; small, so that merging is done in small steps.
constexpr uint64_t kFileBytes = 2 * 1024 * 1024;
constexpr uint64_t kFirstLevelBytes = 4 * kFileBytes;
// The list of files is a log too, and by default grows to a gigabyte before it is begun anew.
constexpr uint64_t kManifestBytesMax = 256 * 1024;
constexpr size_t kFileBufferBytes = 64 * 1024;

// Without this file the library takes the directory for a new one, whatever else is in it.
constexpr const char* kRoot = "/CURRENT";

// The library would write a diary of its own beside the data.
class NoLog final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::Slice slice(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Bytes bytes_of(const rocksdb::Slice& text) {
  return as_bytes({text.data(), text.size()});
}

StoreFailure failure_of(const rocksdb::Status& status) {
  StoreError error = StoreError::kFailed;
  if (status.IsNoSpace()) error = StoreError::kFull;
  if (status.IsCorruption()) error = StoreError::kDamaged;
  return {error, status.ToString()};
}

rocksdb::Options options_for(rocksdb::Env* env) {
  rocksdb::Options options;
  options.env = env;
  options.create_if_missing = true;
  options.paranoid_checks = true;
  options.info_log = std::make_shared<NoLog>();
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;

  options.write_buffer_size = kRocksdbWriteBufferBytes;
  options.max_write_buffer_number = 2;
  options.arena_block_size = kRocksdbWriteBufferBytes / 16;
  options.allow_concurrent_memtable_write = false;  // One thread writes.
  options.enable_write_thread_adaptive_yield = false;
  options.max_open_files = kRocksdbFilesMax;
  options.max_file_opening_threads = 1;
  options.table_cache_numshardbits = 0;
  options.writable_file_max_buffer_size = kFileBufferBytes;
  options.log_readahead_size = kFileBufferBytes;
  options.compaction_readahead_size = kFileBufferBytes;
  options.max_background_jobs = 2;  // One writes buffers out, one merges files.

  // What is kept for others is encrypted already, or as small as an address.
  options.compression = rocksdb::kNoCompression;
  options.target_file_size_base = kFileBytes;
  options.max_bytes_for_level_base = kFirstLevelBytes;
  options.max_manifest_file_size = kManifestBytesMax;
  // Or a file of the log would take its whole place on the disk before it is filled.
  options.allow_fallocate = false;
  // Commits are tried again by whoever makes them, and not in the background.
  options.max_bgerror_resume_count = 0;

  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(kRocksdbCacheBytes, 0);
  table.cache_index_and_filter_blocks = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

class RocksdbStore final : public Store {
 public:
  RocksdbStore(std::string directory, rocksdb::Env* env)
      : directory_(std::move(directory)), env_(env), options_(options_for(env)) {}

  // Whether the log was cut short (OpenedStore).
  Result<bool, StoreFailure> open();
  // What there is can be read; a commit first tries to open it wholly. Whether that much is
  // possible.
  bool open_to_read();

  Result<Done, StoreFailure> commit(const node::WriteBatch& batch) override;
  Result<std::optional<std::vector<uint8_t>>, StoreFailure> get(Bytes key) override;
  Result<StorePage, StoreFailure> read_range(Bytes from, Bytes to,
                                             const StorePage::Limits& limits) override;
  Sizes sizes() override;

 private:
  rocksdb::Status try_to_open(rocksdb::WALRecoveryMode recovery, bool only_to_read);
  Result<Done, StoreFailure> begin_anew_after_failure();
  bool has_room();
  StoreFailure no_room() const;
  uint64_t property(const std::string& name) const;

  std::string directory_;
  rocksdb::Env* env_;
  rocksdb::Options options_;
  // None where not even reading was possible after a failure.
  std::unique_ptr<rocksdb::DB> db_;
  bool has_failed_ = false;  // The log may end in the middle of a batch.
};

Result<bool, StoreFailure> RocksdbStore::open() {
  rocksdb::Status status =
      try_to_open(rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords, false);
  if (status.ok()) return false;
  // A batch that was torn by a power cut may look like damage in the log. Before everything is set
  // aside for it, what was committed earlier is tried without it.
  if (status.IsCorruption()) {
    status = try_to_open(rocksdb::WALRecoveryMode::kPointInTimeRecovery, false);
    if (status.ok()) return true;
  }
  StoreFailure failure = failure_of(status);
  if (status.IsPathNotFound() && env_->FileExists(directory_ + kRoot).ok()) {
    failure.error = StoreError::kDamaged;  // A file that another one names is gone.
  }
  return Failure(std::move(failure));
}

bool RocksdbStore::open_to_read() {
  has_failed_ = true;
  // The log may end with what failed, which is no reason not to read what is before it.
  return try_to_open(rocksdb::WALRecoveryMode::kPointInTimeRecovery, true).ok();
}

rocksdb::Status RocksdbStore::try_to_open(rocksdb::WALRecoveryMode recovery, bool only_to_read) {
  const WithoutSignals without_signals;
  options_.wal_recovery_mode = recovery;
  rocksdb::DB* db = nullptr;
  // It throws where the system has no thread left for it.
  try {
    const rocksdb::Status status = only_to_read
                                       ? rocksdb::DB::OpenForReadOnly(options_, directory_, &db)
                                       : rocksdb::DB::Open(options_, directory_, &db);
    db_.reset(db);
    return status;
  } catch (const std::exception& error) {
    return rocksdb::Status::Aborted(error.what());
  }
}

// An end of a range that lies behind all keys.
const std::string& behind_all_keys() {
  static const std::string end(node::kStoreKeySizeMax + 1, '\xff');
  return end;
}

Result<Done, StoreFailure> RocksdbStore::commit(const node::WriteBatch& batch) {
  if (batch.is_empty()) return Done();
  rocksdb::WriteBatch changes(batch.size());
  bool grows = false;
  const auto add = [&](const node::WriteBatch::Change& change) {
    switch (change.kind) {
      case node::WriteBatch::Kind::kPut:
        grows = true;
        return changes.Put(slice(change.key), slice(change.value));
      case node::WriteBatch::Kind::kRemove: return changes.Delete(slice(change.key));
      case node::WriteBatch::Kind::kRemoveRange: {
        const rocksdb::Slice end =
            change.value.empty() ? rocksdb::Slice(behind_all_keys()) : slice(change.value);
        // Backwards is an error to the library.
        if (slice(change.key).compare(end) >= 0) return rocksdb::Status();
        return changes.DeleteRange(slice(change.key), end);
      }
    }
    return rocksdb::Status();
  };
  batch.for_each([&](const node::WriteBatch::Change& change) { CHECK(add(change).ok()); });
  if (grows && !has_room()) return Failure(no_room());
  if (has_failed_) {
    auto begun = begin_anew_after_failure();
    if (!begun) return begun;
  }
  rocksdb::WriteOptions options;
  options.sync = true;
  const rocksdb::Status status = db_->Write(options, &changes);
  if (status.ok()) return Done();
  has_failed_ = true;
  return Failure(failure_of(status));
}

// What is appended to a log behind half a batch is lost with it, so what the failure left is cut
// off first, as after a crash. The library's own way back goes on in the same log where nothing
// else was in it.
Result<Done, StoreFailure> RocksdbStore::begin_anew_after_failure() {
  // Opening writes what the log held. Until there is room for that, what there is can be read.
  if (!has_room()) return Failure(no_room());
  db_.reset();
  const auto opened = open();
  if (!opened) {
    (void)open_to_read();
    return Failure(opened.error());
  }
  has_failed_ = false;
  return Done();
}

Result<std::optional<std::vector<uint8_t>>, StoreFailure> RocksdbStore::get(Bytes key) {
  CHECK(!key.empty() && key.size() <= node::kStoreKeySizeMax);
  if (!db_) return Failure(StoreFailure{StoreError::kFailed, "not open after a failure"});
  rocksdb::PinnableSlice value;
  const rocksdb::Status status =
      db_->Get(rocksdb::ReadOptions(), db_->DefaultColumnFamily(), slice(key), &value);
  if (status.IsNotFound()) return std::optional<std::vector<uint8_t>>();
  if (!status.ok()) return Failure(failure_of(status));
  const Bytes bytes = bytes_of(value);
  return std::optional<std::vector<uint8_t>>(std::in_place, bytes.begin(), bytes.end());
}

Result<StorePage, StoreFailure> RocksdbStore::read_range(Bytes from, Bytes to,
                                                         const StorePage::Limits& limits) {
  if (!db_) return Failure(StoreFailure{StoreError::kFailed, "not open after a failure"});
  StorePage page(limits);
  if (!to.empty() && slice(from).compare(slice(to)) >= 0) return page;
  const rocksdb::Slice end = slice(to);
  rocksdb::ReadOptions options;
  if (!to.empty()) options.iterate_upper_bound = &end;
  const std::unique_ptr<rocksdb::Iterator> entry(db_->NewIterator(options));
  for (entry->Seek(slice(from)); entry->Valid(); entry->Next()) {
    if (!page.add(bytes_of(entry->key()), bytes_of(entry->value()))) break;
  }
  if (!entry->status().ok()) return Failure(failure_of(entry->status()));
  return page;
}

Store::Sizes RocksdbStore::sizes() {
  if (!db_) return {};
  const uint64_t buffers = property(rocksdb::DB::Properties::kSizeAllMemTables);
  // The log holds about what the buffers hold.
  return {.disk_bytes = property(rocksdb::DB::Properties::kTotalSstFilesSize) +
                        property(rocksdb::DB::Properties::kCurSizeAllMemTables),
          .memory_bytes = buffers + property(rocksdb::DB::Properties::kBlockCacheUsage) +
                          property(rocksdb::DB::Properties::kEstimateTableReadersMem)};
}

bool RocksdbStore::has_room() {
  uint64_t free_bytes = 0;
  const rocksdb::Status status = env_->GetFreeSpace(directory_, &free_bytes);
  return !status.ok() || free_bytes >= kRocksdbReserveBytes;
}

StoreFailure RocksdbStore::no_room() const {
  return {StoreError::kFull, "too little space is left for " + directory_};
}

uint64_t RocksdbStore::property(const std::string& name) const {
  uint64_t value = 0;
  return db_->GetIntProperty(name, &value) ? value : 0;
}

bool has_lost_its_root(const std::string& directory, rocksdb::Env* env) {
  std::vector<std::string> names;
  if (env->FileExists(directory + kRoot).ok()) return false;
  if (!env->GetChildren(directory, &names).ok()) return false;
  return std::any_of(names.begin(), names.end(), [](std::string_view name) {
    return name.ends_with(".sst") || name.ends_with(".log");
  });
}

}  // namespace

Result<OpenedStore, StoreFailure> open_rocksdb_store(const std::string& directory,
                                                     rocksdb::Env* env) {
  if (env == nullptr) env = rocksdb::Env::Default();
  if (has_lost_its_root(directory, env)) {
    return Failure(StoreFailure{StoreError::kDamaged, directory + kRoot + " is missing"});
  }
  auto store = std::make_unique<RocksdbStore>(directory, env);
  const auto is_cut_short = store->open();
  if (is_cut_short) return OpenedStore{std::move(store), *is_cut_short};
  // Opening writes. A disk without room for that is no reason to do without what is on it.
  if (is_cut_short.error().error == StoreError::kFull && store->open_to_read()) {
    return OpenedStore{std::move(store), false};
  }
  return Failure(is_cut_short.error());
}

}  // namespace roost::io
