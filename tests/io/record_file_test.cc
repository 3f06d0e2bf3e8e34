// SPDX-License-Identifier: MIT
//
// Goal: what is overwritten is there for whoever reads the file next, and nothing else about the
// file changes. Method: a temporary state directory.
#include "io/record_file.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

#include "io/state_dir.h"

namespace roost::io {
namespace {

class RecordFileTest : public testing::Test {
 protected:
  RecordFileTest() {
    std::string pattern = testing::TempDir() + "roost-record-XXXXXX";
    root_ = mkdtemp(pattern.data());
    auto opened = StateDir::open(root_ + "/state", {});
    EXPECT_TRUE(opened);
    dir_.emplace(std::move(*opened));
  }
  ~RecordFileTest() override { std::filesystem::remove_all(root_); }

  RecordFile open(std::string_view content) {
    auto opened = dir_->open_record("month", as_bytes(content));
    EXPECT_TRUE(opened) << (opened ? "" : opened.error());
    return std::move(*opened);
  }
  std::string path() const { return root_ + "/state/month"; }
  std::string content() const {
    std::ifstream file(path());
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string root_;
  std::optional<StateDir> dir_;
};

TEST_F(RecordFileTest, HoldsWhatWasWrittenLast) {
  std::ofstream(path()) << "something longer from an earlier version";
  const RecordFile file = open("one");
  EXPECT_EQ("one", content());
  EXPECT_EQ(std::filesystem::perms::owner_read | std::filesystem::perms::owner_write,
            std::filesystem::status(path()).permissions());
  for (const std::string record : {"two", "six", "ten"}) {
    EXPECT_TRUE(file.overwrite(as_bytes(record)));
    EXPECT_EQ(record, content());
  }
  file.begin_flush();
  EXPECT_EQ("ten", content());
}

TEST_F(RecordFileTest, KnowsWhetherItStillHasItsName) {
  const RecordFile file = open("one");
  EXPECT_TRUE(file.is_linked());
  std::filesystem::remove(path());
  EXPECT_FALSE(file.is_linked());
  EXPECT_TRUE(file.overwrite(as_bytes("two")));
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(RecordFileTest, IsTheOldOneWhereThereIsNoRoomForANew) {
  std::ofstream(path()) << "one";
  std::filesystem::create_directory(path() + ".new");  // In the way, as a full disk is.
  const RecordFile file = open("two");
  EXPECT_EQ("two", content());
  EXPECT_TRUE(file.overwrite(as_bytes("six")));
  EXPECT_EQ("six", content());
  // But not one of another size, which would grow, or be longer than its record.
  for (const std::string_view other : {"", "seven", "no"}) {
    EXPECT_FALSE(dir_->open_record("month", as_bytes(other)));
    EXPECT_EQ("six", content());
  }
}

TEST_F(RecordFileTest, SaysThatItCannotBeMade) {
  std::filesystem::create_directory(path() + ".new");  // In the way.
  const auto opened = dir_->open_record("month", as_bytes("one"));
  ASSERT_FALSE(opened);
  EXPECT_NE(std::string::npos, opened.error().find("month"));
}

}  // namespace
}  // namespace roost::io
