// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/address.h"
#include "base/crypto_hash.h"
#include "base/time.h"
#include "base/zeroed_array.h"

namespace roost::core::peers {

// Lets something happen to an address at most once in a while.
//
// A table of fixed size in sets of kSetSize, chosen by a keyed hash. Nobody is forgotten before his
// time: when a set is full of addresses that still rest, a newcomer is refused. So whoever makes us
// ask many addresses can at most keep us from asking others for that while.
class Spacing {
 public:
  static constexpr size_t kSetSize = 8;

  // `places` are rounded up to whole sets. A rest of zero: anything goes.
  Spacing(uint32_t places, Duration rest, const SipHashKey& secret);

  // False while the address rests, or when there is no place to remember it.
  [[nodiscard]] bool may(MonoTime now, const IpAddress& address) const;
  // It has happened. Whoever rests already rests anew; who has no place is not remembered.
  void took(MonoTime now, const IpAddress& address);

  static size_t bytes_for(uint32_t places);

 private:
  struct Place {
    IpAddress address{};
    MonoTime rests_until{};
    bool is_used = false;
  };

  // Where the address is, or may be; places_.size() where that is nowhere.
  size_t find(MonoTime now, const IpAddress& address) const;

  Duration rest_;
  SipHashKey secret_;
  ZeroedArray<Place> places_;
};

}  // namespace roost::core::peers
