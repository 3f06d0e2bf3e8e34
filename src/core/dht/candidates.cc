// SPDX-License-Identifier: MIT
#include "core/dht/candidates.h"

#include <algorithm>

#include "base/check.h"

namespace roost::core::dht {
namespace {

uint32_t place_count(uint32_t capacity) {
  CHECK(capacity > 0);
  return (capacity + Candidates::kSetSize - 1) / Candidates::kSetSize * Candidates::kSetSize;
}

PrefixKey prefix_of(const Endpoint& endpoint) {
  return prefix_key(endpoint.address, PrefixWidth::kSite);
}

}  // namespace

Candidates::Candidates(uint32_t capacity, const SipHashKey& secret)
    : places_(place_count(capacity)), secret_(secret), silent_at_(place_count(capacity)) {}

size_t Candidates::set_of(PrefixKey prefix) const {
  const uint64_t hash = sip_hash(secret_, PrefixKeyBytes()(prefix));
  return ((hash >> 32) * (places_.size() / kSetSize) >> 32) * kSetSize;
}

bool Candidates::contains(const Endpoint& endpoint) const {
  const size_t first = set_of(prefix_of(endpoint));
  return std::find(places_.begin() + first, places_.begin() + first + kSetSize, endpoint) !=
         places_.begin() + first + kSetSize;
}

Candidates::Outcome Candidates::heard(MonoTime now, const Endpoint& from) {
  CHECK(from.port != 0);
  const PrefixKey prefix = prefix_of(from);
  const size_t first = set_of(prefix);
  std::optional<size_t> free;
  size_t of_prefix = 0;
  for (size_t at = first; at < first + kSetSize; ++at) {
    const Endpoint& found = places_[at];
    if (found == from) {
      silent_at_.set(static_cast<uint32_t>(at), now + kSilence);
      return Outcome::kWaitsAnew;
    }
    if (found.port == 0) {
      free = at;
    } else {
      of_prefix += prefix_of(found) == prefix;
    }
  }
  if (of_prefix >= kPerPrefixMax) return Outcome::kPrefixFull;
  if (!free) return Outcome::kSetFull;
  places_[*free] = from;
  silent_at_.set(static_cast<uint32_t>(*free), now + kSilence);
  return Outcome::kWaits;
}

std::optional<Endpoint> Candidates::pop_silent(MonoTime now) {
  const auto at = silent_at_.pop_due(now);
  if (!at) return {};
  const Endpoint endpoint = places_[*at];
  places_[*at] = {};
  return endpoint;
}

size_t Candidates::bytes_for(uint32_t capacity) {
  const uint32_t places = place_count(capacity);
  return places * sizeof(Endpoint) + DeadlineHeap::bytes_for(places);
}

std::string_view label(Candidates::Outcome outcome) {
  switch (outcome) {
    case Candidates::Outcome::kWaits: return "waits";
    case Candidates::Outcome::kWaitsAnew: return "waits_anew";
    case Candidates::Outcome::kPrefixFull: return "prefix_full";
    case Candidates::Outcome::kSetFull: return "set_full";
  }
  return "";
}

}  // namespace roost::core::dht
