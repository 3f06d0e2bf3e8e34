// SPDX-License-Identifier: MIT
//
// Goal: a token is good at the address that it was sent to, for five to ten minutes, and nobody
// else has one. Method: a clock of our own; every other address, time and token that a thief would
// try.
#include "core/dht/token.h"

#include <gtest/gtest.h>
#include <set>
#include <vector>

namespace roost::core::dht {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kStart{1h};  // A slot begins here.

IpAddress address(const char* text) {
  return IpAddress::parse(text).value();
}

TEST(Tokens, AreGoodForFiveToTenMinutes) {
  struct Row {
    Duration made;
    Duration shown;
    bool accepted;
  };
  constexpr Row kRows[] = {
      {0min, 0min, true},         {0min, 5min - 1us, true},
      {0min, 5min, true},         {0min, 10min - 1us, true},        // The longest that one lasts,
      {0min, 10min, false},       {5min - 1us, 10min - 1us, true},  // and the shortest.
      {5min - 1us, 10min, false}, {0min, 24h, false},
      {5min, 0min, false},  // Not before its time.
  };
  SeededRandom random(1);
  const Tokens tokens(random);
  const IpAddress asker = address("192.0.2.1");
  for (const Row& row : kRows) {
    const Tokens::Token token = tokens.token_for(kStart + row.made, asker);
    EXPECT_EQ(tokens.accepts(kStart + row.shown, asker, token), row.accepted)
        << row.made.count() << " " << row.shown.count();
  }
}

TEST(Tokens, AreNoGoodAtAnyOtherAddress) {
  SeededRandom random(1);
  const Tokens tokens(random);
  const char* const kAddresses[] = {"192.0.2.1",       "192.0.2.2",  "2001:db8::1", "2001:db8::2",
                                    "2001:db8:0:1::1", "::c000:201", "::"};
  for (const char* const asked : kAddresses) {
    for (const char* const shown : kAddresses) {
      EXPECT_EQ(tokens.accepts(kStart, address(shown), tokens.token_for(kStart, address(asked))),
                asked == shown)
          << asked << " " << shown;
    }
  }
  // One address, however it is written.
  EXPECT_TRUE(tokens.accepts(kStart, address("::ffff:192.0.2.1"),
                             tokens.token_for(kStart, address("192.0.2.1"))));
}

TEST(Tokens, AreNotMadeByAnybodyElse) {
  SeededRandom random(1);
  const Tokens tokens(random);
  const Tokens others(random);
  const IpAddress asker = address("192.0.2.1");
  const Tokens::Token token = tokens.token_for(kStart, asker);
  EXPECT_FALSE(others.accepts(kStart, asker, token));
  for (size_t bit = 0; bit < 8 * token.size(); ++bit) {
    Tokens::Token forged = token;
    forged[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(tokens.accepts(kStart, asker, forged)) << bit;
  }
  std::vector<uint8_t> sized;
  for (size_t size = 0; size < 64; ++size) {
    EXPECT_EQ(tokens.accepts(kStart, asker, sized), size == token.size()) << size;
    sized.push_back(size < token.size() ? token[size] : 0);
  }
}

TEST(Tokens, TellNothingAboutTheNextOnes) {
  SeededRandom random(1);
  const Tokens tokens(random);
  std::set<Tokens::Token> seen;
  for (int slot = 0; slot < 100; ++slot) {
    for (uint32_t host = 0; host < 100; ++host) {
      seen.insert(tokens.token_for(kStart + slot * Tokens::kSlot, IpAddress::v4(host)));
    }
  }
  // Of 10,000 draws from 2^32, one in a hundred runs has two that are the same.
  EXPECT_GE(seen.size(), 9'999u);
}

}  // namespace
}  // namespace roost::core::dht
