// SPDX-License-Identifier: MIT
#include "app/admin_client.h"

#include <cstring>
#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "io/file_descriptor.h"
#include "io/socket_address.h"

namespace roost::app {
namespace {

constexpr size_t kPageSizeMax = 4 * 1024 * 1024;  // Whoever answers there may not be a roost.

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  std::string text;
};

Result<Address, std::string> address_of(const node::Config::Metrics& metrics) {
  Address address;
  if (!metrics.listen_path.empty()) {
    auto& local = reinterpret_cast<sockaddr_un&>(address.storage);
    if (metrics.listen_path.size() >= sizeof local.sun_path) {
      return Failure(std::string("metrics.listen is too long for the path of a UNIX socket"));
    }
    local.sun_family = AF_UNIX;
    std::memcpy(local.sun_path, metrics.listen_path.data(), metrics.listen_path.size());
    address.size = sizeof local;
    address.text = metrics.listen_path;
  } else if (metrics.listen) {
    address.size = io::to_sockaddr(*metrics.listen, address.storage);
    address.text = metrics.listen->text();
  } else {
    return Failure(std::string("metrics.listen is empty, so the daemon cannot be asked"));
  }
  return address;
}

}  // namespace

Result<std::string, std::string> fetch_admin_page(const node::Config::Metrics& metrics,
                                                  std::string_view path) {
  const auto address = address_of(metrics);
  if (!address) return Failure(address.error());
  const auto explain = [&](std::string_view what) {
    return Failure(std::string(what) + " at " + address->text + ": " + std::strerror(errno) +
                   "; is roost running, and with this metrics.listen?");
  };
  const io::FileDescriptor fd(socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return explain("cannot open a socket");
  const timeval timeout{kAdminTimeoutSeconds, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address->storage), address->size) != 0) {
    return explain("nobody answers");
  }
  const std::string request = "GET " + std::string(path) + " HTTP/1.0\r\n\r\n";
  if (send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return explain("cannot ask");
  }
  std::string reply;
  char chunk[4096];
  ssize_t count;
  while ((count = recv(fd.get(), chunk, sizeof chunk, 0)) > 0) {
    reply.append(chunk, static_cast<size_t>(count));
    if (reply.size() > kPageSizeMax) break;
  }
  if (count < 0) return explain("no answer");
  const size_t body = reply.find("\r\n\r\n");
  if (!reply.starts_with("HTTP/1.") || body == std::string::npos || reply.size() < 12) {
    return Failure("what answers at " + address->text + " is not a roost");
  }
  // 503 still carries the page: the daemon runs, but is not ready.
  const std::string_view status = std::string_view(reply).substr(9, 3);
  if (status != "200" && status != "503") {
    return Failure("the daemon at " + address->text + " answers " + std::string(status) + " to " +
                   std::string(path));
  }
  return reply.substr(body + 4);
}

}  // namespace roost::app
