// SPDX-License-Identifier: MIT
#include "io/certificate.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <time.h>

namespace roost::io {
namespace {

// A chain to a root has two to four; a file with all the roots of a system is a mistake.
constexpr size_t kChainLengthMax = 16;

BioPtr reader(std::string_view pem) {
  return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

// Without this OpenSSL would ask on the terminal.
int refuse_passphrase(char*, int, int, void*) {
  return -1;
}

Failure<CertificateProblem> in_certificate(std::string text) {
  return Failure(CertificateProblem{false, std::move(text)});
}

Failure<CertificateProblem> in_key(std::string text) {
  return Failure(CertificateProblem{true, std::move(text)});
}

// From the text: what OpenSSL says of all three is "unsupported".
std::string why_no_key(std::string_view key_pem) {
  const std::string reason = openssl_reason();
  if (key_pem.find("PRIVATE KEY-----") == key_pem.npos) return "holds no private key in PEM";
  if (key_pem.find("ENCRYPTED") != key_pem.npos) {
    return "is encrypted, and a daemon has nobody to ask for the passphrase; write it without one "
           "(openssl pkey -in … -out …)";
  }
  return "is not a private key that OpenSSL can read: " + reason;
}

}  // namespace

void FreeOpenssl::operator()(bio_st* bio) const {
  BIO_free(bio);
}
void FreeOpenssl::operator()(evp_pkey_st* key) const {
  EVP_PKEY_free(key);
}
void FreeOpenssl::operator()(x509_st* certificate) const {
  X509_free(certificate);
}

std::string openssl_reason() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  const char* const reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "unknown reason";
}

Result<CertificateAndKey, CertificateProblem> parse_certificate_and_key(
    std::string_view certificate_pem, std::string_view key_pem) {
  ERR_clear_error();
  CertificateAndKey loaded;
  const BioPtr certificates = reader(certificate_pem);
  while (X509* const next = PEM_read_bio_X509(certificates.get(), nullptr, nullptr, nullptr)) {
    loaded.chain.emplace_back(next);
    if (loaded.chain.size() > kChainLengthMax) {
      return in_certificate("holds more than " + std::to_string(kChainLengthMax) +
                            " certificates: it should be the server's own and those between it "
                            "and the root");
    }
  }
  const unsigned long error = ERR_peek_last_error();
  if (ERR_GET_LIB(error) != ERR_LIB_PEM || ERR_GET_REASON(error) != PEM_R_NO_START_LINE) {
    return in_certificate("is damaged: " + openssl_reason());
  }
  ERR_clear_error();  // The end of the file.
  if (loaded.chain.empty()) return in_certificate("holds no certificate in PEM");

  loaded.key.reset(
      PEM_read_bio_PrivateKey(reader(key_pem).get(), nullptr, refuse_passphrase, nullptr));
  if (loaded.key == nullptr) return in_key(why_no_key(key_pem));
  if (X509_check_private_key(loaded.chain.front().get(), loaded.key.get()) != 1) {
    ERR_clear_error();
    return in_key("is not the key of the certificate");
  }
  tm expires{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(loaded.chain.front().get()), &expires) != 1) {
    return in_certificate("has no date of expiry");
  }
  loaded.expires_at = WallTime(std::chrono::seconds(timegm(&expires)));
  return loaded;
}

}  // namespace roost::io
