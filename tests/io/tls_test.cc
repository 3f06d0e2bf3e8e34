// SPDX-License-Identifier: MIT
//
// Goal: a renewed certificate is taken up, a broken one changes nothing, and the operator is told
// which file is to blame, once. Method: files in a temporary directory. (What clients see is in
// stream_server_tls_test.)
#include "io/tls.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

#include "certificate_files.h"

namespace roost::io {
namespace {

class TlsTest : public testing::Test {
 protected:
  TlsTest() {
    std::string pattern = testing::TempDir() + "roost-tls-XXXXXX";
    root_ = mkdtemp(pattern.data());
    put(make_test_certificate());
  }
  ~TlsTest() override { std::filesystem::remove_all(root_); }

  std::string certificate_path() const { return root_ + "/fullchain.pem"; }
  std::string key_path() const { return root_ + "/privkey.pem"; }
  void put(const std::string& path, const std::string& content) const {
    std::ofstream(path + ".new") << content;
    std::filesystem::rename(path + ".new", path);  // Another inode, as renewing programs do it.
  }
  void put(const TestCertificate& made) const {
    put(certificate_path(), made.certificate);
    put(key_path(), made.key);
  }
  TlsContext open() const {
    auto opened = TlsContext::from_files(certificate_path(), key_path());
    EXPECT_TRUE(opened) << (opened ? "" : opened.error());
    return std::move(*opened);
  }
  std::string error_of_open() const {
    const auto opened = TlsContext::from_files(certificate_path(), key_path());
    EXPECT_FALSE(opened);
    return opened ? "" : opened.error();
  }

  std::string root_;
};

TEST_F(TlsTest, NamesTheOptionAndTheFileThatIsWrong) {
  put(key_path(), make_test_certificate().key);
  EXPECT_EQ("tls.key: " + key_path() + " is not the key of the certificate", error_of_open());
  put(key_path(), "");
  EXPECT_EQ("tls.key: " + key_path() + " holds no private key in PEM", error_of_open());
  std::filesystem::remove(key_path());
  EXPECT_EQ("tls.key: cannot read " + key_path() + ": No such file or directory", error_of_open());
  put(certificate_path(), "nonsense");
  put(key_path(), make_test_certificate().key);
  EXPECT_EQ("tls.certificate: " + certificate_path() + " holds no certificate in PEM",
            error_of_open());
  put(certificate_path(), std::string(300 * 1024, 'x'));
  EXPECT_NE(std::string::npos, error_of_open().find("too large"));
  std::filesystem::remove(certificate_path());
  std::filesystem::create_directory(certificate_path());
  EXPECT_EQ("tls.certificate: cannot read " + certificate_path() + ": Is a directory",
            error_of_open());
}

TEST_F(TlsTest, ReloadTakesUpWhatIsNewAndKeepsTheOldWhenThatIsBroken) {
  TlsContext tls = open();
  const WallTime first = tls.expires_at();
  put(make_test_certificate("P-256", 60));
  ASSERT_TRUE(tls.reload());
  const WallTime second = tls.expires_at();
  EXPECT_GT(second, first);
  put(certificate_path(), "nonsense");
  const auto broken = tls.reload();
  ASSERT_FALSE(broken);
  EXPECT_NE(std::string::npos, broken.error().find("fullchain.pem"));
  EXPECT_EQ(second, tls.expires_at());
  EXPECT_NE(nullptr, tls.new_session(0));
}

TEST_F(TlsTest, LooksAgainOnlyWhenAFileHasChanged) {
  TlsContext tls = open();
  auto looked = tls.reload_if_changed();
  ASSERT_TRUE(looked);
  EXPECT_FALSE(*looked);
  put(make_test_certificate("P-256", 60));
  looked = tls.reload_if_changed();
  ASSERT_TRUE(looked);
  EXPECT_TRUE(*looked);
  looked = tls.reload_if_changed();
  ASSERT_TRUE(looked);
  EXPECT_FALSE(*looked);
}

TEST_F(TlsTest, APairThatIsHalfRenewedIsReportedOnceAndTakenUpWhenWhole) {
  TlsContext tls = open();
  const TestCertificate renewed = make_test_certificate("P-256", 60);
  put(certificate_path(), renewed.certificate);
  EXPECT_FALSE(tls.reload_if_changed());
  const auto again = tls.reload_if_changed();
  ASSERT_TRUE(again);  // Nothing new to say about it.
  EXPECT_FALSE(*again);
  put(key_path(), renewed.key);
  const auto whole = tls.reload_if_changed();
  ASSERT_TRUE(whole);
  EXPECT_TRUE(*whole);
}

TEST_F(TlsTest, AFileThatGoesAwayIsReportedOnceAndTakenUpWhenItComesBack) {
  TlsContext tls = open();
  std::filesystem::remove(key_path());
  EXPECT_FALSE(tls.reload_if_changed());
  EXPECT_TRUE(tls.reload_if_changed());
  put(make_test_certificate());
  const auto back = tls.reload_if_changed();
  ASSERT_TRUE(back);
  EXPECT_TRUE(*back);
}

TEST_F(TlsTest, ASelfSignedOneHasNothingToReload) {
  const auto state_dir = StateDir::open(root_ + "/state", {});
  ASSERT_TRUE(state_dir);
  auto tls = TlsContext::self_signed(*state_dir, {});
  ASSERT_TRUE(tls);
  EXPECT_TRUE(tls->reload());
  const auto looked = tls->reload_if_changed();
  ASSERT_TRUE(looked);
  EXPECT_FALSE(*looked);
  EXPECT_NE(nullptr, tls->new_session(0));
}

}  // namespace
}  // namespace roost::io
