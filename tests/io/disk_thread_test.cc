// SPDX-License-Identifier: MIT
//
// Goal: each request is answered once, in the loop, after what it asked for is done; commits that
// wait share a sync; what exceeds the bounds is refused. Method: a real thread on a store in memory
// whose door the test opens and closes.
#include "io/disk_thread.h"

#include <gtest/gtest.h>
#include <optional>
#include <string>

#include "base/random.h"
#include "loop_runner.h"
#include "node/memory_store.h"

namespace roost::io {
namespace {

using Answer = DiskThread::Answer;
using node::StoreError;
using node::StoreFailure;
using node::StorePage;
using node::WriteBatch;

constexpr uint64_t kPlenty = 64 * 1024 * 1024;

// What both threads know: whether the door is open, and what went through it.
class Door {
 public:
  void open() { set(true); }
  void close() { set(false); }
  void pass() {
    std::unique_lock lock(mutex_);
    ++arrived_count_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return is_open_; });
  }
  // Until somebody stands before it for the nth time.
  void wait_for_arrival(int n) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return arrived_count_ >= n; });
  }
  int arrived_count() {
    const std::lock_guard lock(mutex_);
    return arrived_count_;
  }

 private:
  void set(bool is_open) {
    const std::lock_guard lock(mutex_);
    is_open_ = is_open;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_open_ = true;
  int arrived_count_ = 0;
};

class SlowStore final : public node::Store {
 public:
  SlowStore(Door& door, uint64_t size_max) : door_(door), store_(size_max) {}

  Result<Done, StoreFailure> commit(const WriteBatch& batch) override {
    door_.pass();
    return store_.commit(batch);
  }
  Result<std::optional<std::vector<uint8_t>>, StoreFailure> get(Bytes key) override {
    return store_.get(key);
  }
  Result<StorePage, StoreFailure> read_range(Bytes from, Bytes to,
                                             const StorePage::Limits& limits) override {
    return store_.read_range(from, to, limits);
  }
  Sizes sizes() override { return store_.sizes(); }

 private:
  Door& door_;
  node::MemoryStore store_;
};

WriteBatch putting(std::string_view key, std::string_view value) {
  WriteBatch batch;
  batch.put(as_bytes(key), as_bytes(value));
  return batch;
}

class DiskThreadTest : public testing::Test {
 protected:
  ~DiskThreadTest() override { door_.open(); }

  DiskThread& disk(uint64_t size_max = kPlenty) {
    if (!disk_) disk_.emplace(loop_, std::make_unique<SlowStore>(door_, size_max));
    return *disk_;
  }
  // Adds to the story what came of it.
  DiskThread::CommitDone tell(std::string name) {
    return [this, name](const Result<Done, StoreFailure>& result) {
      EXPECT_EQ(thread_, std::this_thread::get_id());
      story_ += name + (result ? " done, " : " failed, ");
      ++count_;
    };
  }
  DiskThread::RangeRead tell_entries() {
    return [this](const Result<StorePage, StoreFailure>& page) {
      EXPECT_EQ(thread_, std::this_thread::get_id());
      ASSERT_TRUE(page);
      page->for_each([&](Bytes key, Bytes value) {
        story_.append(as_text(key)).append("=").append(as_text(value)).append(" ");
      });
      story_ += "read, ";
      ++count_;
    };
  }
  bool run_until_called_back(int count) {
    return run_until(loop_, [&] { return count_ >= count; });
  }

  const std::thread::id thread_ = std::this_thread::get_id();
  Door door_;
  EventLoop loop_;
  std::string story_;
  int count_ = 0;
  std::optional<DiskThread> disk_;
};

TEST_F(DiskThreadTest, AnswersACommitInTheLoopOnceItIsDone) {
  door_.close();
  EXPECT_EQ(Answer::kTaken, disk().commit(putting("a", "1"), tell("a")));
  door_.wait_for_arrival(1);
  event_base_loop(loop_.base(), EVLOOP_NONBLOCK);
  EXPECT_EQ("", story_);  // The loop goes on meanwhile.
  door_.open();
  EXPECT_TRUE(run_until_called_back(1));
  EXPECT_EQ(Answer::kTaken, disk().read_range({}, {}, {}, tell_entries()));
  EXPECT_EQ("a done, ", story_);
  EXPECT_TRUE(run_until_called_back(2));
  EXPECT_EQ("a done, a=1 read, ", story_);
}

