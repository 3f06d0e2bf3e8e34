// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/secret.h"

namespace roost {

// Ed25519 signatures (RFC 8032) through libsodium.
using PublicKey = std::array<uint8_t, 32>;
using Signature = std::array<uint8_t, 64>;

class SigningKey {
 public:
  using Seed = Secret<32>;

  // The same seed always gives the same key.
  explicit SigningKey(const Seed& seed);

  const PublicKey& public_key() const { return public_key_; }
  Signature sign(Bytes message) const;

 private:
  Secret<64> expanded_;
  PublicKey public_key_;
};

// Refuses small-order and non-canonical keys and signatures, as libsodium does.
[[nodiscard]] bool signature_matches(const PublicKey& key, const Signature& signature,
                                     Bytes message);

}  // namespace roost
