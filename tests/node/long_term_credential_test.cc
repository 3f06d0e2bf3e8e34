// SPDX-License-Identifier: MIT
// Goal: challenges of each kind are answered as RFC 8489 §9.2.3 and §9.2.5 say. Method: challenges
// built by hand, and keys computed here.
#include "node/long_term_credential.h"

#include <gtest/gtest.h>

#include "base/crypto_hash.h"

namespace roost::node {
namespace {

using Error = LongTermCredential::Error;
using wire::StunAttribute;
using wire::StunClass;
using wire::StunMethod;
using wire::StunView;
using Data = std::vector<uint8_t>;

constexpr std::array<uint8_t, 12> kId = {1, 2, 3};

struct Challenge {
  std::optional<std::string> realm = "here";
  std::optional<std::string> nonce = "n1";
  std::optional<Data> algorithms{};
};

Data build(const Challenge& challenge) {
  Data buffer(500);
  wire::StunBuilder builder(buffer, StunClass::kError, StunMethod::kAllocate, kId);
  builder.add_error_code(401, "");
  if (challenge.realm) builder.add(StunAttribute::kRealm, as_bytes(*challenge.realm));
  if (challenge.nonce) builder.add(StunAttribute::kNonce, as_bytes(*challenge.nonce));
  if (challenge.algorithms) builder.add(StunAttribute::kPasswordAlgorithms, *challenge.algorithms);
  const Bytes bytes = builder.finish();
  return {bytes.begin(), bytes.end()};
}

Result<Done, Error> learn(LongTermCredential& credential, const Challenge& challenge) {
  const Data bytes = build(challenge);
  return credential.learn(*StunView::parse(bytes));
}

Data sign(const LongTermCredential& credential) {
  Data buffer(900);
  wire::StunBuilder builder(buffer, StunClass::kRequest, StunMethod::kAllocate, kId);
  credential.sign(builder);
  const Bytes bytes = builder.finish();
  return {bytes.begin(), bytes.end()};
}

LongTermCredential alice() {
  return LongTermCredential({"alice", "open sesame"});
}

const std::string kKeyText = "alice:here:open sesame";
const Data kBoth = {0, 2, 0, 0, 0, 1, 0, 0};
const Data kMd5First = {0, 1, 0, 0, 0, 2, 0, 0};
const Data kStrangeFirst = {0, 9, 0, 2, 7, 7, 0, 0, 0, 2, 0, 0};
const Data kStrangeOnly = {0, 9, 0, 0};

// "obMatJos2" and 24 bits in base64: bit 0 are password algorithms, bit 1 is USERHASH.
const std::string kOffers = "obMatJos2AAABrest";
const std::string kHides = "obMatJos2AAACrest";
const std::string kOffersAndHides = "obMatJos2AAADrest";

TEST(LongTermCredential, SignsWithMd5WhereNothingElseIsOffered) {
  LongTermCredential credential = alice();
  EXPECT_FALSE(credential.is_challenged());
  ASSERT_TRUE(learn(credential, {}));
  EXPECT_TRUE(credential.is_challenged());
  EXPECT_EQ(credential.realm(), "here");
  EXPECT_FALSE(credential.uses_sha256());
  const Data request = sign(credential);
  const auto view = StunView::parse(request);
  EXPECT_EQ(as_text(*view->find(StunAttribute::kUsername)), "alice");
  EXPECT_EQ(as_text(*view->find(StunAttribute::kRealm)), "here");
  EXPECT_EQ(as_text(*view->find(StunAttribute::kNonce)), "n1");
  EXPECT_FALSE(view->find(StunAttribute::kPasswordAlgorithm));
  EXPECT_TRUE(view->integrity_matches(md5(as_bytes(kKeyText))));
  EXPECT_TRUE(credential.matches(*view));
}

TEST(LongTermCredential, TakesTheFirstAlgorithmThatItKnows) {
  struct Row {
    std::string_view what;
    Data offered;
    bool is_sha256;
  };
  const Row rows[] = {{"both", kBoth, true},
                      {"MD5 first", kMd5First, false},
                      {"a strange one first", kStrangeFirst, true}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    LongTermCredential credential = alice();
    ASSERT_TRUE(learn(credential, {.nonce = kOffers, .algorithms = row.offered}));
    EXPECT_EQ(credential.uses_sha256(), row.is_sha256);
    const Data request = sign(credential);
    const auto view = StunView::parse(request);
    // What was offered goes back as it came; and the integrity is SHA-256's in either case.
    EXPECT_TRUE(same_bytes(*view->find(StunAttribute::kPasswordAlgorithms), row.offered));
    const Data chosen = {0, static_cast<uint8_t>(row.is_sha256 ? 2 : 1), 0, 0};
    EXPECT_TRUE(same_bytes(*view->find(StunAttribute::kPasswordAlgorithm), chosen));
    const auto md5_key = md5(as_bytes(kKeyText));
    const auto sha256_key = sha256(as_bytes(kKeyText));
    EXPECT_TRUE(view->integrity_sha256_matches(row.is_sha256 ? Bytes(sha256_key) : md5_key));
    EXPECT_FALSE(view->find(StunAttribute::kMessageIntegrity));
    EXPECT_TRUE(credential.matches(*view));
  }
}

TEST(LongTermCredential, HidesTheNameWhereTheNonceSaysSo) {
  for (const std::string& nonce : {kHides, kOffersAndHides}) {
    LongTermCredential credential = alice();
    ASSERT_TRUE(learn(credential, {.nonce = nonce, .algorithms = kBoth}));
    const Data request = sign(credential);
    const auto view = StunView::parse(request);
    EXPECT_FALSE(view->find(StunAttribute::kUsername));
    EXPECT_TRUE(same_bytes(*view->find(StunAttribute::kUserhash), sha256(as_bytes("alice:here"))));
  }
}

TEST(LongTermCredential, RefusesAChallengeThatNobodyCanAnswer) {
  struct Row {
    std::string_view what;
    Challenge challenge;
    Error expect;
  };
  const Row rows[] = {
      {"no realm", {.realm = {}}, Error::kIncomplete},
      {"no nonce", {.nonce = {}}, Error::kIncomplete},
      {"an empty nonce", {.nonce = ""}, Error::kIncomplete},
      {"what was offered is gone", {.nonce = kOffers}, Error::kAlgorithmsMissing},
      {"an unknown algorithm", {.nonce = kOffers, .algorithms = kStrangeOnly}, Error::kNoAlgorithm},
      {"an empty list", {.nonce = kOffers, .algorithms = Data()}, Error::kNoAlgorithm},
      {"half a list", {.nonce = kOffers, .algorithms = Data{0, 2}}, Error::kNoAlgorithm},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    LongTermCredential credential = alice();
    const auto learned = learn(credential, row.challenge);
    ASSERT_FALSE(learned);
    EXPECT_EQ(learned.error(), row.expect);
    EXPECT_FALSE(credential.is_challenged());
  }
}

TEST(LongTermCredential, TakesUpAnotherNonce) {
  LongTermCredential credential = alice();
  ASSERT_TRUE(learn(credential, {}));
  ASSERT_TRUE(learn(credential, {.nonce = "n2"}));
  const Data request = sign(credential);
  EXPECT_EQ(as_text(*StunView::parse(request)->find(StunAttribute::kNonce)), "n2");
}

TEST(LongTermCredential, IsNotMatchedByWhatAnotherSigned) {
  LongTermCredential credential = alice();
  LongTermCredential other({"alice", "open barley"});
  ASSERT_TRUE(learn(credential, {}));
  ASSERT_TRUE(learn(other, {}));
  const Data by_other = sign(other);
  EXPECT_FALSE(credential.matches(*StunView::parse(by_other)));
  const Data unsigned_one = build({});
  EXPECT_FALSE(credential.matches(*StunView::parse(unsigned_one)));
}

}  // namespace
}  // namespace roost::node
