// SPDX-License-Identifier: MIT
// Goal: generated text is wrapped as a person would.
#include "app/paragraph.h"

#include <gtest/gtest.h>

namespace roost::app {
namespace {

TEST(Paragraph, WrapsBetweenWords) {
  struct Row {
    std::string_view text;
    size_t columns;
    std::string_view expect;
  };
  const Row rows[] = {
      {"", 10, ""},
      {"one", 10, "# one\n"},
      {"one two", 9, "# one two\n"},
      {"one two", 8, "# one\n# two\n"},
      {"a-word-too-long for it", 8, "# a-word-too-long\n# for it\n"},
  };
  for (const Row& row : rows) EXPECT_EQ(paragraph(row.text, "# ", row.columns), row.expect);
}

}  // namespace
}  // namespace roost::app
