// SPDX-License-Identifier: MIT
//
// Goal: a node without a certificate has one, and keeps it as long as it is good. Method: a
// temporary state directory and a clock that is a number.
#include "io/self_signed.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include "io/certificate.h"

namespace roost::io {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{std::chrono::sys_days{std::chrono::year{2026} / 11 / 25}};

class SelfSignedTest : public testing::Test {
 protected:
  SelfSignedTest() {
    std::string pattern = testing::TempDir() + "roost-cert-XXXXXX";
    root_ = mkdtemp(pattern.data());
    auto opened = StateDir::open(root_ + "/state", {});
    EXPECT_TRUE(opened);
    state_dir_.emplace(std::move(*opened));
  }
  ~SelfSignedTest() override { std::filesystem::remove_all(root_); }

  std::string load(std::optional<WallTime> now) {
    const auto pem = load_or_make_self_signed(*state_dir_, now);
    EXPECT_TRUE(pem) << (pem ? "" : pem.error());
    return pem ? *pem : "";
  }
  static WallTime expiry_of(const std::string& pem) {
    const auto loaded = parse_certificate_and_key(pem, pem);
    EXPECT_TRUE(loaded);
    return loaded ? loaded->expires_at : WallTime{};
  }

  std::string root_;
  std::optional<StateDir> state_dir_;
};

TEST_F(SelfSignedTest, IsMadeOnceAndKept) {
  const std::string first = load(kNow);
  EXPECT_EQ(kNow + kSelfSignedLifetime, expiry_of(first));
  EXPECT_EQ(first, load(kNow));
  EXPECT_EQ(first, load(kNow + kSelfSignedLifetime - kSelfSignedRenewal - 1s));
  EXPECT_EQ(first, load({}));
}

TEST_F(SelfSignedTest, IsOneThatClientsCanRead) {
  const std::string pem = load(kNow);
  const auto loaded = parse_certificate_and_key(pem, pem);
  ASSERT_TRUE(loaded);
  X509* const certificate = loaded->chain.front().get();
  EXPECT_EQ(1, X509_verify(certificate, loaded->key.get()));
  EXPECT_EQ(1, X509_check_host(certificate, "roost", 0, 0, nullptr));
  char name[64];
  X509_NAME_oneline(X509_get_subject_name(certificate), name, sizeof name);
  EXPECT_STREQ("/CN=roost", name);
}

TEST_F(SelfSignedTest, IsMadeAgainBeforeItExpires) {
  const std::string first = load(kNow);
  const WallTime late = kNow + kSelfSignedLifetime - kSelfSignedRenewal;
  const std::string second = load(late);
  EXPECT_NE(first, second);
  EXPECT_EQ(late + kSelfSignedLifetime, expiry_of(second));
  EXPECT_EQ(second, load(late));
}

TEST_F(SelfSignedTest, WorksWithoutAClock) {
  const std::string pem = load({});
  EXPECT_EQ(kWallTimeMin + kSelfSignedLifetime, expiry_of(pem));
  EXPECT_EQ(pem, load(kNow));  // The clock has come: it is good all the same.
}

TEST_F(SelfSignedTest, IsReadableByItsOwnerOnly) {
  load(kNow);
  struct stat status;
  ASSERT_EQ(0, stat((root_ + "/state/tls-self-signed.pem").c_str(), &status));
  EXPECT_EQ(0600u, status.st_mode & 07777);
}

TEST_F(SelfSignedTest, ADamagedFileIsSetAsideAndReplaced) {
  const std::string first = load(kNow);
  ASSERT_TRUE(state_dir_->write(kSelfSignedFile, as_bytes(first.substr(0, 300)), false));
  const std::string second = load(kNow);
  EXPECT_NE(first, second);
  EXPECT_TRUE(std::filesystem::exists(root_ + "/state/tls-self-signed.pem.damaged"));
  EXPECT_EQ(second, load(kNow));
}

TEST_F(SelfSignedTest, SaysWhenItCannotBeKept) {
  std::filesystem::create_directory(root_ + "/state/tls-self-signed.pem");
  const auto pem = load_or_make_self_signed(*state_dir_, kNow);
  ASSERT_FALSE(pem);
  EXPECT_NE(std::string::npos, pem.error().find("tls-self-signed.pem"));
}

}  // namespace
}  // namespace roost::io
