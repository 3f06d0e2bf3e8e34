// SPDX-License-Identifier: MIT
#include "core/turn/addresses.h"

#include <algorithm>

namespace roost::core::turn {
namespace {

bool is_among(const std::vector<IpAddress>& addresses, const IpAddress& address) {
  return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
}

// The one of that family with so many of it before it.
std::optional<IpAddress> nth(const std::vector<IpAddress>& addresses, Family family, size_t count) {
  for (const IpAddress& address : addresses) {
    if (family_of(address) == family && count-- == 0) return address;
  }
  return {};
}

// Means nothing without an interface, so no peer could use it.
constexpr Prefix kLinkLocal = {{0xfe80'0000'0000'0000, 0}, 10};

}  // namespace

std::optional<IpAddress> Addresses::for_relay(const Flow& flow, Family family) const {
  const IpAddress& local = flow.local.endpoint.address;
  const auto named = nth(options_.relay, family, 0);
  if (family_of(local) != family || local.is_unspecified() || kLinkLocal.contains(local)) {
    return named;
  }
  // As few surprises as possible: where the client reached us. But at an address of a VPN, or of a
  // network behind us, the external address would be shown for what it does not lead to.
  const bool has_external = nth(options_.external, family, 0).has_value();
  return named && has_external && !external_of(local) ? named : local;
}

std::optional<IpAddress> Addresses::external_of(const IpAddress& address) const {
  if (is_among(options_.external, address)) return address;
  const Family family = family_of(address);
  for (size_t i = 0; const auto relay = nth(options_.relay, family, i); ++i) {
    if (*relay == address) return nth(options_.external, family, i);
  }
  return {};
}

Endpoint Addresses::advertised(const Endpoint& local) const {
  // Where nothing says what is bound where, the owner has one address of the family, and means it.
  const auto first = nth(options_.external, family_of(local.address), 0);
  return {external_of(local.address).value_or(first.value_or(local.address)), local.port};
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
