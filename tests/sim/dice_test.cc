// SPDX-License-Identifier: MIT
//
// Goal: draws stay within their bounds, and one part of a world does not shift those of another.
// Method: many draws of known seeds.
#include "sim/dice.h"

#include <gtest/gtest.h>
#include <set>
#include <vector>

namespace roost::sim {
namespace {

using namespace std::chrono_literals;

TEST(Dice, DrawTheSameFromTheSameSeed) {
  Dice one(7);
  Dice same(7);
  Dice other(8);
  size_t equal_count = 0;
  for (int i = 0; i < 100; ++i) {
    const uint64_t drawn = one.any();
    EXPECT_EQ(drawn, same.any());
    equal_count += drawn == other.any();
  }
  EXPECT_EQ(equal_count, 0u);
}

TEST(Dice, ReachEachValueWithinTheirBoundsAndNoOther) {
  Dice dice(1);
  std::set<uint64_t> below;
  std::set<uint64_t> between;
  std::set<Duration> durations;
  for (int i = 0; i < 1000; ++i) {
    below.insert(dice.below(4));
    between.insert(dice.between(uint64_t{5}, uint64_t{8}));
    durations.insert(dice.between(-1us, 2us));
  }
  EXPECT_EQ(below, (std::set<uint64_t>{0, 1, 2, 3}));
  EXPECT_EQ(between, (std::set<uint64_t>{5, 6, 7, 8}));
  EXPECT_EQ(durations, (std::set<Duration>{-1us, 0us, 1us, 2us}));
}

TEST(Dice, HaveNoChoiceWhereBothBoundsAreOne) {
  Dice dice(1);
  EXPECT_EQ(dice.below(1), 0u);
  EXPECT_EQ(dice.between(uint64_t{9}, uint64_t{9}), 9u);
  EXPECT_EQ(dice.between(3s, Duration(3s)), 3s);
}

TEST(Dice, LetThingsHappenAsOftenAsTheySay) {
  struct Row {
    uint32_t parts_per_million;
    int least;
    int most;
  };
  // Of 40000; for the quarter, about seven standard deviations (87) to either side.
  constexpr Row kRows[] = {{0, 0, 0}, {250'000, 9'400, 10'600}, {1'000'000, 40'000, 40'000}};
  Dice dice(1);
  for (const Row& row : kRows) {
    int count = 0;
    for (int i = 0; i < 40'000; ++i) count += dice.happens(row.parts_per_million);
    EXPECT_GE(count, row.least) << row.parts_per_million;
    EXPECT_LE(count, row.most) << row.parts_per_million;
  }
}

TEST(Dice, ForkIntoDiceWhoseDrawsDoNotShiftOthers) {
  Dice busy(3);
  Dice idle(3);
  Dice fork_of_busy = busy.fork();
  const Dice fork_of_idle = idle.fork();
  for (int i = 0; i < 10; ++i) fork_of_busy.any();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(busy.any(), idle.any());
}

TEST(Dice, ForkIntoDiceThatDrawSomethingElse) {
  Dice dice(3);
  Dice first = dice.fork();
  Dice second = dice.fork();
  std::set<uint64_t> drawn;
  for (int i = 0; i < 10; ++i) {
    for (Dice* const each : {&dice, &first, &second}) drawn.insert(each->any());
  }
  EXPECT_EQ(drawn.size(), 30u);
}

TEST(DiceDeathTest, HaveNoSideBelowNothing) {
  Dice dice(1);
  EXPECT_DEATH(static_cast<void>(dice.below(0)), "broken invariant");
  EXPECT_DEATH(static_cast<void>(dice.between(2s, Duration(1s))), "broken invariant");
}

}  // namespace
}  // namespace roost::sim
