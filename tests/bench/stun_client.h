// SPDX-License-Identifier: MIT
#pragma once
// STUN Binding as a client sees it (RFC 8489 §5, §14): builds the request, checks the reply.
//
// Owns no socket and no clock, allocates nothing. Replies are untrusted: every read is bounded by
// the datagram, and the walk over its attributes advances by at least four bytes a step.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace bench {

inline constexpr size_t kStunHeaderSize = 20;
inline constexpr size_t kTransactionIdOffset = 8;
inline constexpr size_t kBindingRequestSizeMax = kStunHeaderSize + 8;  // With FINGERPRINT.

using TransactionId = std::array<uint8_t, 12>;

// An address in the form XOR-MAPPED-ADDRESS has before the exclusive or.
struct MappedAddress {
  uint8_t family = 0;               // 1 is IPv4, 2 is IPv6, as on the wire (§14.1).
  uint16_t port = 0;                // Host order.
  std::array<uint8_t, 16> bytes{};  // Network order; IPv4 uses the first four.
};

enum class ReplyCheck : uint8_t {
  kValid,
  kMalformed,  // Not exactly one whole STUN message.
  kNotBindingSuccess,
  kOtherTransaction,
  kNoMappedAddress,
  kWrongMappedAddress,
  kWrongFingerprint,  // Only where the reply carries one.
};

// Writes a Binding request and returns its size: 20 bytes, or 28 with FINGERPRINT.
size_t build_binding_request(const TransactionId& id, bool with_fingerprint,
                             std::span<uint8_t, kBindingRequestSizeMax> out);

// Whether `reply` is the Binding success response to request `id` sent from address `sender`.
[[nodiscard]] ReplyCheck check_binding_reply(std::span<const uint8_t> reply,
                                             const TransactionId& id, const MappedAddress& sender);

}  // namespace bench
