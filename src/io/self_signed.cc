// SPDX-License-Identifier: MIT
#include "io/self_signed.h"

#include <array>
#include <memory>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/secret.h"
#include "io/certificate.h"
#include "io/os_random.h"

namespace roost::io {
namespace {

constexpr size_t kFileSizeMax = 16 * 1024;  // Ten times what we write.

bool set_name(X509& certificate) {
  X509_NAME* const name = X509_get_subject_name(&certificate);
  const auto* const text = reinterpret_cast<const unsigned char*>("roost");
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0) == 1 &&
         X509_set_issuer_name(&certificate, name) == 1;
}

bool set_serial(X509& certificate) {
  OsRandom random;
  auto bytes = random.bytes<16>();
  bytes[0] &= 0x7f;  // Positive, and not longer than RFC 5280 §4.1.2.2 allows.
  const std::unique_ptr<BIGNUM, void (*)(BIGNUM*)> number(
      BN_bin2bn(bytes.data(), bytes.size(), nullptr), BN_free);
  return number != nullptr &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(&certificate)) != nullptr;
}

bool set_validity(X509& certificate, std::optional<WallTime> now) {
  // A fixed beginning: a client whose clock is behind ours accepts the certificate too.
  const WallTime begin = kWallTimeMin;
  const WallTime end = now.value_or(begin) + kSelfSignedLifetime;
  return ASN1_TIME_set(X509_getm_notBefore(&certificate), begin.time_since_epoch().count()) &&
         ASN1_TIME_set(X509_getm_notAfter(&certificate), end.time_since_epoch().count());
}

bool add_extension(X509& certificate, int type, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, &certificate, &certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> extension(
      X509V3_EXT_conf_nid(nullptr, &context, type, value), X509_EXTENSION_free);
  return extension != nullptr && X509_add_ext(&certificate, extension.get(), -1) == 1;
}

CertificatePtr make_certificate(EVP_PKEY& key, std::optional<WallTime> now) {
  CertificatePtr certificate(X509_new());
  if (certificate == nullptr || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      !set_name(*certificate) || !set_serial(*certificate) || !set_validity(*certificate, now) ||
      X509_set_pubkey(certificate.get(), &key) != 1 ||
      !add_extension(*certificate, NID_subject_alt_name, "DNS:roost") ||
      !add_extension(*certificate, NID_basic_constraints, "critical,CA:FALSE") ||
      X509_sign(certificate.get(), &key, EVP_sha256()) == 0) {
    return nullptr;
  }
  return certificate;
}

// Certificate first, then key; empty if OpenSSL fails, which is for want of memory.
std::string make_pem(std::optional<WallTime> now) {
  const KeyPtr key(EVP_EC_gen("P-256"));
  if (key == nullptr) return {};
  const CertificatePtr certificate = make_certificate(*key, now);
  const BioPtr out(BIO_new(BIO_s_secmem()));  // Wiped when it is freed.
  if (certificate == nullptr || out == nullptr ||
      PEM_write_bio_X509(out.get(), certificate.get()) != 1 ||
      PEM_write_bio_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return {};
  }
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<size_t>(size)};
}

bool is_usable(std::string_view pem, std::optional<WallTime> now) {
  const auto loaded = parse_certificate_and_key(pem, pem);
  return loaded && (!now || loaded->expires_at > *now + kSelfSignedRenewal);
}

}  // namespace

Result<std::string, std::string> load_or_make_self_signed(const StateDir& state_dir,
                                                          std::optional<WallTime> now) {
  auto stored = state_dir.read(kSelfSignedFile, kFileSizeMax);
  if (!stored) return Failure(stored.error());
  if (*stored) {
    std::string pem(as_text(**stored));
    wipe(**stored);
    if (is_usable(pem, now)) return pem;
    if (!parse_certificate_and_key(pem, pem)) state_dir.set_aside(kSelfSignedFile);
  }
  std::string pem = make_pem(now);
  if (pem.empty()) return Failure(std::string("cannot make a self-signed certificate"));
  const auto written = state_dir.write(kSelfSignedFile, as_bytes(pem), true);
  if (!written) return Failure(written.error());
  return pem;
}

}  // namespace roost::io
