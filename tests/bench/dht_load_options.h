// SPDX-License-Identifier: MIT
#pragma once
// The command line of dht_load.

#include <cstdint>
#include <netinet/in.h>
#include <optional>
#include <sys/types.h>

#include "dht_addresses.h"

namespace bench {

struct DhtLoadOptions {
  // Queries in flight: see stun_load_options.h. Half of it where each gets two datagrams.
  static constexpr uint32_t kWindowDefault = 192;
  static constexpr uint32_t kWindowMax = 1024;  // A transaction ID has ten bits for it.

  sockaddr_in target{};
  bool is_echo = false;               // What an answer is: the query itself.
  uint32_t queriers = kQuerierHosts;  // So many addresses ask, by chance.
  bool answers_pings = false;
  uint32_t window = kWindowDefault;
  uint32_t timeout_ms = 100;
  double seconds = 3;
  double warmup_seconds = 0.5;
  std::optional<pid_t> server_pid;
  std::optional<int> cpu;
};

// Empty after printing what is wrong, or the help, to standard error.
std::optional<DhtLoadOptions> parse_dht_load_options(int argc, char** argv);

}  // namespace bench
