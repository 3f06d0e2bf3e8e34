// SPDX-License-Identifier: MIT
#pragma once
// The clients and peers that relay_load plays, and the lanes between them.

#include <cstdint>
#include <vector>

#include "lane.h"
#include "relay_load_options.h"
#include "turn_client.h"

namespace bench {

class RelayNetwork {
 public:
  // `options` must outlive the network.
  explicit RelayNetwork(const RelayLoadOptions& options) : options_(options) {}
  ~RelayNetwork();
  RelayNetwork(const RelayNetwork&) = delete;
  RelayNetwork& operator=(const RelayNetwork&) = delete;

  // Each false after saying on standard error what failed; in this order.
  // Sockets of `count` more clients.
  [[nodiscard]] bool open_clients(uint32_t count);
  // Allocates for the clients that have nothing yet.
  [[nodiscard]] bool allocate();
  // Peers, permissions and channels.
  [[nodiscard]] bool connect();

  std::vector<Lane> lanes() const;

 private:
  [[nodiscard]] bool open_peers();
  [[nodiscard]] bool join_forwarder();
  [[nodiscard]] bool connect_directly();

  const RelayLoadOptions& options_;
  std::vector<TurnClient> clients_;
  std::vector<int> peers_;
  size_t allocated_ = 0;
};

}  // namespace bench
