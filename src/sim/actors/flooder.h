// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "base/address.h"
#include "sim/actors/actor.h"
#include "sim/network.h"

namespace roost::sim::actors {

// Sends datagrams with forged sources into the Internet, at a steady rate.
class Flooder final : public Actor {
 public:
  enum class Load : uint8_t {
    kRequests,  // Well-formed, so that each costs the node an answer.
    kNoise,     // Any bytes, of any size.
    kMixed,
  };
  struct Options {
    std::vector<Endpoint> targets;
    uint64_t packets_per_second = 1000;
    // Sources are any address of the /24s (/56s) that follow each other from `first_source` on.
    IpAddress first_source = IpAddress::v4(0x28000000);  // 40.0.0.0
    uint64_t prefix_count = 10'000;
    Load load = Load::kRequests;
  };

  // `network` must outlive the flooder.
  Flooder(Host& host, Network& network, const Options& options);

  void on_packet(Packet) override {}

  void stop() { clear_alarm(); }
  uint64_t sent_count() const { return sent_count_; }

 private:
  void on_alarm() override;
  void send_one();
  Endpoint forged_source();

  Network& network_;
  Options options_;
  uint64_t owed_millionths_ = 0;
  uint64_t sent_count_ = 0;
};

}  // namespace roost::sim::actors