TEST_F(DiskThreadTest, CommitsTogetherWhatCameWhileItWaited) {
  door_.close();
  EXPECT_EQ(Answer::kTaken, disk().commit(putting("a", "1"), tell("1")));
  door_.wait_for_arrival(1);
  for (const std::string value : {"2", "3", "4", "5"}) {
    EXPECT_EQ(Answer::kTaken, disk().commit(putting("a", value), tell(value)));
  }
  EXPECT_EQ(Answer::kTaken, disk().read_range({}, {}, {}, tell_entries()));
  door_.open();
  EXPECT_TRUE(run_until_called_back(6));
  EXPECT_EQ("1 done, 2 done, 3 done, 4 done, 5 done, a=5 read, ", story_);
  EXPECT_EQ(2, door_.arrived_count());
}

TEST_F(DiskThreadTest, SplitsWhatIsTooMuchForOneBatch) {
  door_.close();
  const std::string large(node::kStoreValueSizeMax, 'v');
  EXPECT_EQ(Answer::kTaken, disk().commit(putting("a", "1"), tell("1")));
  door_.wait_for_arrival(1);
  for (const std::string name : {"2", "3", "4", "5", "6"}) {  // Three fit into one.
    EXPECT_EQ(Answer::kTaken, disk().commit(putting(name, large), tell(name)));
  }
  door_.open();
  EXPECT_TRUE(run_until_called_back(6));
  EXPECT_EQ("1 done, 2 done, 3 done, 4 done, 5 done, 6 done, ", story_);
  EXPECT_EQ(3, door_.arrived_count());
}

TEST_F(DiskThreadTest, DoesNotRefuseWhatFitsForWhatDoesNot) {
  door_.close();
  EXPECT_EQ(Answer::kTaken, disk(20).commit(putting("a", "1"), tell("a")));
  door_.wait_for_arrival(1);
  EXPECT_EQ(Answer::kTaken, disk().commit(putting("b", "2"), tell("b")));
  EXPECT_EQ(Answer::kTaken, disk().commit(putting("c", std::string(20, 'c')), tell("c")));
  EXPECT_EQ(Answer::kTaken, disk().commit(putting("d", "4"), tell("d")));
  door_.open();
  EXPECT_TRUE(run_until_called_back(4));
  EXPECT_EQ("a done, b done, c failed, d done, ", story_);
}

TEST_F(DiskThreadTest, IsFullAtItsBoundsUntilItHasAnswered) {
  door_.close();
  const WriteBatch batch = putting("a", "1");
  for (size_t i = 0; i < DiskThread::kRequestCountMax; ++i) {
    ASSERT_EQ(Answer::kTaken, disk().commit(batch, tell("")));
  }
  EXPECT_EQ(Answer::kFull, disk().commit(batch, tell("never")));
  EXPECT_EQ(Answer::kFull, disk().read_range({}, {}, {}, tell_entries()));
  door_.open();
  EXPECT_TRUE(run_until_called_back(DiskThread::kRequestCountMax));
  EXPECT_EQ(Answer::kTaken, disk().commit(batch, tell("")));
  EXPECT_TRUE(run_until_called_back(DiskThread::kRequestCountMax + 1));
  EXPECT_EQ(std::string::npos, story_.find("never"));
}

TEST_F(DiskThreadTest, IsFullOfBytesToo) {
  door_.close();
  const WriteBatch batch = putting("a", std::string(node::kStoreValueSizeMax, 'v'));
  int taken = 0;
  while (disk().commit(batch, tell("")) == Answer::kTaken) ++taken;
  EXPECT_EQ(static_cast<int>(DiskThread::kRequestBytesMax / batch.size()), taken);
  EXPECT_EQ(Answer::kTaken, disk().commit(putting("b", "2"), tell("")));  // Still fits.
  door_.open();
  EXPECT_TRUE(run_until_called_back(taken + 1));
  EXPECT_EQ(Answer::kTaken, disk().commit(batch, tell("")));
  disk().finish();
}

TEST_F(DiskThreadTest, LetsACallbackAskForMore) {
  EXPECT_EQ(Answer::kTaken, disk().commit(putting("a", "1"), [&](const auto&) {
    EXPECT_EQ(Answer::kTaken, disk().read_range({}, {}, {}, tell_entries()));
  }));
  EXPECT_TRUE(run_until_called_back(1));
  EXPECT_EQ("a=1 read, ", story_);
}

