// SPDX-License-Identifier: MIT
//
// Goal: only CR LF ends a line, and nothing invisible gets through. Method: a table of texts and
// the verdict on their last byte; all bytes before it must be fine.
#include "io/http_lines.h"

#include <gtest/gtest.h>
#include <string>
#include <string_view>

namespace roost::io {
namespace {

using Verdict = HttpLines::Verdict;

struct Row {
  std::string_view text;
  Verdict last;
};

using namespace std::string_view_literals;

constexpr Row kRows[] = {
    {"a", Verdict::kInLine},
    {"a\t b", Verdict::kInLine},
    {"a\xff", Verdict::kInLine},  // obs-text (RFC 9110 §5.5).
    {"a\r", Verdict::kInLine},
    {"a\r\n", Verdict::kLineEnds},
    {"a\r\nb\r\n", Verdict::kLineEnds},
    {"\r\n", Verdict::kBlankLineEnds},
    {"a\r\n\r\n", Verdict::kBlankLineEnds},
    {"\n", Verdict::kBad},
    {"a\n", Verdict::kBad},
    {"a\rb", Verdict::kBad},
    {"a\r\r", Verdict::kBad},
    {"\r\r", Verdict::kBad},
    {"a\r\n ", Verdict::kBad},  // obs-fold.
    {"a\r\n\t", Verdict::kBad},
    {" ", Verdict::kBad},
    {"a\0"sv, Verdict::kBad},
    {"a\x01", Verdict::kBad},
    {"a\x1f", Verdict::kBad},
    {"a\x7f", Verdict::kBad},
    {"a\x0b", Verdict::kBad},
};

TEST(HttpLines, AreWhatTheTableSays) {
  for (const Row& row : kRows) {
    SCOPED_TRACE(testing::PrintToString(row.text));
    HttpLines lines;
    for (size_t i = 0; i + 1 < row.text.size(); ++i) {
      EXPECT_NE(Verdict::kBad, lines.take(static_cast<uint8_t>(row.text[i])));
    }
    EXPECT_EQ(row.last, lines.take(static_cast<uint8_t>(row.text.back())));
  }
}

TEST(HttpLines, BehindContentOnlyALineEndIsAllowed) {
  for (int byte = 0; byte < 256; ++byte) {
    HttpLines lines;
    lines.expect_line_end();
    EXPECT_EQ(byte == '\r' ? Verdict::kInLine : Verdict::kBad,
              lines.take(static_cast<uint8_t>(byte)));
    if (byte == '\r') {
      EXPECT_EQ(Verdict::kBlankLineEnds, lines.take('\n'));
    }
  }
}

}  // namespace
}  // namespace roost::io
