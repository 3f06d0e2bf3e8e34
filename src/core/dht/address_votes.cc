// SPDX-License-Identifier: MIT
#include "core/dht/address_votes.h"

#include <algorithm>

namespace roost::core::dht {

bool AddressVotes::vote(MonoTime now, const IpAddress& voter, const IpAddress& seen) {
  const PrefixKey prefix = prefix_key(voter, PrefixWidth::kSite);
  Vote* place = nullptr;
  for (Vote& vote : votes_) {
    if (vote.is_cast && now - vote.at >= kRemembered) vote = {};
    if (vote.is_cast && vote.voter == prefix) {
      place = &vote;
      break;
    }
    const bool is_better = place == nullptr || (place->is_cast && !vote.is_cast) ||
                           (place->is_cast && vote.at < place->at);
    if (is_better) place = &vote;
  }
  *place = {prefix, seen, now, true};

  const auto agreeing =
      static_cast<size_t>(std::count_if(votes_.begin(), votes_.end(), [&seen](const Vote& vote) {
        return vote.is_cast && vote.seen == seen;
      }));
  const auto all = static_cast<size_t>(
      std::count_if(votes_.begin(), votes_.end(), [](const Vote& vote) { return vote.is_cast; }));
  if (agreeing < kAgreeMin || 2 * agreeing <= all || address_ == seen) return false;
  address_ = seen;
  return true;
}

}  // namespace roost::core::dht