TEST_F(DiskThreadTest, FinishesWhatItHasTakenAndTakesNothingMore) {
  door_.close();
  for (const std::string name : {"a", "b", "c"}) {
    EXPECT_EQ(Answer::kTaken, disk().commit(putting(name, "1"), tell(name)));
  }
  EXPECT_EQ(Answer::kTaken, disk().read_range({}, {}, {}, tell_entries()));
  door_.open();
  disk().finish();
  EXPECT_EQ("a done, b done, c done, a=1 b=1 c=1 read, ", story_);
  EXPECT_EQ(Answer::kFull, disk().commit(putting("d", "1"), tell("d")));
  EXPECT_EQ(Answer::kFull, disk().read_range({}, {}, {}, tell_entries()));
  disk().finish();  // Once more is none the worse.
  run_for(loop_, std::chrono::milliseconds(5));
  EXPECT_EQ(4, count_);
}

TEST_F(DiskThreadTest, CountsWhatItHasDoneAndWhatWaits) {
  door_.close();
  EXPECT_EQ(Answer::kTaken, disk(20).commit(putting("a", "1"), tell("a")));
  door_.wait_for_arrival(1);
  EXPECT_EQ(Answer::kTaken, disk().commit(putting("b", std::string(40, 'b')), tell("b")));
  EXPECT_EQ(Answer::kTaken, disk().read_range({}, {}, {}, tell_entries()));
  EXPECT_EQ(3u, disk().stats().waiting);
  EXPECT_EQ(Duration(), disk().stats().last_sync);
  door_.open();
  disk().finish();
  EXPECT_EQ(Answer::kFull, disk().commit(putting("c", "1"), tell("c")));
  const DiskThread::Stats stats = disk().stats();
  EXPECT_EQ(1u, stats.commits);
  EXPECT_EQ(1u, stats.reads);
  EXPECT_EQ(1u, stats.failures[static_cast<size_t>(StoreError::kFull)]);
  EXPECT_EQ(1u, stats.failures[static_cast<size_t>(StoreError::kBusy)]);
  EXPECT_EQ(0u, stats.waiting);
  EXPECT_GT(stats.last_sync, Duration());
  EXPECT_EQ(2u, stats.sizes.memory_bytes);

  std::string text;
  node::MetricsWriter out(text);
  disk().write_metrics(out);
  for (const char* line : {"roost_store_commits_total 1\n", "roost_store_reads_total 1\n",
                           "roost_store_failures_total{reason=\"full\"} 1\n",
                           "roost_store_waiting 0\n", "roost_store_memory_bytes 2\n"}) {
    EXPECT_NE(std::string::npos, text.find(line)) << line;
  }
  EXPECT_EQ(std::string::npos, text.find("absent"));
}

TEST_F(DiskThreadTest, CarriesOutAndCallsNobodyBackWhenItIsDestroyed) {
  EXPECT_EQ(Answer::kTaken, disk().commit(putting("a", "1"), tell("a")));
  EXPECT_EQ(Answer::kTaken, disk().commit(putting("b", "1"), tell("b")));
  disk_.reset();
  EXPECT_GE(door_.arrived_count(), 1);
  run_for(loop_, std::chrono::milliseconds(5));
  EXPECT_EQ("", story_);
}

TEST_F(DiskThreadTest, AnswersEachOfThousandsOnceAndInOrder) {
  constexpr uint32_t kCount = 5000;
  uint32_t asked = 0;
  uint32_t answered = 0;
  SeededRandom random(1);
  ASSERT_TRUE(run_until(loop_, [&] {
    for (uint64_t burst = random.below(50); burst > 0 && asked < kCount; --burst) {
      const uint32_t number = asked;
      const auto answer = disk().commit(
          putting("n", std::to_string(number)),
          [&, number](const Result<Done, StoreFailure>& done) {
            EXPECT_TRUE(done);
            EXPECT_EQ(number, answered++);
            // What is acknowledged is seen.
            EXPECT_EQ(Answer::kTaken, disk().read_range({}, {}, {}, [&, number](const auto& page) {
              ASSERT_TRUE(page);
              page->for_each([&](Bytes, Bytes value) {
                EXPECT_GE(std::stoul(std::string(as_text(value))), number);
              });
              ++count_;
            }));
          });
      if (answer == Answer::kFull) break;
      ++asked;
    }
    return count_ == int{kCount};
  }));
  EXPECT_EQ(kCount, answered);
  EXPECT_LT(door_.arrived_count(), int{kCount});  // Some have shared.
}

}  // namespace
}  // namespace roost::io
