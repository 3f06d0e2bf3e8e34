// SPDX-License-Identifier: MIT
#include "loopback_target.h"

#include <arpa/inet.h>
#include <charconv>
#include <cstring>
#include <netinet/in.h>
#include <string>
#include <unistd.h>

namespace bench {
namespace {

std::optional<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

std::optional<LoopbackTarget> loopback_v4(const std::string& host, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return std::nullopt;
  if (ntohl(address.sin_addr.s_addr) >> 24 != 127) return std::nullopt;
  LoopbackTarget target;
  std::memcpy(&target.address, &address, sizeof address);
  target.address_size = sizeof address;
  return target;
}

std::optional<LoopbackTarget> loopback_v6(const std::string& host, uint16_t port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  if (inet_pton(AF_INET6, host.c_str(), &address.sin6_addr) != 1) return std::nullopt;
  if (std::memcmp(&address.sin6_addr, &in6addr_loopback, sizeof(in6_addr)) != 0) {
    return std::nullopt;
  }
  LoopbackTarget target;
  std::memcpy(&target.address, &address, sizeof address);
  target.address_size = sizeof address;
  return target;
}

}  // namespace

std::optional<LoopbackTarget> parse_loopback_target(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::optional<uint16_t> port = parse_port(text.substr(colon + 1));
  if (!port) return std::nullopt;
  const std::string_view host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    return loopback_v6(std::string(host.substr(1, host.size() - 2)), *port);
  }
  return loopback_v4(std::string(host), *port);
}

int connect_udp(const LoopbackTarget& target) {
  const int fd = socket(target.address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const auto* address = reinterpret_cast<const sockaddr*>(&target.address);
  if (connect(fd, address, target.address_size) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

MappedAddress local_address(int socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  MappedAddress result;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return result;
  if (storage.ss_family == AF_INET) {
    sockaddr_in address;
    std::memcpy(&address, &storage, sizeof address);
    result.family = 1;
    result.port = ntohs(address.sin_port);
    std::memcpy(result.bytes.data(), &address.sin_addr, sizeof(in_addr));
  } else {
    sockaddr_in6 address;
    std::memcpy(&address, &storage, sizeof address);
    result.family = 2;
    result.port = ntohs(address.sin6_port);
    std::memcpy(result.bytes.data(), &address.sin6_addr, sizeof(in6_addr));
  }
  return result;
}

}  // namespace bench
