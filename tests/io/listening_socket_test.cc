// SPDX-License-Identifier: MIT
//
// Goal: listening sockets are opened or refused with a next step, and no file of others is removed.
// Method: loopback ports and sockets in a temporary directory.
#include "io/listening_socket.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "io/socket_address.h"

namespace roost::io {
namespace {

constexpr IpAddress kLoopback = IpAddress::v4(0x7f000001);

class UnixSocketTest : public testing::Test {
 protected:
  UnixSocketTest() {
    std::string pattern = testing::TempDir() + "roost-unix-XXXXXX";
    root_ = mkdtemp(pattern.data());
    path_ = root_ + "/admin.sock";
  }
  ~UnixSocketTest() override { std::filesystem::remove_all(root_); }

  std::string root_;
  std::string path_;
};

TEST(ListeningSocket, RefusesAPortThatIsTaken) {
  const auto first = listen_tcp({kLoopback, 0});
  ASSERT_TRUE(first);
  const auto second = listen_tcp(bound_endpoint(first->get()));
  ASSERT_FALSE(second);
  EXPECT_NE(std::string::npos, second.error().find("another program listens there"));
}

TEST(ListeningSocket, RefusesAnAddressOfAnotherMachine) {
  const auto socket = listen_tcp({IpAddress::v4(0x08080808), 0});
  ASSERT_FALSE(socket);
  EXPECT_NE(std::string::npos, socket.error().find("no such address"));
}

TEST_F(UnixSocketTest, IsForOwnerAndGroup) {
  ASSERT_TRUE(listen_unix(path_));
  struct stat status {};
  ASSERT_EQ(0, stat(path_.c_str(), &status));
  EXPECT_EQ(0660u, status.st_mode & 07777);
}

TEST_F(UnixSocketTest, ReplacesASocketThatNobodyListensOn) {
  { ASSERT_TRUE(listen_unix(path_)); }  // Closed again; the file stays.
  ASSERT_TRUE(std::filesystem::exists(path_));
  EXPECT_TRUE(listen_unix(path_));
}

TEST_F(UnixSocketTest, LeavesASocketInUseAlone) {
  const auto first = listen_unix(path_);
  ASSERT_TRUE(first);
  EXPECT_FALSE(listen_unix(path_));
}

TEST_F(UnixSocketTest, LeavesAFileOfAnotherKindAlone) {
  std::ofstream(path_) << "precious";
  EXPECT_FALSE(listen_unix(path_));
  EXPECT_EQ(8u, std::filesystem::file_size(path_));
}

TEST_F(UnixSocketTest, RefusesAPathThatTheKernelWouldCutOff) {
  EXPECT_FALSE(listen_unix(root_ + '/' + std::string(200, 'x')));
}

}  // namespace
}  // namespace roost::io
