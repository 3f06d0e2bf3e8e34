// SPDX-License-Identifier: MIT
//
// Goal: the simulated disk keeps what node/store.h promises, and loses whatever else a real one may
// lose. Method: the conformance suite with a loss of power for each crash; then many losses at the
// worst moment, of which some must go either way.
#include "sim/sim_disk.h"

#include <gtest/gtest.h>

#include "store_conformance.h"

namespace roost::node {
namespace {

class SimBed final : public StoreBed {
 public:
  Store& store() override { return disk_; }
  void restart() override {}
  void crash() override { disk_.cut_power(dice_); }
  void fill_disk() override { disk_.set_size_max(0); }
  void make_room() override { disk_.set_size_max(sim::SimDisk::Options().size_max); }

 private:
  sim::SimDisk disk_{{}};
  sim::Dice dice_{1};
};

INSTANTIATE_TEST_SUITE_P(Sim, StoreConformance,
                         testing::Values([] { return std::make_unique<SimBed>(); }));

}  // namespace
}  // namespace roost::node

namespace roost::sim {
namespace {

using namespace std::chrono_literals;

node::WriteBatch putting(std::string_view value) {
  node::WriteBatch batch;
  batch.put(as_bytes("a"), as_bytes(value));
  batch.put(as_bytes("b"), as_bytes(value));
  return batch;
}

// What "a" and "b" hold, which is never different.
std::string value_of(SimDisk& disk) {
  const auto a = disk.get(as_bytes("a"));
  const auto b = disk.get(as_bytes("b"));
  if (!a || !b) return "failure: " + (a ? b : a).error().detail;
  if (a->has_value() != b->has_value()) return "half";
  if (!a->has_value()) return "none";
  return **a == **b ? std::string(as_text(**a)) : "half";
}

TEST(SimDisk, ShowsACommitOnlyOnceItIsSynced) {
  SimDisk disk({});
  EXPECT_FALSE(disk.is_busy());
  EXPECT_GT(disk.start(putting("1")), 0us);
  EXPECT_TRUE(disk.is_busy());
  EXPECT_EQ("none", value_of(disk));
  EXPECT_TRUE(disk.finish());
  EXPECT_FALSE(disk.is_busy());
  EXPECT_EQ("1", value_of(disk));
}

TEST(SimDisk, TakesItsTime) {
  SimDisk disk({.sync_time = 7ms, .bytes_per_second = 1000});
  const node::WriteBatch batch = putting("12345678");
  ASSERT_EQ(32u, batch.size());
  EXPECT_EQ(7ms + 32ms, disk.start(batch));
  EXPECT_TRUE(disk.finish());
  disk.set_sync_time(3s);
  EXPECT_EQ(3s + 32ms, disk.start(batch));
  EXPECT_TRUE(disk.finish());
}

TEST(SimDisk, LosesOrKeepsAsAWholeWhatPowerIsCutUnder) {
  Dice dice(1);
  int kept = 0;
  for (int i = 0; i < 100; ++i) {
    SimDisk disk({});
    EXPECT_TRUE(disk.commit(putting("old")));
    static_cast<void>(disk.start(putting("new")));
    disk.cut_power(dice);
    EXPECT_FALSE(disk.is_busy());
    const std::string value = value_of(disk);
    EXPECT_TRUE(value == "old" || value == "new") << value;
    kept += value == "new";
    disk.cut_power(dice);  // Once it is decided, it stays.
    EXPECT_EQ(value, value_of(disk));
  }
  EXPECT_GT(kept, 20);
  EXPECT_LT(kept, 80);
}

TEST(SimDisk, DecidesWithTheNextLossOfPowerWhatAFailureWas) {
  Dice dice(1);
  int kept = 0;
  for (int i = 0; i < 100; ++i) {
    SimDisk disk({});
    EXPECT_TRUE(disk.commit(putting("old")));
    disk.fail_next(1);
    const auto done = disk.commit(putting("new"));
    ASSERT_FALSE(done);
    EXPECT_EQ(node::StoreError::kFailed, done.error().error);
    EXPECT_EQ("old", value_of(disk));
    disk.cut_power(dice);
    kept += value_of(disk) == "new";

    // But not behind a later one.
    disk.fail_next(1);
    EXPECT_FALSE(disk.commit(putting("newer")));
    EXPECT_TRUE(disk.commit(putting("newest")));
    disk.cut_power(dice);
    EXPECT_EQ("newest", value_of(disk));
  }
  EXPECT_GT(kept, 20);
  EXPECT_LT(kept, 80);
}

TEST(SimDisk, LosesNothingOfWhatItCannotReadForNow) {
  SimDisk disk({});
  EXPECT_TRUE(disk.commit(putting("here")));
  disk.fail_next_reads(2);
  for (int i = 0; i < 2; ++i) {
    const auto page = disk.read_range({}, {}, {});
    ASSERT_FALSE(page);
    EXPECT_EQ(node::StoreError::kFailed, page.error().error);
  }
  const auto page = disk.read_range({}, {}, {});
  ASSERT_TRUE(page);
  EXPECT_EQ(2u, page->entries().size());
}

TEST(SimDisk, GivesNothingOnceItIsDamagedUntilItIsBegunAnew) {
  SimDisk disk({});
  EXPECT_TRUE(disk.commit(putting("1")));
  disk.damage();
  const auto found = disk.get(as_bytes("a"));
  ASSERT_FALSE(found);
  EXPECT_EQ(node::StoreError::kDamaged, found.error().error);
  const auto page = disk.read_range({}, {}, {});
  ASSERT_FALSE(page);
  EXPECT_EQ(node::StoreError::kDamaged, page.error().error);
  const auto done = disk.commit(putting("2"));
  ASSERT_FALSE(done);
  EXPECT_EQ(node::StoreError::kDamaged, done.error().error);
  disk.begin_anew();
  EXPECT_EQ("none", value_of(disk));
  EXPECT_TRUE(disk.commit(putting("3")));
  EXPECT_EQ("3", value_of(disk));
}

TEST(SimDisk, IsTheSameForTheSameSeed) {
  const auto play = [](uint64_t seed) {
    Dice dice(seed);
    SimDisk disk({});
    std::string story;
    for (char value = 'a'; value <= 'z'; ++value) {
      static_cast<void>(disk.start(putting({&value, 1})));
      disk.cut_power(dice);
      story += value_of(disk) + ' ';
    }
    return story;
  };
  EXPECT_EQ(play(1), play(1));
  EXPECT_NE(play(1), play(2));
}

}  // namespace
}  // namespace roost::sim
