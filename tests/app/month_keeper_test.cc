// SPDX-License-Identifier: MIT
//
// Goal: the month's count survives a restart with at most what the header says being lost, and
// flash is not worn out by it. Method: a temporary state directory, and a clock of our own.
#include "app/month_keeper.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

namespace roost::app {
namespace {

using namespace std::chrono_literals;

constexpr Now kStart{MonoTime(1h), kWallTimeMin + std::chrono::days(10)};

class CountingLog final : public io::Log {
 public:
  void write(Level level, std::string_view) override { ++lines[static_cast<size_t>(level)]; }
  bool is_enabled(Level) const override { return true; }
  size_t warnings() const { return lines[static_cast<size_t>(Level::kWarn)]; }
  size_t errors() const { return lines[static_cast<size_t>(Level::kError)]; }

  std::array<size_t, 4> lines{};
};

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

  // What another run would begin with.
  uint64_t restored_bytes() {
    node::Budget fresh = budget();
    MonthKeeper(*dir_, fresh, log_, kStart.mono).restore();
    return fresh.month().bytes_sent;
  }

  std::string root_;
  std::optional<io::StateDir> dir_;
  CountingLog log_;
};

TEST_F(MonthKeeperTest, BeginsWithNothingAndWithoutComplaint) {
  EXPECT_EQ(0u, restored_bytes());
  EXPECT_EQ(0u, log_.warnings());
}

TEST_F(MonthKeeperTest, SavesAtMostEveryPeriodOrWhenMuchWasSent) {
  node::Budget budget = MonthKeeperTest::budget();
  MonthKeeper keeper(*dir_, budget, log_, kStart.mono);
  budget.spend(kStart, 1000);
  keeper.save_if_due(kStart.mono + MonthKeeper::kSavePeriod - 1us);
  EXPECT_EQ(0u, restored_bytes());
  keeper.save_if_due(kStart.mono + MonthKeeper::kSavePeriod);
  EXPECT_EQ(1000u, restored_bytes());

  budget.spend(kStart, MonthKeeper::kSaveBytes - 1);
  keeper.save_if_due(kStart.mono + MonthKeeper::kSavePeriod + 1min);
  EXPECT_EQ(1000u, restored_bytes());
  budget.spend(kStart, 1);
  keeper.save_if_due(kStart.mono + MonthKeeper::kSavePeriod + 2min);
  EXPECT_EQ(1000u + MonthKeeper::kSaveBytes, restored_bytes());
}

TEST_F(MonthKeeperTest, WritesNothingWhileNothingWasSent) {
  node::Budget budget = MonthKeeperTest::budget();
  MonthKeeper keeper(*dir_, budget, log_, kStart.mono);
  keeper.save_if_due(kStart.mono + 24h);
  keeper.save_at_stop();
  EXPECT_FALSE(std::filesystem::exists(root_ + "/state/month"));
}

TEST_F(MonthKeeperTest, LosesNothingAtAStop) {
  node::Budget budget = MonthKeeperTest::budget();
  MonthKeeper keeper(*dir_, budget, log_, kStart.mono);
  budget.spend(kStart, 77);
  keeper.save_at_stop();
  EXPECT_EQ(77u, restored_bytes());
}

TEST_F(MonthKeeperTest, SetsADamagedFileAside) {
  std::ofstream(root_ + "/state/month") << "garbage";
  EXPECT_EQ(0u, restored_bytes());
  EXPECT_EQ(1u, log_.warnings());
  EXPECT_TRUE(std::filesystem::exists(root_ + "/state/month.damaged"));
}

TEST_F(MonthKeeperTest, ReportsOnceThatItCannotSaveAndTriesAgain) {
  node::Budget budget = MonthKeeperTest::budget();
  MonthKeeper keeper(*dir_, budget, log_, kStart.mono);
  std::filesystem::create_directory(root_ + "/state/month.new");  // In the way.
  budget.spend(kStart, 5);
  for (int minute = 0; minute < 3; ++minute) {
    keeper.save_if_due(kStart.mono + MonthKeeper::kSavePeriod + minute * 1min);
  }
  EXPECT_EQ(1u, log_.errors());
  std::filesystem::remove(root_ + "/state/month.new");
  keeper.save_if_due(kStart.mono + MonthKeeper::kSavePeriod + 3min);
  EXPECT_EQ(5u, restored_bytes());
}

}  // namespace
}  // namespace roost::app
