// SPDX-License-Identifier: MIT
//
// Goal: deadlines are kept, late by a tick at most, and an empty sweep wakes nobody. Method: a real
// loop and ticks of some milliseconds.
#include "io/deadline_sweep.h"

#include <gtest/gtest.h>
#include <vector>

#include "loop_runner.h"

namespace roost::io {
namespace {

using namespace std::chrono_literals;

class DeadlineSweepTest : public testing::Test {
 protected:
  int timers() { return event_base_get_num_events(loop_.base(), EVENT_BASE_COUNT_ADDED); }

  EventLoop loop_;
  std::vector<uint32_t> due_;
};

TEST_F(DeadlineSweepTest, CallsWhatIsDueInOrderAndThenRests) {
  DeadlineSweep sweep(loop_, 4, 5ms, [&](uint32_t slot, MonoTime) { due_.push_back(slot); });
  EXPECT_EQ(0, timers());
  const MonoTime now = read_clocks().mono;
  sweep.set(2, now + 30ms);
  sweep.set(0, now + 10ms);
  sweep.set(1, now + 20ms);
  sweep.set(3, now + 15ms);
  sweep.set(3, {});
  EXPECT_EQ(1, timers());
  ASSERT_TRUE(run_until(loop_, [&] { return due_.size() == 3; }));
  EXPECT_GE(read_clocks().mono, now + 30ms);
  EXPECT_EQ((std::vector<uint32_t>{0, 1, 2}), due_);
  EXPECT_EQ(0, timers());
  EXPECT_TRUE(sweep.empty());
}

TEST_F(DeadlineSweepTest, ClearingTheLastDeadlineStopsTheTimer) {
  DeadlineSweep sweep(loop_, 1, 5ms, [&](uint32_t slot, MonoTime) { due_.push_back(slot); });
  sweep.set(0, read_clocks().mono + 1h);
  EXPECT_EQ(1, timers());
  sweep.set(0, {});
  EXPECT_EQ(0, timers());
}

TEST_F(DeadlineSweepTest, AnEarlierDeadlineIsNotKeptLateForALaterOne) {
  DeadlineSweep sweep(loop_, 2, 1ms, [&](uint32_t slot, MonoTime) { due_.push_back(slot); });
  sweep.set(0, read_clocks().mono + 1h);
  sweep.set(1, read_clocks().mono + 5ms);
  EXPECT_TRUE(run_until(loop_, [&] { return due_ == std::vector<uint32_t>{1}; }));
}

TEST_F(DeadlineSweepTest, WakesAtMostOncePerTick) {
  int rounds = 0;
  DeadlineSweep sweep(loop_, 1, 20ms, [&](uint32_t slot, MonoTime now) {
    ++rounds;
    EXPECT_EQ(0u, slot);
    sweep.set(0, now);  // Due again at once: waits for the next tick all the same.
  });
  sweep.set(0, read_clocks().mono);
  run_for(loop_, 110ms);
  EXPECT_LE(rounds, 6);
  EXPECT_GE(rounds, 1);
}

}  // namespace
}  // namespace roost::io
