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

}  // namespace

bool PeerPolicy::permits(const IpAddress& peer, bool is_ours) const {
  if (is_in(denied_, peer)) return false;
  return is_in(allowed_, peer) || (!is_ours && is_globally_reachable(peer));
}

}  // namespace roost::core::turn
