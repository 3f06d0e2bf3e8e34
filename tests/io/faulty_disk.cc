// SPDX-License-Identifier: MIT
#include "faulty_disk.h"

#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>
#include <rocksdb/file_system.h>

namespace roost::io {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

constexpr uint64_t kPlenty = 1'000'000'000;

}  // namespace

// Used by the library's threads too. Whatever changes the disk holds the mutex meanwhile, so that a
// copy is what the disk was at one moment.
struct FaultyDisk::State {
  std::atomic<uint64_t> free_bytes = kPlenty;
  std::atomic<bool> is_full = false;
  std::atomic<bool> sync_fails = false;
  std::atomic<uint64_t> sync_count = 0;

  std::mutex mutex;
  std::map<std::string, uint64_t> synced_sizes;  // By path.
};

class FaultyDisk::File final : public rocksdb::FSWritableFileWrapper {
 public:
  File(State& state, std::string path, std::unique_ptr<rocksdb::FSWritableFile> file)
      : FSWritableFileWrapper(file.get()),
        state_(state),
        path_(std::move(path)),
        file_(std::move(file)) {
    const std::lock_guard lock(state_.mutex);
    state_.synced_sizes[path_] = 0;
  }

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    const std::lock_guard lock(state_.mutex);
    if (!state_.is_full) {
      size_ += data.size();
      return target()->Append(data, options, debug);
    }
    const rocksdb::Slice half(data.data(), data.size() / 2);
    size_ += half.size();
    target()->Append(half, options, debug).PermitUncheckedError();
    return IOStatus::NoSpace("the disk of the test is full");
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo&, IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    const std::lock_guard lock(state_.mutex);
    return synced(target()->Sync(options, debug));
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    const std::lock_guard lock(state_.mutex);
    return synced(target()->Fsync(options, debug));
  }

 private:
  IOStatus synced(IOStatus status) {
    ++state_.sync_count;
    if (state_.sync_fails) return IOStatus::IOError("the disk of the test does not sync");
    state_.synced_sizes[path_] = size_;
    return status;
  }

  State& state_;
  std::string path_;
  std::unique_ptr<rocksdb::FSWritableFile> file_;
  uint64_t size_ = 0;
};

class FaultyDisk::Files final : public rocksdb::FileSystemWrapper {
 public:
  explicit Files(State& state) : FileSystemWrapper(rocksdb::FileSystem::Default()), state_(state) {}

  const char* Name() const override { return "FaultyDisk"; }

  IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* result,
                           IODebugContext* debug) override {
    if (state_.is_full) return IOStatus::NoSpace("the disk of the test is full");
    std::unique_ptr<rocksdb::FSWritableFile> file;
    const IOStatus status = target()->NewWritableFile(path, options, &file, debug);
    if (status.ok()) *result = std::make_unique<File>(state_, path, std::move(file));
    return status;
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
    const std::lock_guard lock(state_.mutex);
    const auto known = state_.synced_sizes.find(from);
    if (known != state_.synced_sizes.end()) {
      state_.synced_sizes[to] = known->second;
      state_.synced_sizes.erase(known);
    }
    return target()->RenameFile(from, to, options, debug);
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions& options,
                      IODebugContext* debug) override {
    const std::lock_guard lock(state_.mutex);
    return target()->DeleteFile(path, options, debug);
  }
  IOStatus GetFreeSpace(const std::string&, const IOOptions&, uint64_t* free_bytes,
                        IODebugContext*) override {
    *free_bytes = state_.free_bytes;
    return IOStatus::OK();
  }

 private:
  State& state_;
};

FaultyDisk::FaultyDisk()
    : state_(std::make_unique<State>()),
      env_(rocksdb::NewCompositeEnv(std::make_shared<Files>(*state_))) {}

FaultyDisk::~FaultyDisk() = default;

rocksdb::Env* FaultyDisk::env() {
  return env_.get();
}

void FaultyDisk::set_free_bytes(uint64_t bytes) {
  state_->free_bytes = bytes;
}

void FaultyDisk::set_full(bool is_full) {
  state_->is_full = is_full;
}

void FaultyDisk::set_sync_fails(bool fails) {
  state_->sync_fails = fails;
}

uint64_t FaultyDisk::sync_count() const {
  return state_->sync_count;
}

void FaultyDisk::copy_synced(const std::string& from, const std::string& to) const {
  std::filesystem::create_directory(to);
  const std::lock_guard lock(state_->mutex);
  for (const auto& entry : std::filesystem::directory_iterator(from)) {
    const std::filesystem::path copy = to / entry.path().filename();
    std::filesystem::copy_file(entry.path(), copy);
    const auto known = state_->synced_sizes.find(entry.path());
    if (known != state_->synced_sizes.end()) std::filesystem::resize_file(copy, known->second);
  }
}

}  // namespace roost::io
