// SPDX-License-Identifier: MIT
//
// Goal: whatever ends a run, the next one believes that as much was given away as was, or a little
// more; and the disk is not worn out by it. Method: a temporary state directory, and a clock of our
// own; a run that is not stopped is one that was killed.
#include "app/month_keeper.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "log_lines.h"
#include "wire/month_record.h"

namespace roost::app {
namespace {

using namespace std::chrono_literals;

constexpr Now kStart{MonoTime(1h), kWallTimeMin + std::chrono::days(10)};

class MonthKeeperTest : public testing::Test {
 protected:
  MonthKeeperTest() {
    std::string pattern = testing::TempDir() + "roost-month-XXXXXX";
    root_ = mkdtemp(pattern.data());
    auto opened = io::StateDir::open(root_ + "/state", {});
    EXPECT_TRUE(opened);
    dir_.emplace(std::move(*opened));
  }
  ~MonthKeeperTest() override { std::filesystem::remove_all(root_); }

  static node::Budget budget() {
    return node::Budget({.bandwidth_bytes_per_second = 0, .monthly_bytes = 0}, kStart);
  }

  std::string path() const { return root_ + "/state/month"; }
  // What is in the file now.
  uint64_t kept_bytes() const {
    const auto content = dir_->read("month", 64);
    EXPECT_TRUE(content && *content);
    return wire::MonthRecord::parse(**content).value().bytes_sent;
  }
  ino_t inode() const {
    struct stat status {};
    EXPECT_EQ(0, stat(path().c_str(), &status));
    return status.st_ino;
  }

  // What another run would begin with.
  uint64_t restored_bytes() {
    node::Budget fresh = budget();
    MonthKeeper(*dir_, fresh, log_, kStart.mono).restore();
    return fresh.month().bytes_sent;
  }

