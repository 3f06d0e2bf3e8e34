// SPDX-License-Identifier: MIT
//
// Goal: no fault is lost, however many there are.
// Method: none, some, and more than are kept in words.
#include "sim/verdict.h"

#include <gtest/gtest.h>

namespace roost::sim {
namespace {

using namespace std::chrono_literals;

TEST(Verdict, HoldsUntilAFault) {
  Verdict verdict;
  EXPECT_TRUE(verdict.holds());
  EXPECT_EQ(verdict.count(), 0u);
  EXPECT_EQ(verdict.text(), "");
  verdict.fail(MonoTime(1s), "one thing");
  verdict.fail(MonoTime(2s), "another");
  EXPECT_FALSE(verdict.holds());
  EXPECT_EQ(verdict.count(), 2u);
  EXPECT_EQ(verdict.text(), "at 1000000 us: one thing\nat 2000000 us: another\n");
}

TEST(Verdict, KeepsTheFirstFewInWordsAndCountsTheRest) {
  Verdict verdict;
  for (size_t i = 0; i < Verdict::kKeptMax; ++i) verdict.fail(MonoTime(), "early");
  EXPECT_EQ(verdict.text().find("more"), std::string::npos);
  for (int i = 0; i < 3; ++i) verdict.fail(MonoTime(), "late");
  EXPECT_EQ(verdict.count(), Verdict::kKeptMax + 3);
  EXPECT_EQ(verdict.faults().size(), Verdict::kKeptMax);
  EXPECT_EQ(verdict.text().find("late"), std::string::npos);
  EXPECT_TRUE(verdict.text().ends_with("and 3 more\n"));
}

}  // namespace
}  // namespace roost::sim
