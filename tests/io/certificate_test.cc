// SPDX-License-Identifier: MIT
//
// Goal: what a server can use is taken, and anything else is refused in words that help. Method:
// certificates made for the test, whole, mixed up and damaged.
#include "io/certificate.h"

#include <gtest/gtest.h>

#include "certificate_files.h"

namespace roost::io {
namespace {

TEST(Certificate, TakesChainsAndKeysOfAnyUsualKind) {
  for (const std::string_view type : {"P-256", "P-384", "RSA"}) {
    const TestCertificate own = make_test_certificate(type);
    const TestCertificate between = make_test_certificate();
    const auto loaded = parse_certificate_and_key(own.certificate + between.certificate, own.key);
    ASSERT_TRUE(loaded) << type;
    EXPECT_EQ(2u, loaded->chain.size());
  }
}

TEST(Certificate, TakesBothFromOneTextInAnyOrder) {
  const TestCertificate own = make_test_certificate();
  for (const std::string& text : {own.certificate + own.key, own.key + own.certificate,
                                  "a remark\n" + own.key + "\n\n" + own.certificate}) {
    EXPECT_TRUE(parse_certificate_and_key(text, text));
  }
}

struct Row {
  std::string certificate;
  std::string key;
  bool is_in_key;
  std::string_view text;
};

TEST(Certificate, SaysWhatIsWrong) {
  const TestCertificate own = make_test_certificate();
  const TestCertificate other = make_test_certificate();
  std::string damaged = own.certificate;
  damaged.replace(damaged.size() / 2, 3, "!!!");
  std::string many;
  for (int i = 0; i < 17; ++i) many += own.certificate;
  const Row rows[] = {
      {"", own.key, false, "holds no certificate"},
      {own.key, own.key, false, "holds no certificate"},
      {damaged, own.key, false, "is damaged"},
      {own.certificate + damaged, own.key, false, "is damaged"},
      {many, own.key, false, "more than 16"},
      {own.certificate, "", true, "holds no private key"},
      {own.certificate, own.certificate, true, "holds no private key"},
      {own.certificate, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", true,
       "is not a private key that OpenSSL can read"},
      {own.certificate, encrypted(own.key), true, "is encrypted"},
      {own.certificate, other.key, true, "is not the key of the certificate"},
      {own.certificate, make_test_certificate("RSA").key, true,
       "is not the key of the certificate"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.text);
    const auto loaded = parse_certificate_and_key(row.certificate, row.key);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(row.is_in_key, loaded.error().is_in_key);
    EXPECT_NE(std::string::npos, loaded.error().text.find(row.text)) << loaded.error().text;
  }
}

}  // namespace
}  // namespace roost::io
