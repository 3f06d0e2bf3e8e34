// SPDX-License-Identifier: MIT
//
// Goal: a client's requests are answered by their own replies alone, and each kind of reply ends
// them, or makes them go on, as RFC 8489 §9.2.5 says.
// Method: a clock of our own, and replies built by hand, right and wrong.
#include "node/turn_session.h"

#include <gtest/gtest.h>

#include "base/crypto_hash.h"
#include "wire/stun_builder.h"

namespace roost::node {
namespace {

using namespace std::chrono_literals;
using Method = TurnSession::Method;
using Outcome = TurnSession::Answer::Outcome;
using wire::StunAttribute;
using wire::StunBuilder;
using wire::StunClass;
using wire::StunView;
using Data = std::vector<uint8_t>;

constexpr MonoTime kStart{1h};
constexpr Endpoint kMapped{IpAddress::v4(0xc0000201), 4242};
constexpr Endpoint kRelayed{IpAddress::v4(0xc6336401), 50000};
constexpr Endpoint kPeer{IpAddress::v4(0xcb007101), 7000};
constexpr Endpoint kAlternate{IpAddress::v4(0xc6336402), 3478};
const auto kKey = md5(as_bytes("alice:here:sesame"));
const auto kWrongKey = md5(as_bytes("alice:here:barley"));

enum class Signed : uint8_t { kNot, kRight, kWrong };

// Answers `request` with what `add` puts into it.
template <typename Add>
Data reply(const Data& request, StunClass message_class, Signed how, Add add) {
  Data buffer(900);
  StunBuilder builder(buffer, message_class, *StunView::parse(request));
  add(builder);
  if (how != Signed::kNot) builder.add_integrity(how == Signed::kRight ? kKey : kWrongKey);
  builder.add_fingerprint();
  const Bytes bytes = builder.finish();
  return {bytes.begin(), bytes.end()};
}

Data challenge(const Data& request, unsigned code = 401, std::string_view nonce = "n1") {
  return reply(request, StunClass::kError, Signed::kNot, [&](StunBuilder& builder) {
    builder.add_error_code(code, "");
    builder.add(StunAttribute::kRealm, as_bytes("here"));
    builder.add(StunAttribute::kNonce, as_bytes(nonce));
  });
}

Data refusal(const Data& request, unsigned code, Signed how) {
  return reply(request, StunClass::kError, how, [&](StunBuilder& builder) {
    builder.add_error_code(code, "Because");
    if (code == 300) builder.add_address(StunAttribute::kAlternateServer, kAlternate);
  });
}

Data success(const Data& request, Signed how, bool has_relayed = true) {
  return reply(request, StunClass::kSuccess, how, [&](StunBuilder& builder) {
    if (has_relayed) builder.add_xor_address(StunAttribute::kXorRelayedAddress, kRelayed);
    builder.add_xor_address(StunAttribute::kXorMappedAddress, kMapped);
    builder.add_u32(StunAttribute::kLifetime, 600);
  });
}

class TurnSessionTest : public testing::Test {
 protected:
  explicit TurnSessionTest(bool is_reliable = false)
      : session_({.is_reliable = is_reliable, .timeout = 3s}, {"alice", "sesame"}, random_) {}

  Data poll(MonoTime now = kStart) {
    const auto request = session_.poll(now);
    return request ? Data(request->begin(), request->end()) : Data();
  }
  // The signed request that follows a challenge.
  Data challenged(Method method = Method::kAllocate) {
    session_.start(kStart, {.method = method, .peer = kPeer, .channel = 0x4000});
    session_.take(kStart, challenge(poll()));
    Data request = poll();
    EXPECT_TRUE(StunView::parse(request)->integrity_matches(kKey));
    return request;
  }
  void expect(Outcome outcome, unsigned code = 0) {
    ASSERT_TRUE(session_.answer());
    EXPECT_EQ(session_.answer()->outcome, outcome);
    EXPECT_EQ(session_.answer()->error_code, code);
    EXPECT_FALSE(session_.is_waiting());
    EXPECT_FALSE(session_.next_deadline());
  }

