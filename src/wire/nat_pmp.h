// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/address.h"
#include "base/bytes.h"
#include "base/result.h"

namespace roost::wire {

// The NAT Port Mapping Protocol on the wire (RFC 6886), PCP's older sister: of IPv4 only, on the
// same port (kPcpServerPort), and told from PCP by its version, 0.
//
//   request   | 0 | opcode |                                                      external address
//   request   | 0 | opcode | 0 (2) | internal port (2) | external port (2) | lifetime (4) |    map
//   response  | 0 | 128 + opcode | result (2) | epoch (4) | external address (4) |
//   response  | 0 | 128 + opcode | result (2) | epoch (4) | internal, external port | lifetime |

inline constexpr uint8_t kNatPmpVersion = 0;
inline constexpr size_t kNatPmpAddressRequestSize = 2;
inline constexpr size_t kNatPmpMapRequestSize = 12;
inline constexpr size_t kNatPmpHeaderSize = 8;  // Of a response.
inline constexpr size_t kNatPmpAddressResponseSize = kNatPmpHeaderSize + 4;
inline constexpr size_t kNatPmpMapResponseSize = kNatPmpHeaderSize + 8;
// The RFC names none. Who does not know our version may give back a whole request of PCP.
inline constexpr size_t kNatPmpResponseSizeMax = 1100;

enum class NatPmpOpcode : uint8_t { kExternalAddress = 0, kMapUdp = 1, kMapTcp = 2 };

// §3.5. Any other value may come as well.
enum class NatPmpResult : uint16_t {
  kSuccess = 0,
  kUnsupportedVersion = 1,
  kNotAuthorized = 2,
  kNetworkFailure = 3,
  kOutOfResources = 4,
  kUnsupportedOpcode = 5,
};
std::string_view label(NatPmpResult result);  // "other" where it has no name.

struct NatPmpMap {
  uint16_t internal_port = 0;
  uint16_t external_port = 0;  // Suggested by the client, assigned by the gateway.
  uint32_t lifetime_seconds = 0;

  friend bool operator==(const NatPmpMap&, const NatPmpMap&) = default;
};

// Both require a buffer of that many bytes, which are all written. A lifetime of zero deletes the
// mapping; the external port is then to be zero (§3.4).
Bytes write_nat_pmp_address_request(MutableBytes buffer);  // kNatPmpAddressRequestSize
Bytes write_nat_pmp_map_request(NatPmpOpcode opcode, const NatPmpMap& map,
                                MutableBytes buffer);  // kNatPmpMapRequestSize

struct NatPmpResponse {
  NatPmpOpcode opcode{};  // Says nothing beside kUnsupportedVersion.
  NatPmpResult result{};
  // Since the gateway has begun to remember mappings (§3.6). Empty in an error that gives back the
  // request as it came (§3.5), which has other things in that place.
  std::optional<uint32_t> epoch_seconds{};
  IpAddress external_address{};  // Of a success of kExternalAddress.
  // Of a success of the other two, and of an error as far as it tells what it is about: the ports.
  std::optional<NatPmpMap> map{};
};

enum class NatPmpError : uint8_t {
  kVersion,     // Not 0.
  kSize,        // Too short or too long.
  kNoResponse,  // A request.
  kOpcode,      // None of the three.
};
std::string_view label(NatPmpError error);

// The complaint about a version is taken with and without the bit that makes it a response: the
// first edition of the RFC forgot it (erratum 3618). What is behind a response is left unread.
Result<NatPmpResponse, NatPmpError> parse_nat_pmp_response(Bytes datagram);

}  // namespace roost::wire
