// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <string>

#include "sim/actors/actor.h"
#include "sim/oracles.h"

namespace roost::sim::actors {

// A client of the DHT that knows nobody but one of our nodes: it asks for nodes, asks those, and is
// served once one of them has answered.
class DhtNewcomer final : public Actor {
 public:
  // Asks again within an attempt, and gives up after so long.
  static constexpr Duration kAskAgainAfter = std::chrono::seconds(3);
  static constexpr Duration kAttemptMax = std::chrono::seconds(12);

  struct Options {
    Endpoint server{};
    Duration period = std::chrono::seconds(20);  // From one attempt to the next.
    std::string name = "a newcomer";
  };

  // `liveness` must outlive it. Begins within one period.
  DhtNewcomer(Host& host, const Options& options, LivenessOracle& liveness);

  void on_packet(Packet packet) override;

  uint64_t told_count() const { return told_count_; }          // Of nodes,
  uint64_t answered_count() const { return answered_count_; }  // and those that answered.

 private:
  void on_alarm() override;
  void ask();

  Options options_;
  LivenessOracle& liveness_;
  LivenessOracle::ClientId id_;
  Endpoint local_;
  bool is_trying_ = false;
  MonoTime began_at_{};
  std::map<Endpoint, bool> told_;  // Whether it has answered. Of this attempt.
  uint64_t told_count_ = 0;
  uint64_t answered_count_ = 0;
};

}  // namespace roost::sim::actors
