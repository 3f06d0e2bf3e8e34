// SPDX-License-Identifier: MIT
//
// Goal: a request is believed exactly when RFC 8489 §9.2.4 lets it be, and otherwise refused in its
// words.
// Method: one request with everything right, in both generations of credentials; then each part of
// it wrong or missing in turn. Keys and user hashes are computed here as the RFC writes them.
#include "core/turn/authenticator.h"

#include "base/text.h"
#include "turn/turn_client.h"

namespace roost::core::turn {
namespace {

using std::chrono::hours;
using Refusal = Authenticator::Refusal;

const SipHashKey kSecret{1, 2, 3};
const MonoTime kStart{hours(1000)};
const Endpoint kClient = endpoint("192.0.2.77:50000");
const Data kOffered = {0, 2, 0, 0, 0, 1, 0, 0};

Authenticator::Options options() {
  Authenticator::Options result;
  result.users = {{"alice", "open sesame"}, {"bob", "secret"}};
  return result;
}

Now at(MonoTime mono) {
  return {mono, kWallTimeMin + hours(24)};
}

// What the challenge hands out.
std::string fresh_nonce(const Authenticator& authenticator, MonoTime now = kStart,
                        const Endpoint& client = kClient, size_t size_max = 500) {
  Data buffer(512);
  wire::StunBuilder reply(buffer, StunClass::kError, StunMethod::kAllocate,
                          std::array<uint8_t, 12>{});
  EXPECT_TRUE(authenticator.add_challenge(now, client, size_max, reply));
  return std::string(as_text(StunView::parse(reply.finish())->find(StunAttribute::kNonce).value()));
}

Data text(std::string_view value) {
  return {value.begin(), value.end()};
}
Data md5_key(std::string_view value) {
  const Md5Digest digest = md5(as_bytes(value));
  return {digest.begin(), digest.end()};
}
Data sha256_key(std::string_view value) {
  const Sha256Digest digest = sha256(as_bytes(value));
  return {digest.begin(), digest.end()};
}

// A request's credentials, each of which may be missing.
struct Ask {
  std::optional<Data> username = text("alice");
  std::optional<Data> userhash;
  std::optional<Data> realm = text("roost");
  std::optional<Data> nonce;
  std::optional<Data> algorithms;
  std::optional<Data> algorithm;
  Data key = md5_key("alice:roost:open sesame");
  bool has_sha1 = true;
  bool has_sha256 = false;
  Data sha256_key_if_other;

  explicit Ask(const std::string& with_nonce) : nonce(text(with_nonce)) {}
  Ask& modern() {
    algorithms = kOffered;
    algorithm = Data{0, 2, 0, 0};
    key = sha256_key("alice:roost:open sesame");
    has_sha1 = false;
    has_sha256 = true;
    return *this;
  }

