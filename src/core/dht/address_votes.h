// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "base/address.h"
#include "base/prefix_limiter.h"
#include "base/time.h"

namespace roost::core::dht {

// Which address of one family the DHT sees us at: each answer to a question of ours says where it
// goes (BEP 42, "ip").
//
// Anybody may lie, so an address is believed once kAgreeMin voters of distinct prefixes (/24, /48)
// name it, who are more than half of all that were heard lately. It stays until another one is
// believed: one liar, or a handful in one network, changes nothing.
class AddressVotes {
 public:
  static constexpr size_t kVotersMax = 16;  // The latest of distinct prefixes.
  static constexpr size_t kAgreeMin = 4;
  static constexpr Duration kRemembered = std::chrono::hours(1);

  // `voter` has answered us, and says that we are at `seen`. True if address() is another one now.
  bool vote(MonoTime now, const IpAddress& voter, const IpAddress& seen);

  const std::optional<IpAddress>& address() const { return address_; }

 private:
  struct Vote {
    PrefixKey voter = 0;
    IpAddress seen;
    MonoTime at;
    bool is_cast = false;
  };

  std::array<Vote, kVotersMax> votes_{};
  std::optional<IpAddress> address_;
};

}  // namespace roost::core::dht
