// SPDX-License-Identifier: MIT
//
// Goal: bytes have exactly one text in each encoding, and everything else is refused.
// Method: published vectors (RFC 4648 §10, the z-base-32 specification), tables of refused texts,
// and the four codecs against each other for random bytes.
#include "base/text.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace roost {
namespace {

struct Codec {
  const char* name;
  std::string (*encode)(Bytes);
  std::optional<std::vector<uint8_t>> (*decode)(std::string_view);
  std::string_view alphabet;
  unsigned bits;
  bool is_single_case;
};
constexpr Codec kCodecs[] = {
    {"hex", to_hex, from_hex, "0123456789abcdef", 4, true},
    {"z-base-32", to_z_base32, from_z_base32, "ybndrfg8ejkmcpqxot1uwisza345h769", 5, true},
    {"base32", to_base32, from_base32, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 5, true},
    {"base64url", to_base64url, from_base64url,
     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 6, false},
};

struct Row {
  std::string_view bytes, text;
};

void expect_both_ways(const Codec& codec, std::span<const Row> rows) {
  for (const Row& row : rows) {
    EXPECT_EQ(codec.encode(as_bytes(row.bytes)), row.text) << codec.name;
    const auto decoded = codec.decode(row.text);
    ASSERT_TRUE(decoded) << codec.name << ' ' << row.text;
    EXPECT_EQ(as_text(*decoded), row.bytes) << codec.name;
  }
}

TEST(Hex, IsAsRfc4648HasItInLowerCase) {
  constexpr Row kRows[] = {{"", ""},
                           {"f", "66"},
                           {"fo", "666f"},
                           {"foo", "666f6f"},
                           {"foob", "666f6f62"},
                           {"fooba", "666f6f6261"},
                           {"foobar", "666f6f626172"},
                           {{"\x00\xff\x0f", 3}, "00ff0f"}};
  expect_both_ways(kCodecs[0], kRows);
  EXPECT_EQ(from_hex("00FF0f"), from_hex("00ff0F"));
}

TEST(ZBase32, IsAsItsSpecificationHasIt) {
  constexpr Row kRows[] = {
      {"", ""},
      {{"\x00", 1}, "yy"},
      {"\xff", "9h"},
      {"\xb5", "sw"},
      {"\x34\x5a", "gtpy"},
      {"\x10\x11\x10", "nyety"},
      {"\xf0\xbf\xc7", "6n9hq"},
      {"\xd4\x7a\x04", "4t7ye"},
      {"\xff\xff\xff\xff\xff", "99999999"},
      {"\xff\xff\xff\xff\xff\xff", "999999999h"},
      {"\xc0\x73\x62\x4a\xaf\x39\x78\x51\x4e\xf8\x44\x3b"
       "\xb2\xa8\x59\xc7\x5f\xc3\xcc\x6a\xf2\x6d\x5a\xaa",
       "ab3sr1ix8fhfnuzaeo75fkn3a7xh8udk6jsiiko"},
      {"hello", "pb1sa5dx"},
      {"hello world", "pb1sa5dxrb5s6hucco"},
      {"Just an arbitrary sentence.", "jj4zg7bycfznyam1cjwzehubqjh1yh5fp34gk5udcwzy"},
      {"The quick brown fox jumps over the lazy dog.",
       "ktwgkedtqiwsg43ycj3g675qrbug66bypj4s4hdurbzzc3m1rb4go3jyptozw6jyctzsqmo"},
      // A key, as pkarr writes it: of RFC 8032 §7.1, test 1.
      {{"\xd7\x5a\x98\x01\x82\xb1\x0a\xb7\xd5\x4b\xfe\xd3\xc9\x64\x07\x3a"
        "\x0e\xe1\x72\xf3\xda\xa6\x23\x25\xaf\x02\x1a\x68\xf7\x07\x51\x1a",
        32},
       "47pjoycnsrfmxikm95jh13y88e8qnhzu5kungjpxyepgt7a8krpy"},
  };
  expect_both_ways(kCodecs[1], kRows);
}

TEST(Base32, IsAsRfc4648HasItWithoutPadding) {
  constexpr Row kRows[] = {{"", ""},
                           {"f", "MY"},
                           {"fo", "MZXQ"},
                           {"foo", "MZXW6"},
                           {"foob", "MZXW6YQ"},
                           {"fooba", "MZXW6YTB"},
                           {"foobar", "MZXW6YTBOI"}};
  expect_both_ways(kCodecs[2], kRows);
}

TEST(Base64Url, IsAsRfc4648HasItWithoutPadding) {
  constexpr Row kRows[] = {{"", ""},
                           {"f", "Zg"},
                           {"fo", "Zm8"},
                           {"foo", "Zm9v"},
                           {"foob", "Zm9vYg"},
                           {"fooba", "Zm9vYmE"},
                           {"foobar", "Zm9vYmFy"},
                           {"\x14\xfb\x9c\x03\xd9\x7e", "FPucA9l-"},  // §9
                           {"\xff\xff\xff", "____"},
                           {"\xfb\xef\xbe", "----"}};
  expect_both_ways(kCodecs[3], kRows);
}

TEST(Base64, IsAsRfc4648HasItWithPadding) {
  constexpr Row kRows[] = {{"", ""},
                           {"f", "Zg=="},
                           {"fo", "Zm8="},
                           {"foo", "Zm9v"},
                           {"foob", "Zm9vYg=="},
                           {"fooba", "Zm9vYmE="},
                           {"foobar", "Zm9vYmFy"},
                           {"\x14\xfb\x9c\x03\xd9\x7e", "FPucA9l+"},  // §9
                           {"\xff\xff\xff", "////"},
                           {"\xfb\xef\xbe", "++++"},
                           {{"\x00", 1}, "AA=="}};
  for (const Row& row : kRows) EXPECT_EQ(to_base64(as_bytes(row.bytes)), row.text);
}

TEST(Base64, DiffersFromBase64UrlInTwoDigitsAndItsPadding) {
  SeededRandom random(2);
  for (int round = 0; round < 2'000; ++round) {
    std::vector<uint8_t> bytes(random.below(100));
    random.fill(bytes);
    std::string expected = to_base64url(bytes);
    for (char& digit : expected) digit = digit == '-' ? '+' : digit == '_' ? '/' : digit;
    expected.append((3 - bytes.size() % 3) % 3, '=');
    ASSERT_EQ(to_base64(bytes), expected);
  }
}

TEST(Text, ThatNoEncoderWritesIsRefused) {
  struct Refused {
    size_t codec;
    std::string_view text;
  };
  constexpr Refused kRows[] = {
      // A digit that carries no byte to its end.
      {0, "6"},
      {0, "666"},
      {1, "y"},
      {1, "yyy"},
      {1, "yyyyyy"},
      {2, "A"},
      {2, "AAA"},
      {2, "AAAAAA"},
      {3, "A"},
      {3, "AAAAA"},
      // Bits behind the last byte that are not zero: a second text for the same bytes.
      {1, "yb"},
      {1, "99"},
      {1, "6n9hb"},
      {2, "MZ"},
      {2, "MZXR"},
      {2, "MZXW7"},
      {2, "MZXW6YR"},
      {3, "Zh"},
      {3, "Zm9"},
      {3, "Zm9vYh"},
      // Padding, blanks, digits of other alphabets.
      {0, "0x66"},
      {0, "66 "},
      {0, " 66"},
      {0, "6 6"},
      {0, "6g"},
      {0, "66\n"},
      {1, "6n9hq==="},
      {1, "l0v2"},
      {2, "MY======"},
      {2, "M0"},
      {2, "M1"},
      {2, "M8"},
      {3, "Zg=="},
      {3, "Zm+v"},
      {3, "Zm/v"},
      {3, "Zm8\n"},
      {3, "Zm 8"},
      {3, "\xc3\xa4zz"},
  };
  for (const Refused& row : kRows) {
    EXPECT_FALSE(kCodecs[row.codec].decode(row.text)) << kCodecs[row.codec].name << ' ' << row.text;
  }
  for (const Codec& codec : kCodecs) {
    EXPECT_FALSE(codec.decode(std::string_view("\0\0\0\0\0\0\0\0", 8))) << codec.name;
  }
}

TEST(Text, IsMadeOfTheAlphabetAndNothingElse) {
  for (const Codec& codec : kCodecs) {
    for (int byte = 0; byte < 256; ++byte) {
      const char digit = static_cast<char>(byte);
      const bool is_letter = (digit >= 'a' && digit <= 'z') || (digit >= 'A' && digit <= 'Z');
      const char other_case = static_cast<char>(digit ^ 0x20);
      const size_t at = codec.alphabet.find(digit);
      const size_t at_other_case =
          codec.is_single_case && is_letter ? codec.alphabet.find(other_case) : std::string::npos;
      const size_t value = at != std::string::npos ? at : at_other_case;
      // Eight digits of any of these alphabets are whole bytes.
      const auto decoded = codec.decode(std::string(8, digit));
      ASSERT_EQ(decoded.has_value(), value != std::string::npos) << codec.name << ' ' << byte;
      if (!decoded) continue;
      EXPECT_EQ(decoded->size(), codec.bits);
      EXPECT_EQ(decoded->front() >> (8 - codec.bits), value) << codec.name << ' ' << byte;
    }
  }
}

TEST(Text, SurvivesTheJourneyForAnyBytes) {
  SeededRandom random(1);
  for (int round = 0; round < 2'000; ++round) {
    std::vector<uint8_t> bytes(random.below(100));
    random.fill(bytes);
    for (const Codec& codec : kCodecs) {
      const std::string text = codec.encode(bytes);
      ASSERT_EQ(text.size(), (bytes.size() * 8 + codec.bits - 1) / codec.bits);
      ASSERT_EQ(codec.decode(text), bytes) << codec.name;
      ASSERT_FALSE(codec.decode(text + '=')) << codec.name;
    }
    // z-base-32 is base32 with another alphabet.
    std::string translated = to_base32(bytes);
    for (char& digit : translated) digit = kCodecs[1].alphabet[kCodecs[2].alphabet.find(digit)];
    ASSERT_EQ(to_z_base32(bytes), translated);
  }
}

}  // namespace
}  // namespace roost
