// SPDX-License-Identifier: MIT
//
// Goal: a simulated node gets one answer to each question, in order and in its time, and after a
// loss of power none. Method: a queue before a disk, with a clock made of what begin() returns.
#include "sim/disk_queue.h"

#include <gtest/gtest.h>
#include <string>

namespace roost::sim {
namespace {

using namespace std::chrono_literals;
using core::StoreChange;
using core::StoreError;
using Kind = StoreChange::Kind;

class DiskQueueTest : public testing::Test {
 protected:
  bool put(uint64_t number, std::string_view key, std::string_view value) {
    const StoreChange change{Kind::kPut, as_bytes(key), as_bytes(value)};
    return queue_.add(core::Commit{{core::StoreUser::kContacts, number}, {&change, 1}});
  }
  bool read(uint64_t number, std::string_view from, std::string_view to, size_t count_max) {
    return queue_.add(core::ReadRange{
        {core::StoreUser::kContacts, number}, as_bytes(from), as_bytes(to), count_max});
  }
  // Everything that waits.
  void run() {
    while (const auto time = queue_.begin()) {
      passed_ += *time;
      queue_.finish([this](const core::Input& input) { tell(input); });
    }
  }
  void tell(const core::Input& input) {
    if (const auto* const done = std::get_if<core::CommitDone>(&input)) {
      story_ += std::to_string(done->id.number);
      story_ += done->failure ? " " + std::string(label(*done->failure)) + ", " : " done, ";
      return;
    }
    const auto& read = std::get<core::RangeRead>(input);
    story_ += std::to_string(read.id.number) + ":";
    for (const core::StoreEntry& entry : read.entries) {
      story_.append(" ").append(as_text(entry.key)).append("=").append(as_text(entry.value));
    }
    if (read.failure) story_.append(" ").append(label(*read.failure));
    story_ += read.is_last ? " end, " : ", ";
  }

  SimDisk disk_{{.size_max = 1000, .sync_time = 5ms, .bytes_per_second = 10'000'000}};
  DiskQueue queue_{disk_};
  Duration passed_{};
  std::string story_;
};

TEST_F(DiskQueueTest, AnswersInOrderAndInItsTime) {
  EXPECT_EQ(std::nullopt, queue_.begin());
  EXPECT_TRUE(put(1, "a", "1"));
  EXPECT_TRUE(read(2, "a", "c", 1));
  EXPECT_TRUE(put(3, "b", "2"));
  EXPECT_TRUE(read(4, "a", "", 1));
  EXPECT_TRUE(read(5, "a", "", 9));
  EXPECT_TRUE(queue_.begin());
  EXPECT_EQ(std::nullopt, queue_.begin());  // One at a time.
  queue_.finish([this](const core::Input& input) { tell(input); });
  EXPECT_EQ("1 done, ", story_);
  run();
  EXPECT_EQ("1 done, 2: a=1 end, 3 done, 4: a=1, 5: a=1 b=2 end, ", story_);
  EXPECT_EQ(5ms + 3 * DiskQueue::kReadTime, passed_);
  EXPECT_EQ(0u, queue_.count());
}

TEST_F(DiskQueueTest, TellsWhatTheDiskSays) {
  disk_.fail_next(1);
  EXPECT_TRUE(put(1, "a", "1"));
  EXPECT_TRUE(put(2, "b", std::string(2000, 'b')));
  EXPECT_TRUE(put(3, "c", "3"));
  run();
  disk_.damage();
  EXPECT_TRUE(read(4, "", "", 9));
  run();
  EXPECT_EQ("1 failed, 2 full, 3 done, 4: damaged, ", story_);
}

TEST_F(DiskQueueTest, IsFullAtItsBound) {
  for (size_t i = 0; i < DiskQueue::kRequestCountMax; ++i) ASSERT_TRUE(put(i, "a", "1"));
  EXPECT_FALSE(put(0, "a", "1"));
  EXPECT_FALSE(read(0, "", "", 1));
}

TEST_F(DiskQueueTest, ForgetsWhatWaitedForItWhenPowerIsLost) {
  bool was_there = false;
  bool was_not = false;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SimDisk disk({});
    DiskQueue queue(disk);
    Dice dice(seed);
    const StoreChange changes[] = {{Kind::kPut, as_bytes("a"), as_bytes("1")},
                                   {Kind::kPut, as_bytes("b"), as_bytes("1")}};
    EXPECT_TRUE(queue.add(core::Commit{{}, changes}));
    EXPECT_TRUE(queue.begin());
    const StoreChange waiting{Kind::kPut, as_bytes("c"), as_bytes("1")};
    EXPECT_TRUE(queue.add(core::Commit{{}, {&waiting, 1}}));
    queue.cut_power(dice);
    EXPECT_EQ(0u, queue.count());
    EXPECT_EQ(std::nullopt, queue.begin());
    const size_t count = disk.read_range({}, {}, {})->count();
    EXPECT_TRUE(count == 0 || count == 2) << count;  // Never in part, and nothing that waited.
    (count == 2 ? was_there : was_not) = true;
  }
  EXPECT_TRUE(was_there && was_not);
}

}  // namespace
}  // namespace roost::sim
