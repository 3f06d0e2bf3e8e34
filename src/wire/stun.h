// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/result.h"

namespace roost::wire {

// STUN messages on the wire (RFC 8489 §5, §14), and those of its predecessor RFC 3489.
//
//    0                   1                   2                   3
//   |0 0|  message type (14 bits)   |  length without this header   |
//   |                   magic cookie 0x2112A442                     |
//   |                  transaction ID (12 bytes)                    |
//   | attributes: type (2), length (2), value, padding to 4 bytes   |
//
// A message without the magic cookie is one of RFC 3489, whose transaction ID is 16 bytes long and
// begins where the cookie would stand: is_classic().

inline constexpr size_t kStunHeaderSize = 20;
// A Send indication with as much as fits in an Ethernet frame, and room to spare; the RFC allows
// 64 KiB.
inline constexpr size_t kStunMessageSizeMax = 2048;
inline constexpr unsigned kStunAttributeCountMax = 24;  // Bounds the walk over a hostile message.
inline constexpr uint32_t kStunMagicCookie = 0x2112a442;
inline constexpr uint32_t kStunFingerprintXor = 0x5354554e;  // "STUN".

enum class StunClass : uint8_t { kRequest = 0, kIndication = 1, kSuccess = 2, kError = 3 };

enum class StunMethod : uint16_t {
  kBinding = 0x001,
  kAllocate = 0x003,  // From here on TURN's (RFC 8656 §17).
  kRefresh = 0x004,
  kSend = 0x006,
  kData = 0x007,
  kCreatePermission = 0x008,
  kChannelBind = 0x009,
  kConnect = 0x00a,  // RFC 6062 §6.1.
  kConnectionBind = 0x00b,
  kConnectionAttempt = 0x00c,
};

enum class StunAttribute : uint16_t {
  kMappedAddress = 0x0001,
  kResponseAddress = 0x0002,  // RFC 3489; a reply to a third party. Never honoured.
  kChangeRequest = 0x0003,    // RFC 5780 §7.2.
  kSourceAddress = 0x0004,    // RFC 3489.
  kChangedAddress = 0x0005,   // RFC 3489.
  kUsername = 0x0006,
  kMessageIntegrity = 0x0008,
  kErrorCode = 0x0009,
  kUnknownAttributes = 0x000a,
  kChannelNumber = 0x000c,  // TURN's, here and below: RFC 8656 §18.
  kLifetime = 0x000d,
  kXorPeerAddress = 0x0012,
  kData = 0x0013,
  kRealm = 0x0014,
  kNonce = 0x0015,
  kXorRelayedAddress = 0x0016,
  kRequestedAddressFamily = 0x0017,
  kEvenPort = 0x0018,
  kRequestedTransport = 0x0019,
  kDontFragment = 0x001a,
  kMessageIntegritySha256 = 0x001c,
  kPasswordAlgorithm = 0x001d,
  kUserhash = 0x001e,
  kXorMappedAddress = 0x0020,
  kReservationToken = 0x0022,
  kPadding = 0x0026,       // RFC 5780 §7.6. Never honoured: it asks for a larger reply.
  kResponsePort = 0x0027,  // RFC 5780 §7.5. Never honoured: a reply to a port that did not ask.
  kConnectionId = 0x002a,  // RFC 6062 §6.2.1.
  kAdditionalAddressFamily = 0x8000,
  kAddressErrorCode = 0x8001,
  kPasswordAlgorithms = 0x8002,
  kAlternateDomain = 0x8003,
  kIcmp = 0x8004,
  kSoftware = 0x8022,
  kAlternateServer = 0x8023,
  kFingerprint = 0x8028,
  kResponseOrigin = 0x802b,  // RFC 5780 §7.3.
  kOtherAddress = 0x802c,    // RFC 5780 §7.4.
};

// An agent that does not know the attribute must refuse the request (§14).
constexpr bool is_comprehension_required(StunAttribute type) {
  return static_cast<uint16_t>(type) < 0x8000;
}

inline constexpr uint32_t kChangeAddressFlag = 0x4;
inline constexpr uint32_t kChangePortFlag = 0x2;

enum class StunError : uint8_t {  // Also the label of the drop counter.
  kNotStun,
  kTruncated,
  kTooLarge,
  kBadAttribute,
  kTooManyAttributes,
  kBadFingerprint,
};
inline constexpr size_t kStunErrorCount = 6;
std::string_view label(StunError error);

// How long the message at the front of `stream` is, header included, as its header says: what a
// TCP reader needs to cut a stream into messages. Requires kStunHeaderSize bytes.
size_t stun_message_size(Bytes stream);

// A checked window onto bytes that somebody else owns: it copies nothing and is valid while they
// are. parse() checks once everything that does not need a key; after that no accessor can read
// outside the message. Nothing here knows about sockets, time or allocations.
class StunView {
 public:
  struct Attribute {
    StunAttribute type;
    Bytes value;
  };

  // Accepts exactly one whole message: trailing bytes are an error, not a second message.
  static Result<StunView, StunError> parse(Bytes message);

  StunClass message_class() const;
  StunMethod method() const;
  bool is_classic() const { return load_u32(message_.data() + 4) != kStunMagicCookie; }
  // The magic cookie and the transaction ID: what a reply repeats, in either RFC.
  std::span<const uint8_t, 16> cookie_and_transaction_id() const;
  std::span<const uint8_t, 12> transaction_id() const;
  bool has_fingerprint() const { return has_fingerprint_; }
  Bytes bytes() const { return message_; }

  // Visits the attributes in order, without those that do not count: whatever follows
  // MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256, except FINGERPRINT and the latter (§14.5).
  template <typename Visit>
  void for_each_attribute(Visit visit) const {
    for (size_t at = kStunHeaderSize; at < counted_end_; at = next_attribute(at)) {
      visit(attribute_at(at));
    }
  }

  // The first attribute of that type; those that do not count are not found. FINGERPRINT, which
  // parse() has checked, is not found either.
  std::optional<Bytes> find(StunAttribute type) const;
  std::optional<uint32_t> find_u32(StunAttribute type) const;
  std::optional<Endpoint> find_address(StunAttribute type) const;
  std::optional<Endpoint> find_xor_address(StunAttribute type) const;
  // The same of an attribute's value that is at hand, where there may be several.
  std::optional<Endpoint> read_xor_address(Bytes value) const;
  // The number in ERROR-CODE, 300..699.
  std::optional<unsigned> error_code() const;

  // Need the key, so they are the only checks that parse() leaves undone. Constant time. False
  // when there is no such attribute or its length is wrong.
  [[nodiscard]] bool integrity_matches(Bytes key) const;         // HMAC-SHA1.
  [[nodiscard]] bool integrity_sha256_matches(Bytes key) const;  // May be truncated (§14.6).

 private:
  StunView(Bytes message, size_t counted_end, bool has_fingerprint)
      : message_(message), counted_end_(counted_end), has_fingerprint_(has_fingerprint) {}

  Attribute attribute_at(size_t at) const;
  size_t next_attribute(size_t at) const;
  std::optional<size_t> find_offset(StunAttribute type) const;

  Bytes message_;
  size_t counted_end_;
  bool has_fingerprint_;
};

}  // namespace roost::wire
