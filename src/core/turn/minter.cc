// SPDX-License-Identifier: MIT
#include "core/turn/minter.h"

#include <charconv>

#include "base/bytes.h"
#include "base/crypto_hash.h"
#include "base/text.h"

namespace roost::core::turn {
namespace {

constexpr size_t kIdDigits = 16;
constexpr size_t kNonceDigits = 11;  // Eight bytes in base64url.

std::array<uint8_t, 8> bytes_of(uint64_t number) {
  std::array<uint8_t, 8> bytes;
  store_u64(bytes.data(), number);
  return bytes;
}

}  // namespace

Minter::Credentials Minter::mint(WallTime expires_at, const Holder& holder, uint64_t nonce) const {
  std::string username = std::to_string(expires_at.time_since_epoch().count());
  username.append(holder.is_stranger ? ":s" : ":")
      .append(to_hex(bytes_of(holder.id)))
      .append(".")
      .append(to_base64url(bytes_of(nonce)));
  return {username, password(username)};
}

std::optional<Minter::Claim> Minter::parse(std::string_view username) {
  int64_t expiry = 0;
  const char* const end = username.data() + username.size();
  const auto [behind, error] = std::from_chars(username.data(), end, expiry);
  if (error != std::errc() || behind == end || *behind != ':' || expiry < 0) return {};
  std::string_view rest(behind + 1, static_cast<size_t>(end - behind - 1));
  Claim claim{WallTime(std::chrono::seconds(expiry)), {}};
  if (rest.starts_with('s')) {
    claim.holder.is_stranger = true;
    rest.remove_prefix(1);
  }
  if (rest.size() != kIdDigits + 1 + kNonceDigits || rest[kIdDigits] != '.') return {};
  const auto id = from_hex(rest.substr(0, kIdDigits));
  if (!id) return {};
  claim.holder.id = load_u64(id->data());
  return claim;
}

std::string Minter::password(std::string_view username) const {
  return to_base64(hmac_sha1(secret_, as_bytes(username)));
}

}  // namespace roost::core::turn
