// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "base/address.h"

namespace roost::io {

// The addresses of this machine's interfaces, loopback included, as they are now.
std::vector<IpAddress> machine_addresses();

// The first of each family among them that the Internet may reach.
std::vector<IpAddress> public_addresses(const std::vector<IpAddress>& addresses);

}  // namespace roost::io
