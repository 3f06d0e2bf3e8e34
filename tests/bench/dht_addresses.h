// SPDX-License-Identifier: MIT
#pragma once
// Who is who in the network namespace of dht_load, where every IPv4 address is local: addresses
// that the Internet can reach, so that the rules for those apply.

#include <cstdint>

namespace bench {

// Of all that dht_load plays: one socket hears them all.
inline constexpr uint16_t kDhtPort = 6881;

// Who asks: 11.0.0.0/8.
inline constexpr uint32_t kQuerierNetwork = 0x0b000000;
inline constexpr uint32_t kQuerierHosts = 0x01000000;

// Who is known: 32.0.0.0 to 95.255.255.255, two in a /24.
inline constexpr uint32_t kContactNetwork = 0x20000000;
inline constexpr uint32_t kContactPrefixes = 1 << 22;
inline constexpr uint32_t kContactsMax = 2 * kContactPrefixes;

// The address of contact `number`, below kContactsMax; prefixes in no order.
constexpr uint32_t contact_address(uint32_t number) {
  const uint32_t prefix = number / 2 * 2654435761u % kContactPrefixes;
  return kContactNetwork + (prefix << 8) + 1 + number % 2 * 128 + number % 97;
}

// The address of querier `number` of 4096 or of all: no two of the first 65,536 share a /24.
constexpr uint32_t querier_address(uint32_t number) {
  return kQuerierNetwork + (number % 65536 << 8 | (number >> 16 & 0xff));
}

}  // namespace bench
