// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <vector>

#include "sim/actors/actor.h"
#include "sim/actors/transaction.h"
#include "sim/connection.h"
#include "sim/oracles.h"

namespace roost::sim::actors {

// An honest client of STUN over TCP or TLS (RFC 8489 §6.2.2, §6.2.3): opens a connection, asks,
// compares what it is told with the truth, and closes.
class StreamClient final : public Actor {
 public:
  static constexpr Duration kPatience = std::chrono::milliseconds(39'500);  // Ti, §6.2.2.

  struct Options {
    std::vector<Endpoint> servers;
    Duration period = std::chrono::seconds(15);
    bool is_tls = false;
    // How the request is cut into segments: a pause after each so many bytes; 0: not at all.
    size_t segment_bytes = 0;
    std::string name = "a client on a stream";
  };

  // The oracles must outlive the client.
  StreamClient(Host& host, const Options& options, LivenessOracle& liveness,
               MappedAddressOracle& mapped);

  void on_packet(Packet packet) override;

  uint64_t answer_count() const { return answer_count_; }

 private:
  void on_alarm() override;
  void open();
  void send_more();
  void take(Bytes bytes);
  void end(bool is_answered);

  Options options_;
  LivenessOracle& liveness_;
  MappedAddressOracle& mapped_;
  LivenessOracle::ClientId id_;
  std::optional<Connection> connection_;
  MonoTime began_at_{};
  std::vector<uint8_t> request_;
  std::vector<uint8_t> unsent_;
  std::vector<uint8_t> received_;
  uint64_t answer_count_ = 0;
};

}  // namespace roost::sim::actors
