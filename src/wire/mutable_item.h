// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/crypto_sign.h"
#include "base/result.h"
#include "wire/node_id.h"

namespace roost::wire {

// Mutable items (BEP 44): a value signed by a key, replaced by whatever that key signs with a
// higher sequence number. Node records and pkarr packets are such items; so is anything else in the
// DHT that outlives its address.
//
// Signed is, byte for byte:   4:salt<size>:<salt> 3:seqi<seq>e 1:v<value>
// without the blanks, and without the salt when it is empty.
struct MutableItem {
  PublicKey key{};
  int64_t seq = 0;
  Signature signature{};
  Bytes salt;   // Tells apart what one key signs; mostly empty.
  Bytes value;  // One bencoded value, as it was signed. Borrowed, like the salt.
};

inline constexpr size_t kMutableItemValueSizeMax = 1000;  // Beyond it nodes may refuse to store.
inline constexpr size_t kMutableItemSaltSizeMax = 64;
inline constexpr size_t kMutableItemSignedSizeMax =
    sizeof("4:salt64:3:seqi9223372036854775807e1:v") - 1 + kMutableItemSaltSizeMax +
    kMutableItemValueSizeMax;

// The bytes that the signature covers, written into `buffer`; empty when they do not fit. A buffer
// of kMutableItemSignedSizeMax fits all items within the bounds.
Bytes signed_bytes(const MutableItem& item, MutableBytes buffer);

// Where in the DHT the item of that key and salt is: SHA-1 of one behind the other. Requires a salt
// within its bound.
NodeId mutable_item_target(const PublicKey& key, Bytes salt);

// Requires seq >= 0, both sizes within the bounds, and `value` to be one bencoded value. The item
// borrows both.
MutableItem sign_mutable_item(const SigningKey& key, int64_t seq, Bytes salt, Bytes value);

// False also when the item is out of bounds. Says nothing about who the key is.
[[nodiscard]] bool signature_matches(const MutableItem& item);

// An item as bytes of its own, outside the DHT: the fields of a BEP 44 put as one canonical
// dictionary.
//
//   d 1:k 32:<key> [4:salt <salt>] 3:seq i<seq>e 3:sig 64:<signature> 1:v <value> e
inline constexpr size_t kMutableItemSizeMax =
    sizeof("d1:k32:4:salt64:3:seqi9223372036854775807e3:sig64:1:ve") - 1 + sizeof(PublicKey) +
    sizeof(Signature) + kMutableItemSaltSizeMax + kMutableItemValueSizeMax;

enum class MutableItemError : uint8_t {  // Also the label of a drop counter.
  kTooLarge,
  kNotCanonical,  // Not bencoding, or keys out of order.
  kBadKey,
  kBadSalt,
  kBadSeq,  // BEP 44 allows to refuse negative ones, and nobody sends them.
  kBadSignature,
  kBadValue,
};
inline constexpr size_t kMutableItemErrorCount = 7;
std::string_view label(MutableItemError error);

// Empty when it does not fit, or when parse_mutable_item() would refuse it.
Bytes encode(const MutableItem& item, MutableBytes buffer);

// Checks everything but the signature; the item borrows from `bytes`. Other keys are not signed and
// are ignored.
Result<MutableItem, MutableItemError> parse_mutable_item(Bytes bytes);

}  // namespace roost::wire
