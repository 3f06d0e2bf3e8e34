// SPDX-License-Identifier: MIT
//
// Goal: an answer counts for what it was asked for, from where it was asked, and in time.
#include "core/dht/ping_cookie.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace roost::core::dht {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kStart{1h};

TEST(PingCookies, AreTakenFromWhomTheyWereSentToInTime) {
  const PingCookies cookies(SipHashKey{1});
  for (const std::string_view text : {"192.0.2.1:1", "[2001:db8::1]:1"}) {
    const Endpoint to = *Endpoint::parse(text);
    for (size_t i = 0; i < kPingPurposeCount; ++i) {
      const auto purpose = static_cast<PingPurpose>(i);
      const auto cookie = cookies.make(kStart, purpose, to);
      EXPECT_EQ(purpose, cookies.check(kStart, cookie, to));
      EXPECT_EQ(purpose, cookies.check(kStart + 59s, cookie, to));
      EXPECT_FALSE(cookies.check(kStart + 60s, cookie, to));
      EXPECT_FALSE(cookies.check(kStart - 1us, cookie, to)) << "from what is to come";
      EXPECT_FALSE(cookies.check(kStart, cookie, {to.address, 2}));
      EXPECT_FALSE(cookies.check(kStart, cookie, *Endpoint::parse("192.0.2.2:1")));
      EXPECT_FALSE(PingCookies(SipHashKey{2}).check(kStart, cookie, to));
    }
  }
}

TEST(PingCookies, AreNotTakenWithAnyBitChanged) {
  const PingCookies cookies(SipHashKey{1});
  const Endpoint to = *Endpoint::parse("192.0.2.1:1");
  const auto cookie = cookies.make(kStart, PingPurpose::kProof, to);
  for (size_t bit = 0; bit < cookie.size() * 8; ++bit) {
    auto changed = cookie;
    changed[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(cookies.check(kStart, changed, to)) << bit;
  }
  EXPECT_FALSE(cookies.check(kStart, Bytes(cookie).first(7), to));
  EXPECT_FALSE(cookies.check(kStart, {}, to));
}

}  // namespace
}  // namespace roost::core::dht
