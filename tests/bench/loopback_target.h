// SPDX-License-Identifier: MIT
#pragma once
// The server under test: an address on this machine's loopback, and nothing else.
//
// A load generator aimed at somebody else is an attack, so parsing refuses every address outside
// 127.0.0.0/8 and ::1. Names are not resolved.

#include <optional>
#include <string_view>
#include <sys/socket.h>

#include "stun_client.h"

namespace bench {

struct LoopbackTarget {
  sockaddr_storage address{};
  socklen_t address_size = 0;
};

// Reads "127.0.0.1:3478" or "[::1]:3478". Empty when malformed or not loopback.
[[nodiscard]] std::optional<LoopbackTarget> parse_loopback_target(std::string_view text);

// A non-blocking UDP socket connected to `target`, or -1 with errno set. The caller closes it.
[[nodiscard]] int connect_udp(const LoopbackTarget& target);

// The address `socket` sends from; requires a socket from connect_udp().
MappedAddress local_address(int socket);

}  // namespace bench
