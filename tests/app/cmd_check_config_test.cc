// SPDX-License-Identifier: MIT
// Goal: a script learns from the exit code, and a person from the text, whether a file is fine.
#include "app/cmd_check_config.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "text_file.h"

namespace roost::app {
namespace {

TEST(CheckConfig, ThatIsFineIsOneLine) {
  struct Row {
    std::string content;
    std::string expect;
  };
  const Row rows[] = {
      {"", ": ok (0 options set)\n"},
      {"[node]\nport = 1\n", ": ok (1 option set)\n"},
      {"[node]\nport = 1\nrole = \"leaf\"\n", ": ok (2 options set)\n"},
  };
  for (const Row& row : rows) {
    const TextFile file(row.content);
    const Answer answer = check_config({file.path()});
    EXPECT_EQ(answer.exit_code, kExitOk);
    EXPECT_EQ(answer.text, file.path() + row.expect);
  }
}

TEST(CheckConfig, TellsEachProblemOnALineAndExitsWithTwo) {
  const TextFile file("[node]\nport = -1\nrole = 1\n");
  const Answer answer = check_config({file.path()});
  EXPECT_EQ(answer.exit_code, kExitUsage);
  EXPECT_EQ(std::count(answer.text.begin(), answer.text.end(), '\n'), 2);
  EXPECT_TRUE(answer.text.starts_with(file.path() + ":2:8: node.port: -1 is too small"));
}

TEST(CheckConfig, OfAFileThatIsNotThereExitsWithTwo) {
  const Answer answer = check_config({testing::TempDir() + "roost_there_is_no_such_file.toml"});
  EXPECT_EQ(answer.exit_code, kExitUsage);
  EXPECT_NE(answer.text.find("roost print-config --sample"), std::string::npos);
}

}  // namespace
}  // namespace roost::app
