// SPDX-License-Identifier: MIT
#pragma once
// The command line of stun_load.

#include <cstdint>
#include <optional>
#include <sys/types.h>

#include "flow.h"
#include "loopback_target.h"

namespace bench {

// More sockets than a poll() can look at between two batches would make the generator the limit.
inline constexpr uint32_t kSocketCountMax = 1024;

// Requests in flight over all sockets unless --window says otherwise. A receive buffer of Linux's
// default size holds about 200 small datagrams, so that more would measure losses; fewer leave the
// server idle while the generator turns a batch around.
inline constexpr uint32_t kInFlightDefault = 192;
inline constexpr uint32_t kInFlightMax = 65536;

struct StunLoadOptions {
  LoopbackTarget target;
  uint32_t socket_count = 1;
  double seconds = 3;
  double warmup_seconds = 0.5;
  std::optional<pid_t> server_pid;
  std::optional<int> cpu;
  uint64_t rate_per_second = 0;  // 0 keeps every window full.
  Flow::Options flow;
};

// Empty after printing what is wrong, or the help, to standard error.
std::optional<StunLoadOptions> parse_stun_load_options(int argc, char** argv);

}  // namespace bench
