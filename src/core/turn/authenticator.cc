// SPDX-License-Identifier: MIT
#include "core/turn/authenticator.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace roost::core::turn {
namespace {

using wire::StunAttribute;
using wire::StunView;

// RFC 8489 §9.2: what begins like this carries 24 bits of features in four base64 characters.
constexpr std::string_view kNonceCookie = "obMatJos2";
constexpr uint32_t kPasswordAlgorithmsBit = 1;  // Bit 0 is the rightmost (§18.1).
constexpr uint32_t kUsernameAnonymityBit = 2;

// PASSWORD-ALGORITHMS: SHA-256, then MD5, neither with parameters (§14.11).
constexpr std::array<uint8_t, 8> kOffered = {0, 2, 0, 0, 0, 1, 0, 0};

constexpr int64_t kNonceMinutes =
    std::chrono::duration_cast<std::chrono::minutes>(Authenticator::kNonceLifetime).count();

uint16_t minute_of(MonoTime now) {
  const auto minutes = std::chrono::floor<std::chrono::minutes>(now.time_since_epoch());
  return static_cast<uint16_t>(minutes.count());
}

std::string long_term_text(std::string_view name, std::string_view realm,
                           std::string_view password) {
  std::string text(name);
  text.append(":").append(realm).append(":").append(password);
  return text;
}

// The UNIX time before the first colon of an ephemeral user name, or all of it.
std::optional<int64_t> expiry_of(std::string_view name) {
  const std::string_view digits = name.substr(0, name.find(':'));
  int64_t expiry = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), expiry);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return {};
  return expiry;
}

// In front of an account, so that nobody can be taken for a named user, or for another kind.
std::string mark(Authenticator::Proof::Voucher voucher) {
  return {'\0', static_cast<char>(voucher)};
}

// A year is as good as for ever, and cannot overflow.
Duration time_until(WallTime expires_at, WallTime now) {
  return std::min<std::chrono::seconds>(expires_at - now, std::chrono::hours(24 * 365));
}

}  // namespace

Authenticator::Authenticator(const Options& options, const Grants& grants, const SipHashKey& secret)
    : realm_(options.realm),
      shared_secret_(options.shared_secret),
      minter_(options.mint_secret),
      serves_strangers_(options.serves_strangers),
      grants_(&grants),
      secret_(secret) {
  for (const User& user : options.users) {
    const std::string text = long_term_text(user.name, realm_, user.password);
    const auto [at, is_new] =
        users_.insert_or_assign(user.name, Keys{md5(as_bytes(text)), sha256(as_bytes(text))});
    by_userhash_.insert_or_assign(sha256(as_bytes(user.name + ":" + realm_)), at);
  }
}

bool Authenticator::still_knows(const Proof& proof) const {
  switch (proof.voucher) {
    case Proof::Voucher::kSharedSecret: return !shared_secret_.empty();
    case Proof::Voucher::kGrant: {
      const Grant* const grant = grants_->find(proof.grant);
      return grant != nullptr && grant->payer == proof.payer;
    }
    case Proof::Voucher::kStranger: return serves_strangers_;
    case Proof::Voucher::kNamed: break;
  }
  return std::any_of(users_.begin(), users_.end(), [&](const auto& user) {
    return sip_hash(secret_, as_bytes(user.first)) == proof.user;
  });
}

