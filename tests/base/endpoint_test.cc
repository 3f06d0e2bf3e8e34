// SPDX-License-Identifier: MIT
//
// Goal: what is written as an endpoint is read as the same one, and no colon is taken for another.
// Method: tables of texts.
#include "base/endpoint.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace roost {
namespace {

TEST(Endpoint, IsReadAndWrittenInItsCanonicalForm) {
  struct Row {
    std::string_view given, expect;
  };
  constexpr Row kRows[] = {
      {"192.0.2.1:3478", "192.0.2.1:3478"},
      {"192.0.2.1:0", "192.0.2.1:0"},
      {"192.0.2.1:65535", "192.0.2.1:65535"},
      {"[2001:db8::1]:3478", "[2001:db8::1]:3478"},
      {"[2001:DB8:0::1]:3478", "[2001:db8::1]:3478"},
      {"[::]:1", "[::]:1"},
      {"0.0.0.0:1", "0.0.0.0:1"},
      {"[::ffff:192.0.2.1]:3478", "192.0.2.1:3478"},
  };
  for (const Row& row : kRows) {
    const auto endpoint = Endpoint::parse(row.given);
    ASSERT_TRUE(endpoint) << row.given;
    EXPECT_EQ(endpoint->text(), row.expect) << row.given;
    EXPECT_EQ(Endpoint::parse(row.expect), endpoint) << row.given;
  }
}

TEST(Endpoint, IsNotReadFromAnythingElse) {
  constexpr std::string_view kRows[] = {
      "",
      ":",
      ":3478",
      "192.0.2.1",
      "192.0.2.1:",
      "192.0.2.1:65536",
      "192.0.2.1:-1",
      "192.0.2.1:+1",
      "192.0.2.1: 1",
      "192.0.2.1:1 ",
      " 192.0.2.1:1",
      "192.0.2.1:0x1",
      "192.0.2.1:http",
      "192.0.2.1:1:2",
      "192.0.2.1:99999999999999999999",
      "[192.0.2.1]:1",
      "2001:db8::1:3478",  // Which part would be the port?
      "2001:db8::1",
      "::1",
      "[2001:db8::1]",
      "[2001:db8::1]:",
      "[2001:db8::1]3478",
      "[2001:db8::1:3478",
      "2001:db8::1]:3478",
      "[[::1]]:1",
      "[::1]]:1",
      "[]:1",
      "[:1",
      "]:1",
      "[fe80::1%eth0]:1",
      "localhost:1",
      "*:1",
  };
  for (const std::string_view text : kRows) EXPECT_FALSE(Endpoint::parse(text)) << text;
}

TEST(Endpoint, SurvivesBeingWrittenAndReadAgain) {
  SeededRandom random(1);
  for (int round = 0; round < 10'000; ++round) {
    const auto port = static_cast<uint16_t>(random.below(65536));
    const IpAddress v6(random.next() & random.next(), random.next() & random.next());
    const IpAddress v4 = IpAddress::v4(static_cast<uint32_t>(random.next()));
    for (const IpAddress& address : {v6, v4}) {
      const Endpoint given{address, port};
      ASSERT_EQ(Endpoint::parse(given.text()), given) << given.text();
    }
  }
}

TEST(Endpoint, IsOrderedByAddressAndThenByPort) {
  const auto endpoint = [](std::string_view text) { return Endpoint::parse(text).value(); };
  EXPECT_LT(endpoint("192.0.2.1:2"), endpoint("192.0.2.1:10"));
  EXPECT_LT(endpoint("192.0.2.1:10"), endpoint("192.0.2.2:2"));
  EXPECT_EQ(endpoint("192.0.2.1:2"), endpoint("[::ffff:c000:201]:2"));
}

}  // namespace
}  // namespace roost
