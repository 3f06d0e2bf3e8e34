// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace roost {

// An IPv4 or IPv6 address in its one canonical form: a 128-bit integer, in which IPv4 is the range
// ::ffff:0:0/96.
//
// The address that arrives as an IPv4-mapped IPv6 address is therefore the same value as the one
// that arrives as IPv4, and every decision about addresses (limits, what may be relayed to)
// compares integers. No other file converts between the families.
class IpAddress {
 public:
  constexpr IpAddress() = default;  // "::", the unspecified address.
  constexpr IpAddress(uint64_t high, uint64_t low) : high_(high), low_(low) {}

  static constexpr IpAddress v4(uint32_t address) { return {0, kMappedV4 | address}; }
  static IpAddress v6(std::span<const uint8_t, 16> address);

  // Dotted quad or RFC 4291 text, without a zone or brackets.
  static std::optional<IpAddress> parse(std::string_view text);
  // RFC 5952 text; IPv4 as a dotted quad.
  std::string text() const;

  constexpr bool is_v4() const { return high_ == 0 && low_ >> 32 == kMappedV4 >> 32; }
  constexpr bool is_unspecified() const {
    return high_ == 0 && (low_ == 0 || low_ == kMappedV4);  // "::" and "0.0.0.0".
  }
  constexpr uint32_t v4_value() const { return static_cast<uint32_t>(low_); }  // Requires is_v4().
  std::array<uint8_t, 16> v6_bytes() const;  // IPv4 comes out mapped.

  constexpr uint64_t high() const { return high_; }
  constexpr uint64_t low() const { return low_; }

  friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  static constexpr uint64_t kMappedV4 = uint64_t{0xffff} << 32;

  uint64_t high_ = 0;
  uint64_t low_ = 0;
};

// A CIDR block. The bits of `base` behind the prefix are zero.
struct Prefix {
  IpAddress base;
  uint8_t length = 0;  // Counted in the 128-bit form: 0.0.0.0/0 is 96, 10.0.0.0/8 is 104.

  static Prefix of(const IpAddress& address, unsigned length_in_128_bits);
  // "10.0.0.0/8", "2001:db8::/32", or a bare address, which is a block of one.
  static std::optional<Prefix> parse(std::string_view text);
  std::string text() const;

  bool contains(const IpAddress& address) const;

  friend constexpr auto operator<=>(const Prefix&, const Prefix&) = default;
};

// The block that limits are counted by: /24 of IPv4, /56 of IPv6. A home or a small provider's
// customer controls that much; counting single addresses would let one customer be 2^72 peers.
Prefix limit_prefix(const IpAddress& address);

}  // namespace roost
