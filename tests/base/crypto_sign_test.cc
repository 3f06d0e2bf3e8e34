// SPDX-License-Identifier: MIT
//
// Goal: our signatures are Ed25519, and nothing but the signed bytes under the signing key matches.
// Method: the vectors of RFC 8032; every bit of a signature flipped; keys and signatures that only
// a careless verifier accepts.
#include "base/crypto_sign.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <vector>

#include "vector_file.h"

namespace roost {
namespace {

template <size_t kSize>
std::array<uint8_t, kSize> exactly(const std::vector<uint8_t>& bytes) {
  EXPECT_EQ(bytes.size(), kSize);
  std::array<uint8_t, kSize> result{};
  std::copy_n(bytes.begin(), std::min(kSize, bytes.size()), result.begin());
  return result;
}

SigningKey key_from(const VectorRecord& vector) {
  return SigningKey(SigningKey::Seed(exactly<32>(vector.bytes("seed"))));
}

TEST(SigningKey, SignsAsInRfc8032) {
  const auto vectors = read_vectors("ed25519_rfc8032.txt");
  EXPECT_EQ(vectors.size(), 5u);
  for (const VectorRecord& vector : vectors) {
    const SigningKey key = key_from(vector);
    const auto message = vector.bytes("message");
    const auto signature = exactly<64>(vector.bytes("signature"));
    EXPECT_EQ(key.public_key(), exactly<32>(vector.bytes("public key"))) << vector.name;
    EXPECT_EQ(key.sign(message), signature) << vector.name;
    EXPECT_TRUE(signature_matches(key.public_key(), signature, message)) << vector.name;
  }
}

TEST(Signature, MatchesNoOtherMessageKeyOrSignature) {
  for (const VectorRecord& vector : read_vectors("ed25519_rfc8032.txt")) {
    auto message = vector.bytes("message");
    auto key = exactly<32>(vector.bytes("public key"));
    auto signature = exactly<64>(vector.bytes("signature"));
    for (size_t bit = 0; bit < 8 * signature.size(); ++bit) {
      signature[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      EXPECT_FALSE(signature_matches(key, signature, message)) << bit;
      signature[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * key.size(); ++bit) {
      key[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      EXPECT_FALSE(signature_matches(key, signature, message)) << bit;
      key[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    }
    for (uint8_t& byte : message) {
      byte ^= 0x10;
      EXPECT_FALSE(signature_matches(key, signature, message));
      byte ^= 0x10;
    }
    message.push_back(0);
    EXPECT_FALSE(signature_matches(key, signature, message));
    message.pop_back();
    EXPECT_TRUE(signature_matches(key, signature, message));
  }
}

TEST(Signature, IsRefusedInItsSecondForm) {
  // S plus the order of the group satisfies the equation too; whoever accepts it lets strangers
  // make a second signature out of one.
  constexpr std::array<uint8_t, 32> kOrder = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
                                              0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
                                              0,    0,    0,    0,    0,    0,    0,    0,
                                              0,    0,    0,    0,    0,    0,    0,    0x10};
  for (const VectorRecord& vector : read_vectors("ed25519_rfc8032.txt")) {
    auto signature = exactly<64>(vector.bytes("signature"));
    unsigned carry = 0;
    for (size_t i = 0; i < kOrder.size(); ++i) {
      carry += signature[32 + i] + unsigned{kOrder[i]};
      signature[32 + i] = static_cast<uint8_t>(carry);
      carry >>= 8;
    }
    EXPECT_FALSE(signature_matches(exactly<32>(vector.bytes("public key")), signature,
                                   vector.bytes("message")))
        << vector.name;
  }
}

TEST(Signature, MatchesNoMessageUnderAKeyOfSmallOrder) {
  // With such a key one signature, R the neutral element and S zero, would match many messages.
  constexpr PublicKey kKeys[] = {
      {1},  // The neutral element.
      {0},  // Order 4.
      {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},  // Order 2.
      {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},  // Zero, not canonical.
      {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},  // One, not canonical.
  };
  const Signature signature = {1};
  for (const PublicKey& key : kKeys) {
    for (unsigned number = 0; number < 64; ++number) {
      const std::array<uint8_t, 1> message = {static_cast<uint8_t>(number)};
      EXPECT_FALSE(signature_matches(key, signature, message));
    }
  }
}

TEST(SigningKey, SignsTheEmptyMessageAndALongOne) {
  const SigningKey key{SigningKey::Seed()};
  const std::vector<uint8_t> long_message(100'000, 0x5a);
  EXPECT_TRUE(signature_matches(key.public_key(), key.sign({}), {}));
  EXPECT_TRUE(signature_matches(key.public_key(), key.sign(long_message), long_message));
  EXPECT_FALSE(signature_matches(key.public_key(), key.sign(long_message), {}));
}

}  // namespace
}  // namespace roost
