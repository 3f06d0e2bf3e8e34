// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"

namespace roost {

using Md5Digest = std::array<uint8_t, 16>;
using Sha1Digest = std::array<uint8_t, 20>;
using Sha256Digest = std::array<uint8_t, 32>;

// Only where a protocol asks for it (TURN's long-term keys, RFC 8489 §9.2.2).
Md5Digest md5(Bytes bytes);
Sha1Digest sha1(Bytes bytes);
Sha256Digest sha256(Bytes bytes);
// RFC 2104. Constant time in the key.
Sha1Digest hmac_sha1(Bytes key, Bytes bytes);
Sha256Digest hmac_sha256(Bytes key, Bytes bytes);

// Compares without telling by its duration where the first difference is. Different sizes differ.
[[nodiscard]] bool same_bytes_constant_time(Bytes a, Bytes b);

// SipHash-2-4 (Aumasson and Bernstein 2012): a hash that strangers cannot make collide without the
// key. For tables and cookies, not a signature.
using SipHashKey = std::array<uint8_t, 16>;
uint64_t sip_hash(const SipHashKey& key, Bytes bytes);

// CRC-32 of IEEE 802.3, reflected, as in STUN's FINGERPRINT (RFC 8489 §14.7) before its XOR.
uint32_t crc32(Bytes bytes);
// CRC-32C (Castagnoli; RFC 3720 appendix B.4), reflected, as in the node IDs of BEP 42. Bit by bit:
// for a few bytes at a time.
uint32_t crc32c(Bytes bytes);

}  // namespace roost
