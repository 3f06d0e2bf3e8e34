// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "sim/host.h"
#include "sim/packet.h"

namespace roost::sim {

// One end of a TCP connection, as far as the simulator has TCP: segments of any size that come in
// order and once. Knows no windows and no retransmission; links delay segments instead of losing
// them, and what a NAT or a split swallows is gone, as after a long outage.
class Connection {
 public:
  // How many segments may wait for one before them. More would be a fault of ours.
  static constexpr size_t kEarlyMax = 64;

  Connection(const Endpoint& local, const Endpoint& remote) : local_(local), remote_(remote) {}

  const Endpoint& local() const { return local_; }
  const Endpoint& remote() const { return remote_; }

  // Sends the next segment of ours: kOpen first, on either side.
  void send(Host& host, PacketKind kind, Bytes payload = {});

  // A segment of the other side came in; next() then hands out what is due, in order. A kEnd that
  // is the other side's first segment overtakes: it knows of no connection.
  void add(const Packet& segment);
  std::optional<Packet> next();
  // Segments that wait for one before them.
  size_t early_count() const { return early_.size(); }

 private:
  Endpoint local_;
  Endpoint remote_;
  uint32_t sent_ = 0;
  uint32_t taken_ = 0;
  std::map<uint32_t, Packet> early_;
};

}  // namespace roost::sim