  SeededRandom random_{1};
  TurnSession session_;
};

class TurnSessionOverAStream : public TurnSessionTest {
 protected:
  TurnSessionOverAStream() : TurnSessionTest(true) {}
};

TEST_F(TurnSessionTest, AllocatesAfterAChallenge) {
  const Data request = challenged();
  EXPECT_EQ(StunView::parse(request)->find_u32(StunAttribute::kRequestedTransport), 17u << 24);
  EXPECT_FALSE(StunView::parse(request)->find(StunAttribute::kRequestedAddressFamily));
  session_.take(kStart + 30ms, success(request, Signed::kRight));
  expect(Outcome::kSuccess);
  EXPECT_EQ(session_.relayed(), kRelayed);
  EXPECT_EQ(session_.mapped(), kMapped);
  EXPECT_EQ(session_.lifetime_seconds(), 600u);
  EXPECT_EQ(session_.answer()->took, Duration(30ms));
  EXPECT_EQ(session_.answer()->request_count, 2u);
}

TEST_F(TurnSessionTest, AsksForIpv6WhereItIsTold) {
  session_.start(kStart, {.method = Method::kAllocate, .wants_v6 = true});
  const Data request = poll();
  EXPECT_EQ(StunView::parse(request)->find_u32(StunAttribute::kRequestedAddressFamily), 2u << 24);
}

TEST_F(TurnSessionTest, NamesThePeerAndTheChannel) {
  const Data request = challenged(Method::kChannelBind);
  const auto view = StunView::parse(request);
  EXPECT_EQ(view->find_xor_address(StunAttribute::kXorPeerAddress), kPeer);
  EXPECT_EQ(view->find_u32(StunAttribute::kChannelNumber), 0x4000u << 16);
  session_.take(kStart, success(request, Signed::kRight));
  // Later requests need no challenge.
  session_.start(kStart, {.method = Method::kRefresh, .lifetime_seconds = 600});
  const Data refresh = poll();
  EXPECT_TRUE(StunView::parse(refresh)->integrity_matches(kKey));
  EXPECT_EQ(StunView::parse(refresh)->find_u32(StunAttribute::kLifetime), 600u);
}

TEST_F(TurnSessionTest, ForgetsTheRelayedAddressOnlyWhenItIsGivenBack) {
  session_.take(kStart, success(challenged(), Signed::kRight));
  session_.start(kStart, {.method = Method::kRefresh, .lifetime_seconds = 600});
  session_.take(kStart, success(poll(), Signed::kRight));
  EXPECT_EQ(session_.relayed(), kRelayed);
  session_.start(kStart, {.method = Method::kRefresh, .lifetime_seconds = 0});
  EXPECT_EQ(session_.relayed(), kRelayed);
  session_.take(kStart, success(poll(), Signed::kRight));
  EXPECT_FALSE(session_.relayed());
}

// The reply to the first copy was lost, and the second found nothing.
TEST_F(TurnSessionTest, TakesAMismatchForTheAnswerToARepeatedRelease) {
  session_.take(kStart, success(challenged(), Signed::kRight));
  for (const bool is_repeated : {false, true}) {
    session_.start(kStart, {.method = Method::kRefresh, .lifetime_seconds = 0});
    const Data request = poll();
    if (is_repeated) {
      EXPECT_EQ(poll(kStart + 500ms), request);
    }
    session_.take(kStart + 510ms, refusal(request, 437, Signed::kRight));
    if (is_repeated) {
      expect(Outcome::kSuccess);
    } else {
      expect(Outcome::kRefused, 437);
    }
    EXPECT_EQ(session_.relayed().has_value(), !is_repeated);
  }
}

TEST_F(TurnSessionTest, BindsWithoutCredentials) {
  session_.take(kStart, success(challenged(), Signed::kRight));
  session_.start(kStart, {.method = Method::kBinding});
  const Data request = poll();
  EXPECT_FALSE(StunView::parse(request)->find(StunAttribute::kUsername));
  session_.take(kStart, success(request, Signed::kNot));
  expect(Outcome::kSuccess);
}

TEST_F(TurnSessionTest, SendsAgainUntilTheTimeoutAndThenTellsIt) {
  session_.start(kStart, {.method = Method::kAllocate});
  const Data first = poll();
  for (const auto at : {500ms, 1500ms}) {
    EXPECT_EQ(session_.next_deadline(), kStart + at);
    EXPECT_TRUE(poll(kStart + at - 1us).empty());
    EXPECT_EQ(poll(kStart + at), first);
  }
  EXPECT_TRUE(poll(kStart + 3s).empty());
  expect(Outcome::kTimedOut);
  EXPECT_EQ(session_.answer()->request_count, 3u);
}

// The challenge does not begin the time anew.
TEST_F(TurnSessionTest, EndsInTimeWhateverIsChallenged) {
  session_.start(kStart, {.method = Method::kAllocate});
  session_.take(kStart + 2s, challenge(poll()));
  EXPECT_FALSE(poll(kStart + 2s).empty());
  EXPECT_TRUE(poll(kStart + 3s).empty());
  expect(Outcome::kTimedOut);
}

TEST_F(TurnSessionTest, TellsWrongCredentials) {
  session_.take(kStart, challenge(challenged(), 401, "n2"));
  expect(Outcome::kRefused, 401);
}

TEST_F(TurnSessionTest, TakesUpAFreshNonceSeveralTimesButNotForEver) {
  Data request = challenged();
  for (unsigned i = 1; i < TurnSession::kChallengesPerRequestMax; ++i) {
    const std::string nonce = "n" + std::to_string(i + 1);
    session_.take(kStart, challenge(request, 438, nonce));
    ASSERT_TRUE(session_.is_waiting());
    request = poll();
    EXPECT_EQ(as_text(*StunView::parse(request)->find(StunAttribute::kNonce)), nonce);
  }
  session_.take(kStart, challenge(request, 438, "last"));
  expect(Outcome::kRefused, 438);
}

TEST_F(TurnSessionTest, TellsEveryRefusalThatIsSigned) {
  session_.take(kStart, success(challenged(), Signed::kRight));
  for (const unsigned code : {400u, 403u, 437u, 440u, 441u, 442u, 443u, 486u, 500u, 508u}) {
    session_.start(kStart, {.method = Method::kRefresh});
    session_.take(kStart, refusal(poll(), code, Signed::kRight));
    expect(Outcome::kRefused, code);
    EXPECT_EQ(session_.answer()->reason, "Because");
  }
}

TEST_F(TurnSessionTest, TellsTheAlternateServer) {
  session_.start(kStart, {.method = Method::kAllocate});
  session_.take(kStart, refusal(poll(), 300, Signed::kNot));
  expect(Outcome::kRefused, 300);
  EXPECT_EQ(session_.answer()->alternate_server, kAlternate);
}

TEST_F(TurnSessionTest, BelievesNothingUnsignedInAnswerToASignedRequest) {
  const Data request = challenged();
  for (const Signed how : {Signed::kNot, Signed::kWrong}) {
    session_.take(kStart, success(request, how));
    for (const unsigned code : {300u, 400u, 403u, 437u, 486u, 508u}) {
      session_.take(kStart, refusal(request, code, how));
    }
    EXPECT_TRUE(session_.is_waiting());
    EXPECT_FALSE(session_.relayed());
  }
  // The true one still counts.
  session_.take(kStart + 1s, success(request, Signed::kRight));
  expect(Outcome::kSuccess);
}

TEST_F(TurnSessionTest, TellsThatNothingWasSigned) {
  session_.take(kStart, refusal(challenged(), 403, Signed::kNot));
  EXPECT_TRUE(session_.is_waiting());
  (void)poll(kStart + 3s);
  expect(Outcome::kUnsigned, 403);
}

TEST_F(TurnSessionOverAStream, WaitsForNothingBehindAnUnsignedReply) {
  session_.take(kStart, success(challenged(), Signed::kWrong));
  expect(Outcome::kUnsigned);
}

TEST_F(TurnSessionOverAStream, SendsOnce) {
  session_.start(kStart, {.method = Method::kAllocate});
  EXPECT_FALSE(poll().empty());
  EXPECT_TRUE(poll(kStart + 2s).empty());
  EXPECT_EQ(session_.next_deadline(), kStart + 3s);
}

TEST_F(TurnSessionTest, IgnoresWhatIsNotItsAnswer) {
  const Data request = challenged();
  const Data right = success(request, Signed::kRight);
  Data other_transaction = right;
  other_transaction[12] ^= 1;
  Data truncated = right;
  truncated.resize(truncated.size() - 4);
  Data other_method = right;
  other_method[1] = 0x04;
  const Data indication = reply(request, StunClass::kIndication, Signed::kRight, [](auto&) {});
  for (const Data& message :
       {other_transaction, truncated, other_method, indication, request, Data(), Data(20)}) {
    session_.take(kStart, message);
    EXPECT_TRUE(session_.is_waiting());
  }
  // The reply to the request before the challenge is late.
  session_.take(kStart, right);
  session_.take(kStart, refusal(request, 403, Signed::kRight));
  expect(Outcome::kSuccess);
}

TEST_F(TurnSessionTest, TellsWhatAReplyLacks) {
  session_.take(kStart, success(challenged(), Signed::kRight, /*has_relayed=*/false));
  expect(Outcome::kMalformed);
  session_.start(kStart, {.method = Method::kRefresh});
  session_.take(kStart, reply(poll(), StunClass::kError, Signed::kNot,
                              [](StunBuilder& builder) { builder.add_error_code(438, ""); }));
  expect(Outcome::kMalformed, 438);
}

TEST_F(TurnSessionTest, EndsWithItsConnection) {
  session_.start(kStart, {.method = Method::kAllocate});
  session_.give_up(kStart + 5ms, Outcome::kLost, "gone");
  expect(Outcome::kLost);
  EXPECT_EQ(session_.answer()->reason, "gone");
  EXPECT_EQ(session_.answer()->took, Duration(5ms));
}

}  // namespace
}  // namespace roost::node
