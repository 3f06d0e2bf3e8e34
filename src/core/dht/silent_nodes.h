// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>

#include "base/crypto_hash.h"
#include "base/cursor.h"
#include "base/endpoint.h"
#include "base/time.h"

namespace roost::core::dht {

// Who has not answered a lookup lately, and is not asked by the next ones: the dead, whom half of
// all nodes still name, and those who never were nodes, whom liars name so that we send them
// something.
//
// A table of fixed size in which a keyed hash says where an endpoint goes, and a later one takes
// the place of an earlier. Only who was asked and silent gets in.
class SilentNodes {
 public:
  static constexpr size_t kPlaces = 1024;
  static constexpr Duration kRemembered = std::chrono::minutes(15);

  explicit SilentNodes(const SipHashKey& secret) : secret_(secret) {}

  void add(MonoTime now, const Endpoint& endpoint) { place_of(endpoint) = {endpoint, now}; }
  // It was our own line that was silent.
  void forget() { places_ = {}; }
  bool contains(MonoTime now, const Endpoint& endpoint) const {
    const Entry& entry = places_[index_of(endpoint)];
    return entry.endpoint == endpoint && entry.endpoint.port != 0 && now - entry.at < kRemembered;
  }

 private:
  struct Entry {
    Endpoint endpoint;  // Port 0: free.
    MonoTime at{};
  };

  size_t index_of(const Endpoint& endpoint) const {
    std::array<uint8_t, 18> bytes;
    Writer writer(bytes);
    writer.u64(endpoint.address.high());
    writer.u64(endpoint.address.low());
    writer.u16(endpoint.port);
    return sip_hash(secret_, bytes) % kPlaces;
  }
  Entry& place_of(const Endpoint& endpoint) { return places_[index_of(endpoint)]; }

  SipHashKey secret_;
  std::array<Entry, kPlaces> places_{};
};

}  // namespace roost::core::dht
