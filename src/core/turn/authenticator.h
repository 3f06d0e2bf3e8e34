// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto_hash.h"
#include "base/endpoint.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "core/action.h"
#include "core/turn/grants.h"
#include "core/turn/minter.h"
#include "wire/stun.h"
#include "wire/stun_builder.h"

namespace roost::core::turn {

// The long-term credential mechanism (RFC 8489 §9.2), on the server's side and without state: a
// nonce is a keyed hash of the client's address and the time, so a stranger costs no memory, and
// whoever repeats it has shown that it receives at its address.
//
// Both password algorithms (MD5 for the programs of today, SHA-256), USERHASH for named users, and
// the ephemeral credentials of draft-uberti-behave-turn-rest: those of a site, as coturn's
// `use-auth-secret` has them (the user name begins with the UNIX time of its expiry and a colon,
// the password is base64(HMAC-SHA1(secret, user name))), and those that the node has minted for a
// grant or for a stranger. Whatever vouches for a user is looked up again with each request.
class Authenticator {
 public:
  // How long a nonce may be used: as long as an allocation may live without a Refresh.
  static constexpr Duration kNonceLifetime = std::chrono::hours(1);
  static constexpr size_t kUsernameSizeMax = 508;  // RFC 8489 §14.3: fewer than 509 bytes.

  struct User {
    std::string name;
    std::string password;
  };
  struct Options {
    std::string realm = "roost";
    std::vector<User> users;
    std::string shared_secret;     // Empty: no ephemeral credentials of a site's.
    Minter::Secret mint_secret{};  // Of those that we make.
    bool serves_strangers = false;
  };

  // Why a request is not believed: each is one STUN error code.
  enum class Refusal : uint8_t {
    kNoCredentials,      // 401, the usual beginning: here is the challenge.
    kWrongCredentials,   // 401
    kMissingAttributes,  // 400
    kBadAlgorithms,      // 400: a password algorithm that was not offered; perhaps a bid-down.
    kStaleNonce,         // 438
  };
  static constexpr size_t kRefusalCount = 5;

  // What a request has proved, and what the reply is to be signed with.
  struct Proof {
    // Who vouches for the user: [relay] users, the site's secret, or what we have minted.
    enum class Voucher : uint8_t { kNamed, kSharedSecret, kGrant, kStranger };
    uint64_t user = 0;  // A keyed hash of whose it is; the name itself is not kept.
    Payer payer = Payer::kFriend;
    Voucher voucher = Voucher::kNamed;
    bool uses_sha256 = false;  // Which of the two integrity attributes it had.
    std::array<uint8_t, sizeof(Sha256Digest)> key{};
    uint8_t key_size = 0;
    uint64_t grant = 0;                    // Its id, if there is one.
    Duration valid_for = Duration::max();  // From the request on; an allocation is given no longer.
    WallTime expires_at{};                 // Of what was minted: as its name says.

    Bytes key_bytes() const { return Bytes(key).first(key_size); }
  };

  // `secret` must come from a true source and be another one at each start. `grants` must outlive
  // the authenticator.
  Authenticator(const Options& options, const Grants& grants, const SipHashKey& secret);

  Result<Proof, Refusal> check(const Now& now, const Endpoint& client,
                               const wire::StunView& request) const;

  // Whether the user, or whatever vouched for it, is one of ours still, and of the same class.
  bool still_knows(const Proof& proof) const;

  // Adds REALM, NONCE and PASSWORD-ALGORITHMS; the last only if the message stays within
  // `size_max`, and then the nonce says so (§9.2.2). False, with nothing added, if not even the
  // others fit.
  bool add_challenge(MonoTime now, const Endpoint& client, size_t size_max,
                     wire::StunBuilder& reply) const;

 private:
  struct Keys {
    Md5Digest md5;
    Sha256Digest sha256;
  };
  enum class Algorithm : uint16_t { kMd5 = 1, kSha256 = 2 };
  struct Named {  // Whom the request names.
    std::string_view name;
    std::string password;        // Where it had to be made; else
    const Keys* keys = nullptr;  // these are known.
    Proof::Voucher voucher = Proof::Voucher::kNamed;
    std::string account;  // Whose allocations they are.
    const Grant* grant = nullptr;
    Duration valid_for = Duration::max();
    WallTime expires_at{};
  };

  static Named named_user(const std::pair<const std::string, Keys>& user);
  std::optional<Named> find_minted(WallTime now, std::string_view name,
                                   const Minter::Claim& claim) const;

  static constexpr size_t kNonceSize = 24;
  using Nonce = std::array<char, kNonceSize>;

  Nonce make_nonce(uint16_t minute, bool offers_algorithms, const Endpoint& client) const;
  bool is_fresh(MonoTime now, const Endpoint& client, std::string_view nonce) const;
  std::optional<Named> find(const Now& now, const wire::StunView& request) const;
  Result<Algorithm, Refusal> algorithm_of(const wire::StunView& request, Bytes nonce) const;

  std::string realm_;
  std::string shared_secret_;
  Minter minter_;
  bool serves_strangers_;
  const Grants* grants_;
  SipHashKey secret_;
  std::map<std::string, Keys, std::less<>> users_;
  std::map<Sha256Digest, std::map<std::string, Keys, std::less<>>::const_iterator> by_userhash_;
};

}  // namespace roost::core::turn
