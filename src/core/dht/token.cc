// SPDX-License-Identifier: MIT
#include "core/dht/token.h"

#include <algorithm>

namespace roost::core::dht {
namespace {

int64_t slot_of(MonoTime now) {
  return now.time_since_epoch() / Tokens::kSlot;
}

}  // namespace

Tokens::Tokens(Random& random) : secret_(random.bytes<16>()) {}

Tokens::Token Tokens::token_for(MonoTime now, const IpAddress& address) const {
  return token_of(slot_of(now), address);
}

bool Tokens::accepts(MonoTime now, const IpAddress& address, Bytes token) const {
  const int64_t slot = slot_of(now);
  return same_bytes_constant_time(token, token_of(slot, address)) ||
         same_bytes_constant_time(token, token_of(slot - 1, address));
}

// The secret of a slot is the hash of the only secret and the slot: there is nothing to rotate.
Tokens::Token Tokens::token_of(int64_t slot, const IpAddress& address) const {
  std::array<uint8_t, 24> text;
  store_u64(text.data(), static_cast<uint64_t>(slot));
  store_u64(text.data() + 8, address.high());
  store_u64(text.data() + 16, address.low());
  std::array<uint8_t, 8> hash;
  store_u64(hash.data(), sip_hash(secret_, text));
  Token token;
  std::copy_n(hash.begin(), token.size(), token.begin());
  return token;
}

}  // namespace roost::core::dht
