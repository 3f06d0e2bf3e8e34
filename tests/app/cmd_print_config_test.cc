// SPDX-License-Identifier: MIT
// Goal: what is printed is what the node would work with, and can be read as a file.
#include "app/cmd_print_config.h"

#include <gtest/gtest.h>

#include "app/config_file.h"
#include "app/config_text.h"
#include "app/manual.h"
#include "text_file.h"

namespace roost::app {
namespace {

using What = PrintConfigArguments::What;

TEST(PrintConfig, OfAFileReadsBackAsWhatTheFileMeans) {
  const TextFile file("[donate]\nbandwidth = \"2.5 MB/s\"\nmonthly = \"0\"\n[node]\nport = 99\n");
  for (const bool is_explained : {false, true}) {
    const Answer answer = print_config({file.path(), What::kEffective, is_explained});
    ASSERT_EQ(answer.exit_code, kExitOk) << answer.text;
    EXPECT_NE(answer.text.find("bandwidth = \"20 Mbit/s\"\nmonthly = 0\n") == std::string::npos,
              !is_explained);
    const auto again = parse_config(answer.text, "printed");
    ASSERT_TRUE(again);
    EXPECT_EQ(config_text(again->config, ConfigTextStyle::kBare),
              config_text(read_config(file.path())->config, ConfigTextStyle::kBare));
  }
}

TEST(PrintConfig, OfABadFileTellsItsProblems) {
  const TextFile file("[node]\nport = -1\n");
  const Answer answer = print_config({file.path(), What::kEffective, false});
  EXPECT_EQ(answer.exit_code, kExitUsage);
  EXPECT_TRUE(answer.text.starts_with(file.path() + ":2:8:")) << answer.text;
}

TEST(PrintConfig, HasTheTextsThatAreGenerated) {
  EXPECT_EQ(print_config({{}, What::kDefaults, false}).text,
            config_text(node::Config(), ConfigTextStyle::kBare));
  EXPECT_EQ(print_config({{}, What::kDefaults, true}).text,
            config_text(node::Config(), ConfigTextStyle::kExplained));
  EXPECT_EQ(print_config({{}, What::kSample, false}).text, sample_config_text());
  EXPECT_EQ(print_config({{}, What::kManual, false}).text, manual_options());
}

}  // namespace
}  // namespace roost::app
