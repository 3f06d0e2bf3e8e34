// SPDX-License-Identifier: MIT
#include "io/machine_addresses.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <optional>

#include "base/special_purpose.h"
#include "io/socket_address.h"

namespace roost::io {
namespace {

constexpr unsigned kLinkLengthMaxV6 = 64;

std::optional<IpAddress> address_of(const sockaddr* address) {
  if (address == nullptr) return {};
  const bool is_v4 = address->sa_family == AF_INET;
  if (!is_v4 && address->sa_family != AF_INET6) return {};
  sockaddr_storage storage{};
  std::memcpy(&storage, address, is_v4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
  const auto endpoint = from_sockaddr(storage);
  return endpoint ? std::optional(endpoint->address) : std::nullopt;
}

// How many bits of the 128-bit form the mask has. An IPv6 mask is no address of a family that
// changes its form: only an IPv4 one lacks the 96 in front.
unsigned length_of(const IpAddress& mask) {
  if (mask.is_v4()) return 96 + static_cast<unsigned>(std::popcount(mask.v4_value()));
  return static_cast<unsigned>(std::popcount(mask.high()) + std::popcount(mask.low()));
}

}  // namespace

Result<std::vector<InterfaceAddress>, std::string> interface_addresses() {
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return Failure(std::string(std::strerror(errno)));
  std::vector<InterfaceAddress> found;
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    const auto address = address_of(one->ifa_addr);
    if (!address) continue;
    const auto mask = address_of(one->ifa_netmask);
    const unsigned length = mask ? length_of(*mask) : 128;
    found.push_back({*address, Prefix::of(*address, length)});
  }
  freeifaddrs(all);
  return found;
}

std::vector<Prefix> networks(const std::vector<InterfaceAddress>& addresses) {
  std::vector<Prefix> found;
  for (const InterfaceAddress& one : addresses) {
    const bool is_v4 = one.address.is_v4();
    // "::1" is on no link; its /64 would be that in which all of IPv4 has its place.
    if (!is_v4 && one.address.high() == 0) continue;
    const unsigned length =
        is_v4 ? one.network.length : std::min<unsigned>(one.network.length, kLinkLengthMaxV6);
    // A point-to-point link, or a provider that routes each address by itself.
    if (length == 128) continue;
    const Prefix network = Prefix::of(one.address, length);
    if (std::find(found.begin(), found.end(), network) == found.end()) found.push_back(network);
  }
  return found;
}

std::vector<IpAddress> public_addresses(const std::vector<InterfaceAddress>& addresses,
                                        const std::vector<IpAddress>& in_use) {
  std::vector<IpAddress> found;
  for (const bool is_v4 : {true, false}) {
    std::optional<IpAddress> chosen;
    for (const InterfaceAddress& one : addresses) {
      if (one.address.is_v4() != is_v4 || !is_globally_reachable(one.address)) continue;
      const bool is_in_use = std::find(in_use.begin(), in_use.end(), one.address) != in_use.end();
      if (!chosen || is_in_use) chosen = one.address;
      if (is_in_use) break;
    }
    if (chosen) found.push_back(*chosen);
  }
  return found;
}

}  // namespace roost::io
