// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "wire/stun.h"
#include "wire/stun_builder.h"

namespace roost::node {

// The client's side of the long-term credential mechanism (RFC 8489 §9.2.3, §9.2.5).
//
//   unknown --learn(401)--> challenged --learn(438 or 401)--> challenged, with another nonce
//
// Of the password algorithms that a server offers the first that we know is taken, SHA-256 or MD5,
// and what was offered is sent back, so that nobody between can have taken the better one away.
// Name and password go into the key as the bytes that they are.
class LongTermCredential {
 public:
  struct Login {
    std::string username;
    std::string password;
  };
  // Why a challenge cannot be answered.
  enum class Error : uint8_t {
    kIncomplete,         // No REALM or NONCE.
    kNoAlgorithm,        // None that we know.
    kAlgorithmsMissing,  // The nonce says that some were offered, and there are none: a bid-down.
  };

  explicit LongTermCredential(Login login) : login_(std::move(login)) {}

  // From an error response of 401 or 438.
  Result<Done, Error> learn(const wire::StunView& challenge);

  bool is_challenged() const { return !nonce_.empty(); }
  const std::string& realm() const { return realm_; }
  bool uses_sha256() const { return uses_sha256_; }  // For the password, and the integrity with it.

  // Adds who we are, and the integrity over all that is there; only FINGERPRINT may follow. The two
  // below require that it is challenged.
  void sign(wire::StunBuilder& request) const;
  [[nodiscard]] bool matches(const wire::StunView& reply) const;

 private:
  Login login_;
  std::string realm_;
  std::string nonce_;
  std::vector<uint8_t> offered_;  // PASSWORD-ALGORITHMS as it came; empty: none.
  bool uses_sha256_ = false;
  bool hides_username_ = false;
  std::vector<uint8_t> key_;
};

}  // namespace roost::node
