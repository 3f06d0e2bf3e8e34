// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <vector>

#include "base/endpoint.h"
#include "core/turn/allocation_table.h"

namespace roost::core::turn {

// Which addresses are ours: where relayed addresses are bound, under which the world sees them, and
// what nothing may be relayed to.
class Addresses {
 public:
  struct Options {
    // Where relayed addresses are bound for clients that came to us over the other family, to a
    // wildcard, or at an address that no external one stands for. The first of a family counts
    // then.
    std::vector<IpAddress> relay;
    // Under which the world reaches them, as behind a 1:1 NAT: the first of a family stands for the
    // first of that family in `relay`, the second for the second. None of a family: as bound.
    std::vector<IpAddress> external;
    // Those of the machine.
    std::vector<IpAddress> own;
    // Ports of ours at which nothing is relayed to us, whatever the owner allows: a relay that
    // talks to itself is a loop.
    std::vector<uint16_t> own_ports{};
  };

  explicit Addresses(const Options& options) : options_(options) {}

  // Where an allocation of that flow gets a relayed address of that family; nothing if nowhere.
  std::optional<IpAddress> for_relay(const Flow& flow, Family family) const;
  Endpoint advertised(const Endpoint& local) const;
  bool is_ours(const IpAddress& address) const;
  // Whether others may have relayed addresses there.
  bool carries_relays(const IpAddress& address) const;
  bool is_own_port(uint16_t port) const;
  // Whether the machine had that address before, and has it no more.
  bool has_lost(const Addresses& before, const IpAddress& address) const;

 private:
  // Under which external address, or nothing, the world reaches what is bound there.
  std::optional<IpAddress> external_of(const IpAddress& address) const;

  Options options_;
};

}  // namespace roost::core::turn
