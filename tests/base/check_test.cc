// SPDX-License-Identifier: MIT
//
// Goal: a broken invariant ends the process and says where; one that holds costs nothing more than
// being computed once.
// Method: death tests.
#include "base/check.h"

#include <csignal>
#include <gtest/gtest.h>

namespace roost {
namespace {

TEST(CheckDeathTest, AbortsWithTheStatementAndItsPlace) {
  const int two = 2;
  EXPECT_EXIT(CHECK(two == 3), testing::KilledBySignal(SIGABRT),
              "check_test\\.cc:[0-9]+: broken invariant: two == 3");
}

TEST(Check, ComputesItsStatementOnceAndGoesOn) {
  int count = 0;
  CHECK(++count == 1);
  EXPECT_EQ(count, 1);
}

TEST(Check, IsOneStatementAfterAnIf) {
  bool reached_else = false;
  if (reached_else)
    CHECK(reached_else);
  else
    reached_else = true;
  EXPECT_TRUE(reached_else);
}

struct ConvertsWhenAsked {
  explicit operator bool() const { return true; }
};

TEST(Check, TakesWhateverAnIfTakes) {
  CHECK(ConvertsWhenAsked());
  const int number = 7;
  CHECK(&number);
  CHECK(number);
}

}  // namespace
}  // namespace roost
