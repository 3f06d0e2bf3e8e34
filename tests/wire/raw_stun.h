// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/crypto_hash.h"

namespace roost::wire {

// A STUN message put together byte by byte, right or wrong: tests do not trust the builder that
// they test. The header's length is kept right unless set_length() makes it lie.
class RawStun {
 public:
  static constexpr uint32_t kCookie = 0x2112a442;

  explicit RawStun(uint16_t message_type = 0x0001, uint32_t cookie = kCookie) {
    put_u16(message_type);
    put_u16(0);
    put_u32(cookie);
    for (uint8_t i = 0; i < 12; ++i) bytes_.push_back(static_cast<uint8_t>(0xa0 + i));
  }

  // The value as it is, padded with zeros to a multiple of four.
  RawStun& add(uint16_t type, const std::vector<uint8_t>& value = {}) {
    put_u16(type);
    put_u16(static_cast<uint16_t>(value.size()));
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    while (bytes_.size() % 4 != 0) bytes_.push_back(0);
    return set_length(bytes_.size() - 20);
  }

  // Bytes that need not be a whole attribute.
  RawStun& add_raw(const std::vector<uint8_t>& raw) {
    bytes_.insert(bytes_.end(), raw.begin(), raw.end());
    return set_length(bytes_.size() - 20);
  }

  RawStun& add_integrity(Bytes key) {
    add(0x0008, std::vector<uint8_t>(20));
    const Sha1Digest digest = hmac_sha1(key, Bytes(bytes_).first(bytes_.size() - 24));
    std::copy(digest.begin(), digest.end(), bytes_.end() - 20);
    return *this;
  }

  RawStun& add_integrity_sha256(Bytes key, size_t size = 32) {
    add(0x001c, std::vector<uint8_t>(size));
    const Sha256Digest digest = hmac_sha256(key, Bytes(bytes_).first(bytes_.size() - 4 - size));
    std::copy_n(digest.begin(), size, bytes_.end() - static_cast<ptrdiff_t>(size));
    return *this;
  }

  RawStun& add_fingerprint() {
    add(0x8028, std::vector<uint8_t>(4));
    store_u32(bytes_.data() + bytes_.size() - 4,
              crc32(Bytes(bytes_).first(bytes_.size() - 8)) ^ 0x5354554e);
    return *this;
  }

  RawStun& set_length(size_t length) {
    store_u16(bytes_.data() + 2, static_cast<uint16_t>(length));
    return *this;
  }

  const std::vector<uint8_t>& bytes() const { return bytes_; }
  operator Bytes() const { return bytes_; }

 private:
  void put_u16(uint16_t value) {
    bytes_.push_back(static_cast<uint8_t>(value >> 8));
    bytes_.push_back(static_cast<uint8_t>(value));
  }
  void put_u32(uint32_t value) {
    put_u16(static_cast<uint16_t>(value >> 16));
    put_u16(static_cast<uint16_t>(value));
  }

  std::vector<uint8_t> bytes_;
};

}  // namespace roost::wire
