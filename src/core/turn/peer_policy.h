// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "base/address.h"

namespace roost::core::turn {

// To whom may be relayed (RFC 8656 §21.1.4 and §21.2.2): never a way into somebody's network.
//
// Decided on the one canonical form of an address, so that no spelling gets round it: an
// IPv4-mapped address is its IPv4 address, and addresses that embed one in another way (6to4,
// NAT64, Teredo, IPv4-compatible) are refused whatever they embed. `denied` wins over `allowed`,
// and `allowed` over the rest: the IANA registries of what the Internet cannot reach, services of
// the network that we are in (PCP's anycast address), its being ours, and its being a neighbour: an
// address on a link of ours, which the router's firewall does not stand before.
class PeerPolicy {
 public:
  PeerPolicy() = default;
  PeerPolicy(std::vector<Prefix> allowed, std::vector<Prefix> denied,
             std::vector<Prefix> neighbours = {})
      : allowed_(std::move(allowed)),
        denied_(std::move(denied)),
        neighbours_(std::move(neighbours)) {}

  // Whether packets may go to that address; `is_ours` where it is one of this machine.
  bool permits(const IpAddress& peer, bool is_ours = false) const;

 private:
  std::vector<Prefix> allowed_;
  std::vector<Prefix> denied_;
  std::vector<Prefix> neighbours_;
};

}  // namespace roost::core::turn
