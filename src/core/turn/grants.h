// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/crypto_hash.h"
#include "base/time.h"
#include "core/action.h"

namespace roost::core::turn {

// What the owner has promised somebody: to relay for whoever shows the token, in a class of people,
// until it expires, is used up, or is revoked.
struct Grant {
  uint64_t id = 0;  // The first eight bytes of token_hash, so that it names the token without it.
  Sha256Digest token_hash{};
  Payer payer = Payer::kFriend;
  uint64_t bytes_max = 0;  // Relayed in all, both directions, headers included. 0: no limit.
  std::optional<WallTime> expires_at;
  uint64_t relayed_bytes = 0;  // So far, or bytes_max where the rest is forfeited (Forwarder).

  bool has_expired(WallTime now) const { return expires_at && *expires_at <= now; }
  // How long it is in force; at most a year, which is as good as for ever and cannot overflow.
  std::chrono::seconds time_left(WallTime now) const;
  bool is_used_up() const { return bytes_max != 0 && relayed_bytes >= bytes_max; }
};

// All grants that are in force. They come from the owner, through the shell; a token itself is
// never kept.
class Grants {
 public:
  static constexpr size_t kCountMax = 4096;

  // Takes over what is in force now: whatever is missing is revoked. What a grant is known to have
  // relayed is not forgotten. Requires at most kCountMax.
  void set(std::vector<Grant> grants);

  // Null if there is none, or none any more.
  const Grant* find(uint64_t id) const;
  // By the secret that the owner has handed out.
  const Grant* find_by_token(std::string_view token) const;

  // `bytes` is the sum since the grant was made.
  void note_relayed(uint64_t id, uint64_t bytes);

  const std::vector<Grant>& all() const { return grants_; }

 private:
  // Where the grant of that id is, or would be.
  size_t place_of(uint64_t id) const;

  std::vector<Grant> grants_;  // Ordered by id.
};

}  // namespace roost::core::turn
