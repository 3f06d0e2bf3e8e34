// SPDX-License-Identifier: MIT
#include "base/crypto_hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <sodium.h>

#include "base/check.h"

namespace roost {
namespace {

template <typename Digest>
Digest hmac(const EVP_MD* algorithm, Bytes key, Bytes bytes) {
  Digest digest;
  unsigned size = 0;
  // An empty view may be a null pointer, which HMAC() refuses as a key.
  const uint8_t nothing = 0;
  CHECK(HMAC(algorithm, key.empty() ? &nothing : key.data(), static_cast<int>(key.size()),
             bytes.data(), bytes.size(), digest.data(), &size) != nullptr);
  CHECK(size == digest.size());
  return digest;
}

// Slicing by eight: table k holds the CRC of each byte followed by k zero bytes, so that eight
// bytes are folded in at once. 8 KiB, computed by the compiler.
constexpr auto kCrcTables = [] {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    tables[0][byte] = crc;
  }
  for (size_t k = 1; k < 8; ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t shorter = tables[k - 1][byte];
      tables[k][byte] = shorter >> 8 ^ tables[0][shorter & 0xff];
    }
  }
  return tables;
}();

}  // namespace

Md5Digest md5(Bytes bytes) {
  Md5Digest digest;
  CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_md5(), nullptr) == 1);
  return digest;
}

Sha1Digest sha1(Bytes bytes) {
  Sha1Digest digest;
  SHA1(bytes.data(), bytes.size(), digest.data());
  return digest;
}

Sha256Digest sha256(Bytes bytes) {
  Sha256Digest digest;
  SHA256(bytes.data(), bytes.size(), digest.data());
  return digest;
}

Sha1Digest hmac_sha1(Bytes key, Bytes bytes) {
  return hmac<Sha1Digest>(EVP_sha1(), key, bytes);
}

Sha256Digest hmac_sha256(Bytes key, Bytes bytes) {
  return hmac<Sha256Digest>(EVP_sha256(), key, bytes);
}

bool same_bytes_constant_time(Bytes a, Bytes b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

uint64_t sip_hash(const SipHashKey& key, Bytes bytes) {
  static_assert(crypto_shorthash_KEYBYTES == sizeof(SipHashKey));
  uint8_t hash[crypto_shorthash_BYTES];
  crypto_shorthash(hash, bytes.data(), bytes.size(), key.data());
  return load_u64(hash);
}

uint32_t crc32(Bytes bytes) {
  uint32_t crc = 0xffffffff;
  while (bytes.size() >= 8) {
    const uint8_t* at = bytes.data();
    crc = kCrcTables[7][at[0] ^ (crc & 0xff)] ^ kCrcTables[6][at[1] ^ (crc >> 8 & 0xff)] ^
          kCrcTables[5][at[2] ^ (crc >> 16 & 0xff)] ^ kCrcTables[4][at[3] ^ crc >> 24] ^
          kCrcTables[3][at[4]] ^ kCrcTables[2][at[5]] ^ kCrcTables[1][at[6]] ^ kCrcTables[0][at[7]];
    bytes = bytes.subspan(8);
  }
  for (const uint8_t byte : bytes) crc = crc >> 8 ^ kCrcTables[0][(crc ^ byte) & 0xff];
  return ~crc;
}

uint32_t crc32c(Bytes bytes) {
  uint32_t crc = 0xffffffff;
  for (const uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
  }
  return ~crc;
}

}  // namespace roost
