// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "base/address.h"

namespace roost::io {

// An address of one of this machine's interfaces, and the network on that link.
struct InterfaceAddress {
  IpAddress address;
  Prefix network;
};

// Those of all interfaces, loopback included, as they are now.
std::vector<InterfaceAddress> interface_addresses();

// Of each network that is more than the address itself: where neighbours may be. A link's IPv6
// network is never narrower than a /64, whatever length the address was given.
std::vector<Prefix> networks(const std::vector<InterfaceAddress>& addresses);

// The first of each family among them that the Internet may reach.
std::vector<IpAddress> public_addresses(const std::vector<InterfaceAddress>& addresses);

}  // namespace roost::io
