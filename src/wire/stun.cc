// SPDX-License-Identifier: MIT
#include "wire/stun.h"

#include <algorithm>

#include "base/crypto_hash.h"
#include "base/cursor.h"

namespace roost::wire {
namespace {

constexpr size_t kAttributeHeaderSize = 4;
constexpr uint8_t kFamilyV4 = 1;
constexpr uint8_t kFamilyV6 = 2;

constexpr size_t padded(size_t size) {
  return (size + 3) & ~size_t{3};
}

bool fingerprint_matches(Bytes message, size_t at) {
  const uint32_t expected = crc32(message.first(at)) ^ kStunFingerprintXor;
  return load_u32(message.data() + at + kAttributeHeaderSize) == expected;
}

std::optional<Endpoint> parse_address(Bytes value) {
  Reader reader(value);
  reader.u8();
  const uint8_t family = reader.u8();
  const uint16_t port = reader.u16();
  if (family == kFamilyV4 && reader.left() == 4) {
    return Endpoint{IpAddress::v4(reader.u32()), port};
  }
  if (family == kFamilyV6 && reader.left() == 16) {
    return Endpoint{IpAddress::v6(reader.take(16).first<16>()), port};
  }
  return {};
}

// The HMAC covers the message up to the integrity attribute, with a header length that ends right
// behind that attribute (§14.5): hashed from a copy of the header, so that the view stays const.
struct IntegrityInput {
  std::array<uint8_t, kStunMessageSizeMax> buffer;
  Bytes bytes;

