// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/supervisor.h"
#include "base/endpoint.h"
#include "base/result.h"
#include "io/file_descriptor.h"
#include "io/udp.h"
#include "node/config.h"

namespace roost::app {

// The sockets that the daemon listens on, bound as whoever started us.
struct OpenSockets {
  std::vector<io::UdpSocket> udp;       // By SocketId.
  std::vector<io::FileDescriptor> tcp;  // On [node] port.
  io::FileDescriptor admin;             // Not open where metrics.listen is empty.

  std::vector<Endpoint> udp_endpoints() const;
  std::vector<Endpoint> tcp_endpoints() const;
};

// Binds what the configuration says, or takes over what the supervisor has bound: then its datagram
// sockets stand for UDP and its stream sockets for TCP, and [node] listen and port are not looked
// at. A wildcard IPv6 address is left out, with a line in `notes`, on a machine without IPv6.
Result<OpenSockets, std::string> open_sockets(const node::Config& config, Supervisor& supervisor,
                                              std::vector<std::string>& notes);

}  // namespace roost::app
