// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace roost::core::turn {

// Ephemeral credentials that the node makes itself, in the form of draft-uberti-behave-turn-rest,
// so that nothing is kept about them:
//
//   username = expiry ":" holder "." nonce      expiry: UNIX time
//   password = base64(HMAC-SHA1(secret, username))
//
// The holder is a grant's id in 16 hexadecimal digits, or "s" and as many digits that stand for a
// stranger's prefix: what is written there is looked up again whenever the credentials are used.
class Minter {
 public:
  using Secret = std::array<uint8_t, 32>;

  struct Holder {
    bool is_stranger = false;
    uint64_t id = 0;
  };
  struct Credentials {
    std::string username;
    std::string password;
  };
  // What a user name says of itself; true only if the password matches.
  struct Claim {
    WallTime expires_at;
    Holder holder;
  };

  explicit Minter(const Secret& secret) : secret_(secret) {}

  // `nonce` keeps apart what is made for one holder in one second.
  Credentials mint(WallTime expires_at, const Holder& holder, uint64_t nonce) const;
  // Empty where the name is of another form.
  static std::optional<Claim> parse(std::string_view username);
  std::string password(std::string_view username) const;

 private:
  Secret secret_;
};

}  // namespace roost::core::turn