  IntegrityInput(Bytes message, size_t attribute_at, size_t attribute_size) {
    std::copy_n(message.begin(), attribute_at, buffer.begin());
    const size_t length = attribute_at + kAttributeHeaderSize + attribute_size - kStunHeaderSize;
    store_u16(buffer.data() + 2, static_cast<uint16_t>(length));
    bytes = Bytes(buffer).first(attribute_at);
  }
};

}  // namespace

std::string_view label(StunError error) {
  switch (error) {
    case StunError::kNotStun: return "not_stun";
    case StunError::kTruncated: return "truncated";
    case StunError::kTooLarge: return "too_large";
    case StunError::kBadAttribute: return "bad_attribute";
    case StunError::kTooManyAttributes: return "too_many_attributes";
    case StunError::kBadFingerprint: return "bad_fingerprint";
  }
  return "";
}

size_t stun_message_size(Bytes stream) {
  return kStunHeaderSize + load_u16(stream.data() + 2);
}

Result<StunView, StunError> StunView::parse(Bytes message) {
  if (message.size() > kStunMessageSizeMax) return Failure(StunError::kTooLarge);
  if (message.size() < kStunHeaderSize) return Failure(StunError::kTruncated);
  if ((message[0] & 0xc0) != 0 || message.size() % 4 != 0) return Failure(StunError::kNotStun);
  const size_t size = stun_message_size(message);
  if (size > message.size()) return Failure(StunError::kTruncated);
  if (size < message.size()) return Failure(StunError::kNotStun);

  const bool is_classic = load_u32(message.data() + 4) != kStunMagicCookie;
  size_t counted_end = 0;  // 0 until an integrity attribute ends what counts.
  size_t sha1_end = 0;     // Where it ended with MESSAGE-INTEGRITY.
  unsigned count = 0;
  for (size_t at = kStunHeaderSize; at < size;) {
    if (++count > kStunAttributeCountMax) return Failure(StunError::kTooManyAttributes);
    const auto type = static_cast<StunAttribute>(load_u16(message.data() + at));
    const size_t value_size = load_u16(message.data() + at + 2);
    const size_t next = at + kAttributeHeaderSize + padded(value_size);
    if (next > size) return Failure(StunError::kBadAttribute);
    if (type == StunAttribute::kFingerprint && !is_classic) {
      // It must be the last attribute (§14.7), so nothing may hide behind it.
      if (value_size != 4 || next != size) return Failure(StunError::kBadAttribute);
      if (!fingerprint_matches(message, at)) return Failure(StunError::kBadFingerprint);
      return StunView(message, counted_end != 0 ? counted_end : at, true);
    }
    // An integrity attribute ends what counts, except that one of SHA-256 may follow one of SHA-1.
    const bool is_sha1 = type == StunAttribute::kMessageIntegrity;
    const bool is_sha256 = type == StunAttribute::kMessageIntegritySha256;
    if (counted_end == 0 ? is_sha1 || is_sha256 : is_sha256 && at == sha1_end) {
      counted_end = next;
      sha1_end = is_sha1 ? next : 0;
    }
    at = next;
  }
  return StunView(message, counted_end != 0 ? counted_end : size, false);
}

StunClass StunView::message_class() const {
  const uint16_t type = load_u16(message_.data());
  return static_cast<StunClass>((type >> 7 & 2) | (type >> 4 & 1));
}

StunMethod StunView::method() const {
  const uint16_t type = load_u16(message_.data());
  return static_cast<StunMethod>((type >> 2 & 0xf80) | (type >> 1 & 0x70) | (type & 0xf));
}

std::span<const uint8_t, 16> StunView::cookie_and_transaction_id() const {
  return message_.subspan<4, 16>();
}

std::span<const uint8_t, 12> StunView::transaction_id() const {
  return message_.subspan<8, 12>();
}

std::optional<Bytes> StunView::find(StunAttribute type) const {
  const auto at = find_offset(type);
  if (!at) return {};
  return attribute_at(*at).value;
}

std::optional<uint32_t> StunView::find_u32(StunAttribute type) const {
  const auto value = find(type);
  if (!value || value->size() != 4) return {};
  return load_u32(value->data());
}

std::optional<Endpoint> StunView::find_address(StunAttribute type) const {
  const auto value = find(type);
  if (!value) return {};
  return parse_address(*value);
}

std::optional<Endpoint> StunView::find_xor_address(StunAttribute type) const {
  const auto value = find(type);
  if (!value) return {};
  return read_xor_address(*value);
}

std::optional<Endpoint> StunView::read_xor_address(Bytes value) const {
  if (value.size() > kAttributeHeaderSize + 16 || value.size() < 4) return {};
  std::array<uint8_t, 20> plain{};
  std::copy(value.begin(), value.end(), plain.begin());
  const auto key = cookie_and_transaction_id();
  plain[2] ^= key[0];
  plain[3] ^= key[1];
  for (size_t i = 4; i < value.size(); ++i) plain[i] ^= key[i - 4];
  return parse_address(Bytes(plain).first(value.size()));
}

std::optional<unsigned> StunView::error_code() const {
  const auto value = find(StunAttribute::kErrorCode);
  if (!value || value->size() < 4) return {};
  const unsigned hundreds = (*value)[2] & 7;
  const unsigned number = (*value)[3];
  if (hundreds < 3 || hundreds > 6 || number > 99) return {};
  return hundreds * 100 + number;
}

bool StunView::integrity_matches(Bytes key) const {
  const auto at = find_offset(StunAttribute::kMessageIntegrity);
  if (!at) return false;
  const Bytes sent = attribute_at(*at).value;
  if (sent.size() != sizeof(Sha1Digest)) return false;
  const IntegrityInput input(message_, *at, sent.size());
  return same_bytes_constant_time(hmac_sha1(key, input.bytes), sent);
}

bool StunView::integrity_sha256_matches(Bytes key) const {
  const auto at = find_offset(StunAttribute::kMessageIntegritySha256);
  if (!at) return false;
  const Bytes sent = attribute_at(*at).value;
  if (sent.size() < 16 || sent.size() > sizeof(Sha256Digest) || sent.size() % 4 != 0) return false;
  const IntegrityInput input(message_, *at, sent.size());
  return same_bytes_constant_time(Bytes(hmac_sha256(key, input.bytes)).first(sent.size()), sent);
}

StunView::Attribute StunView::attribute_at(size_t at) const {
  const uint8_t* header = message_.data() + at;
  return {static_cast<StunAttribute>(load_u16(header)),
          message_.subspan(at + kAttributeHeaderSize, load_u16(header + 2))};
}

size_t StunView::next_attribute(size_t at) const {
  return at + kAttributeHeaderSize + padded(load_u16(message_.data() + at + 2));
}

std::optional<size_t> StunView::find_offset(StunAttribute type) const {
  for (size_t at = kStunHeaderSize; at < counted_end_; at = next_attribute(at)) {
    if (attribute_at(at).type == type) return at;
  }
  return {};
}

}  // namespace roost::wire
