// SPDX-License-Identifier: MIT
// Goal: whatever stands in a file can be shown on one line, and written back.
#include "app/quoted.h"

#include <gtest/gtest.h>

namespace roost::app {
namespace {

TEST(Quoted, EscapesWhatWouldBreakALineOrATerminal) {
  struct Row {
    std::string_view text;
    std::string_view expect;
  };
  const Row rows[] = {
      {"", R"("")"},
      {"plain", R"("plain")"},
      {"a \"b\" \\ c", R"("a \"b\" \\ c")"},
      {"line\nline\ttab\r", R"("line\nline\ttab\u000D")"},
      {std::string_view("\0\x1b\x7f", 3), R"("\u0000\u001B\u007F")"},
      {"größer", R"("größer")"},
  };
  for (const Row& row : rows) EXPECT_EQ(quoted(row.text), row.expect);
}

TEST(Quoted, IsCutForMessagesBetweenCharacters) {
  EXPECT_EQ(quoted_briefly(std::string(60, 'a')), '"' + std::string(60, 'a') + '"');
  EXPECT_EQ(quoted_briefly(std::string(61, 'a')), '"' + std::string(60, 'a') + "...\"");
  const std::string umlaut_at_the_cut = std::string(59, 'a') + "ö and more";
  EXPECT_EQ(quoted_briefly(umlaut_at_the_cut), '"' + std::string(59, 'a') + "...\"");
}

TEST(Quoted, CutsBytesThatAreNoCharactersSomewhere) {
  EXPECT_EQ(quoted_briefly(std::string(100, '\x80')), "\"...\"");
}

}  // namespace
}  // namespace roost::app
