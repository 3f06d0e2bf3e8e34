// SPDX-License-Identifier: MIT
#include "app/open_sockets.h"

#include <algorithm>
#include <errno.h>
#include <sys/socket.h>

#include "io/listening_socket.h"
#include "io/socket_address.h"

namespace roost::app {
namespace {

bool has_ipv6() {
  const io::FileDescriptor fd(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return fd.is_open() || errno != EAFNOSUPPORT;
}

// 0 for what is no socket of the Internet.
int socket_type(int fd) {
  int family = 0;
  int type = 0;
  socklen_t size = sizeof family;
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) != 0) return 0;
  if (family != AF_INET && family != AF_INET6) return 0;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 ? type : 0;
}

Result<Done, std::string> adopt(std::vector<io::FileDescriptor> inherited, OpenSockets& sockets) {
  for (io::FileDescriptor& fd : inherited) {
    const int type = socket_type(fd.get());
    if (type == SOCK_DGRAM) {
      auto socket = io::UdpSocket::adopt(std::move(fd));
      if (!socket) return Failure(socket.error());
      sockets.udp.push_back(std::move(*socket));
    } else if (type == SOCK_STREAM) {
      sockets.tcp.push_back(std::move(fd));
    } else {
      return Failure(
          std::string("the service manager hands over a descriptor that is no UDP or TCP "
                      "socket; look at the Listen lines of the socket unit"));
    }
  }
  if (!sockets.udp.empty()) return Done();
  return Failure(
      std::string("the service manager hands over no UDP socket; the socket unit needs "
                  "ListenDatagram="));
}

// With a port of 0 the system chooses one for the first socket, and all others follow it: there is
// one port.
Result<Done, std::string> bind_once(const node::Config& config, std::vector<std::string>& notes,
                                    OpenSockets& sockets) {
  const bool without_ipv6 = !has_ipv6();
  uint16_t chosen_port = config.node.port;
  for (Endpoint endpoint : node::listen_endpoints(config)) {
    const bool is_any_ipv6 = !endpoint.address.is_v4() && endpoint.address.is_unspecified();
    if (is_any_ipv6 && without_ipv6) {
      notes.push_back("this machine has no IPv6; serving IPv4 only");
      continue;
    }
    const bool is_main_port = endpoint.port == config.node.port;
    if (is_main_port) endpoint.port = chosen_port;
    auto udp = io::UdpSocket::bind(endpoint);
    if (!udp) return Failure(udp.error());
    endpoint = udp->local();
    sockets.udp.push_back(std::move(*udp));
    if (!is_main_port) continue;
    chosen_port = endpoint.port;
    auto tcp = io::listen_tcp(endpoint);
    if (!tcp) return Failure(tcp.error());
    sockets.tcp.push_back(std::move(*tcp));
  }
  return Done();
}

// What the system chooses for the first socket may be taken for the others: then it chooses anew.
// One port in ten would have to be taken for this to fail once in 10^16 times.
constexpr int kPortChoicesMax = 16;

Result<Done, std::string> bind_all(const node::Config& config, std::vector<std::string>& notes,
                                   OpenSockets& sockets) {
  for (int choices = config.node.port == 0 ? kPortChoicesMax : 1;; --choices) {
    OpenSockets bound;
    std::vector<std::string> bound_notes;
    const auto result = bind_once(config, bound_notes, bound);
    if (!result && choices > 1) continue;
    sockets = std::move(bound);
    notes.insert(notes.end(), bound_notes.begin(), bound_notes.end());
    return result;
  }
}

}  // namespace

std::vector<Endpoint> OpenSockets::udp_endpoints() const {
  std::vector<Endpoint> endpoints;
  for (const io::UdpSocket& socket : udp) endpoints.push_back(socket.local());
  return endpoints;
}

std::vector<Endpoint> OpenSockets::tcp_endpoints() const {
  std::vector<Endpoint> endpoints;
  for (const io::FileDescriptor& fd : tcp) endpoints.push_back(io::bound_endpoint(fd.get()));
  return endpoints;
}

Result<OpenSockets, std::string> open_sockets(const node::Config& config, Supervisor& supervisor,
                                              std::vector<std::string>& notes) {
  OpenSockets sockets;
  std::vector<io::FileDescriptor> inherited = supervisor.take_sockets();
  const auto opened =
      inherited.empty() ? bind_all(config, notes, sockets) : adopt(std::move(inherited), sockets);
  if (!opened) return Failure(opened.error());

  if (!config.metrics.listen_path.empty()) {
    auto admin = io::listen_unix(config.metrics.listen_path);
    if (!admin) return Failure(admin.error() + " (metrics.listen)");
    sockets.admin = std::move(*admin);
  } else if (config.metrics.listen) {
    auto admin = io::listen_tcp(*config.metrics.listen);
    if (!admin) return Failure(admin.error() + " (metrics.listen)");
    sockets.admin = std::move(*admin);
  }
  return sockets;
}

}  // namespace roost::app
