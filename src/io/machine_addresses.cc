// SPDX-License-Identifier: MIT
#include "io/machine_addresses.h"

#include <algorithm>
#include <cstring>
#include <ifaddrs.h>
#include <netinet/in.h>

#include "base/special_purpose.h"
#include "io/socket_address.h"

namespace roost::io {

std::vector<IpAddress> machine_addresses() {
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return {};
  std::vector<IpAddress> addresses;
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    const bool is_v4 = one->ifa_addr->sa_family == AF_INET;
    if (!is_v4 && one->ifa_addr->sa_family != AF_INET6) continue;
    sockaddr_storage storage{};
    std::memcpy(&storage, one->ifa_addr, is_v4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    if (const auto endpoint = from_sockaddr(storage)) addresses.push_back(endpoint->address);
  }
  freeifaddrs(all);
  return addresses;
}

std::vector<IpAddress> public_addresses(const std::vector<IpAddress>& addresses) {
  std::vector<IpAddress> found;
  for (const bool is_v4 : {true, false}) {
    const auto first = std::find_if(addresses.begin(), addresses.end(), [&](const IpAddress& a) {
      return a.is_v4() == is_v4 && is_globally_reachable(a);
    });
    if (first != addresses.end()) found.push_back(*first);
  }
  return found;
}

}  // namespace roost::io
