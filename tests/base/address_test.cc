// SPDX-License-Identifier: MIT
//
// Goal: an address has one value and one text, however it is spelt, and nothing that is not an
// address is taken for one.
// Method: the examples of RFC 4291 and RFC 5952, tables of hostile texts, and random addresses that
// must survive being written and read.
#include "base/address.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace roost {
namespace {

IpAddress address(std::string_view text) {
  const auto parsed = IpAddress::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(IpAddress());
}

Prefix prefix(std::string_view text) {
  const auto parsed = Prefix::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(Prefix());
}

TEST(IpAddress, IsWrittenAsRfc5952Asks) {
  struct Row {
    std::string_view given, expect;
  };
  constexpr Row kRows[] = {
      // RFC 4291 §2.2.
      {"ABCD:EF01:2345:6789:ABCD:EF01:2345:6789", "abcd:ef01:2345:6789:abcd:ef01:2345:6789"},
      {"2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"},
      {"2001:DB8::8:800:200C:417A", "2001:db8::8:800:200c:417a"},
      {"FF01:0:0:0:0:0:0:101", "ff01::101"},
      {"0:0:0:0:0:0:0:1", "::1"},
      {"0:0:0:0:0:0:0:0", "::"},
      {"::", "::"},
      {"0:0:0:0:0:0:13.1.68.3", "::d01:4403"},
      {"::13.1.68.3", "::d01:4403"},
      {"0:0:0:0:0:FFFF:129.144.52.38", "129.144.52.38"},
      {"::FFFF:129.144.52.38", "129.144.52.38"},
      // RFC 5952 §2: eight spellings of one address, then the sections of its rules.
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
      {"2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
      {"2001:db8::1:0:0:1", "2001:db8::1:0:0:1"},
      {"2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1"},
      {"2001:0db8::1:0:0:1", "2001:db8::1:0:0:1"},
      {"2001:db8:0:0:1::1", "2001:db8::1:0:0:1"},
      {"2001:db8:0000:0:1::1", "2001:db8::1:0:0:1"},
      {"2001:DB8:0:0:1::1", "2001:db8::1:0:0:1"},
      {"2001:db8:aaaa:bbbb:cccc:dddd:eeee:0001", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:1"},  // §2.1
      {"2001:db8:0:0:0::1", "2001:db8::1"},                                               // §2.2
      {"2001:db8:aaaa:bbbb:cccc:dddd::1", "2001:db8:aaaa:bbbb:cccc:dddd:0:1"},
      {"2001:db8:aaaa:bbbb:cccc:dddd:eeee:AaAa", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaaa"},
      {"2001:0db8::0001", "2001:db8::1"},               // §4.1: no leading zeros.
      {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},        // §4.2.1: as short as can be.
      {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // §4.2.2: not for one group.
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},          // §4.2.3: the longest run ...
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},    // ... the first of equals.
      {"2001:DB8::ABCD", "2001:db8::abcd"},             // §4.3: lower case.
      // A gap at either end, and groups of zeros that are not it.
      {"1::", "1::"},
      {"0:0:0:0:0:0:1:0", "::1:0"},
      {"1:0:0:0:0:0:0:0", "1::"},
      {"1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0"},
      {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
      {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
      {"1:2:3:4:5:6:77.77.88.88", "1:2:3:4:5:6:4d4d:5858"},
      {"0:1:0:1:0:1:0:1", "0:1:0:1:0:1:0:1"},
      // IPv4.
      {"0.0.0.0", "0.0.0.0"},
      {"255.255.255.255", "255.255.255.255"},
      {"192.0.2.1", "192.0.2.1"},
      {"::ffff:0:0", "0.0.0.0"},
  };
  for (const Row& row : kRows) EXPECT_EQ(address(row.given).text(), row.expect) << row.given;
}

TEST(IpAddress, IsOneValueInEverySpellingOfIpv4InIpv6) {
  constexpr std::string_view kSpellings[] = {
      "192.0.2.33",
      "::ffff:192.0.2.33",
      "::FFFF:192.0.2.33",
      "::0:ffff:192.0.2.33",
      "0::ffff:192.0.2.33",
      "0:0::ffff:192.0.2.33",
      "0:0:0:0::ffff:192.0.2.33",
      "0:0:0:0:0:ffff:192.0.2.33",
      "0000:0000:0000:0000:0000:ffff:192.0.2.33",
      "::ffff:c000:221",
      "::ffff:C000:0221",
      "::0:0:ffff:c000:221",
      "0:0:0:0:0:ffff:c000:221",
      "0000:0000:0000:0000:0000:FFFF:C000:0221",
  };
  constexpr IpAddress kExpected = IpAddress::v4(0xc0000221);
  for (const std::string_view spelling : kSpellings) {
    EXPECT_EQ(address(spelling), kExpected) << spelling;
    EXPECT_TRUE(address(spelling).is_v4()) << spelling;
    EXPECT_EQ(address(spelling).v4_value(), 0xc0000221u) << spelling;
    EXPECT_EQ(address(spelling).text(), "192.0.2.33") << spelling;
  }
  constexpr std::array<uint8_t, 16> kBytes = {0, 0, 0,    0,    0,    0, 0, 0,
                                              0, 0, 0xff, 0xff, 0xc0, 0, 2, 33};
  EXPECT_EQ(IpAddress::v6(kBytes), kExpected);
  EXPECT_EQ(kExpected.v6_bytes(), kBytes);

  // What merely looks alike is another value, and no IPv4.
  for (const std::string_view other :
       {"::192.0.2.33", "::ffff:0:192.0.2.33", "1::ffff:192.0.2.33", "64:ff9b::192.0.2.33",
        "2002:c000:221::", "::fffe:c000:221", "0:0:0:0:ffff:ffff:c000:221"}) {
    EXPECT_NE(address(other), kExpected) << other;
    EXPECT_FALSE(address(other).is_v4()) << other;
  }
}

TEST(IpAddress, IsNotReadFromHostileTexts) {
  constexpr std::string_view kRows[] = {
      "",
      " ",
      ".",
      ":",
      "...",
      ":::",
      "::::",
      "1",
      "1.2.3",
      "1.2.3.",
      ".1.2.3",
      ".1.2.3.4",
      "1..2.3",
      "1.2.3.4.",
      "1.2.3.4.5",
      "1.2.3.256",
      "1.2.3.999",
      "1.2.3.1000",
      "1.2.3.4294967300",
      "1.2.3.18446744073709551620",
      "01.2.3.4",  // Octal to some.
      "1.2.3.00",
      "1.2.3.04",
      "0x7f.0.0.1",
      "0x7f000001",
      "2130706433",
      "127.1",
      "1.2.3.-4",
      "1.2.3.+4",
      "1.2.3. 4",
      " 1.2.3.4",
      "1.2.3.4 ",
      "1.2.3.4\n",
      "1.2.3.a",
      "1,2,3,4",
      "\xef\xbc\x91.2.3.4",  // A full-width one.
      "1.2.3.4/8",
      "1.2.3.4:80",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "1:2:3:4:5:6:7:8:",
      ":1:2:3:4:5:6:7:8",
      ":1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:",
      "1:2:3:4:5:6:7:8::",
      "::1:2:3:4:5:6:7:8",
      "1:2:3:4::5:6:7:8",
      "1::2::3",
      "::1::",
      "1:::2",
      ":::1",
      "1:::",
      "::1:",
      ":1::",
      "12345::",
      "::00001",
      "::g",
      "::-1",
      "::+1",
      "::0x1",
      ":: 1",
      "::1 ",
      "[::1]",
      "::1%eth0",
      "fe80::1%1",
      "::1/128",
      "::1.2.3",
      "::1.2.3.4.5",
      "::1.2.3.256",
      "::01.2.3.4",
      "::1.2.3.4:5",
      "::1.2.3.4:",
      "::1:1.2.3.4:1",
      "1.2.3.4::",
      "1.2.3.4::1",
      "1:2:3:4:5:6:7:1.2.3.4",
      "1:2:3:4:5:1.2.3.4",
      "::1:2:3:4:5:6:1.2.3.4",
      "::2:3:4:5:6:7:1.2.3.4",
      "localhost",
      "example.org",
  };
  for (const std::string_view text : kRows) EXPECT_FALSE(IpAddress::parse(text)) << text;
  EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
  EXPECT_FALSE(IpAddress::parse(std::string_view("::1\0", 4)));
  EXPECT_FALSE(IpAddress::parse(std::string(100'000, ':')));
  EXPECT_FALSE(IpAddress::parse(std::string(100'000, '1')));
}

TEST(IpAddress, SurvivesBeingWrittenAndReadAgain) {
  SeededRandom random(1);
  for (int round = 0; round < 20'000; ++round) {
    // Groups that are often zero, since the shortened runs are where mistakes hide.
    uint64_t halves[2] = {0, 0};
    for (uint64_t& half : halves) {
      for (int group = 0; group < 4; ++group) {
        const uint64_t kind = random.below(4);
        half = half << 16 | (kind < 2 ? 0 : kind == 2 ? random.below(16) : random.below(0x10000));
      }
    }
    const IpAddress given(halves[0], halves[1]);
    ASSERT_EQ(address(given.text()), given);
    ASSERT_EQ(IpAddress::v6(given.v6_bytes()), given);
    const IpAddress v4 = IpAddress::v4(static_cast<uint32_t>(halves[1]));
    ASSERT_TRUE(v4.is_v4());
    ASSERT_EQ(address(v4.text()), v4);
  }
}

TEST(IpAddress, IsUnspecifiedInBothFamiliesAndNothingElseIs) {
  EXPECT_TRUE(IpAddress().is_unspecified());
  EXPECT_EQ(IpAddress(), address("::"));
  EXPECT_TRUE(address("0.0.0.0").is_unspecified());
  EXPECT_FALSE(address("::1").is_unspecified());
  EXPECT_FALSE(address("0.0.0.1").is_unspecified());
  EXPECT_FALSE(address("::ffff:0:0:0").is_unspecified());
  EXPECT_FALSE(address("1::").is_unspecified());
}

TEST(IpAddress, IsOrderedAsA128BitNumber) {
  constexpr std::string_view kAscending[] = {"::",
                                             "::1",
                                             "::fffe:ffff:ffff",
                                             "0.0.0.0",
                                             "9.255.255.255",
                                             "10.0.0.0",
                                             "255.255.255.255",
                                             "::1:0:0:0",
                                             "1::",
                                             "2001:db8::",
                                             "ffff::"};
  for (size_t i = 1; i < std::size(kAscending); ++i) {
    EXPECT_LT(address(kAscending[i - 1]), address(kAscending[i])) << kAscending[i];
  }
}

TEST(Prefix, IsReadAndWrittenInItsCanonicalForm) {
  struct Row {
    std::string_view given, expect;
    unsigned length;  // In the 128-bit form.
  };
  constexpr Row kRows[] = {
      {"10.0.0.0/8", "10.0.0.0/8", 104},
      {"0.0.0.0/0", "0.0.0.0/0", 96},
      {"192.0.2.1/32", "192.0.2.1/32", 128},
      {"192.0.2.1", "192.0.2.1/32", 128},
      {"255.255.255.254/31", "255.255.255.254/31", 127},
      {"::/0", "::/0", 0},
      {"::1", "::1/128", 128},
      {"2001:db8::/32", "2001:db8::/32", 32},
      {"2001:0DB8:0:0::/32", "2001:db8::/32", 32},
      {"2001:db8::/64", "2001:db8::/64", 64},
      {"2001:db8:0:0:8000::/65", "2001:db8:0:0:8000::/65", 65},
      {"8000::/1", "8000::/1", 1},
      // Mapped IPv4 is IPv4; written with colons, its bits are counted from the front.
      {"::ffff:0:0/96", "0.0.0.0/0", 96},
      {"::ffff:10.0.0.0/104", "10.0.0.0/8", 104},
      {"::/96", "::/96", 96},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(prefix(row.given).text(), row.expect) << row.given;
    EXPECT_EQ(prefix(row.given).length, row.length) << row.given;
    EXPECT_EQ(prefix(row.expect), prefix(row.given)) << row.given;
  }
}

TEST(Prefix, IsNotReadFromTextsThatMustBeASlip) {
  constexpr std::string_view kRows[] = {
      "",
      "/",
      "/8",
      "10.0.0.0/",
      "10.0.0.0/33",
      "10.0.0.0/-1",
      "10.0.0.0/+8",
      "10.0.0.0/ 8",
      "10.0.0.0/8 ",
      "10.0.0.0/8/8",
      "10.0.0.0/0x8",
      "10.0.0/8",
      "10.0.0.0/256",
      "10.0.0.0/4294967304",
      "10.0.0.0/104",  // Counted in 32 bits where the address is dotted.
      "10.0.0.1/8",    // Bits behind the prefix.
      "2001:db8::1/32",
      "2001:db8::/129",
      "::1/127",
      "::ffff:10.0.0.1/104",
      "2001:db8::/",
      "::ffff:10.0.0.0/8",
  };
  for (const std::string_view text : kRows) EXPECT_FALSE(Prefix::parse(text)) << text;
}

TEST(Prefix, ContainsWhatBeginsWithIt) {
  struct Row {
    std::string_view prefix, first, last, before, behind;
  };
  constexpr Row kRows[] = {
      {"10.0.0.0/8", "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"},
      {"192.0.2.128/25", "192.0.2.128", "192.0.2.255", "192.0.2.127", "192.0.3.0"},
      {"192.0.2.1/32", "192.0.2.1", "192.0.2.1", "192.0.2.0", "192.0.2.2"},
      {"0.0.0.0/0", "0.0.0.0", "255.255.255.255", "::fffe:ffff:ffff", "::1:0:0:0"},
      {"2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
       "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"},
      {"2001:db8:1:2::/64", "2001:db8:1:2::", "2001:db8:1:2:ffff:ffff:ffff:ffff",
       "2001:db8:1:1:ffff:ffff:ffff:ffff", "2001:db8:1:3::"},
      {"2001:db8::8000:0/97", "2001:db8::8000:0", "2001:db8::ffff:ffff", "2001:db8::7fff:ffff",
       "2001:db8::1:0:0"},
  };
  for (const Row& row : kRows) {
    const Prefix block = prefix(row.prefix);
    EXPECT_TRUE(block.contains(address(row.first))) << row.prefix;
    EXPECT_TRUE(block.contains(address(row.last))) << row.prefix;
    EXPECT_FALSE(block.contains(address(row.before))) << row.prefix;
    EXPECT_FALSE(block.contains(address(row.behind))) << row.prefix;
  }
  EXPECT_TRUE(prefix("::/0").contains(address("::")));
  EXPECT_TRUE(prefix("::/0").contains(address("192.0.2.1")));
  EXPECT_TRUE(prefix("::/0").contains(address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")));
}

TEST(Prefix, HasNoBitsBehindItsLength) {
  SeededRandom random(2);
  for (int round = 0; round < 10'000; ++round) {
    const IpAddress given(random.next(), random.next());
    const auto length = static_cast<unsigned>(random.below(129));
    const Prefix block = Prefix::of(given, length);
    ASSERT_EQ(block.length, length);
    ASSERT_TRUE(block.contains(given));
    ASSERT_TRUE(block.contains(block.base));
    // Bit by bit, as a naive reader of the definition would do it.
    const auto bytes = given.v6_bytes();
    const auto base = block.base.v6_bytes();
    for (unsigned bit = 0; bit < 128; ++bit) {
      const unsigned shift = 7 - bit % 8;
      const unsigned expected = bit < length ? bytes[bit / 8] >> shift & 1u : 0u;
      ASSERT_EQ(base[bit / 8] >> shift & 1u, expected) << given.text() << '/' << length;
    }
    ASSERT_EQ(prefix(block.text()), block);
  }
}

TEST(PrefixDeathTest, IsNoLongerThanAnAddress) {
  EXPECT_DEATH(static_cast<void>(Prefix::of(IpAddress(), 129)), "broken invariant");
}

TEST(LimitPrefix, IsWhatOneCustomerControls) {
  struct Row {
    std::string_view given, expect;
  };
  constexpr Row kRows[] = {
      {"192.0.2.1", "192.0.2.0/24"},
      {"192.0.2.255", "192.0.2.0/24"},
      {"192.0.3.0", "192.0.3.0/24"},
      {"::ffff:192.0.2.1", "192.0.2.0/24"},
      {"2001:db8:1:2ff::1", "2001:db8:1:200::/56"},
      {"2001:db8:1:200:ffff:ffff:ffff:ffff", "2001:db8:1:200::/56"},
      {"2001:db8:1:300::", "2001:db8:1:300::/56"},
      {"::1", "::/56"},
  };
  for (const Row& row : kRows) EXPECT_EQ(limit_prefix(address(row.given)).text(), row.expect);
}

}  // namespace
}  // namespace roost
