// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>

#include "base/address.h"
#include "base/bytes.h"
#include "base/crypto_hash.h"
#include "base/random.h"
#include "base/time.h"

namespace roost::core::dht {

// Write tokens (BEP 5, BEP 44): who wants to announce a peer or to put an item must first have
// asked at the same address, and have received the answer.
//
// Keeps no state about anybody: a token is a keyed hash of the address and the time. The port does
// not count, since a NAT may choose another one for the second query, and neither does what was
// asked for: BEP 5 names the address alone. A restart makes all tokens void, and clients ask again.
//
// Who cannot receive at an address has to guess. What one right guess gains is one announcement or
// one put in the name of that address.
class Tokens {
 public:
  // BEP 5: the secret changes every five minutes, and tokens of up to ten are accepted. One is
  // therefore good for five to ten minutes.
  static constexpr Duration kSlot = std::chrono::minutes(5);
  // As bootstrap-dht has it. Two of 2^32 are right at a time, so a guess costs 2^31 queries, some
  // 200 GB, on the average; and each byte more would stand in every answer to get_peers and get,
  // whose size towards strangers is bounded.
  static constexpr size_t kSize = 4;

  using Token = std::array<uint8_t, kSize>;

  // `random` is asked during construction only.
  explicit Tokens(Random& random);

  Token token_for(MonoTime now, const IpAddress& address) const;
  // Constant time in the token. Any size is judged, and any but kSize is wrong.
  [[nodiscard]] bool accepts(MonoTime now, const IpAddress& address, Bytes token) const;

 private:
  Token token_of(int64_t slot, const IpAddress& address) const;

  SipHashKey secret_;
};

}  // namespace roost::core::dht
