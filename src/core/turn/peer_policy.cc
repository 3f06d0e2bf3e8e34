// SPDX-License-Identifier: MIT
#include "core/turn/peer_policy.h"

#include <algorithm>

#include "base/special_purpose.h"

namespace roost::core::turn {
namespace {

bool is_in(const std::vector<Prefix>& prefixes, const IpAddress& address) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const Prefix& prefix) { return prefix.contains(address); });
}

// Services of whatever network one happens to be in (RFC 7723, RFC 8155, RFC 9665): the registries
// call them reachable, and who answers is the owner's own router.
bool is_anycast_of_the_network(const IpAddress& address) {
  constexpr uint64_t kHigh = 0x2001'0001'0000'0000;
  constexpr uint32_t kPcp = 0xc0000009;   // 192.0.0.9
  constexpr uint32_t kTurn = 0xc000000a;  // 192.0.0.10
  if (address.is_v4()) return address.v4_value() == kPcp || address.v4_value() == kTurn;
  return address.high() == kHigh && address.low() >= 1 && address.low() <= 3;
}

}  // namespace

bool PeerPolicy::permits(const IpAddress& peer, bool is_ours) const {
  if (is_in(denied_, peer)) return false;
  if (is_in(allowed_, peer)) return true;
  return !is_ours && is_globally_reachable(peer) && !is_anycast_of_the_network(peer) &&
         !is_in(neighbours_, peer);
}

}  // namespace roost::core::turn
