// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace roost::app {

// Where to find a STUN server (RFC 7064) or a TURN server (RFC 7065):
//
//   stun:host[:port]    UDP, port 3478; with "?transport=tcp", as RFC 7065 writes it for TURN, TCP
//   stuns:host[:port]   TLS over TCP, port 5349
//   turn:host[:port], turns:host[:port]   the same for TURN
//
// "stun://host" and "turn://host" are read too, since people write them. The host is a name, an
// IPv4 address, or an IPv6 address in brackets.
struct StunUri {
  enum class Transport : uint8_t { kUdp, kTcp, kTls };

  std::string host;  // Without brackets.
  uint16_t port = 0;
  Transport transport = Transport::kUdp;
  bool is_turn = false;

  // An error is a sentence: what is wrong, and an example of what would be right.
  static Result<StunUri, std::string> parse(std::string_view text);
  std::string text() const;

  friend bool operator==(const StunUri&, const StunUri&) = default;
};

}  // namespace roost::app
