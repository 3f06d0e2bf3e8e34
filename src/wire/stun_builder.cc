// SPDX-License-Identifier: MIT
#include "wire/stun_builder.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/crypto_hash.h"

namespace roost::wire {
namespace {

constexpr size_t padding(size_t size) {
  return -size & 3;
}

constexpr uint16_t type_of(StunClass message_class, uint16_t method) {
  const auto bits = static_cast<unsigned>(message_class);
  return static_cast<uint16_t>((method & 0xf80) << 2 | (method & 0x70) << 1 | (method & 0xf) |
                               (bits & 2) << 7 | (bits & 1) << 4);
}

// An address attribute's value, of 8 or 20 bytes.
struct AddressValue {
  std::array<uint8_t, 20> bytes{};
  size_t size;

  explicit AddressValue(const Endpoint& endpoint) : size(address_value_size(endpoint)) {
    bytes[1] = endpoint.address.is_v4() ? 1 : 2;
    store_u16(bytes.data() + 2, endpoint.port);
    if (endpoint.address.is_v4()) {
      store_u32(bytes.data() + 4, endpoint.address.v4_value());
    } else {
      store_u64(bytes.data() + 4, endpoint.address.high());
      store_u64(bytes.data() + 12, endpoint.address.low());
    }
  }
  Bytes view() const { return Bytes(bytes).first(size); }
};

}  // namespace

StunBuilder::StunBuilder(MutableBytes buffer, StunClass message_class, StunMethod method,
                         std::span<const uint8_t, 12> transaction_id)
    : buffer_(buffer), writer_(buffer) {
  std::array<uint8_t, 16> id;
  store_u32(id.data(), kStunMagicCookie);
  std::copy(transaction_id.begin(), transaction_id.end(), id.begin() + 4);
  begin(message_class, static_cast<uint16_t>(method), id);
}

StunBuilder::StunBuilder(MutableBytes buffer, StunClass message_class, const StunView& request)
    : buffer_(buffer), writer_(buffer) {
  begin(message_class, static_cast<uint16_t>(request.method()),
        request.cookie_and_transaction_id());
}

void StunBuilder::begin(StunClass message_class, uint16_t method,
                        std::span<const uint8_t, 16> cookie_and_transaction_id) {
  writer_.u16(type_of(message_class, method));
  writer_.u16(0);
  writer_.bytes(cookie_and_transaction_id);
}

void StunBuilder::begin_attribute(StunAttribute type, size_t value_size) {
  writer_.u16(static_cast<uint16_t>(type));
  writer_.u16(static_cast<uint16_t>(value_size));
}

void StunBuilder::end_attribute(size_t value_size) {
  writer_.zeros(padding(value_size));
  if (writer_.ok()) {
    store_u16(buffer_.data() + 2, static_cast<uint16_t>(writer_.size() - kStunHeaderSize));
  }
}

void StunBuilder::add(StunAttribute type, Bytes value) {
  begin_attribute(type, value.size());
  writer_.bytes(value);
  end_attribute(value.size());
}

void StunBuilder::add_u32(StunAttribute type, uint32_t value) {
  begin_attribute(type, 4);
  writer_.u32(value);
  end_attribute(4);
}

void StunBuilder::add_address(StunAttribute type, const Endpoint& endpoint) {
  add(type, AddressValue(endpoint).view());
}

void StunBuilder::add_xor_address(StunAttribute type, const Endpoint& endpoint) {
  if (!writer_.ok()) return;
  AddressValue value(endpoint);
  const uint8_t* key = buffer_.data() + 4;
  value.bytes[2] ^= key[0];
  value.bytes[3] ^= key[1];
  for (size_t i = 4; i < value.size; ++i) value.bytes[i] ^= key[i - 4];
  add(type, value.view());
}

void StunBuilder::add_error_code(unsigned code, std::string_view reason) {
  CHECK(code >= 300 && code <= 699);
  begin_attribute(StunAttribute::kErrorCode, 4 + reason.size());
  writer_.u16(0);
  writer_.u8(static_cast<uint8_t>(code / 100));
  writer_.u8(static_cast<uint8_t>(code % 100));
  writer_.text(reason);
  end_attribute(reason.size());
}

void StunBuilder::add_integrity(Bytes key) {
  const size_t covered = writer_.size();
  begin_attribute(StunAttribute::kMessageIntegrity, sizeof(Sha1Digest));
  writer_.zeros(sizeof(Sha1Digest));
  end_attribute(sizeof(Sha1Digest));
  if (!writer_.ok()) return;
  const Sha1Digest digest = hmac_sha1(key, buffer_.first(covered));
  std::copy(digest.begin(), digest.end(), buffer_.begin() + static_cast<ptrdiff_t>(covered + 4));
}

void StunBuilder::add_integrity_sha256(Bytes key) {
  const size_t covered = writer_.size();
  begin_attribute(StunAttribute::kMessageIntegritySha256, sizeof(Sha256Digest));
  writer_.zeros(sizeof(Sha256Digest));
  end_attribute(sizeof(Sha256Digest));
  if (!writer_.ok()) return;
  const Sha256Digest digest = hmac_sha256(key, buffer_.first(covered));
  std::copy(digest.begin(), digest.end(), buffer_.begin() + static_cast<ptrdiff_t>(covered + 4));
}

void StunBuilder::add_fingerprint() {
  const size_t covered = writer_.size();
  add_u32(StunAttribute::kFingerprint, 0);
  if (!writer_.ok()) return;
  store_u32(buffer_.data() + covered + 4, crc32(buffer_.first(covered)) ^ kStunFingerprintXor);
}

size_t StunBuilder::size_with(size_t value_size) const {
  return writer_.size() + 4 + value_size + padding(value_size);
}

Bytes StunBuilder::finish() const {
  return writer_.ok() ? Bytes(writer_.written()) : Bytes();
}

}  // namespace roost::wire
