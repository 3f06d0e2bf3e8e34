// SPDX-License-Identifier: MIT
#pragma once

#include <map>

#include "sim/actors/actor.h"
#include "sim/connection.h"

namespace roost::sim::actors {

// Opens connections and never sends anything on them: as many at a time as it is told, from one
// address, and a new one for each that the node closes.
class SilentClient final : public Actor {
 public:
  struct Options {
    Endpoint server;
    size_t connection_count = 8;
    Duration pause = std::chrono::milliseconds(200);  // Before each new one.
  };
  SilentClient(Host& host, const Options& options);

  void on_packet(Packet packet) override;

  void stop() { clear_alarm(); }
  size_t open_count() const { return connections_.size(); }

 private:
  void on_alarm() override;

  Options options_;
  std::map<uint16_t, Connection> connections_;  // By our port.
};

}  // namespace roost::sim::actors
