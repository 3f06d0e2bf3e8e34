// SPDX-License-Identifier: MIT
//
// Goal: the store on RocksDB keeps what node/store.h promises, whatever becomes of process, power
// and disk. Method: the conformance suite on a disk that loses power and fills up, a process that
// is killed in the middle of commits, and files that are damaged by hand.
#include "io/rocksdb_store.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "faulty_disk.h"
#include "io/file_descriptor.h"
#include "store_conformance.h"

namespace roost::node {
namespace {

namespace fs = std::filesystem;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = testing::TempDir() + "roost-store-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() { fs::remove_all(path_); }
  std::string at(std::string_view name) const { return path_ + '/' + std::string(name); }

 private:
  std::string path_;
};

// Whether the disk says beforehand that there is no room, or only when it is written to.
enum class Full { kForeseen, kSudden };

class RocksdbBed final : public StoreBed {
 public:
  explicit RocksdbBed(Full full) : full_(full), directory_(root_.at("0")) { open(); }

  Store& store() override { return *store_; }
  void restart() override {
    store_.reset();
    open();
  }
  void crash() override {
    const std::string next = root_.at(std::to_string(++crash_count_));
    disk_.copy_synced(directory_, next);
    store_.reset();
    directory_ = next;
    open();
  }
  void fill_disk() override {
    if (full_ == Full::kForeseen) {
      disk_.set_free_bytes(io::kRocksdbReserveBytes - 1);
    } else {
      disk_.set_full(true);
    }
  }
  void make_room() override {
    disk_.set_free_bytes(io::kRocksdbReserveBytes);
    disk_.set_full(false);
  }

  io::FaultyDisk& disk() { return disk_; }

 private:
  void open() {
    auto opened = io::open_rocksdb_store(directory_, disk_.env());
    ASSERT_TRUE(opened) << opened.error().detail;
    EXPECT_FALSE(opened->is_cut_short);
    store_ = std::move(opened->store);
  }

  Full full_;
  TemporaryDirectory root_;
  io::FaultyDisk disk_;
  std::string directory_;
  int crash_count_ = 0;
  std::unique_ptr<Store> store_;
};

INSTANTIATE_TEST_SUITE_P(
    Rocksdb, StoreConformance,
    testing::Values([] { return std::make_unique<RocksdbBed>(Full::kForeseen); },
                    [] { return std::make_unique<RocksdbBed>(Full::kSudden); }));

WriteBatch putting(std::string_view key, std::string_view value) {
  WriteBatch batch;
  batch.put(as_bytes(key), as_bytes(value));
  return batch;
}

std::string value_of(Store& store, std::string_view key) {
  const auto found = store.get(as_bytes(key));
  if (!found) return "failure: " + found.error().detail;
  return *found ? std::string(as_text(**found)) : "none";
}

TEST(RocksdbStore, SyncsOnceForEachCommit) {
  RocksdbBed bed(Full::kForeseen);
  for (int i = 0; i < 5; ++i) {
    const uint64_t before = bed.disk().sync_count();
    EXPECT_TRUE(bed.store().commit(putting("a", "1")));
    EXPECT_EQ(before + 1, bed.disk().sync_count());
  }
}

TEST(RocksdbStore, RemovesWhileItHasNoRoomToPut) {
  RocksdbBed bed(Full::kForeseen);
  EXPECT_TRUE(bed.store().commit(putting("a", "1")));
  bed.fill_disk();
  EXPECT_FALSE(bed.store().commit(putting("b", "2")));
  WriteBatch removal;
  removal.remove(as_bytes("a"));
  EXPECT_TRUE(bed.store().commit(removal));
  bed.crash();
  EXPECT_EQ("none", value_of(bed.store(), "a"));
}

TEST(RocksdbStore, SaysThatASyncHasFailedAndLosesNothingThatWasAcknowledged) {
  RocksdbBed bed(Full::kForeseen);
  EXPECT_TRUE(bed.store().commit(putting("a", "1")));
  bed.disk().set_sync_fails(true);
  for (int i = 0; i < 2; ++i) {
    const auto done = bed.store().commit(putting("b", "2"));
    ASSERT_FALSE(done);
    EXPECT_EQ(StoreError::kFailed, done.error().error) << done.error().detail;
    EXPECT_EQ("1", value_of(bed.store(), "a"));
  }
  bed.disk().set_sync_fails(false);
  EXPECT_TRUE(bed.store().commit(putting("c", "3")));
  EXPECT_TRUE(bed.store().commit(putting("d", "4")));
  bed.crash();
  for (const auto& [key, value] : {std::pair("a", "1"), std::pair("c", "3"), std::pair("d", "4")}) {
    EXPECT_EQ(value, value_of(bed.store(), key));
  }
}

TEST(RocksdbStore, IsOpenedToReadWhereTheDiskIsFullAndGoesOnOnceItIsNot) {
  RocksdbBed bed(Full::kSudden);
  EXPECT_TRUE(bed.store().commit(putting("a", "1")));
  bed.fill_disk();
  bed.crash();
  EXPECT_EQ("1", value_of(bed.store(), "a"));
  const auto done = bed.store().commit(putting("b", "2"));
  ASSERT_FALSE(done);
  EXPECT_EQ(StoreError::kFull, done.error().error) << done.error().detail;
  EXPECT_EQ("1", value_of(bed.store(), "a"));
  bed.make_room();
  EXPECT_TRUE(bed.store().commit(putting("c", "3")));
  bed.crash();
  EXPECT_EQ("1", value_of(bed.store(), "a"));
  EXPECT_EQ("none", value_of(bed.store(), "b"));
  EXPECT_EQ("3", value_of(bed.store(), "c"));
}

// ---- A process that is killed.

struct Writer {
  pid_t pid;
  io::FileDescriptor output;
};

Writer start_writer(const std::string& directory, unsigned long first) {
  int ends[2];
  EXPECT_EQ(0, pipe2(ends, O_CLOEXEC));
  io::FileDescriptor output(ends[0]);
  const io::FileDescriptor input(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input.get(), STDOUT_FILENO);
  std::string program = STORE_WRITER;
  std::string path = directory;
  std::string number = std::to_string(first);
  char* const arguments[] = {program.data(), path.data(), number.data(), nullptr};
  pid_t pid = -1;
  EXPECT_EQ(0, posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments, environ));
  posix_spawn_file_actions_destroy(&actions);
  return {pid, std::move(output)};
}