Result<Authenticator::Proof, Authenticator::Refusal> Authenticator::check(
    const Now& now, const Endpoint& client, const StunView& request) const {
  const bool has_sha256 = request.find(StunAttribute::kMessageIntegritySha256).has_value();
  if (!has_sha256 && !request.find(StunAttribute::kMessageIntegrity)) {
    return Failure(Refusal::kNoCredentials);
  }
  const auto nonce = request.find(StunAttribute::kNonce);
  const bool is_named =
      request.find(StunAttribute::kUsername) || request.find(StunAttribute::kUserhash);
  if (!nonce || !is_named || !request.find(StunAttribute::kRealm)) {
    return Failure(Refusal::kMissingAttributes);
  }
  const auto algorithm = algorithm_of(request, *nonce);
  if (!algorithm) return Failure(algorithm.error());
  const auto named = find(now, request);
  if (!named) return Failure(Refusal::kWrongCredentials);

  Proof proof;
  proof.uses_sha256 = has_sha256;
  Keys made;
  const Keys* keys = named->keys;
  if (keys == nullptr) {
    const std::string text = long_term_text(named->name, realm_, named->password);
    if (*algorithm == Algorithm::kMd5) {
      made.md5 = md5(as_bytes(text));
    } else {
      made.sha256 = sha256(as_bytes(text));
    }
    keys = &made;
  }
  const Bytes key = *algorithm == Algorithm::kMd5 ? Bytes(keys->md5) : Bytes(keys->sha256);
  std::copy(key.begin(), key.end(), proof.key.begin());
  proof.key_size = static_cast<uint8_t>(key.size());
  const bool matches =
      has_sha256 ? request.integrity_sha256_matches(key) : request.integrity_matches(key);
  // Before the nonce, so that only who knows the password is told that the nonce is stale (§9.2.4).
  if (!matches) return Failure(Refusal::kWrongCredentials);
  if (!is_fresh(now.mono, client, as_text(*nonce))) return Failure(Refusal::kStaleNonce);
  proof.user = sip_hash(secret_, as_bytes(named->account));
  proof.voucher = named->voucher;
  proof.valid_for = named->valid_for;
  proof.expires_at = named->expires_at;
  if (named->voucher == Proof::Voucher::kStranger) proof.payer = Payer::kStranger;
  if (named->grant != nullptr) {
    proof.grant = named->grant->id;
    proof.payer = named->grant->payer;
  }
  return proof;
}

bool Authenticator::add_challenge(MonoTime now, const Endpoint& client, size_t size_max,
                                  wire::StunBuilder& reply) const {
  const auto attribute_size = [](size_t value) { return 4 + (value + 3) / 4 * 4; };
  const size_t needed = reply.size() + attribute_size(realm_.size()) + attribute_size(kNonceSize);
  if (needed > size_max) return false;
  const bool offers_algorithms = needed + attribute_size(kOffered.size()) <= size_max;
  const Nonce nonce = make_nonce(minute_of(now), offers_algorithms, client);
  reply.add(StunAttribute::kRealm, as_bytes(realm_));
  reply.add(StunAttribute::kNonce, as_bytes({nonce.data(), nonce.size()}));
  if (offers_algorithms) reply.add(StunAttribute::kPasswordAlgorithms, kOffered);
  return true;
}

//   obMatJos2 | features (4 characters) | minute (2 bytes) and keyed hash (6), in 11 characters
//
// 48 bits are enough for what can be tried: a guess costs a request with a right password, and a
// hit gains no more than asking for a nonce does.
Authenticator::Nonce Authenticator::make_nonce(uint16_t minute, bool offers_algorithms,
                                               const Endpoint& client) const {
  std::array<uint8_t, 21> hashed;
  const auto address = client.address.v6_bytes();
  std::copy(address.begin(), address.end(), hashed.begin());
  store_u16(hashed.data() + 16, client.port);
  store_u16(hashed.data() + 18, minute);
  hashed[20] = offers_algorithms;
  const uint64_t hash = sip_hash(secret_, hashed);

  // Who is told of USERHASH must use it (§9.2.3), and no hash tells of an ephemeral name.
  const bool all_are_named = shared_secret_.empty() && !serves_strangers_ && grants_->all().empty();
  const uint32_t features = (all_are_named ? kUsernameAnonymityBit : 0) |
                            (offers_algorithms ? kPasswordAlgorithmsBit : 0);
  const std::array<uint8_t, 3> feature_bytes = {0, 0, static_cast<uint8_t>(features)};
  std::array<uint8_t, 8> tail;
  store_u64(tail.data(), hash);
  store_u16(tail.data(), minute);
  std::string text(kNonceCookie);
  text += to_base64url(feature_bytes) + to_base64url(tail);
  Nonce nonce;
  std::copy(text.begin(), text.end(), nonce.begin());
  return nonce;
}

bool Authenticator::is_fresh(MonoTime now, const Endpoint& client, std::string_view nonce) const {
  if (nonce.size() != kNonceSize) return false;
  const auto tail = from_base64url(nonce.substr(kNonceCookie.size() + 4));
  if (!tail || tail->size() != 8) return false;
  const uint16_t minute = load_u16(tail->data());
  // The subtraction wraps as the minutes do: after 45 days.
  if (static_cast<uint16_t>(minute_of(now) - minute) > kNonceMinutes) return false;
  for (const bool offers_algorithms : {true, false}) {
    const Nonce expected = make_nonce(minute, offers_algorithms, client);
    if (same_bytes_constant_time(as_bytes({expected.data(), expected.size()}), as_bytes(nonce))) {
      return true;
    }
  }
  return false;
}

