// SPDX-License-Identifier: MIT
#include "core/turn/addresses.h"

#include <algorithm>

namespace roost::core::turn {
namespace {

bool is_among(const std::vector<IpAddress>& addresses, const IpAddress& address) {
  return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
}

// Means nothing without an interface, so no peer could use it.
constexpr Prefix kLinkLocal = {{0xfe80'0000'0000'0000, 0}, 10};

}  // namespace

std::optional<IpAddress> Addresses::for_relay(const Flow& flow, Family family) const {
  // As few surprises as possible: where the client reached us, if that is of the family.
  const IpAddress& local = flow.local.endpoint.address;
  if (family_of(local) == family && !local.is_unspecified() && !kLinkLocal.contains(local)) {
    return local;
  }
  for (const IpAddress& address : options_.relay) {
    if (family_of(address) == family) return address;
  }
  return {};
}

Endpoint Addresses::advertised(const Endpoint& local) const {
  for (const IpAddress& external : options_.external) {
    if (external.is_v4() == local.address.is_v4()) return {external, local.port};
  }
  return local;
}

bool Addresses::is_ours(const IpAddress& address) const {
  return is_among(options_.own, address) || carries_relays(address);
}

bool Addresses::carries_relays(const IpAddress& address) const {
  return is_among(options_.relay, address) || is_among(options_.external, address);
}

bool Addresses::has_lost(const Addresses& before, const IpAddress& address) const {
  return is_among(before.options_.own, address) && !is_among(options_.own, address);
}

bool Addresses::is_own_port(uint16_t port) const {
  const auto& ports = options_.own_ports;
  return std::find(ports.begin(), ports.end(), port) != ports.end();
}

}  // namespace roost::core::turn
