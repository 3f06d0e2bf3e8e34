// SPDX-License-Identifier: MIT
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.h"

namespace roost {

// A transport address: where a datagram or a connection comes from or goes to.
struct Endpoint {
  IpAddress address;
  uint16_t port = 0;

  // "192.0.2.1:3478" or "[2001:db8::1]:3478". The port is required.
  static std::optional<Endpoint> parse(std::string_view text);
  std::string text() const;

  friend constexpr auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

}  // namespace roost
