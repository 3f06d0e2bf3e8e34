// SPDX-License-Identifier: MIT
//
// Goal: each change of the one file is told, and nothing else.
// Method: a temporary directory and a loop that runs until it is told, or for a moment.
#include "io/directory_watch.h"

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

namespace roost::io {
namespace {

using std::chrono::milliseconds;

class DirectoryWatchTest : public testing::Test {
 protected:
  DirectoryWatchTest() {
    std::string pattern = testing::TempDir() + "roost-watch-XXXXXX";
    root_ = mkdtemp(pattern.data());
    directory_ = FileDescriptor(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    watch_.emplace(loop_, directory_.get(), "file", [this] {
      ++told_;
      loop_.stop();
    });
    timer_ = loop_.timer([this] { loop_.stop(); });
  }
  ~DirectoryWatchTest() override { std::filesystem::remove_all(root_); }

  // How often it is told, until the first time or for so long.
  int told_within(Duration duration) {
    told_ = 0;
    loop_.set(timer_, duration);
    loop_.run();
    return told_;
  }
  void put(const std::string& name) const { std::ofstream(root_ + '/' + name) << "x"; }

  std::string root_;
  FileDescriptor directory_;
  EventLoop loop_;
  std::optional<DirectoryWatch> watch_;
  EventLoop::Watch timer_;
  int told_ = 0;
};

TEST_F(DirectoryWatchTest, TellsThatTheFileWasWrittenReplacedAndRemoved) {
  ASSERT_TRUE(watch_->is_watching());
  put("file");
  EXPECT_EQ(1, told_within(std::chrono::seconds(10)));
  put("file.new");
  std::filesystem::rename(root_ + "/file.new", root_ + "/file");
  EXPECT_EQ(1, told_within(std::chrono::seconds(10)));
  std::filesystem::remove(root_ + "/file");
  EXPECT_EQ(1, told_within(std::chrono::seconds(10)));
}

TEST_F(DirectoryWatchTest, SaysNothingOfOtherFiles) {
  put("other");
  put("file.new");
  std::filesystem::remove(root_ + "/other");
  EXPECT_EQ(0, told_within(milliseconds(50)));
}

TEST_F(DirectoryWatchTest, TellsOnceOfManyChangesAtATime) {
  for (int i = 0; i < 50; ++i) put("file");
  EXPECT_EQ(1, told_within(std::chrono::seconds(10)));
  EXPECT_EQ(0, told_within(milliseconds(50)));
}

TEST(DirectoryWatch, SaysThatItCannotWatch) {
  EventLoop loop;
  const DirectoryWatch watch(loop, -1, "file", [] {});
  EXPECT_FALSE(watch.is_watching());
}

}  // namespace
}  // namespace roost::io
