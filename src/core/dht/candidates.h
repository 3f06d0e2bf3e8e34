// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/crypto_hash.h"
#include "base/deadline_heap.h"
#include "base/endpoint.h"
#include "base/prefix_limiter.h"
#include "base/time.h"
#include "base/zeroed_array.h"

namespace roost::core::dht {

// Who may become a contact: nodes that have asked us something, until nothing has come from them
// for so long that no NAT remembers us. Whoever answers a ping then can be reached by everybody.
//
// A table of fixed size in sets of kSetSize, chosen by a keyed hash of the prefix (/24, /48), and a
// deadline for each place. Newcomers displace nobody; places come free after kSilence at the
// latest, unless their holders go on asking. Whoever forges addresses can fill places with them and
// keep others from becoming contacts, at most kPerPrefixMax places for each prefix that he forges,
// and makes us send one ping there for each.
class Candidates {
 public:
  // Common NATs forget UDP after 30 seconds to 5 minutes (RFC 4787 REQ-5 asks for two or more);
  // what bootstrap-dht waits.
  static constexpr Duration kSilence = std::chrono::minutes(15);
  static constexpr size_t kSetSize = 8;
  static constexpr size_t kPerPrefixMax = 4;

  enum class Outcome : uint8_t {  // Also the label of the counter.
    kWaits,
    kWaitsAnew,  // Was waiting, and has not been silent.
    kPrefixFull,
    kSetFull,
  };
  static constexpr size_t kOutcomeCount = 4;

  // Requires capacity > 0; rounded up to whole sets.
  Candidates(uint32_t capacity, const SipHashKey& secret);

  // Requires port > 0.
  Outcome heard(MonoTime now, const Endpoint& from);

  bool contains(const Endpoint& endpoint) const;

  // One that has been silent long enough, who is no candidate any more.
  std::optional<Endpoint> pop_silent(MonoTime now);
  std::optional<MonoTime> next_deadline() const { return silent_at_.next_deadline(); }

  size_t size() const { return silent_at_.size(); }
  static size_t bytes_for(uint32_t capacity);

 private:
  size_t set_of(PrefixKey prefix) const;  // The first place of it.

  ZeroedArray<Endpoint> places_;  // Port 0: free.
  SipHashKey secret_;
  DeadlineHeap silent_at_;
};

std::string_view label(Candidates::Outcome outcome);

}  // namespace roost::core::dht
