// SPDX-License-Identifier: MIT
// Goal: a typing mistake is recognised, and a different word is not taken for one.
#include "app/spelling.h"

#include <gtest/gtest.h>
#include <string>

namespace roost::app {
namespace {

TEST(Spelling, CountsTypingMistakes) {
  struct Row {
    std::string_view a;
    std::string_view b;
    size_t expect;
  };
  const Row rows[] = {
      {"", "", 0},           {"serve", "serve", 0},    {"", "abc", 3},
      {"serve", "sevre", 1}, {"serve", "serv", 1},     {"serve", "sserve", 1},
      {"serve", "swrve", 1}, {"serve", "status", 5},   {"ab", "ba", 1},
      {"abcd", "badc", 2},   {"kitten", "sitting", 3},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(edit_distance(row.a, row.b), row.expect) << row.a << ' ' << row.b;
    EXPECT_EQ(edit_distance(row.b, row.a), row.expect) << row.b << ' ' << row.a;
  }
}

TEST(Spelling, DoesNotCompareLongWords) {
  EXPECT_EQ(edit_distance(std::string(65, 'a'), std::string(65, 'a')), 65u);
  EXPECT_EQ(edit_distance(std::string(64, 'a'), std::string(64, 'a')), 0u);
  EXPECT_EQ(edit_distance(std::string(1'000'000, 'a'), "a"), 1'000'000u);
}

TEST(Spelling, ProposesTheNearestCandidateIfItIsNear) {
  constexpr std::string_view kCandidates[] = {"serve", "status", "probe", "print-config", "id"};
  struct Row {
    std::string_view word;
    std::string_view expect;  // Empty: none.
  };
  const Row rows[] = {
      {"sevre", "serve"}, {"statsu", "status"}, {"printconfig", "print-config"},
      {"prob", "probe"},  {"start", ""},        {"", ""},
      {"is", "id"},       {"xy", ""},           {"print", ""},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(nearest(row.word, kCandidates).value_or(""), row.expect) << row.word;
  }
  EXPECT_FALSE(nearest("serve", {}));
}

}  // namespace
}  // namespace roost::app