  Data bytes() const {
    Data buffer(1024);
    wire::StunBuilder builder(buffer, StunClass::kRequest, StunMethod::kAllocate,
                              std::array<uint8_t, 12>{1, 2, 3});
    const auto add = [&](StunAttribute type, const std::optional<Data>& value) {
      if (value) builder.add(type, *value);
    };
    add(StunAttribute::kUsername, username);
    add(StunAttribute::kUserhash, userhash);
    add(StunAttribute::kRealm, realm);
    add(StunAttribute::kNonce, nonce);
    add(StunAttribute::kPasswordAlgorithms, algorithms);
    add(StunAttribute::kPasswordAlgorithm, algorithm);
    if (has_sha1) builder.add_integrity(key);
    if (has_sha256) {
      builder.add_integrity_sha256(sha256_key_if_other.empty() ? key : sha256_key_if_other);
    }
    const Bytes message = builder.finish();
    return {message.begin(), message.end()};
  }
};

Result<Authenticator::Proof, Refusal> check(const Authenticator& authenticator, const Ask& ask,
                                            const Now& now = at(kStart),
                                            const Endpoint& client = kClient) {
  const Data bytes = ask.bytes();
  return authenticator.check(now, client, StunView::parse(bytes).value());
}

std::optional<Refusal> why_not(const Authenticator& authenticator, const Ask& ask,
                               const Now& now = at(kStart), const Endpoint& client = kClient) {
  const auto result = check(authenticator, ask, now, client);
  if (result) return {};
  return result.error();
}

const Grants kNoGrants;
const Authenticator kAuthenticator(options(), kNoGrants, kSecret);

// ---- What is believed.

TEST(Authenticator, BelievesBothPasswordAlgorithmsWithBothIntegrityAttributes) {
  const std::string nonce = fresh_nonce(kAuthenticator);
  for (const bool has_sha256_password : {false, true}) {
    for (const int integrity : {1, 2, 3}) {
      for (const bool uses_userhash : {false, true}) {
        Ask ask(nonce);
        if (has_sha256_password) ask.modern();
        ask.has_sha1 = (integrity & 1) != 0;
        ask.has_sha256 = (integrity & 2) != 0;
        if (uses_userhash) {
          ask.username.reset();
          ask.userhash = sha256_key("alice:roost");
        }
        const auto proof = check(kAuthenticator, ask);
        ASSERT_TRUE(proof) << has_sha256_password << integrity << uses_userhash;
        // The reply is signed like the request, and with SHA-256 where it had both (§9.2.4).
        EXPECT_EQ(proof->uses_sha256, ask.has_sha256);
        EXPECT_TRUE(same_bytes(proof->key_bytes(), ask.key));
        EXPECT_EQ(proof->payer, Payer::kFriend);
      }
    }
  }
}

TEST(Authenticator, TakesMd5WhereAClientOfTheOfferChoosesIt) {
  Ask ask(fresh_nonce(kAuthenticator));
  ask.algorithms = kOffered;
  ask.algorithm = Data{0, 1, 0, 0};
  EXPECT_FALSE(why_not(kAuthenticator, ask));
  ask.key = sha256_key("alice:roost:open sesame");
  EXPECT_EQ(why_not(kAuthenticator, ask), Refusal::kWrongCredentials);
}

TEST(Authenticator, KnowsAUserAgainWhicheverWayTheyAreNamed) {
  const std::string nonce = fresh_nonce(kAuthenticator);
  const auto by_name = check(kAuthenticator, Ask(nonce));
  Ask hashed(nonce);
  hashed.modern().username.reset();
  hashed.userhash = sha256_key("alice:roost");
  const auto by_hash = check(kAuthenticator, hashed);
  Ask other(nonce);
  other.username = text("bob");
  other.key = md5_key("bob:roost:secret");
  const auto bob = check(kAuthenticator, other);
  ASSERT_TRUE(by_name && by_hash && bob);
  EXPECT_EQ(by_name->user, by_hash->user);
  EXPECT_NE(by_name->user, bob->user);
}

// §14.6: at least 16 bytes of the SHA-256 one.
TEST(Authenticator, BelievesATruncatedSha256ButNotTheTruncatedWrongOne) {
  for (const size_t size : {16u, 20u, 28u, 32u}) {
    Ask ask(fresh_nonce(kAuthenticator));
    ask.has_sha1 = false;
    Data bytes = ask.bytes();
    const size_t covered = bytes.size();
    bytes.resize(covered + 4 + size);
    store_u16(bytes.data() + 2, static_cast<uint16_t>(bytes.size() - 20));
    store_u16(bytes.data() + covered, 0x001c);
    store_u16(bytes.data() + covered + 2, static_cast<uint16_t>(size));
    const Sha256Digest digest = hmac_sha256(ask.key, Bytes(bytes).first(covered));
    std::copy_n(digest.begin(), size, bytes.begin() + static_cast<ptrdiff_t>(covered + 4));
    EXPECT_TRUE(kAuthenticator.check(at(kStart), kClient, StunView::parse(bytes).value())) << size;
    bytes.back() ^= 1;
    EXPECT_FALSE(kAuthenticator.check(at(kStart), kClient, StunView::parse(bytes).value())) << size;
  }
}

// ---- Each refusal.

TEST(Authenticator, RefusesEachThingThatIsMissingOrWrong) {
  struct Row {
    const char* what;
    void (*change)(Ask&);
    Refusal expect;
  };
  constexpr Row kRows[] = {
      {"no integrity at all", [](Ask& ask) { ask.has_sha1 = ask.has_sha256 = false; },
       Refusal::kNoCredentials},
      {"nothing at all",
       [](Ask& ask) {
         ask = Ask("");
         ask.username.reset();
         ask.realm.reset();
         ask.nonce.reset();
         ask.has_sha1 = false;
       },
       Refusal::kNoCredentials},
      {"no name", [](Ask& ask) { ask.username.reset(); }, Refusal::kMissingAttributes},
      {"no realm", [](Ask& ask) { ask.realm.reset(); }, Refusal::kMissingAttributes},
      {"no nonce", [](Ask& ask) { ask.nonce.reset(); }, Refusal::kMissingAttributes},
      {"an unknown name",
       [](Ask& ask) {
         ask.username = text("carol");
         ask.key = md5_key("carol:roost:");
       },
       Refusal::kWrongCredentials},
      {"an empty name", [](Ask& ask) { ask.username = Data(); }, Refusal::kWrongCredentials},
      {"a name that only begins right",
       [](Ask& ask) { ask.username = text(std::string_view("alice\0", 6)); },
       Refusal::kWrongCredentials},
      {"a name of 509 bytes", [](Ask& ask) { ask.username = Data(509, 'a'); },
       Refusal::kWrongCredentials},
      {"an unknown user hash", [](Ask& ask) { ask.userhash = sha256_key("carol:roost"); },
       Refusal::kWrongCredentials},
      {"a user hash of another realm",
       [](Ask& ask) { ask.userhash = sha256_key("alice:henhouse"); }, Refusal::kWrongCredentials},
      {"a short user hash", [](Ask& ask) { ask.userhash = Data(31); }, Refusal::kWrongCredentials},
      {"another's password", [](Ask& ask) { ask.key = md5_key("alice:roost:secret"); },
       Refusal::kWrongCredentials},
      {"a key of another realm", [](Ask& ask) { ask.key = md5_key("alice:henhouse:open sesame"); },
       Refusal::kWrongCredentials},
      {"an empty key", [](Ask& ask) { ask.key.clear(); }, Refusal::kWrongCredentials},
      // §9.2.4: where both are there the one of SHA-256 decides.
      {"the right SHA-1 beside a wrong SHA-256",
       [](Ask& ask) {
         ask.has_sha256 = true;
         ask.sha256_key_if_other = md5_key("x");
       },
       Refusal::kWrongCredentials},
      {"a nonce that is none", [](Ask& ask) { ask.nonce = text("hello"); }, Refusal::kStaleNonce},
      {"an empty nonce", [](Ask& ask) { ask.nonce = Data(); }, Refusal::kStaleNonce},
      {"a nonce with a changed digit",
       [](Ask& ask) { ask.nonce->back() = ask.nonce->back() == 'A' ? 'E' : 'A'; },
       Refusal::kStaleNonce},
      {"a longer nonce", [](Ask& ask) { ask.nonce->push_back('A'); }, Refusal::kStaleNonce},
      // Only who knows the password is told about the nonce.
      {"a wrong nonce and a wrong password",
       [](Ask& ask) {
         ask.nonce = text("hello");
         ask.key = md5_key("alice:roost:secret");
       },
       Refusal::kWrongCredentials},
      // The choice of algorithms, all or nothing.
      {"a choice without the offer",
       [](Ask& ask) {
         ask.algorithm = Data{0, 1, 0, 0};
       },
       Refusal::kBadAlgorithms},
      {"an offer without a choice", [](Ask& ask) { ask.algorithms = kOffered; },
       Refusal::kBadAlgorithms},
      {"an offer from which the better one was taken",
       [](Ask& ask) {
         ask.algorithms = Data{0, 1, 0, 0};
         ask.algorithm = Data{0, 1, 0, 0};
       },
       Refusal::kBadAlgorithms},
      {"an offer in another order",
       [](Ask& ask) {
         ask.algorithms = Data{0, 1, 0, 0, 0, 2, 0, 0};
         ask.algorithm = Data{0, 1, 0, 0};
       },
       Refusal::kBadAlgorithms},
      {"an algorithm that was not offered",
       [](Ask& ask) {
         ask.algorithms = kOffered;
         ask.algorithm = Data{0, 3, 0, 0};
       },
       Refusal::kBadAlgorithms},
      {"the number zero",
       [](Ask& ask) {
         ask.algorithms = kOffered;
         ask.algorithm = Data{0, 0, 0, 0};
       },
       Refusal::kBadAlgorithms},
      {"an algorithm with parameters",
       [](Ask& ask) {
         ask.algorithms = kOffered;
         ask.algorithm = Data{0, 1, 0, 4, 1, 2, 3, 4};
       },
       Refusal::kBadAlgorithms},
      {"an algorithm whose parameters are missing",
       [](Ask& ask) {
         ask.algorithms = kOffered;
         ask.algorithm = Data{0, 1, 0, 4};
       },
       Refusal::kBadAlgorithms},
      {"an algorithm cut short",
       [](Ask& ask) {
         ask.algorithms = kOffered;
         ask.algorithm = Data{0, 1};
       },
       Refusal::kBadAlgorithms},
  };
  const std::string nonce = fresh_nonce(kAuthenticator);
  for (const Row& row : kRows) {
    Ask ask(nonce);
    ASSERT_FALSE(why_not(kAuthenticator, ask));
    row.change(ask);
    EXPECT_EQ(why_not(kAuthenticator, ask), row.expect) << row.what;
  }
}

TEST(Authenticator, DoesNotAskWhichRealmWasWrittenBecauseTheKeyAnswersIt) {
  // §9.2.4 asks only that there is a REALM; a key is made with ours, whatever stands there.
  Ask ask(fresh_nonce(kAuthenticator));
  ask.realm = text("henhouse");
  EXPECT_FALSE(why_not(kAuthenticator, ask));
}

TEST(Authenticator, BelievesNothingThatFollowsTheIntegrity) {
  const std::string nonce = fresh_nonce(kAuthenticator);
  Ask ask(nonce);
  ask.nonce.reset();
  Data bytes = ask.bytes();
  const size_t end = bytes.size();
  bytes.resize(end + 4 + nonce.size());
  store_u16(bytes.data() + 2, static_cast<uint16_t>(bytes.size() - 20));
  store_u16(bytes.data() + end, 0x0015);
  store_u16(bytes.data() + end + 2, static_cast<uint16_t>(nonce.size()));
  std::copy(nonce.begin(), nonce.end(), bytes.begin() + static_cast<ptrdiff_t>(end + 4));
  const auto result = kAuthenticator.check(at(kStart), kClient, StunView::parse(bytes).value());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), Refusal::kMissingAttributes);
}

