// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

struct bio_st;
struct evp_pkey_st;
struct x509_st;

namespace roost::io {

struct FreeOpenssl {
  void operator()(bio_st* bio) const;
  void operator()(evp_pkey_st* key) const;
  void operator()(x509_st* certificate) const;
};
using BioPtr = std::unique_ptr<bio_st, FreeOpenssl>;
using KeyPtr = std::unique_ptr<evp_pkey_st, FreeOpenssl>;
using CertificatePtr = std::unique_ptr<x509_st, FreeOpenssl>;

// What a server shows to its clients, and what it proves that it is the owner with.
struct CertificateAndKey {
  std::vector<CertificatePtr> chain;  // The server's own first; never empty.
  KeyPtr key;
  WallTime expires_at;  // The server's own certificate.
};

// What is wrong with which of the two texts, as the end of a sentence that begins with its name.
struct CertificateProblem {
  bool is_in_key;
  std::string text;
};

// Reads PEM texts (RFC 7468); they may be one and the same. The key is known to belong to the
// certificate afterwards.
Result<CertificateAndKey, CertificateProblem> parse_certificate_and_key(
    std::string_view certificate_pem, std::string_view key_pem);

// Why OpenSSL failed last, in its own words; forgets all that went before.
std::string openssl_reason();

}  // namespace roost::io
