// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/result.h"

namespace roost::wire {

// The Port Control Protocol on the wire (RFC 6887), as a client needs it: how a host asks its
// router for a way in, through a NAT of IPv4 or a firewall of IPv6.
//
//   request   | 2 | 0, opcode | reserved (2) | requested lifetime (4) | client's address (16) |
//   response  | 2 | 1, opcode | reserved (1) | result (1) | lifetime (4) | epoch (4) | 0 (12) |
//   MAP       | nonce (12) | protocol (1) | reserved (3) | internal port (2) | external port (2) |
//             | external address (16) |
//   option    | code (1) | reserved (1) | length (2) | data, padded to 4 |
//
// Addresses are IPv6; an IPv4 address is written as its IPv4-mapped one (§5), and "none yet" as the
// unspecified address of its own family.

inline constexpr uint16_t kPcpServerPort = 5351;  // NAT-PMP's, too (§19).
inline constexpr uint16_t kPcpAnnouncePort =
    5350;  // Where a router that starts anew tells everybody.
inline constexpr uint8_t kPcpVersion = 2;
inline constexpr size_t kPcpMessageSizeMax = 1100;  // §7.
inline constexpr size_t kPcpHeaderSize = 24;
inline constexpr size_t kPcpMapRequestSize = kPcpHeaderSize + 36;

enum class PcpOpcode : uint8_t { kAnnounce = 0, kMap = 1, kPeer = 2 };

// §7.4. Any other value may come as well.
enum class PcpResult : uint8_t {
  kSuccess = 0,
  kUnsupportedVersion = 1,
  kNotAuthorized = 2,
  kMalformedRequest = 3,
  kUnsupportedOpcode = 4,
  kUnsupportedOption = 5,
  kMalformedOption = 6,
  kNetworkFailure = 7,
  kNoResources = 8,
  kUnsupportedProtocol = 9,
  kUserExceedsQuota = 10,
  kCannotProvideExternal = 11,
  kAddressMismatch = 12,
  kExcessiveRemotePeers = 13,
};
std::string_view label(PcpResult result);  // "other" where it has no name.

// Numbers of the IP header; any other value may come as well.
enum class PcpProtocol : uint8_t { kTcp = 6, kUdp = 17 };

// What a MAP request asks for and its answer repeats (§11.1).
using PcpNonce = std::array<uint8_t, 12>;
struct PcpMap {
  PcpNonce nonce{};  // Of the mapping's: whoever does not know it can neither answer nor change it.
  PcpProtocol protocol{};
  uint16_t internal_port = 0;
  Endpoint external{};  // Suggested by the client, assigned by the server.

  friend bool operator==(const PcpMap&, const PcpMap&) = default;
};

// Both require a buffer of that many bytes, which are all written. `client` is the address that the
// request is sent from. A lifetime of zero deletes the mapping; the external address and port are
// then to be none (§15).
Bytes write_pcp_announce(const IpAddress& client, MutableBytes buffer);  // kPcpHeaderSize
Bytes write_pcp_map(const IpAddress& client, uint32_t lifetime_seconds, const PcpMap& map,
                    MutableBytes buffer);  // kPcpMapRequestSize

struct PcpResponse {
  uint8_t version = kPcpVersion;  // Another one only beside kUnsupportedVersion: what there is.
  PcpOpcode opcode{};             // Any value below 128.
  PcpResult result{};
  uint32_t lifetime_seconds = 0;  // Of the mapping; of the error, if the result is one.
  uint32_t epoch_seconds = 0;     // Since the server has begun to remember mappings (§8.5).
  std::optional<PcpMap> map{};    // Of kMap; an error may come without.
};

enum class PcpError : uint8_t {
  kNatPmp,      // Version 0: what a server of NAT-PMP alone says to a request of ours (§9).
  kSize,        // Too short, too long, or not a multiple of 4.
  kVersion,     // Neither ours nor a complaint about ours.
  kNoResponse,  // A request.
  kNoMap,       // A success of MAP without its data.
  kOption,      // One that goes beyond the end.
};
std::string_view label(PcpError error);

// Options are stepped over: PREFER_FAILURE and THIRD_PARTY come back as they were sent, and of
// others nothing was asked.
Result<PcpResponse, PcpError> parse_pcp_response(Bytes datagram);

}  // namespace roost::wire
