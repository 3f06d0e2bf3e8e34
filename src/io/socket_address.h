// SPDX-License-Identifier: MIT
#pragma once

#include <netinet/in.h>
#include <optional>
#include <sys/socket.h>

#include "base/endpoint.h"

namespace roost::io {

// Our endpoints as the kernel's addresses, and back. An IPv4-mapped address becomes AF_INET: there
// is one form of each address (base/address.h), and sockets of ours serve one family each.

// Writes the address and returns its size.
socklen_t to_sockaddr(const Endpoint& endpoint, sockaddr_storage& out);

// Empty for other families. The zone of a link-local address is not part of an endpoint.
std::optional<Endpoint> from_sockaddr(const sockaddr_storage& address);

// Where the socket is bound; a zero endpoint if the kernel will not say.
Endpoint bound_endpoint(int fd);

}  // namespace roost::io
