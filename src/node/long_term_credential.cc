// SPDX-License-Identifier: MIT
#include "node/long_term_credential.h"

#include <array>
#include <optional>
#include <string_view>

#include "base/check.h"
#include "base/crypto_hash.h"
#include "base/text.h"

namespace roost::node {
namespace {

using wire::StunAttribute;

// RFC 8489 §9.2: a nonce that begins like this carries 24 bits of features in four base64
// characters, of which bit 0 is the rightmost (§18.1).
constexpr std::string_view kNonceCookie = "obMatJos2";
constexpr size_t kFeatureSize = 4;
constexpr uint32_t kPasswordAlgorithmsBit = 1;
constexpr uint32_t kUsernameAnonymityBit = 2;

constexpr uint16_t kMd5 = 1;
constexpr uint16_t kSha256 = 2;

uint32_t features_of(std::string_view nonce) {
  if (!nonce.starts_with(kNonceCookie)) return 0;
  std::string text(nonce.substr(kNonceCookie.size(), kFeatureSize));
  // The standard alphabet and the URL's differ in two characters.
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  const auto bytes = from_base64url(text);
  if (!bytes || bytes->size() != 3) return 0;
  return uint32_t{(*bytes)[0]} << 16 | load_u16(bytes->data() + 1);
}

// The first that we know of a list of algorithm (2), size of its parameters (2), parameters,
// padding (§14.11). Those that we know have none.
std::optional<uint16_t> first_known(Bytes list) {
  while (list.size() >= 4) {
    const uint16_t algorithm = load_u16(list.data());
    const size_t size = 4 + (size_t{load_u16(list.data() + 2)} + 3) / 4 * 4;
    if (size == 4 && (algorithm == kMd5 || algorithm == kSha256)) return algorithm;
    if (size > list.size()) break;
    list = list.subspan(size);
  }
  return {};
}

std::string text_of(Bytes bytes) {
  return std::string(as_text(bytes));
}

}  // namespace

Result<Done, LongTermCredential::Error> LongTermCredential::learn(const wire::StunView& challenge) {
  const auto realm = challenge.find(StunAttribute::kRealm);
  const auto nonce = challenge.find(StunAttribute::kNonce);
  if (!realm || !nonce || nonce->empty()) return Failure(Error::kIncomplete);
  const uint32_t features = features_of(as_text(*nonce));
  const auto offered = challenge.find(StunAttribute::kPasswordAlgorithms);
  const bool has_choice = (features & kPasswordAlgorithmsBit) != 0;
  if (has_choice && !offered) return Failure(Error::kAlgorithmsMissing);

  uint16_t algorithm = kMd5;
  if (offered) {
    const auto known = first_known(*offered);
    if (!known) return Failure(Error::kNoAlgorithm);
    algorithm = *known;
  }
  realm_ = text_of(*realm);
  nonce_ = text_of(*nonce);
  offered_ =
      offered ? std::vector<uint8_t>(offered->begin(), offered->end()) : std::vector<uint8_t>();
  uses_sha256_ = algorithm == kSha256;
  hides_username_ = (features & kUsernameAnonymityBit) != 0;
  const std::string text = login_.username + ':' + realm_ + ':' + login_.password;
  if (uses_sha256_) {
    const Sha256Digest key = sha256(as_bytes(text));
    key_.assign(key.begin(), key.end());
  } else {
    const Md5Digest key = md5(as_bytes(text));
    key_.assign(key.begin(), key.end());
  }
  return Done();
}

void LongTermCredential::sign(wire::StunBuilder& request) const {
  CHECK(is_challenged());
  if (hides_username_) {
    request.add(StunAttribute::kUserhash, sha256(as_bytes(login_.username + ':' + realm_)));
  } else {
    request.add(StunAttribute::kUsername, as_bytes(login_.username));
  }
  request.add(StunAttribute::kRealm, as_bytes(realm_));
  request.add(StunAttribute::kNonce, as_bytes(nonce_));
  if (offered_.empty()) return request.add_integrity(key_);
  request.add(StunAttribute::kPasswordAlgorithms, offered_);
  const auto chosen = static_cast<uint8_t>(uses_sha256_ ? kSha256 : kMd5);
  request.add(StunAttribute::kPasswordAlgorithm, std::array<uint8_t, 4>{0, chosen, 0, 0});
  request.add_integrity_sha256(key_);
}

bool LongTermCredential::matches(const wire::StunView& reply) const {
  CHECK(is_challenged());
  return offered_.empty() ? reply.integrity_matches(key_) : reply.integrity_sha256_matches(key_);
}

}  // namespace roost::node
