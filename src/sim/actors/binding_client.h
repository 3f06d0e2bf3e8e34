// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <vector>

#include "sim/actors/actor.h"
#include "sim/actors/transaction.h"
#include "sim/oracles.h"

namespace roost::sim::actors {

// An honest STUN client that wants to know its address every now and then (RFC 8489 §6), or in the
// manner of RFC 3489. What it is told is compared with the truth.
class BindingClient final : public Actor {
 public:
  struct Options {
    std::vector<Endpoint> servers;  // One of them is asked each time.
    Duration period = std::chrono::seconds(10);
    bool keeps_port = false;  // As ICE does; else each question has a socket of its own.
    Question question;
    std::string name = "a client";
  };

  // The oracles must outlive the client. It begins within one period.
  BindingClient(Host& host, const Options& options, LivenessOracle& liveness,
                MappedAddressOracle& mapped);

  void on_packet(Packet packet) override;

  uint64_t answer_count() const { return answer_count_; }
  const std::optional<Answer>& last_answer() const { return last_answer_; }
  Duration slowest_answer() const { return slowest_answer_; }

 private:
  void on_alarm() override;
  void ask();
  void end();

  Options options_;
  LivenessOracle& liveness_;
  MappedAddressOracle& mapped_;
  LivenessOracle::ClientId id_;
  Endpoint local_;
  Endpoint server_;
  std::optional<Transaction> transaction_;
  uint64_t answer_count_ = 0;
  std::optional<Answer> last_answer_;
  Duration slowest_answer_{};
};

}  // namespace roost::sim::actors