// §9.2.1: who takes the better algorithm away has to change the nonce, and cannot.
TEST(Authenticator, SeesThatABetterAlgorithmWasTakenAway) {
  std::string nonce = fresh_nonce(kAuthenticator);
  EXPECT_EQ(nonce.substr(0, 13), "obMatJos2AAAD");
  nonce[12] = 'C';  // The bit of PASSWORD-ALGORITHMS away, so that the client uses MD5.
  EXPECT_EQ(why_not(kAuthenticator, Ask(nonce)), Refusal::kStaleNonce);
  nonce[12] = 'B';  // Or that of USERHASH.
  EXPECT_EQ(why_not(kAuthenticator, Ask(nonce)), Refusal::kStaleNonce);
  nonce[0] = 'O';  // Or no features at all.
  EXPECT_EQ(why_not(kAuthenticator, Ask(nonce)), Refusal::kStaleNonce);
}

// ---- The nonce.

TEST(Authenticator, TakesANonceOnlyFromWhomItWasGivenTo) {
  const std::string nonce = fresh_nonce(kAuthenticator);
  for (const char* other :
       {"192.0.2.78:50000", "192.0.2.77:50001", "[2001:db8::1]:50000", "[::c000:24d]:50000"}) {
    EXPECT_EQ(why_not(kAuthenticator, Ask(nonce), at(kStart), endpoint(other)),
              Refusal::kStaleNonce)
        << other;
  }
  const Authenticator of_another_process(options(), kNoGrants, SipHashKey{1, 2, 4});
  EXPECT_EQ(why_not(of_another_process, Ask(nonce)), Refusal::kStaleNonce);
  EXPECT_NE(fresh_nonce(of_another_process), nonce);
  // A new configuration in the same process, with the same secret, goes on with it.
  EXPECT_FALSE(why_not(Authenticator(options(), kNoGrants, kSecret), Ask(nonce)));
}

