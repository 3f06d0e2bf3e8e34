// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto_hash.h"
#include "base/result.h"
#include "base/time.h"
#include "core/action.h"
#include "node/grants.h"

namespace roost::app {

// Grants as the owner sees them, and as they lie in the state directory: as JSON, the tokens as
// their SHA-256 only, so that whoever reads a backup can use none of them.
struct NamedGrant {
  std::string name;  // Of the friend; for the owner alone.
  Sha256Digest token_hash{};
  core::Payer payer = core::Payer::kFriend;  // kFriend or kFriendOfFriend.
  uint64_t bytes_max = 0;                    // 0: no limit.
  std::optional<WallTime> made_at;
  std::optional<WallTime> expires_at;

  uint64_t id() const;          // As in node::Grant.
  std::string id_text() const;  // In hexadecimal.
  node::Grant grant() const;
};

inline constexpr std::string_view kGrantFile = "grants.json";
inline constexpr std::string_view kUsedFile = "grants.used";
inline constexpr size_t kGrantNameSizeMax = 100;
inline constexpr size_t kGrantFileSizeMax = 4 * 1024 * 1024;  // More than node::Grants takes.

// "friend", "friend-of-friend".
std::string_view class_text(core::Payer payer);
std::optional<core::Payer> parse_class(std::string_view text);

// The error says what is wrong with the file. Two grants of one token, or of one id, are: nobody
// could say which of them vouches for its holder.
Result<std::vector<NamedGrant>, std::string> parse_grants(std::string_view text);
std::string grants_text(const std::vector<NamedGrant>& grants);

// Bytes relayed by id. Nothing if the text is damaged; what is no count in it is left out.
std::optional<std::map<uint64_t, uint64_t>> parse_used(std::string_view text);
std::string used_text(const std::map<uint64_t, uint64_t>& used);

}  // namespace roost::app