// The last number that it has printed, after it was killed at some moment.
unsigned long kill_after(const Writer& writer, size_t acknowledged_min, SeededRandom& random) {
  std::string text;
  char buffer[4096];
  ssize_t size = 0;
  const auto lines = [&] { return std::count(text.begin(), text.end(), '\n'); };
  while (lines() < static_cast<ptrdiff_t>(acknowledged_min) &&
         (size = read(writer.output.get(), buffer, sizeof buffer)) > 0) {
    text.append(buffer, static_cast<size_t>(size));
  }
  std::this_thread::sleep_for(std::chrono::microseconds(random.below(5000)));
  EXPECT_EQ(0, kill(writer.pid, SIGKILL));
  while ((size = read(writer.output.get(), buffer, sizeof buffer)) > 0) {
    text.append(buffer, static_cast<size_t>(size));
  }
  int status = 0;
  EXPECT_EQ(writer.pid, waitpid(writer.pid, &status, 0));
  EXPECT_TRUE(WIFSIGNALED(status));
  const size_t end = text.rfind('\n');
  if (end == std::string::npos) return 0;
  const size_t before = text.rfind('\n', end - 1);
  return std::stoul(text.substr(before == std::string::npos ? 0 : before + 1));
}

TEST(RocksdbStore, HasAllThatWasAcknowledgedAndNoHalfBatchAfterItIsKilled) {
  const TemporaryDirectory root;
  SeededRandom random(2);
  unsigned long next = 1;
  for (int round = 0; round < 8; ++round) {
    const Writer writer = start_writer(root.at("store"), next);
    const unsigned long last = kill_after(writer, 1 + random.below(60), random);
    ASSERT_GE(last, next);
    const auto opened = io::open_rocksdb_store(root.at("store"));
    ASSERT_TRUE(opened) << opened.error().detail;
    EXPECT_FALSE(opened->is_cut_short);
    Store& store = *opened->store;
    const auto key = [](char kind, unsigned long n) { return kind + ("-" + std::to_string(n)); };
    // The one after the last may have been on its way.
    const bool has_another = value_of(store, key('a', last + 1)) != "none";
    const unsigned long newest = last + (has_another ? 1 : 0);
    for (unsigned long n = newest > 99 ? newest - 99 : 1; n <= newest; ++n) {
      const std::string value(n % 7 == 0 ? 50'000 : 100, static_cast<char>('a' + n % 26));
      ASSERT_EQ(value, value_of(store, key('a', n))) << n;
      ASSERT_EQ(value, value_of(store, key('b', n))) << n;
    }
    std::vector<uint8_t> from;
    size_t count = 0;
    for (;;) {
      const auto part = store.read_range(from, {}, {});
      ASSERT_TRUE(part);
      count += part->count();
      if (part->is_last()) break;
      from = part->next_from();
    }
    ASSERT_EQ(2 * std::min(newest, 100ul), count);
    next = newest + 1;
  }
}

// ---- Damage.

// A store with something in its log and something in a file, closed.
void make_store(const std::string& directory) {
  for (int round = 0; round < 2; ++round) {
    auto opened = io::open_rocksdb_store(directory);  // What was in the log becomes a file.
    ASSERT_TRUE(opened) << opened.error().detail;
    for (int i = 0; i < 50; ++i) {
      const std::string key = std::to_string(round) + '-' + std::to_string(i);
      ASSERT_TRUE(opened->store->commit(putting(key, std::string(1000, 'v'))));
    }
  }
}

// The largest of the files whose name contains that.
fs::path find(const std::string& directory, std::string_view part) {
  fs::path found;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().filename().string().find(part) == std::string::npos) continue;
    if (found.empty() || entry.file_size() > fs::file_size(found)) found = entry.path();
  }
  EXPECT_FALSE(found.empty()) << part;
  return found;
}