TEST(Authenticator, TakesANonceForAnHourAlsoWhereItsMinutesWrap) {
  const MonoTime kBeginnings[] = {MonoTime(),
                                  kStart,
                                  MonoTime(minutes(65'535)),
                                  MonoTime(minutes(65'530)),
                                  MonoTime(minutes(65'536)),
                                  MonoTime(minutes(10 * 65'536 - 1))};
  for (const MonoTime begin : kBeginnings) {
    const Ask ask(fresh_nonce(kAuthenticator, begin));
    struct Row {
      Duration later;
      bool is_fresh;
    };
    const Row kRows[] = {{Duration(), true},      {minutes(1), true},   {minutes(59), true},
                         {minutes(60), true},     {minutes(61), false}, {minutes(62), false},
                         {hours(2), false},       {hours(24), false},   {minutes(32'768), false},
                         {minutes(65'535), false}};
    for (const Row& row : kRows) {
      EXPECT_EQ(!why_not(kAuthenticator, ask, at(begin + row.later)), row.is_fresh)
          << begin.time_since_epoch().count() << " + " << row.later.count();
    }
  }
}

TEST(Authenticator, RefusesANonceFromTheFuture) {
  const Ask ask(fresh_nonce(kAuthenticator, kStart + minutes(2)));
  EXPECT_EQ(why_not(kAuthenticator, ask, at(kStart)), Refusal::kStaleNonce);
}

TEST(Authenticator, ChallengesWithinTheRoomThereIs) {
  // Header, REALM of five, NONCE; PASSWORD-ALGORITHMS if that fits too.
  constexpr size_t kWithout = 20 + 12 + 28;
  constexpr size_t kWith = kWithout + 12;
  for (size_t size_max = 0; size_max <= kWith + 8; ++size_max) {
    Data buffer(512);
    wire::StunBuilder reply(buffer, StunClass::kError, StunMethod::kAllocate,
                            std::array<uint8_t, 12>{});
    EXPECT_EQ(kAuthenticator.add_challenge(kStart, kClient, size_max, reply), size_max >= kWithout);
    const StunView view = StunView::parse(reply.finish()).value();
    if (size_max < kWithout) {
      EXPECT_EQ(reply.size(), 20u);
      continue;
    }
    EXPECT_LE(reply.size(), size_max);
    const std::string nonce(as_text(view.find(StunAttribute::kNonce).value()));
    EXPECT_EQ(as_text(view.find(StunAttribute::kRealm).value()), "roost");
    const auto offered = view.find(StunAttribute::kPasswordAlgorithms);
    EXPECT_EQ(offered.has_value(), size_max >= kWith);
    // The bit in the nonce tells the same, and either nonce is taken.
    EXPECT_EQ(nonce[12], offered ? 'D' : 'C');
    EXPECT_FALSE(why_not(kAuthenticator, Ask(nonce)));
  }
}

TEST(Authenticator, UsesMd5WhereItHasNotOffered) {
  const std::string nonce = fresh_nonce(kAuthenticator, kStart, kClient, 20 + 12 + 28);
  Ask ask(nonce);
  EXPECT_FALSE(why_not(kAuthenticator, ask));
  // A choice that was never given is not one.
  ask.modern();
  EXPECT_EQ(why_not(kAuthenticator, ask), Refusal::kWrongCredentials);
}

// ---- Ephemeral credentials, as coturn's use-auth-secret and its REST API have them.

Authenticator::Options ephemeral_options() {
  Authenticator::Options result = options();
  result.shared_secret = "north";
  return result;
}

// base64(HMAC-SHA1(secret, user name)) is the password.
Ask ephemeral(const std::string& nonce, std::string_view name, std::string_view secret,
              bool is_modern = false) {
  const std::string password = to_base64(hmac_sha1(as_bytes(secret), as_bytes(name)));
  const std::string key = std::string(name) + ":roost:" + password;
  Ask ask(nonce);
  if (is_modern) ask.modern();
  ask.username = text(name);
  ask.key = is_modern ? sha256_key(key) : md5_key(key);
  return ask;
}

TEST(Authenticator, BelievesEphemeralCredentialsUntilTheyExpire) {
  const Authenticator authenticator(ephemeral_options(), kNoGrants, kSecret);
  const std::string nonce = fresh_nonce(authenticator);
  const Now now = at(kStart);
  const int64_t clock = now.wall->time_since_epoch().count();
  struct Row {
    std::string name;
    bool is_believed;
  };
  const Row kRows[] = {
      {std::to_string(clock + 1), true},
      {std::to_string(clock + 3600) + ":alice", true},
      {std::to_string(clock + 3600) + ":", true},
      {std::to_string(clock + 3600) + ":a:b", true},
      {std::to_string(clock), false},
      {std::to_string(clock) + ":alice", false},
      {std::to_string(clock - 1) + ":alice", false},
      {"1:alice", false},
      {"0", false},
      {"-" + std::to_string(clock + 3600), false},
      {"+" + std::to_string(clock + 3600), false},
      {" " + std::to_string(clock + 3600), false},
      {std::to_string(clock + 3600) + " ", false},
      {std::to_string(clock + 3600) + "x:alice", false},
      {"alice:" + std::to_string(clock + 3600), false},
      {":" + std::to_string(clock + 3600), false},
      {"", false},
      {":", false},
      {"99999999999999999999:alice", false},  // Beyond 64 bits.
      {"9223372036854775807:alice", true},
      {"0x7fffffff", false},
  };
  for (const Row& row : kRows) {
    for (const bool is_modern : {false, true}) {
      const auto why = why_not(authenticator, ephemeral(nonce, row.name, "north", is_modern), now);
      EXPECT_EQ(!why, row.is_believed) << row.name;
      if (why) {
        EXPECT_EQ(*why, Refusal::kWrongCredentials) << row.name;
      }
    }
  }
}

TEST(Authenticator, BelievesNoEphemeralCredentialsWithoutAClockOrTheSecret) {
  const Authenticator authenticator(ephemeral_options(), kNoGrants, kSecret);
  const std::string nonce = fresh_nonce(authenticator);
  const std::string name = "9000000000:alice";
  EXPECT_FALSE(why_not(authenticator, ephemeral(nonce, name, "north")));
  EXPECT_EQ(why_not(authenticator, ephemeral(nonce, name, "north"), Now{kStart, {}}),
            Refusal::kWrongCredentials);
  EXPECT_EQ(why_not(authenticator, ephemeral(nonce, name, "south")), Refusal::kWrongCredentials);
  EXPECT_EQ(why_not(authenticator, ephemeral(nonce, name, "")), Refusal::kWrongCredentials);
  // Without a secret there are none, least of all with the empty one.
  EXPECT_EQ(why_not(kAuthenticator, ephemeral(nonce, name, "")), Refusal::kWrongCredentials);
}

TEST(Authenticator, BelievesAVectorOfCoturns) {
  // As turnutils_uclient -W north computes it, checked with OpenSSL:
  // printf 9000000000:alice | openssl dgst -sha1 -hmac north -binary | base64.
  EXPECT_EQ(to_base64(hmac_sha1(as_bytes("north"), as_bytes("9000000000:alice"))),
            "T2FptM97JPH2fF2gQkQAmO+VaBw=");
}

TEST(Authenticator, LetsANamedUserKeepTheirNameBesideEphemeralOnes) {
  Authenticator::Options given = ephemeral_options();
  given.users.push_back({"9000000000:alice", "named"});
  const Authenticator authenticator(given, kNoGrants, kSecret);
  const std::string nonce = fresh_nonce(authenticator);
  EXPECT_FALSE(why_not(authenticator, Ask(nonce)));
  EXPECT_EQ(why_not(authenticator, ephemeral(nonce, "9000000000:alice", "north")),
            Refusal::kWrongCredentials);
  Ask named(nonce);
  named.username = text("9000000000:alice");
  named.key = md5_key("9000000000:alice:roost:named");
  EXPECT_FALSE(why_not(authenticator, named));
}

// RFC 8489 §9.2.3: a client that is told of USERHASH must use it, and from a hash nobody can tell
// when an ephemeral name expires.
TEST(Authenticator, OffersUserhashOnlyWhereEveryNameIsKnown) {
  EXPECT_EQ(fresh_nonce(kAuthenticator).substr(0, 13), "obMatJos2AAAD");
  const Authenticator authenticator(ephemeral_options(), kNoGrants, kSecret);
  EXPECT_EQ(fresh_nonce(authenticator).substr(0, 13), "obMatJos2AAAB");
  EXPECT_EQ(fresh_nonce(authenticator, kStart, kClient, 60).substr(0, 13), "obMatJos2AAAA");
}

TEST(Authenticator, TakesTheLastOfTwoUsersOfTheSameName) {
  Authenticator::Options given = options();
  given.users.push_back({"alice", "changed"});
  const Authenticator authenticator(given, kNoGrants, kSecret);
  Ask ask(fresh_nonce(authenticator));
  EXPECT_EQ(why_not(authenticator, ask), Refusal::kWrongCredentials);
  ask.key = md5_key("alice:roost:changed");
  EXPECT_FALSE(why_not(authenticator, ask));
}

}  // namespace
}  // namespace roost::core::turn
