// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "base/crypto_hash.h"
#include "vector_file.h"

namespace roost::wire {

// The messages of RFC 5769 and of RFC 8489, appendix B.1.
inline std::vector<VectorRecord> stun_vectors() {
  std::vector<VectorRecord> vectors = read_vectors("stun_rfc5769.txt");
  for (VectorRecord& vector : read_vectors("stun_rfc8489.txt")) vectors.push_back(vector);
  return vectors;
}

inline bool is_sha256(const VectorRecord& vector) {
  return vector.name.find("SHA-256") != std::string::npos;
}

// The integrity key: the password where the credentials are short-term, else the hash of user,
// realm and password (RFC 8489 §9.2.2).
inline std::vector<uint8_t> integrity_key(const VectorRecord& vector) {
  std::string text = vector.text("password");
  if (!vector.has("realm")) return {text.begin(), text.end()};
  text = vector.text("username") + ':' + vector.text("realm") + ':' + text;
  if (is_sha256(vector)) {
    const Sha256Digest digest = sha256(as_bytes(text));
    return {digest.begin(), digest.end()};
  }
  const Md5Digest digest = md5(as_bytes(text));
  return {digest.begin(), digest.end()};
}

}  // namespace roost::wire
