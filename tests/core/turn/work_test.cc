// SPDX-License-Identifier: MIT
//
// Goal: strangers pay nothing at rest and more under load; nobody can make it dear for others
// alone; and only whoever has done the work for a challenge of ours, in time, is believed.
// Method: a solver as a client has one; prefixes that ask in windows; each thing about an answer
// wrong in turn.
#include "core/turn/work.h"

#include <bit>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/text.h"

namespace roost::core::turn {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr SipHashKey kSecret{1, 2, 3};
constexpr MonoTime kStart{hours(1000)};
constexpr IpAddress kAsker = IpAddress::v4(0xc0000207);

// So many prefixes, one address of each.
IpAddress asker(uint32_t number) {
  return IpAddress::v4(0x0b000000 | number << 8 | 7);
}

unsigned zero_bits(std::string_view text) {
  const Sha256Digest digest = sha256(as_bytes(text));
  const uint64_t front = load_u64(digest.data());
  return static_cast<unsigned>(std::countl_zero(front));
}

// The first number that makes exactly so many zero bits, or at least so many.
std::string solve(const std::string& challenge, unsigned effort, bool is_exact = false) {
  for (uint64_t number = 0;; ++number) {
    std::string answer = challenge + '.' + std::to_string(number);
    const unsigned bits = zero_bits(answer);
    if (is_exact ? bits == effort : bits >= effort) return answer;
  }
}

// So many different prefixes get something within one window that begins now.
void pass_window(Work& work, MonoTime& now, uint32_t askers, unsigned taken_percent = 0) {
  for (uint32_t i = 0; i < askers; ++i) {
    work.note_request(now, taken_percent);
    work.note_given(asker(i));
  }
  now += Work::kWindow;
  work.note_request(now, taken_percent);
}

TEST(Work, AsksForNothingAtRest) {
  Work work(kSecret, 0, kStart);
  MonoTime now = kStart;
  EXPECT_EQ(work.effort(), 0u);
  for (int i = 0; i < 100; ++i) pass_window(work, now, Work::kAskersPerWindow, 75);
  EXPECT_EQ(work.effort(), 0u);
}

TEST(Work, RisesWhileMoreAskThanIsUsual) {
  Work work(kSecret, 0, kStart);
  MonoTime now = kStart;
  unsigned expected = Work::kEffortFirst;
  for (int i = 0; i < 20; ++i) {
    pass_window(work, now, Work::kAskersPerWindow + 1);
    EXPECT_EQ(work.effort(), std::min(expected, Work::kEffortMax));
    expected += 2;
  }
  // And falls again, a bit a window and the last all at once.
  for (unsigned effort = Work::kEffortMax - 1; effort >= Work::kEffortFirst; --effort) {
    pass_window(work, now, Work::kAskersPerWindow);
    EXPECT_EQ(work.effort(), effort);
  }
  pass_window(work, now, 0);
  EXPECT_EQ(work.effort(), 0u);
}

TEST(Work, RisesWhileStrangersHoldMostOfWhatTheyMay) {
  Work work(kSecret, 0, kStart);
  MonoTime now = kStart;
  pass_window(work, now, 1, 75);
  EXPECT_EQ(work.effort(), 0u);
  pass_window(work, now, 1, 76);
  EXPECT_EQ(work.effort(), Work::kEffortFirst);
  pass_window(work, now, 1, 100);
  EXPECT_EQ(work.effort(), Work::kEffortFirst + 2);
  pass_window(work, now, 1, 10);
  EXPECT_EQ(work.effort(), Work::kEffortFirst + 1);
}

TEST(Work, DoesNotRiseForOnePrefixHoweverOftenItAsks) {
  Work work(kSecret, 0, kStart);
  MonoTime now = kStart;
  for (int window = 0; window < 10; ++window) {
    for (uint32_t i = 0; i < 1000; ++i) {
      work.note_request(now, 0);
      work.note_given(IpAddress::v4(0xc0000200 | (i & 0xff)));
    }
    now += Work::kWindow;
  }
  work.note_request(now, 0);
  EXPECT_EQ(work.effort(), 0u);
}

TEST(Work, DoesNotRiseForThoseWhoAskAndBringNothing) {
  Work work(kSecret, 0, kStart);
  MonoTime now = kStart;
  for (int i = 0; i < 10'000; ++i) work.note_request(now += seconds(1) / 100, 0);
  EXPECT_EQ(work.effort(), 0u);
}

TEST(Work, IsAtRestAfterALongSilenceAtOnce) {
  for (const unsigned effort_min : {0u, 10u, Work::kEffortFirst, Work::kEffortMax}) {
    Work work(kSecret, effort_min, kStart);
    MonoTime now = kStart;
    for (int i = 0; i < 20; ++i) pass_window(work, now, Work::kAskersPerWindow + 1);
    EXPECT_EQ(work.effort(), Work::kEffortMax);
    // So many windows that the test would not end if they were gone through.
    now += hours(24 * 365 * 10'000);
    work.note_request(now, 0);
    EXPECT_EQ(work.effort(), effort_min);
    // What is taken now says nothing of then, but something of the next window.
    now += hours(24 * 365 * 10'000);
    work.note_request(now, 100);
    EXPECT_LE(work.effort(), std::max(effort_min, Work::kEffortFirst + 2));
  }
}

TEST(Work, IsNeverLessThanTheOwnerAsksFor) {
  Work work(kSecret, 16, kStart);
  EXPECT_EQ(work.effort(), 16u);
  MonoTime now = kStart;
  pass_window(work, now, Work::kAskersPerWindow + 1);
  EXPECT_EQ(work.effort(), 18u);
  for (int i = 0; i < 5; ++i) pass_window(work, now, 0);
  EXPECT_EQ(work.effort(), 16u);
  work.set_effort_min(20);
  EXPECT_EQ(work.effort(), 20u);
  work.set_effort_min(3);  // Falls by itself.
  EXPECT_EQ(work.effort(), 20u);
  for (int i = 0; i < 10; ++i) pass_window(work, now, 0);
  EXPECT_EQ(work.effort(), 3u);
}

TEST(Work, BelievesWhoHasSolvedAChallenge) {
  Work work(kSecret, 10, kStart);
  const std::string challenge = work.challenge(kStart, kAsker);
  const std::string answer = solve(challenge, 10);
  EXPECT_TRUE(work.is_solved(kStart, kAsker, answer));
  EXPECT_TRUE(work.is_solved(kStart + Work::kChallengeLifetime, kAsker, answer));
  // For anybody of the prefix; for nobody else.
  EXPECT_TRUE(work.is_solved(kStart, IpAddress::v4(0xc00002ff), answer));
  EXPECT_FALSE(work.is_solved(kStart, IpAddress::v4(0xc0000307), answer));
  EXPECT_FALSE(work.is_solved(kStart, *IpAddress::parse("2001:db8::7"), answer));
  // Of IPv6 a prefix is a /48: who has one works as often as who has a home in it.
  const std::string of_v6 = solve(work.challenge(kStart, *IpAddress::parse("2001:db8::7")), 10);
  EXPECT_TRUE(work.is_solved(kStart, *IpAddress::parse("2001:db8:0:ffff::8"), of_v6));
  EXPECT_FALSE(work.is_solved(kStart, *IpAddress::parse("2001:db8:1::7"), of_v6));
  // And in time: neither long after, nor before it was made.
  EXPECT_FALSE(work.is_solved(kStart + Work::kChallengeLifetime + minutes(1), kAsker, answer));
  EXPECT_FALSE(work.is_solved(kStart - minutes(1), kAsker, answer));
  EXPECT_FALSE(work.is_solved(kStart + hours(1), kAsker, answer));
  // Nor by another node, or another start of this one.
  EXPECT_FALSE(Work({9}, 10, kStart).is_solved(kStart, kAsker, answer));
}

TEST(Work, AsksForTheEffortThatTheChallengeNames) {
  Work work(kSecret, 10, kStart);
  const std::string challenge = work.challenge(kStart, kAsker);
  EXPECT_FALSE(work.is_solved(kStart, kAsker, solve(challenge, 9, true)));
  EXPECT_TRUE(work.is_solved(kStart, kAsker, solve(challenge, 10, true)));
  EXPECT_TRUE(work.is_solved(kStart, kAsker, solve(challenge, 11, true)));
  // What has begun before the effort rose is finished under its own terms.
  work.set_effort_min(12);
  EXPECT_NE(work.challenge(kStart, kAsker), challenge);
  EXPECT_TRUE(work.is_solved(kStart, kAsker, solve(challenge, 10, true)));
  EXPECT_FALSE(work.is_solved(kStart, kAsker, solve(work.challenge(kStart, kAsker), 11, true)));
}

TEST(Work, BelievesNoChallengeThatIsNotItsOwn) {
  Work work(kSecret, 1, kStart);
  const std::string challenge = work.challenge(kStart, kAsker);
  const std::vector<uint8_t> bytes = *from_base64url(challenge);
  ASSERT_EQ(bytes.size(), 11u);
  EXPECT_EQ(bytes[2], 1);
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::vector<uint8_t> forged = bytes;
    forged[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    // Solved for whatever effort it names now, where that can be done.
    const unsigned effort = forged[2] <= 8 ? forged[2] : 8;
    EXPECT_FALSE(work.is_solved(kStart, kAsker, solve(to_base64url(forged), effort))) << bit;
  }
}

TEST(Work, BelievesNoAnswerOfAnotherForm) {
  Work work(kSecret, 0, kStart);
  const std::string challenge = work.challenge(kStart, kAsker);
  const std::string longest(Work::kSolutionSizeMax, 'x');
  EXPECT_TRUE(work.is_solved(kStart, kAsker, challenge + "."));
  EXPECT_TRUE(work.is_solved(kStart, kAsker, challenge + "." + longest));
  EXPECT_FALSE(work.is_solved(kStart, kAsker, challenge + "." + longest + "x"));
  for (const std::string& answer :
       {std::string(), std::string("."), std::string(".."), challenge, challenge + "=.",
        challenge + "A.", challenge.substr(1) + ".", "." + challenge, std::string(100'000, 'A'),
        std::string(100'000, 'A') + ".", '.' + std::string(100'000, 'A')}) {
    EXPECT_FALSE(work.is_solved(kStart, kAsker, answer)) << answer.substr(0, 40);
  }
}

}  // namespace
}  // namespace roost::core::turn
