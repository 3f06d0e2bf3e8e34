// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "base/address.h"
#include "base/result.h"

namespace roost::io {

// An address of one of this machine's interfaces, and the network on that link.
struct InterfaceAddress {
  IpAddress address;
  Prefix network;
};

// Those of all interfaces, loopback included, as they are now; or why the kernel does not tell: a
// sandbox without AF_NETLINK, or no descriptor left.
Result<std::vector<InterfaceAddress>, std::string> interface_addresses();

// Of each network that is more than the address itself: where neighbours may be. A link's IPv6
// network is never narrower than a /64, whatever length the address was given.
std::vector<Prefix> networks(const std::vector<InterfaceAddress>& addresses);

// One of each family among them that the Internet may reach: one of `in_use`, or the first.
std::vector<IpAddress> public_addresses(const std::vector<InterfaceAddress>& addresses,
                                        const std::vector<IpAddress>& in_use = {});

}  // namespace roost::io
