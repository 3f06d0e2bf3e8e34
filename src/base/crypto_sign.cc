// SPDX-License-Identifier: MIT
#include "base/crypto_sign.h"

#include <sodium.h>

#include "base/check.h"

namespace roost {

SigningKey::SigningKey(const Seed& seed) {
  static_assert(crypto_sign_SEEDBYTES == 32 && crypto_sign_SECRETKEYBYTES == 64);
  static_assert(crypto_sign_PUBLICKEYBYTES == sizeof(PublicKey));
  CHECK(crypto_sign_seed_keypair(public_key_.data(), expanded_.mutable_bytes().data(),
                                 seed.bytes().data()) == 0);
}

Signature SigningKey::sign(Bytes message) const {
  static_assert(crypto_sign_BYTES == sizeof(Signature));
  Signature signature;
  CHECK(crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(),
                             expanded_.bytes().data()) == 0);
  return signature;
}

bool signature_matches(const PublicKey& key, const Signature& signature, Bytes message) {
  return crypto_sign_verify_detached(signature.data(), message.data(), message.size(),
                                     key.data()) == 0;
}

}  // namespace roost
