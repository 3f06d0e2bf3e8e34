// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace roost::io {

// Certificates and keys in PEM, made for a test.
struct TestCertificate {
  std::string certificate;
  std::string key;
};

// Self-signed, good from yesterday until `days` from now (or ago, if negative).
TestCertificate make_test_certificate(std::string_view key_type = "P-256", int days = 30);

// The same key behind a passphrase.
std::string encrypted(const std::string& key_pem);

}  // namespace roost::io
