// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <utility>

#include "io/file_descriptor.h"
#include "io/socket_address.h"

namespace roost::io {

// A client's UDP socket: plain, blocking.
class UdpClient {
 public:
  explicit UdpClient(const IpAddress& address)
      : fd_(socket(address.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_storage storage;
    const socklen_t size = to_sockaddr({address, 0}, storage);
    EXPECT_EQ(0, bind(fd_.get(), reinterpret_cast<sockaddr*>(&storage), size));
  }

  Endpoint local() const { return bound_endpoint(fd_.get()); }

  void send(const Endpoint& to, std::string_view text) {
    sockaddr_storage storage;
    const socklen_t size = to_sockaddr(to, storage);
    EXPECT_EQ(static_cast<ssize_t>(text.size()),
              sendto(fd_.get(), text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&storage),
                     size));
  }

  // What came, and from where; empty after so long of nothing.
  std::pair<std::string, Endpoint> receive(int patience_ms = 1000) {
    pollfd wait{fd_.get(), POLLIN, 0};
    if (poll(&wait, 1, patience_ms) != 1) return {};
    char text[4096];
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const ssize_t count =
        recvfrom(fd_.get(), text, sizeof text, 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (count < 0) return {};
    return {std::string(text, static_cast<size_t>(count)), from_sockaddr(from).value()};
  }

 private:
  FileDescriptor fd_;
};

}  // namespace roost::io
