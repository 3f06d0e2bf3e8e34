// SPDX-License-Identifier: MIT
//
// Goal: what is written is there again as a whole or not at all, nobody else may read it, and
// nobody else may use it at the same time. Method: temporary directories.
#include "io/state_dir.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"

namespace roost::io {
namespace {

class StateDirTest : public testing::Test {
 protected:
  StateDirTest() {
    std::string pattern = testing::TempDir() + "roost-state-XXXXXX";
    root_ = mkdtemp(pattern.data());
  }
  ~StateDirTest() override { std::filesystem::remove_all(root_); }

  StateDir open() {
    auto opened = StateDir::open(root_ + "/a/state", {});
    EXPECT_TRUE(opened) << (opened ? "" : opened.error());
    return std::move(*opened);
  }

  mode_t mode_of(const std::string& name) const {
    struct stat status {};
    EXPECT_EQ(0, stat((root_ + "/a/state" + name).c_str(), &status));
    return status.st_mode & 07777;
  }

  void put(const std::string& name, const std::string& content) const {
    std::ofstream(root_ + "/a/state/" + name) << content;
  }

  std::string root_;
};

TEST_F(StateDirTest, IsMadeForItsOwnerOnly) {
  const StateDir dir = open();
  EXPECT_EQ(0700u, mode_of(""));
  EXPECT_EQ(0600u, mode_of("/lock"));
}

TEST_F(StateDirTest, IsRefusedToASecondUserUntilTheFirstIsGone) {
  {
    const StateDir first = open();
    const auto second = StateDir::open(first.path(), {});
    ASSERT_FALSE(second);
    EXPECT_NE(std::string::npos, second.error().find("in use by another roost"));
  }
  EXPECT_TRUE(StateDir::open(root_ + "/a/state", {}));
}

TEST_F(StateDirTest, LetsACommandWorkBesideTheNode) {
  const StateDir node = open();
  {
    const auto beside = StateDir::attach(node.path());
    ASSERT_TRUE(beside) << beside.error();
    ASSERT_TRUE(beside->write("grants.json", Bytes(), true));
    EXPECT_EQ(0600u, mode_of("/grants.json"));
  }
  EXPECT_TRUE(*node.read("grants.json", 10));
}

TEST_F(StateDirTest, GivesWhatACommandWritesToWhomTheDirectoryBelongs) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  const StateDir node = open();
  ASSERT_EQ(0, chown(node.path().c_str(), 65'534, 65'534));
  const auto beside = StateDir::attach(node.path());
  ASSERT_TRUE(beside) << beside.error();
  ASSERT_TRUE(beside->write("grants.json", Bytes(), false));
  struct stat status {};
  ASSERT_EQ(0, stat((node.path() + "/grants.json").c_str(), &status));
  EXPECT_EQ(65'534u, status.st_uid);
  EXPECT_EQ(65'534u, status.st_gid);
}

TEST_F(StateDirTest, IsNotMadeByACommand) {
  const auto beside = StateDir::attach(root_ + "/nowhere");
  ASSERT_FALSE(beside);
  EXPECT_NE(std::string::npos, beside.error().find("start the node once")) << beside.error();
}

TEST_F(StateDirTest, IsNoDirectoryThatNoNodeHasUsed) {
  std::filesystem::create_directories(root_ + "/var");
  std::filesystem::create_directory_symlink("/run/lock", root_ + "/var/lock");
  for (const char* const other : {"", "/var"}) {
    const auto beside = StateDir::attach(root_ + other);
    ASSERT_FALSE(beside) << other;
    EXPECT_NE(std::string::npos, beside.error().find("no state directory")) << beside.error();
  }
}

TEST_F(StateDirTest, GivesBackWhatWasWritten) {
  const StateDir dir = open();
  for (const bool sync : {false, true}) {
    for (const std::string content : {"", "first", "the second, and longer"}) {
      ASSERT_TRUE(dir.write("month", as_bytes(content), sync));
      const auto read = dir.read("month", 100);
      ASSERT_TRUE(read && read->has_value());
      EXPECT_EQ(content, as_text(**read));
      EXPECT_EQ(0600u, mode_of("/month"));
    }
  }
  EXPECT_FALSE(std::filesystem::exists(root_ + "/a/state/month.new"));
}

TEST_F(StateDirTest, TellsAMissingFileFromAnUnreadableOrOversizeOne) {
  const StateDir dir = open();
  const auto missing = dir.read("month", 100);
  ASSERT_TRUE(missing);
  EXPECT_FALSE(missing->has_value());
  put("large", std::string(101, 'x'));
  EXPECT_FALSE(dir.read("large", 100));
  std::filesystem::create_symlink("/etc/passwd", root_ + "/a/state/link");
  EXPECT_FALSE(dir.read("link", 1 << 20));
}

TEST_F(StateDirTest, KeepsTheOldFileWhenTheNewOneCannotBeWritten) {
  const StateDir dir = open();
  ASSERT_TRUE(dir.write("month", as_bytes("old"), false));
  std::filesystem::create_directory(root_ + "/a/state/month.new");  // In the way of the new file.
  EXPECT_FALSE(dir.write("month", as_bytes("new"), false));
  EXPECT_EQ("old", as_text(*dir.read("month", 100).value()));
}

// No file may grow beyond so much meanwhile: as on a full disk, its beginning is written.
class RoomForBytes {
 public:
  explicit RoomForBytes(rlim_t bytes) : handler_(signal(SIGXFSZ, SIG_IGN)) {
    EXPECT_EQ(0, getrlimit(RLIMIT_FSIZE, &before_));
    const rlimit now{bytes, before_.rlim_max};
    EXPECT_EQ(0, setrlimit(RLIMIT_FSIZE, &now));
  }
  ~RoomForBytes() {
    EXPECT_EQ(0, setrlimit(RLIMIT_FSIZE, &before_));
    signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST_F(StateDirTest, LeavesNothingOfAFileThatThereWasNoRoomFor) {
  const StateDir dir = open();
  ASSERT_TRUE(dir.write("grants.json", as_bytes("old"), true));
  const std::string large(1000, 'x');
  for (const bool sync : {false, true}) {
    const RoomForBytes room(100);
    const auto written = dir.write("grants.json", as_bytes(large), sync);
    ASSERT_FALSE(written);
    EXPECT_NE(std::string::npos, written.error().find("grants.json")) << written.error();
    EXPECT_NE(std::string::npos, written.error().find("nothing has changed")) << written.error();
    EXPECT_FALSE(dir.has("grants.json.new"));
    EXPECT_EQ("old", as_text(*dir.read("grants.json", 100).value()));
    EXPECT_FALSE(dir.write("node.key", as_bytes(large), sync));
    EXPECT_FALSE(dir.has("node.key"));
  }
  ASSERT_TRUE(dir.write("grants.json", as_bytes(large), true));
  EXPECT_EQ(large, as_text(*dir.read("grants.json", 1000).value()));
}

TEST_F(StateDirTest, KnowsWhatIsThere) {
  const StateDir dir = open();
  EXPECT_TRUE(dir.has("lock"));
  EXPECT_FALSE(dir.has("month"));
  put("month", "");
  EXPECT_TRUE(dir.has("month"));
}

TEST_F(StateDirTest, MakesTheSeedOnceAndKeepsIt) {
  const StateDir dir = open();
  SeededRandom random(1);
  const auto first = dir.load_or_make_seed(random);
  const auto second = dir.load_or_make_seed(random);
  ASSERT_TRUE(first && second);
  EXPECT_TRUE(same_bytes(first->bytes(), second->bytes()));
  EXPECT_EQ(0600u, mode_of("/node.key"));
}

TEST_F(StateDirTest, NeverReplacesADamagedSeed) {
  const StateDir dir = open();
  for (const std::string& content : {std::string(), std::string(31, 'k'), std::string(33, 'k')}) {
    put("node.key", content);
    SeededRandom random(1);
    const auto seed = dir.load_or_make_seed(random);
    ASSERT_FALSE(seed);
    EXPECT_NE(std::string::npos, seed.error().find("is damaged"));
    EXPECT_EQ(content.size(), std::filesystem::file_size(root_ + "/a/state/node.key"));
  }
}

TEST_F(StateDirTest, SetsADamagedFileAsideWithItsContent) {
  const StateDir dir = open();
  put("month", "garbage");
  dir.set_aside("month");
  EXPECT_FALSE(dir.read("month", 100)->has_value());
  EXPECT_EQ("garbage", as_text(*dir.read("month.damaged", 100).value()));
}

}  // namespace
}  // namespace roost::io