  std::string root_;
  std::optional<io::StateDir> dir_;
  LogLines log_;
};

TEST_F(MonthKeeperTest, BeginsWithNothingAndWithoutComplaint) {
  EXPECT_EQ(0u, restored_bytes());
  EXPECT_EQ(0u, log_.warnings());
  EXPECT_EQ(0u, log_.errors());
}

// As the driver does: before each batch leaves.
void spend(node::Budget& budget, MonthKeeper& keeper, uint64_t bytes) {
  budget.spend(kStart, bytes);
  if (!budget.is_covered()) keeper.cover();
}

TEST_F(MonthKeeperTest, NeverFallsBehindAndIsAheadByTwentyMegabytesAtMost) {
  node::Budget budget = MonthKeeperTest::budget();
  MonthKeeper keeper(*dir_, budget, log_, kStart.mono);
  keeper.restore();
  uint64_t ahead_most = 0;
  for (int i = 0; i < 200; ++i) {
    spend(budget, keeper, 777'777);
    const uint64_t kept = kept_bytes();
    ASSERT_GE(kept, budget.month().bytes_sent);
    ahead_most = std::max(ahead_most, kept - budget.month().bytes_sent);
  }
  EXPECT_LE(ahead_most, node::Budget::kAheadBytesMax);
  EXPECT_GE(ahead_most, node::Budget::kAheadBytesMax * 9 / 10);
}

TEST_F(MonthKeeperTest, GoesOnWhereAKilledRunMayHaveBeen) {
  uint64_t sent = 0;
  for (int run = 0; run < 5; ++run) {
    node::Budget budget = MonthKeeperTest::budget();
    MonthKeeper keeper(*dir_, budget, log_, kStart.mono);
    keeper.restore();
    const uint64_t believed = budget.month().bytes_sent;
    EXPECT_GE(believed, sent);
    EXPECT_LE(believed, sent + run * node::Budget::kAheadBytesMax);
    for (int i = 0; i < 100; ++i) spend(budget, keeper, 1'000'000);
    sent += 100'000'000;
  }
}

TEST_F(MonthKeeperTest, OverwritesTheFileInPlaceAndSeldom) {
  node::Budget budget = MonthKeeperTest::budget();
  MonthKeeper keeper(*dir_, budget, log_, kStart.mono);
  keeper.restore();
  const ino_t file = inode();
  uint64_t kept = kept_bytes();
  int writes = 0;
  for (int i = 0; i < 10'000; ++i) {
    spend(budget, keeper, 100'000);
    writes += kept != kept_bytes();
    kept = kept_bytes();
  }
  EXPECT_LE(writes, 1'000'000'000 / 20'000'000 + 10);  // And ten while it learns to run ahead.
  EXPECT_EQ(file, inode());
}

TEST_F(MonthKeeperTest, WritesNothingWhileNothingWasSent) {
  node::Budget budget = MonthKeeperTest::budget();
  MonthKeeper keeper(*dir_, budget, log_, kStart.mono);
  keeper.restore();
  const auto written_at = std::filesystem::last_write_time(path());
  keeper.keep_house(kStart.mono + 24h);
  keeper.save_at_stop();
  EXPECT_EQ(written_at, std::filesystem::last_write_time(path()));
}

TEST_F(MonthKeeperTest, IsExactAfterAStop) {
  node::Budget budget = MonthKeeperTest::budget();
  MonthKeeper keeper(*dir_, budget, log_, kStart.mono);
  keeper.restore();
  spend(budget, keeper, 77);
  EXPECT_LT(77u, restored_bytes());
  keeper.save_at_stop();
  EXPECT_EQ(77u, restored_bytes());
}

TEST_F(MonthKeeperTest, MakesAFileThatWasRemovedAnew) {
  node::Budget budget = MonthKeeperTest::budget();
  MonthKeeper keeper(*dir_, budget, log_, kStart.mono);
  keeper.restore();
  spend(budget, keeper, 77);
  const uint64_t kept = kept_bytes();
  std::filesystem::remove(path());
  keeper.keep_house(kStart.mono + 1min);
  EXPECT_EQ(kept, kept_bytes());
}

TEST_F(MonthKeeperTest, SetsADamagedFileAside) {
  std::ofstream(root_ + "/state/month") << "garbage";
  EXPECT_EQ(0u, restored_bytes());
  EXPECT_EQ(1u, log_.warnings());
  EXPECT_TRUE(std::filesystem::exists(root_ + "/state/month.damaged"));
}

TEST_F(MonthKeeperTest, NeedsNoRoomForAFileThatIsThere) {
  {
    node::Budget budget = MonthKeeperTest::budget();
    MonthKeeper keeper(*dir_, budget, log_, kStart.mono);
    keeper.restore();
    spend(budget, keeper, 5);
    keeper.save_at_stop();
  }
  std::filesystem::create_directory(path() + ".new");  // In the way, as a full disk is.
  node::Budget budget = MonthKeeperTest::budget();
  MonthKeeper keeper(*dir_, budget, log_, kStart.mono);
  keeper.restore();
  spend(budget, keeper, 7);
  EXPECT_LT(12u, kept_bytes());
  keeper.save_at_stop();
  EXPECT_EQ(12u, restored_bytes());
  EXPECT_EQ(0u, log_.errors());
}

// No file, no room for one: it is served on, and the count goes on in memory.
TEST_F(MonthKeeperTest, GoesOnCountingWhereNothingCanBeKept) {
  std::filesystem::create_directory(path() + ".new");
  node::Budget budget = MonthKeeperTest::budget();
  MonthKeeper keeper(*dir_, budget, log_, kStart.mono);
  keeper.restore();
  for (int i = 0; i < 100; ++i) spend(budget, keeper, 1'000'000);
  EXPECT_TRUE(budget.is_covered());
  EXPECT_FALSE(std::filesystem::exists(path()));
  EXPECT_EQ(1u, log_.errors());
  EXPECT_FALSE(keeper.can_save());
  std::filesystem::remove(path() + ".new");
  keeper.keep_house(kStart.mono + 1min);
  EXPECT_TRUE(keeper.can_save());
  EXPECT_LE(100'000'000u, kept_bytes());
  EXPECT_EQ("the count of this month's traffic is saved again", log_.last());
}

TEST_F(MonthKeeperTest, ReportsOnceThatItCannotSaveAndTriesAgain) {
  std::filesystem::create_directory(path() + ".new");  // In the way.
  node::Budget budget = MonthKeeperTest::budget();
  MonthKeeper keeper(*dir_, budget, log_, kStart.mono);
  keeper.restore();
  spend(budget, keeper, 5);
  for (int minute = 0; minute < 3; ++minute) keeper.keep_house(kStart.mono + minute * 1min);
  EXPECT_EQ(1u, log_.errors());
  EXPECT_FALSE(std::filesystem::exists(path()));
  std::filesystem::remove(path() + ".new");
  keeper.keep_house(kStart.mono + 3min);
  EXPECT_LE(5u, kept_bytes());
  keeper.save_at_stop();
  EXPECT_EQ(5u, restored_bytes());
  EXPECT_EQ(1u, log_.errors());
}

}  // namespace
}  // namespace roost::app
