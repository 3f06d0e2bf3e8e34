// SPDX-License-Identifier: MIT
//
// Goal: what is going to happen happens once, in order, and at its own moment.
// Method: a listener that writes down when it was told what.
#include "sim/schedule.h"

#include <gtest/gtest.h>
#include <utility>

namespace roost::sim {
namespace {

using namespace std::chrono_literals;

class Diary final : public Schedule::Listener {
 public:
  explicit Diary(Schedule& schedule) : schedule_(schedule) {}

  void on_event(uint64_t what) override {
    entries.emplace_back(schedule_.now().time_since_epoch(), what);
    // An event may cause another one of the same moment.
    if (what == 100) schedule_.at(schedule_.now(), *this, 101);
  }

  std::vector<std::pair<Duration, uint64_t>> entries;

 private:
  Schedule& schedule_;
};

class ScheduleTest : public testing::Test {
 protected:
  Schedule schedule_;
  Diary diary_{schedule_};
};

using Entries = std::vector<std::pair<Duration, uint64_t>>;

TEST_F(ScheduleTest, KeepsTheOrderOfTimeAndWithinAMomentThatOfPuttingIn) {
  schedule_.at(MonoTime(2us), diary_, 1);
  schedule_.at(MonoTime(1us), diary_, 2);
  for (uint64_t what = 3; what < 40; ++what) schedule_.at(MonoTime(2us), diary_, what);
  schedule_.at(MonoTime(1us), diary_, 40);
  schedule_.run_until(MonoTime(1s));
  Entries expect = {{1us, 2}, {1us, 40}, {2us, 1}};
  for (uint64_t what = 3; what < 40; ++what) expect.emplace_back(2us, what);
  EXPECT_EQ(diary_.entries, expect);
  EXPECT_EQ(schedule_.event_count(), expect.size());
}

TEST_F(ScheduleTest, TakesThePastForNow) {
  schedule_.run_until(MonoTime(5us));
  schedule_.at(MonoTime(5us), diary_, 1);
  schedule_.at(MonoTime(2us), diary_, 2);
  schedule_.run_until(MonoTime(6us));
  EXPECT_EQ(diary_.entries, (Entries{{5us, 1}, {5us, 2}}));
}

TEST_F(ScheduleTest, StepsToTheNextEventAndNoFurther) {
  schedule_.at(MonoTime(5us), diary_, 1);
  schedule_.at(MonoTime(5us), diary_, 2);
  EXPECT_FALSE(schedule_.step(MonoTime(4us)));
  EXPECT_EQ(schedule_.now(), MonoTime(4us));
  EXPECT_TRUE(schedule_.step(MonoTime(9us)));
  EXPECT_EQ(schedule_.now(), MonoTime(5us));
  EXPECT_EQ(diary_.entries.size(), 1u);
  EXPECT_TRUE(schedule_.step(MonoTime(5us)));
  EXPECT_FALSE(schedule_.step(MonoTime(9us)));
  EXPECT_EQ(schedule_.now(), MonoTime(9us));
}

TEST_F(ScheduleTest, RunsUntilAMomentWithAllThatHappensInIt) {
  schedule_.at(MonoTime(7us), diary_, 100);
  schedule_.at(MonoTime(7us) + 1us, diary_, 3);
  schedule_.run_until(MonoTime(7us));
  EXPECT_EQ(diary_.entries, (Entries{{7us, 100}, {7us, 101}}));
  EXPECT_EQ(schedule_.now(), MonoTime(7us));
  EXPECT_EQ(schedule_.event_count(), 2u);
}

TEST(ScheduleDeathTest, NeverGoesBack) {
  Schedule schedule;
  schedule.run_until(MonoTime(5us));
  EXPECT_DEATH(schedule.step(MonoTime(4us)), "broken invariant");
}

}  // namespace
}  // namespace roost::sim
