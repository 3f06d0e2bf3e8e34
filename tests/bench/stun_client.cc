// SPDX-License-Identifier: MIT
#include "stun_client.h"

#include <algorithm>
#include <cstring>

namespace bench {
namespace {

constexpr uint16_t kBindingRequest = 0x0001;
constexpr uint16_t kBindingSuccess = 0x0101;
constexpr uint16_t kXorMappedAddress = 0x0020;
constexpr uint16_t kFingerprint = 0x8028;
constexpr uint32_t kMagicCookie = 0x2112a442;
constexpr uint32_t kFingerprintXor = 0x5354554e;  // "STUN" in ASCII (§14.7).
constexpr size_t kAttributeHeaderSize = 4;
constexpr size_t kFingerprintSize = 4;

uint16_t read_u16(const uint8_t* at) {
  return static_cast<uint16_t>(at[0] << 8 | at[1]);
}

uint32_t read_u32(const uint8_t* at) {
  return uint32_t{at[0]} << 24 | uint32_t{at[1]} << 16 | uint32_t{at[2]} << 8 | uint32_t{at[3]};
}

void write_u16(uint8_t* at, uint16_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

void write_u32(uint8_t* at, uint32_t value) {
  write_u16(at, static_cast<uint16_t>(value >> 16));
  write_u16(at + 2, static_cast<uint16_t>(value));
}

// Four tables instead of one: the check must cost the load generator less than a system call.
using CrcTables = std::array<std::array<uint32_t, 256>, 4>;

constexpr CrcTables make_crc_tables() {
  CrcTables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0u);
    tables[0][byte] = value;
  }
  for (size_t table = 1; table < tables.size(); ++table) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t before = tables[table - 1][byte];
      tables[table][byte] = before >> 8 ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constexpr CrcTables kCrc = make_crc_tables();

// CRC-32 of ITU-T V.42, whose bytes are taken low bit first.
uint32_t crc32(std::span<const uint8_t> bytes) {
  uint32_t crc = ~0u;
  for (; bytes.size() >= 4; bytes = bytes.subspan(4)) {
    crc ^= uint32_t{bytes[0]} | uint32_t{bytes[1]} << 8 | uint32_t{bytes[2]} << 16 |
           uint32_t{bytes[3]} << 24;
    crc = kCrc[3][crc & 0xff] ^ kCrc[2][crc >> 8 & 0xff] ^ kCrc[1][crc >> 16 & 0xff] ^
          kCrc[0][crc >> 24];
  }
  for (const uint8_t byte : bytes) crc = crc >> 8 ^ kCrc[0][(crc ^ byte) & 0xff];
  return ~crc;
}

bool mapped_address_matches(std::span<const uint8_t> value, const uint8_t* cookie_and_id,
                            const MappedAddress& expected) {
  const size_t address_size = expected.family == 1 ? 4 : 16;
  if (value.size() != 4 + address_size || value[1] != expected.family) return false;
  if ((read_u16(&value[2]) ^ kMagicCookie >> 16) != expected.port) return false;
  for (size_t i = 0; i < address_size; ++i) {
    if ((value[4 + i] ^ cookie_and_id[i]) != expected.bytes[i]) return false;
  }
  return true;
}

bool fingerprint_matches(std::span<const uint8_t> reply, size_t attribute_offset,
                         std::span<const uint8_t> value) {
  // It covers everything before it, and nothing may follow (§14.7).
  if (value.size() != kFingerprintSize) return false;
  if (attribute_offset + kAttributeHeaderSize + kFingerprintSize != reply.size()) return false;
  return (crc32(reply.first(attribute_offset)) ^ kFingerprintXor) == read_u32(value.data());
}

ReplyCheck check_attributes(std::span<const uint8_t> reply, const MappedAddress& sender) {
  bool has_mapped_address = false;
  size_t offset = kStunHeaderSize;
  while (offset < reply.size()) {  // Both are multiples of 4, so a whole header is left.
    const uint16_t type = read_u16(&reply[offset]);
    const size_t size = read_u16(&reply[offset + 2]);
    const size_t padded_size = (size + 3) & ~size_t{3};
    if (padded_size > reply.size() - offset - kAttributeHeaderSize) return ReplyCheck::kMalformed;
    const std::span<const uint8_t> value = reply.subspan(offset + kAttributeHeaderSize, size);

    if (type == kXorMappedAddress && !has_mapped_address) {  // Later copies do not count (§14).
      has_mapped_address = true;
      if (!mapped_address_matches(value, &reply[4], sender)) return ReplyCheck::kWrongMappedAddress;
    } else if (type == kFingerprint && !fingerprint_matches(reply, offset, value)) {
      return ReplyCheck::kWrongFingerprint;
    }
    offset += kAttributeHeaderSize + padded_size;
  }
  return has_mapped_address ? ReplyCheck::kValid : ReplyCheck::kNoMappedAddress;
}

}  // namespace

size_t build_binding_request(const TransactionId& id, bool with_fingerprint,
                             std::span<uint8_t, kBindingRequestSizeMax> out) {
  const size_t attributes_size = with_fingerprint ? kAttributeHeaderSize + kFingerprintSize : 0;
  write_u16(&out[0], kBindingRequest);
  write_u16(&out[2], static_cast<uint16_t>(attributes_size));
  write_u32(&out[4], kMagicCookie);
  std::copy(id.begin(), id.end(), &out[kTransactionIdOffset]);
  if (with_fingerprint) {
    write_u16(&out[kStunHeaderSize], kFingerprint);
    write_u16(&out[kStunHeaderSize + 2], kFingerprintSize);
    write_u32(&out[kStunHeaderSize + 4], crc32(out.first(kStunHeaderSize)) ^ kFingerprintXor);
  }
  return kStunHeaderSize + attributes_size;
}

ReplyCheck check_binding_reply(std::span<const uint8_t> reply, const TransactionId& id,
                               const MappedAddress& sender) {
  if (reply.size() < kStunHeaderSize || reply.size() % 4 != 0) return ReplyCheck::kMalformed;
  if (read_u16(&reply[2]) != reply.size() - kStunHeaderSize) return ReplyCheck::kMalformed;
  if (read_u32(&reply[4]) != kMagicCookie) return ReplyCheck::kMalformed;
  if (read_u16(&reply[0]) != kBindingSuccess) return ReplyCheck::kNotBindingSuccess;
  if (std::memcmp(&reply[kTransactionIdOffset], id.data(), id.size()) != 0) {
    return ReplyCheck::kOtherTransaction;
  }
  return check_attributes(reply, sender);
}

}  // namespace bench
