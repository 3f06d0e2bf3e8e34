// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "sim/host.h"
#include "sim/verdict.h"

namespace roost::sim::actors {

// A host that has nothing to do with any relay, and must not get anything from one but what every
// host may get: a question whether it is an ICE agent (RFC 8445 §7), or an answer to one. It says
// nothing, or sends back whatever it gets (RFC 862).
class Bystander final : public Program {
 public:
  // All must outlive it.
  Bystander(Host& host, Verdict& verdict, bool echoes)
      : host_(host), verdict_(verdict), echoes_(echoes) {}

  void on_packet(Packet packet) override;
  void on_wake_up(uint64_t) override {}

  uint64_t packet_count() const { return packet_count_; }

 private:
  Host& host_;
  Verdict& verdict_;
  bool echoes_;
  uint64_t packet_count_ = 0;
};

}  // namespace roost::sim::actors
