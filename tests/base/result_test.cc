// SPDX-License-Identifier: MIT
//
// Goal: a Result is a value or an error, never both, and asking for the wrong half aborts.
// Method: both halves for types of all kinds; death tests.
#include "base/result.h"

#include <gtest/gtest.h>
#include <memory>
#include <string>

namespace roost {
namespace {

enum class Error { kTooSmall, kTooLarge };

Result<int, Error> halve(int number) {
  if (number < 0) return Failure(Error::kTooSmall);
  if (number > 100) return Failure(Error::kTooLarge);
  return number / 2;
}

TEST(Result, IsAValueOrTheReasonWhyThereIsNone) {
  struct Row {
    int given;
    bool has_value;
    int value;
    Error error;
  };
  constexpr Row kRows[] = {
      {0, true, 0, {}},
      {100, true, 50, {}},
      {-1, false, 0, Error::kTooSmall},
      {101, false, 0, Error::kTooLarge},
  };
  for (const Row& row : kRows) {
    const auto result = halve(row.given);
    EXPECT_EQ(result.has_value(), row.has_value);
    EXPECT_EQ(static_cast<bool>(result), row.has_value);
    if (row.has_value) {
      EXPECT_EQ(*result, row.value);
      EXPECT_EQ(result.value(), row.value);
    } else {
      EXPECT_EQ(result.error(), row.error);
    }
  }
}

TEST(Result, TellsTheHalvesApartWhenTheirTypesAreEqual) {
  const Result<std::string, std::string> value(std::string("text"));
  const Result<std::string, std::string> error(Failure(std::string("reason")));
  EXPECT_TRUE(value);
  EXPECT_EQ(value->size(), 4u);
  EXPECT_FALSE(error);
  EXPECT_EQ(error.error(), "reason");
}

TEST(Result, HoldsWhatOnlyMoves) {
  Result<std::unique_ptr<int>, Error> result(std::make_unique<int>(7));
  ASSERT_TRUE(result);
  EXPECT_EQ(**result, 7);
  const std::unique_ptr<int> taken = std::move(*result);
  EXPECT_EQ(*taken, 7);
  *result = std::make_unique<int>(8);
  EXPECT_EQ(*result.value(), 8);
}

TEST(Result, HoldsNothingWhereThereIsNothingToHold) {
  const Result<Done, Error> done = Done();
  EXPECT_TRUE(done);
  const Result<Done, Error> failed = Failure(Error::kTooSmall);
  EXPECT_EQ(failed.error(), Error::kTooSmall);
}

TEST(ResultDeathTest, AbortsWhenAskedForTheHalfThatIsNotThere) {
  const auto value = halve(2);
  const auto error = halve(-1);
  EXPECT_DEATH(static_cast<void>(value.error()), "broken invariant");
  EXPECT_DEATH(static_cast<void>(error.value()), "broken invariant");
  EXPECT_DEATH(static_cast<void>(*error), "broken invariant");
  const Result<std::string, Error> text = Failure(Error::kTooSmall);
  EXPECT_DEATH(static_cast<void>(text->size()), "broken invariant");
}

}  // namespace
}  // namespace roost
