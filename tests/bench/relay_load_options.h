// SPDX-License-Identifier: MIT
#pragma once
// The command line of relay_load.

#include <cstdint>
#include <netinet/in.h>
#include <optional>
#include <sys/types.h>

#include "flood.h"
#include "lane.h"
#include "turn_client.h"

namespace bench {

enum class RelayMode : uint8_t {
  kTurn,       // Each allocation with a peer of its own.
  kPairs,      // Two allocations of the server as each other's peer.
  kForwarder,  // As kTurn, without signalling.
  kIdle,       // Allocations that nobody uses.
  kDirect,     // As kForwarder, but past the server: what the way costs without it.
};

// Each takes two sockets, and one of the server.
inline constexpr uint32_t kAllocationsMax = 16'000;

// Packets in flight unless --window says otherwise: as many as fit a receive buffer of Linux's
// default size, half of them each way; fewer leave the server idle while the generator turns a
// batch around.
inline constexpr uint32_t kWindowSmall = 192;
inline constexpr uint32_t kWindowLarge = 112;  // Of payloads above kSmallSizeMax.
inline constexpr uint32_t kSmallSizeMax = 600;
// In one lane: coturn's relayed addresses have room for 56 large packets.
inline constexpr uint32_t kLaneWindowMax = 48;

struct RelayLoadOptions {
  sockaddr_in target{};
  RelayMode mode = RelayMode::kTurn;
  uint32_t allocations = 1;
  double seconds = 3;
  double warmup_seconds = 0.5;
  std::optional<pid_t> server_pid;
  std::optional<int> cpu;
  TurnCredentials credentials;
  // Whether clients and peers take whole segments. Where they do not, loopback cuts them up at the
  // sender's expense, as a network card without offload has it done.
  bool with_gro = false;
  Traffic::Options traffic;
  Flood::Options flood;  // Beside the traffic, in the measured interval only.
};

const char* label(RelayMode mode);

// Empty after printing what is wrong, or the help, to standard error.
std::optional<RelayLoadOptions> parse_relay_load_options(int argc, char** argv);

}  // namespace bench
