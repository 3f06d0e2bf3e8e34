// SPDX-License-Identifier: MIT
//
// Goal: 99 of 100 lookups succeed in a swarm of 10,000 of which less than half answer, and a trial
// in which they cannot is not called a success. `roost-sim --lookups 5000` has the fine figure.
#include "sim/lookup_trial.h"

#include <gtest/gtest.h>

namespace roost::sim {
namespace {

TEST(LookupTrial, SucceedsInASwarmOfWhichMostAreSilent) {
  const LookupFigures figures = play(LookupTrial{.lookup_count = 200});
  EXPECT_EQ(figures.lookup_count, 200u);
  EXPECT_GE(figures.items_found, 198u) << text(figures);
  EXPECT_GE(figures.nearest_found, 198u) << text(figures);
  EXPECT_GE(figures.near_found, 200u * 8 * 3 / 4) << text(figures);
  EXPECT_LE(figures.query_count, 400u * 40) << text(figures);
}

TEST(LookupTrial, FindsAllOfTheNearestWhereEverybodyAnswers) {
  const LookupFigures figures = play(
      LookupTrial{.member_count = 2'000, .dead_percent = 0, .nat_percent = 0, .lookup_count = 50});
  EXPECT_EQ(figures.items_found, 50u);
  EXPECT_EQ(figures.nearest_found, 50u);
  EXPECT_GE(figures.near_found, 50u * 8 * 98 / 100) << text(figures);
}

TEST(LookupTrial, FailsWhereNobodyCanBeAsked) {
  const LookupFigures figures = play(
      LookupTrial{.member_count = 2'000, .dead_percent = 90, .nat_percent = 8, .lookup_count = 50});
  EXPECT_LT(figures.items_found, 40u) << text(figures);
  EXPECT_LT(figures.nearest_found, 40u) << text(figures);
}

TEST(LookupTrial, IsTheSameForASeedAndAnotherForEachOther) {
  const LookupTrial trial{.member_count = 500, .lookup_count = 20};
  EXPECT_EQ(text(play(trial)), text(play(trial)));
  LookupTrial other = trial;
  other.seed = 2;
  EXPECT_NE(play(trial).time, play(other).time);
}

}  // namespace
}  // namespace roost::sim
