// SPDX-License-Identifier: MIT
// Goal: the man page describes the options that there are.
#include "app/manual.h"

#include <gtest/gtest.h>
#include <sstream>

#include "app/options.h"
#include "text_file.h"

namespace roost::app {
namespace {

TEST(Manual, HasTheOptionsThatTheTableHas) {
  const std::string page = source_file("docs/man/roost.8");
  const size_t begin = page.find(kManualOptionsBegin);
  const size_t end = page.find(kManualOptionsEnd);
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  EXPECT_EQ(page.substr(begin, end + kManualOptionsEnd.size() - begin), manual_options())
      << "To renew that part of docs/man/roost.8: roost print-config --manual";
}

TEST(Manual, HasNoLineThatLooksLikeAMacroByAccident) {
  std::istringstream lines(manual_options());
  for (std::string line; std::getline(lines, line);) {
    const bool is_macro = line.starts_with(".It Cm ") || line.starts_with(".Ss The [") ||
                          line == ".Bl -tag -width Ds" || line == ".El" ||
                          line.starts_with(".\\\"");
    EXPECT_TRUE(is_macro || (!line.starts_with('.') && !line.starts_with('\''))) << line;
    EXPECT_EQ(line.find('"'), line.starts_with(".\\\"") ? 2 : std::string::npos) << line;
  }
}

}  // namespace
}  // namespace roost::app
