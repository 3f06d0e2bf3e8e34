// SPDX-License-Identifier: MIT
#include "io/socket_address.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>

namespace roost::io {

socklen_t to_sockaddr(const Endpoint& endpoint, sockaddr_storage& out) {
  if (endpoint.address.is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(out);
    v4 = {};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    v4.sin_addr.s_addr = htonl(endpoint.address.v4_value());
    return sizeof v4;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
  v6 = {};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(endpoint.port);
  const auto bytes = endpoint.address.v6_bytes();
  std::memcpy(v6.sin6_addr.s6_addr, bytes.data(), bytes.size());
  return sizeof v6;
}

std::optional<Endpoint> from_sockaddr(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    return Endpoint{IpAddress::v4(ntohl(v4.sin_addr.s_addr)), ntohs(v4.sin_port)};
  }
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    return Endpoint{IpAddress::v6(v6.sin6_addr.s6_addr), ntohs(v6.sin6_port)};
  }
  return {};
}

Endpoint bound_endpoint(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return from_sockaddr(address).value_or(Endpoint{});
}

}  // namespace roost::io
