// SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <string>

namespace roost::app {

// The content of a file of the source tree, by its path from the top.
inline std::string source_file(const std::string& path) {
  std::ifstream file(std::string(ROOST_SOURCE_DIR "/") + path);
  EXPECT_TRUE(file.is_open()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// A file with that content until the end of the test.
class TextFile {
 public:
  explicit TextFile(const std::string& content) {
    const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
    path_ = testing::TempDir() + "roost_" + test->test_suite_name() + '_' + test->name() + ".toml";
    std::ofstream(path_) << content;
  }
  ~TextFile() { std::remove(path_.c_str()); }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace roost::app
