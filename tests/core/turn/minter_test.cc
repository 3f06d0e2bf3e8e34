// SPDX-License-Identifier: MIT
//
// Goal: what was minted says who it is for and until when, and nothing else is taken for it.
// Method: names that are minted and read again; each part of one wrong in turn; one password
// computed elsewhere.
#include "core/turn/minter.h"

#include <gtest/gtest.h>

namespace roost::core::turn {
namespace {

using std::chrono::seconds;

Minter::Secret secret(uint8_t first) {
  Minter::Secret secret{};
  secret[0] = first;
  return secret;
}

TEST(Minter, ReadsWhatItHasMinted) {
  const Minter minter(secret(1));
  for (const int64_t expiry : {int64_t{0}, int64_t{1'767'225'600}, INT64_MAX}) {
    for (const bool is_stranger : {false, true}) {
      for (const uint64_t id : {uint64_t{0}, uint64_t{0x0123456789abcdef}, ~uint64_t{0}}) {
        const WallTime expires_at{seconds(expiry)};
        const Minter::Credentials made = minter.mint(expires_at, {is_stranger, id}, id ^ 99);
        const auto claim = Minter::parse(made.username);
        ASSERT_TRUE(claim) << made.username;
        EXPECT_EQ(claim->expires_at, expires_at);
        EXPECT_EQ(claim->holder.is_stranger, is_stranger);
        EXPECT_EQ(claim->holder.id, id);
        EXPECT_EQ(minter.password(made.username), made.password);
      }
    }
  }
}

// echo -n NAME | openssl dgst -sha1 -mac HMAC -macopt hexkey:0100…00 -binary | base64
TEST(Minter, MintsInTheFormThatOthersCompute) {
  const Minter::Credentials made =
      Minter(secret(1)).mint(WallTime(seconds(1'767'225'600)), {false, 0x0123456789abcdef}, 1);
  EXPECT_EQ(made.username, "1767225600:0123456789abcdef.AAAAAAAAAAE");
  EXPECT_EQ(made.password, "toIaFSrhgQTb5B/N7+hCqEut3fI=");
  EXPECT_EQ(Minter(secret(1)).mint(WallTime(seconds(1)), {true, 255}, 0).username,
            "1:s00000000000000ff.AAAAAAAAAAA");
}

TEST(Minter, MintsNoTwoPasswordsAlike) {
  const WallTime when{seconds(1'767'225'600)};
  const std::string password = Minter(secret(1)).mint(when, {false, 1}, 1).password;
  EXPECT_NE(Minter(secret(2)).mint(when, {false, 1}, 1).password, password);
  EXPECT_NE(Minter(secret(1)).mint(when, {true, 1}, 1).password, password);
  EXPECT_NE(Minter(secret(1)).mint(when, {false, 2}, 1).password, password);
  EXPECT_NE(Minter(secret(1)).mint(when, {false, 1}, 2).password, password);
  EXPECT_NE(Minter(secret(1)).mint(when + seconds(1), {false, 1}, 1).password, password);
}

TEST(Minter, TakesNoNameOfAnotherForm) {
  constexpr std::string_view kNames[] = {
      "",
      ":",
      "alice",
      "1767225600",
      "1767225600:",
      "1767225600:alice",
      ":0123456789abcdef.AAAAAAAAAAE",
      "x1767225600:0123456789abcdef.AAAAAAAAAAE",
      " 1767225600:0123456789abcdef.AAAAAAAAAAE",
      "+1767225600:0123456789abcdef.AAAAAAAAAAE",
      "-1767225600:0123456789abcdef.AAAAAAAAAAE",
      "1767225600.5:0123456789abcdef.AAAAAAAAAAE",
      "0x69:0123456789abcdef.AAAAAAAAAAE",
      "1767225600 :0123456789abcdef.AAAAAAAAAAE",
      "9223372036854775808:0123456789abcdef.AAAAAAAAAAE",  // One too many for 63 bits.
      "99999999999999999999999:0123456789abcdef.AAAAAAAAAAE",
      "1767225600:0123456789abcde.AAAAAAAAAAE",
      "1767225600:0123456789abcde.AAAAAAAAAAEA",
      "1767225600:0123456789abcdef0.AAAAAAAAAAE",
      "1767225600:0123456789abcdeg.AAAAAAAAAAE",
      "1767225600:0123456789abcdef-AAAAAAAAAAE",
      "1767225600:0123456789abcdef.AAAAAAAAAA",
      "1767225600:0123456789abcdef.AAAAAAAAAAEE",
      "1767225600:0123456789abcdef.AAAAAAAAAAE:",
      "1767225600:S0123456789abcdef.AAAAAAAAAAE",
      "1767225600:ss0123456789abcdef.AAAAAAAAAAE",
      "1767225600:s0123456789abcde.AAAAAAAAAAE",
      "1767225600::0123456789abcdef.AAAAAAAAAAE",
  };
  for (const std::string_view name : kNames) EXPECT_FALSE(Minter::parse(name)) << name;
  EXPECT_FALSE(Minter::parse(std::string_view("1767225600:0123456789abcdef.AAAAAAAAAAE\0", 40)));
}

// Another way to write the same is another name, with another password: whoever holds one has not
// got the other.
TEST(Minter, SignsTheNameAsItIsWritten) {
  const Minter minter(secret(1));
  const Minter::Credentials made = minter.mint(WallTime(seconds(17)), {false, 0xabcdef}, 1);
  ASSERT_EQ(made.username, "17:0000000000abcdef.AAAAAAAAAAE");
  for (const std::string_view name :
       {"17:0000000000ABCDEF.AAAAAAAAAAE", "017:0000000000abcdef.AAAAAAAAAAE"}) {
    EXPECT_NE(minter.password(name), made.password);
    const auto claim = Minter::parse(name);
    EXPECT_TRUE(!claim || claim->holder.id == 0xabcdef) << name;
  }
}

}  // namespace
}  // namespace roost::core::turn