void flip_a_byte(const fs::path& path, uint64_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  const char byte = static_cast<char>(file.get() ^ 0x40);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(byte);
  ASSERT_TRUE(file);
}

TEST(RocksdbStore, SaysThatItsListOfFilesIsDamagedOrGone) {
  const struct {
    std::string_view what;
    std::function<void(const std::string& directory)> damage;
  } kRows[] = {
      {"a byte of the list", [](auto& at) { flip_a_byte(find(at, "MANIFEST"), 20); }},
      {"no list", [](auto& at) { fs::remove(find(at, "MANIFEST")); }},
      {"no root", [](auto& at) { fs::remove(find(at, "CURRENT")); }},
      {"an empty root", [](auto& at) { fs::resize_file(find(at, "CURRENT"), 0); }},
      {"no file", [](auto& at) { fs::remove(find(at, ".sst")); }},
      {"half a file", [](auto& at) { fs::resize_file(find(at, ".sst"), 20'000); }},
  };
  for (const auto& row : kRows) {
    const TemporaryDirectory root;
    make_store(root.at("store"));
    row.damage(root.at("store"));
    const auto opened = io::open_rocksdb_store(root.at("store"));
    ASSERT_FALSE(opened) << row.what;
    EXPECT_EQ(StoreError::kDamaged, opened.error().error) << row.what << opened.error().detail;
    EXPECT_NE("", opened.error().detail);
  }
}

TEST(RocksdbStore, SaysThatAFileIsDamagedWhenItIsRead) {
  const TemporaryDirectory root;
  make_store(root.at("store"));
  flip_a_byte(find(root.at("store"), ".sst"), 10'000);
  const auto opened = io::open_rocksdb_store(root.at("store"));
  ASSERT_TRUE(opened) << opened.error().detail;
  const auto page = opened->store->read_range({}, {}, {});
  ASSERT_FALSE(page);
  EXPECT_EQ(StoreError::kDamaged, page.error().error) << page.error().detail;
}

TEST(RocksdbStore, KeepsWhatIsBeforeDamageInTheLogAndSaysSo) {
  const TemporaryDirectory root;
  make_store(root.at("store"));
  flip_a_byte(find(root.at("store"), ".log"), 20'500);  // The 20th of 50, or so.
  {
    const auto opened = io::open_rocksdb_store(root.at("store"));
    ASSERT_TRUE(opened) << opened.error().detail;
    EXPECT_TRUE(opened->is_cut_short);
    EXPECT_EQ(std::string(1000, 'v'), value_of(*opened->store, "0-49"));
    EXPECT_EQ(std::string(1000, 'v'), value_of(*opened->store, "1-18"));
    EXPECT_EQ("none", value_of(*opened->store, "1-49"));
    EXPECT_TRUE(opened->store->commit(putting("new", "1")));
  }
  const auto opened = io::open_rocksdb_store(root.at("store"));
  ASSERT_TRUE(opened) << opened.error().detail;
  EXPECT_FALSE(opened->is_cut_short);
  EXPECT_EQ("1", value_of(*opened->store, "new"));
}

TEST(RocksdbStore, TakesATornEndOfTheLogForACommitThatNeverWas) {
  const TemporaryDirectory root;
  make_store(root.at("store"));
  const fs::path log = find(root.at("store"), ".log");
  fs::resize_file(log, fs::file_size(log) - 300);
  const auto opened = io::open_rocksdb_store(root.at("store"));
  ASSERT_TRUE(opened) << opened.error().detail;
  EXPECT_FALSE(opened->is_cut_short);
  EXPECT_EQ(std::string(1000, 'v'), value_of(*opened->store, "1-48"));
  EXPECT_EQ("none", value_of(*opened->store, "1-49"));
}

TEST(RocksdbStore, SaysWhyItCannotBeOpened) {
  const TemporaryDirectory root;
  const auto nowhere = io::open_rocksdb_store(root.at("no/such/place"));
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(StoreError::kFailed, nowhere.error().error);
  const auto first = io::open_rocksdb_store(root.at("store"));
  ASSERT_TRUE(first);
  const auto second = io::open_rocksdb_store(root.at("store"));  // Not twice at once.
  ASSERT_FALSE(second);
  EXPECT_EQ(StoreError::kFailed, second.error().error);
}

}  // namespace
}  // namespace roost::node
