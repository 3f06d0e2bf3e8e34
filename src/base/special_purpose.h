// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string_view>

#include "base/address.h"

namespace roost {

// One row of the IANA special-purpose address registries (RFC 6890 and its updates), of multicast
// and of the transition mechanisms that carry an IPv4 address inside an IPv6 one.
struct SpecialPurpose {
  Prefix prefix;
  bool is_globally_reachable;
  std::string_view name;  // The registry's own name of the block.
};

// Most specific first.
std::span<const SpecialPurpose> special_purpose_registry();

// The most specific row that holds `address`, or null for an ordinary address.
const SpecialPurpose* find_special_purpose(const IpAddress& address);

// Whether the public Internet may reach `address`: global unicast, and not inside a block that the
// registries call not globally reachable. An IPv6 address that embeds an IPv4 one (compatible,
// translated, 6to4, NAT64, Teredo) is refused whatever it embeds: nobody is reached through them
// who could not be reached directly, and each has been a way round somebody's deny list. A mapped
// address is the IPv4 address itself.
bool is_globally_reachable(const IpAddress& address);

}  // namespace roost
