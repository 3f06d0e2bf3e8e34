// SPDX-License-Identifier: MIT
#include "io/listening_socket.h"

#include <cstring>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "io/socket_address.h"

namespace roost::io {
namespace {

// How many connections the kernel may complete before we accept them: a second's worth at the rate
// that a small machine accepts.
constexpr int kBacklog = 256;

std::string explain(const std::string& what, std::string_view next = {}) {
  std::string text = what + ": " + std::strerror(errno);
  if (!next.empty()) text.append("; ").append(next);
  return text;
}

std::string_view next_step() {
  switch (errno) {
    case EADDRINUSE: return "another program listens there: stop it, or choose another port";
    case EADDRNOTAVAIL: return "this machine has no such address";
    case EACCES: return "ports below 1024 need a capability: choose a higher one";
    default: return "";
  }
}

bool is_listened_to(const sockaddr_un& address) {
  const FileDescriptor probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return probe.is_open() &&
         connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

Result<FileDescriptor, std::string> listen_tcp(const Endpoint& endpoint) {
  const std::string what = "cannot listen on TCP " + endpoint.text();
  sockaddr_storage address;
  const socklen_t size = to_sockaddr(endpoint, address);
  FileDescriptor fd(
      socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!fd.is_open()) return Failure(explain(what));
  const int on = 1;
  // After a restart, connections of the old process may still wait for their end on our port.
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!endpoint.address.is_v4()) {
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  }
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      listen(fd.get(), kBacklog) != 0) {
    return Failure(explain(what, next_step()));
  }
  return fd;
}

Result<FileDescriptor, std::string> listen_unix(const std::string& path) {
  const std::string what = "cannot listen at " + path;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Failure(what + ": the path of a UNIX socket has at most " +
                   std::to_string(sizeof address.sun_path - 1) + " characters");
  }
  std::memcpy(address.sun_path, path.data(), path.size());

  struct stat status;
  if (lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) return Failure(what + ": there is a file that is not a socket");
    if (is_listened_to(address)) return Failure(what + ": another program listens there");
    unlink(path.c_str());
  }
  FileDescriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return Failure(explain(what));
  const mode_t mask = umask(0117);  // rw-rw----, from the first moment on.
  const int bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  umask(mask);
  if (bound != 0 || listen(fd.get(), kBacklog) != 0) return Failure(explain(what));
  return fd;
}

}  // namespace roost::io