std::optional<Authenticator::Named> Authenticator::find(const Now& now,
                                                        const StunView& request) const {
  if (const auto hash = request.find(StunAttribute::kUserhash)) {
    Sha256Digest digest;
    if (hash->size() != digest.size()) return {};
    std::copy(hash->begin(), hash->end(), digest.begin());
    const auto found = by_userhash_.find(digest);
    if (found == by_userhash_.end()) return {};
    return named_user(*found->second);
  }
  const auto username = request.find(StunAttribute::kUsername);
  if (!username || username->size() > kUsernameSizeMax) return {};
  const std::string_view name = as_text(*username);
  if (const auto user = users_.find(name); user != users_.end()) return named_user(*user);
  if (!now.wall) return {};  // Without a clock nobody can say that it has not expired.
  if (const auto claim = Minter::parse(name)) {
    if (auto minted = find_minted(*now.wall, name, *claim)) return minted;
  }
  if (shared_secret_.empty()) return {};
  const auto expiry = expiry_of(name);
  if (!expiry || *expiry <= now.wall->time_since_epoch().count()) return {};
  Named named;
  named.name = name;
  named.password = to_base64(hmac_sha1(as_bytes(shared_secret_), *username));
  named.voucher = Proof::Voucher::kSharedSecret;
  // The part behind the time, so that new credentials are no new user. Some sites name nobody
  // (Prosody's): then each time is a user, lest all of theirs be one.
  const size_t colon = name.find(':');
  named.account = mark(named.voucher).append(colon == name.npos ? name : name.substr(colon + 1));
  named.valid_for = time_until(WallTime(std::chrono::seconds(*expiry)), *now.wall);
  return named;
}

std::optional<Authenticator::Named> Authenticator::find_minted(WallTime now, std::string_view name,
                                                               const Minter::Claim& claim) const {
  if (claim.expires_at <= now) return {};
  Named named;
  named.name = name;
  named.valid_for = time_until(claim.expires_at, now);
  named.expires_at = claim.expires_at;
  if (claim.holder.is_stranger) {
    if (!serves_strangers_) return {};
    named.voucher = Proof::Voucher::kStranger;
  } else {
    named.grant = grants_->find(claim.holder.id);
    if (named.grant == nullptr || named.grant->has_expired(now)) return {};
    named.voucher = Proof::Voucher::kGrant;
    // The owner may have made its time shorter since the credentials were minted.
    named.valid_for = std::min<Duration>(named.valid_for, named.grant->time_left(now));
  }
  std::array<uint8_t, 8> id;
  store_u64(id.data(), claim.holder.id);
  named.account = mark(named.voucher).append(as_text(id));
  named.password = minter_.password(name);
  return named;
}

Authenticator::Named Authenticator::named_user(const std::pair<const std::string, Keys>& user) {
  Named named;
  named.name = user.first;
  named.keys = &user.second;
  named.account = user.first;
  return named;
}

// §9.2.4: a client that knows of no choice uses MD5; one that chooses repeats what it chose from,
// so that nobody between us can have taken the better one away.
Result<Authenticator::Algorithm, Authenticator::Refusal> Authenticator::algorithm_of(
    const StunView& request, Bytes nonce) const {
  const auto offered = request.find(StunAttribute::kPasswordAlgorithms);
  const auto chosen = request.find(StunAttribute::kPasswordAlgorithm);
  const std::string_view text = as_text(nonce);
  const bool was_offered =
      text.starts_with(kNonceCookie) && text.size() > kNonceCookie.size() + 3 &&
      (text[kNonceCookie.size() + 3] == 'B' || text[kNonceCookie.size() + 3] == 'D');
  if (!was_offered || (!offered && !chosen)) return Algorithm::kMd5;
  if (!offered || !chosen || !same_bytes(*offered, kOffered) || chosen->size() != 4) {
    return Failure(Refusal::kBadAlgorithms);
  }
  const auto algorithm = static_cast<Algorithm>(load_u16(chosen->data()));
  const bool is_known = algorithm == Algorithm::kMd5 || algorithm == Algorithm::kSha256;
  if (!is_known || load_u16(chosen->data() + 2) != 0) return Failure(Refusal::kBadAlgorithms);
  return algorithm;
}

}  // namespace roost::core::turn
