// SPDX-License-Identifier: MIT
//
// Goal: items are signed and believed exactly as BEP 44 says, and survive being carried outside of
// the DHT.
// Method: the test vectors printed in BEP 44, each spoilt in every way that a thief would try;
// tables of carriers and verdicts.
#include "wire/mutable_item.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <vector>

#include "base/text.h"

namespace roost::wire {
namespace {

constexpr std::string_view kValue = "12:Hello World!";
constexpr std::string_view kKeyHex =
    "77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548";

struct Vector {
  std::string_view salt;
  std::string_view signature_hex;
  std::string_view signed_text;
};
constexpr Vector kBep44[] = {
    {"",
     "305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff"
     "1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01",
     "3:seqi1e1:v12:Hello World!"},
    {"foobar",
     "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17d"
     "df9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08",
     "4:salt6:foobar3:seqi1e1:v12:Hello World!"},
};

template <typename Array>
Array array_from_hex(std::string_view hex) {
  const auto bytes = from_hex(hex).value();
  Array array;
  EXPECT_EQ(bytes.size(), array.size());
  std::copy_n(bytes.begin(), array.size(), array.begin());
  return array;
}

MutableItem item_of(const Vector& vector) {
  return {array_from_hex<PublicKey>(kKeyHex), 1, array_from_hex<Signature>(vector.signature_hex),
          as_bytes(vector.salt), as_bytes(kValue)};
}

SigningKey our_key() {
  SigningKey::Seed seed;
  seed.mutable_bytes()[0] = 1;
  return SigningKey(seed);
}

// A bencoded string that measures so much, its own size included.
std::string string_of(size_t encoded_size) {
  const size_t size = encoded_size - 1 - std::to_string(encoded_size - 5).size();
  return std::to_string(size) + ":" + std::string(size, 'x');
}

void expect_same(const MutableItem& a, const MutableItem& b) {
  EXPECT_EQ(a.key, b.key);
  EXPECT_EQ(a.seq, b.seq);
  EXPECT_EQ(a.signature, b.signature);
  EXPECT_EQ(as_text(a.salt), as_text(b.salt));
  EXPECT_EQ(as_text(a.value), as_text(b.value));
}

TEST(MutableItem, TheVectorsOfBep44Match) {
  for (const Vector& vector : kBep44) {
    const MutableItem item = item_of(vector);
    std::array<uint8_t, kMutableItemSignedSizeMax> buffer;
    EXPECT_EQ(as_text(signed_bytes(item, buffer)), vector.signed_text);
    EXPECT_TRUE(signature_matches(item));
  }
}

TEST(MutableItem, WhatWasTamperedWithDoesNotMatch) {
  struct Row {
    std::string_view name;
    void (*spoil)(MutableItem&);
  };
  constexpr Row kRows[] = {
      {"another key", [](MutableItem& item) { item.key = our_key().public_key(); }},
      {"a bit of the key", [](MutableItem& item) { item.key[31] ^= 0x80; }},
      {"a later time", [](MutableItem& item) { item.seq = 2; }},
      {"a negative time", [](MutableItem& item) { item.seq = -1; }},
      {"a bit at the front of the signature", [](MutableItem& item) { item.signature[0] ^= 1; }},
      {"a bit at its end", [](MutableItem& item) { item.signature[63] ^= 1; }},
      {"no signature", [](MutableItem& item) { item.signature = {}; }},
      {"another salt", [](MutableItem& item) { item.salt = as_bytes("foobaz"); }},
      {"salt moved into the value",
       [](MutableItem& item) {
         item.salt = {};
         item.value = as_bytes("6:foobar3:seqi1e1:v12:Hello World!");
       }},
      {"another value", [](MutableItem& item) { item.value = as_bytes("12:Hello World?"); }},
      {"a shorter value", [](MutableItem& item) { item.value = item.value.first(14); }},
      {"no value", [](MutableItem& item) { item.value = {}; }},
  };
  for (const Vector& vector : kBep44) {
    for (const Row& row : kRows) {
      MutableItem item = item_of(vector);
      row.spoil(item);
      EXPECT_FALSE(signature_matches(item)) << row.name;
    }
  }
  // Each vector with the other one's salt.
  MutableItem salted = item_of(kBep44[0]);
  salted.salt = as_bytes("foobar");
  EXPECT_FALSE(signature_matches(salted));
  MutableItem unsalted = item_of(kBep44[1]);
  unsalted.salt = {};
  EXPECT_FALSE(signature_matches(unsalted));
}

TEST(MutableItem, OutOfBoundsNoSignatureMatches) {
  const SigningKey key = our_key();
  MutableItem negative{
      key.public_key(), -1, key.sign(as_bytes("3:seqi-1e1:vi1e")), {}, as_bytes("i1e")};
  EXPECT_FALSE(signature_matches(negative));
  // Nor the signature of nothing, which is what fits when the item does not.
  const std::string value = string_of(kMutableItemValueSizeMax + 100);
  MutableItem large{key.public_key(), 1, key.sign({}), {}, as_bytes(value)};
  EXPECT_FALSE(signature_matches(large));
}

TEST(MutableItem, WhatWeSignMatchesUpToTheBounds) {
  const SigningKey key = our_key();
  const std::string largest_salt(kMutableItemSaltSizeMax, 's');
  const std::string largest_value = string_of(kMutableItemValueSizeMax);
  struct Row {
    int64_t seq;
    std::string_view salt;
    std::string_view value;
  };
  const Row rows[] = {
      {0, "", "i0e"},
      {1767225600, "", "d1:ai1ee"},
      {INT64_MAX, largest_salt, largest_value},
  };
  for (const Row& row : rows) {
    const auto item = sign_mutable_item(key, row.seq, as_bytes(row.salt), as_bytes(row.value));
    EXPECT_TRUE(signature_matches(item));
    std::array<uint8_t, kMutableItemSizeMax> buffer;
    const Bytes encoded = encode(item, buffer);
    const auto parsed = parse_mutable_item(encoded);
    ASSERT_TRUE(parsed);
    expect_same(*parsed, item);
    EXPECT_TRUE(signature_matches(*parsed));
    for (size_t size = 0; size < encoded.size(); ++size) {
      std::vector<uint8_t> too_small(size);
      EXPECT_TRUE(encode(item, too_small).empty());
    }
  }
}

TEST(MutableItem, TheLargestItemFillsTheLargestBuffers) {
  const std::string salt(kMutableItemSaltSizeMax, 's');
  const std::string value = string_of(kMutableItemValueSizeMax);
  ASSERT_EQ(value.size(), kMutableItemValueSizeMax);
  const auto item = sign_mutable_item(our_key(), INT64_MAX, as_bytes(salt), as_bytes(value));
  std::array<uint8_t, kMutableItemSignedSizeMax> signed_buffer;
  EXPECT_EQ(signed_bytes(item, signed_buffer).size(), kMutableItemSignedSizeMax);
  EXPECT_TRUE(signed_bytes(item, MutableBytes(signed_buffer).first(100)).empty());
  std::array<uint8_t, kMutableItemSizeMax> buffer;
  EXPECT_EQ(encode(item, buffer).size(), kMutableItemSizeMax);
}

TEST(MutableItem, TheCarrierHoldsTheFieldsOfAPut) {
  for (const Vector& vector : kBep44) {
    const MutableItem item = item_of(vector);
    const std::string salt = vector.salt.empty() ? "" : "4:salt6:foobar";
    const std::string expected = "d1:k32:" + std::string(as_text(item.key)) + salt +
                                 "3:seqi1e3:sig64:" + std::string(as_text(item.signature)) + "1:v" +
                                 std::string(kValue) + "e";
    std::array<uint8_t, kMutableItemSizeMax> buffer;
    EXPECT_EQ(as_text(encode(item, buffer)), expected);
    const auto parsed = parse_mutable_item(as_bytes(expected));
    ASSERT_TRUE(parsed);
    expect_same(*parsed, item);
  }
}

TEST(MutableItem, ACarrierThatIsNotOneIsRefused) {
  const std::string k = "1:k32:" + std::string(32, 'k');
  const std::string seq = "3:seqi1e";
  const std::string sig = "3:sig64:" + std::string(64, 's');
  const std::string v = "1:vi1e";
  const auto salt = [](size_t size) {
    return "4:salt" + std::to_string(size) + ":" + std::string(size, 's');
  };
  struct Row {
    std::string given;
    std::string_view expect;
  };
  const Row rows[] = {
      {"d" + k + seq + sig + v + "e", "accepted"},
      {"d" + k + salt(0) + seq + sig + v + "e", "accepted"},  // As if it were not there.
      {"d" + k + salt(64) + seq + sig + v + "e", "accepted"},
      {"d1:ai1e" + k + seq + sig + "5:token2:xx" + v + "1:zlee", "accepted"},  // Unsigned, ignored.
      {"", "not_canonical"},
      {"le", "not_canonical"},
      {"i1e", "not_canonical"},
      {"d" + k + seq + sig + v, "not_canonical"},
      {"d" + k + seq + sig + v + "ee", "not_canonical"},
      {"d" + k + sig + seq + v + "e", "not_canonical"},
      {"d" + k + k + seq + sig + v + "e", "not_canonical"},
      {"d" + k + seq + sig + "1:vd1:bi1e1:ai1ee" + "e", "not_canonical"},
      {"d" + seq + sig + v + "e", "bad_key"},
      {"d1:k31:" + std::string(31, 'k') + seq + sig + v + "e", "bad_key"},
      {"d1:ki1e" + seq + sig + v + "e", "bad_key"},
      {"d" + k + salt(65) + seq + sig + v + "e", "bad_salt"},
      {"d" + k + "4:salti1e" + seq + sig + v + "e", "bad_salt"},
      {"d" + k + sig + v + "e", "bad_seq"},
      {"d" + k + "3:seqi-1e" + sig + v + "e", "bad_seq"},
      {"d" + k + "3:seq1:1" + sig + v + "e", "bad_seq"},
      {"d" + k + "3:seqi9223372036854775808e" + sig + v + "e", "not_canonical"},
      {"d" + k + seq + v + "e", "bad_signature"},
      {"d" + k + seq + "3:sig65:" + std::string(65, 's') + v + "e", "bad_signature"},
      {"d" + k + seq + sig + "e", "bad_value"},
      {"d" + k + seq + sig + "1:v" + string_of(1001) + "e", "bad_value"},
      {"d" + k + seq + sig + "1:v" + string_of(1200) + "e", "too_large"},
  };
  for (const Row& row : rows) {
    const auto parsed = parse_mutable_item(as_bytes(row.given));
    EXPECT_EQ(parsed ? "accepted" : label(parsed.error()), row.expect) << row.given;
  }
}

TEST(MutableItem, WhatWouldNotBeReadAgainIsNotEncoded) {
  const std::string deep(16, 'l');
  struct Row {
    std::string_view name;
    int64_t seq;
    std::string salt;
    std::string value;
  };
  const Row rows[] = {
      {"a negative time", -1, "", "i1e"},
      {"a salt too long", 1, std::string(65, 's'), "i1e"},
      {"no value", 1, "", ""},
      {"half a value", 1, "", "5:abc"},
      {"two values, of which the second would become a key", 1, "", "i1e1:zi1e"},
      {"a value that is not canonical", 1, "", "d1:bi1e1:ai1ee"},
      {"a value too large", 1, "", string_of(1001)},
      {"a value nested too deep", 1, "", deep + std::string(16, 'e')},
  };
  for (const Row& row : rows) {
    MutableItem item = item_of(kBep44[0]);
    item.seq = row.seq;
    item.salt = as_bytes(row.salt);
    item.value = as_bytes(row.value);
    std::array<uint8_t, 2 * kMutableItemSizeMax> buffer;
    EXPECT_TRUE(encode(item, buffer).empty()) << row.name;
  }
}

TEST(MutableItemDeathTest, SigningWhatIsOutOfBoundsIsAMistakeOfOurs) {
  const SigningKey key = our_key();
  const std::string salt(65, 's');
  const std::string value = string_of(1001);
  EXPECT_DEATH((void)sign_mutable_item(key, -1, {}, as_bytes("i1e")), "broken invariant");
  EXPECT_DEATH((void)sign_mutable_item(key, 1, as_bytes(salt), as_bytes("i1e")),
               "broken invariant");
  EXPECT_DEATH((void)sign_mutable_item(key, 1, {}, as_bytes(value)), "broken invariant");
  EXPECT_DEATH((void)sign_mutable_item(key, 1, {}, as_bytes("i1")), "broken invariant");
}

TEST(MutableItem, EveryErrorHasALabelOfItsOwn) {
  std::set<std::string_view> labels;
  for (size_t i = 0; i < kMutableItemErrorCount; ++i) {
    labels.insert(label(static_cast<MutableItemError>(i)));
  }
  EXPECT_EQ(labels.size(), kMutableItemErrorCount);
  EXPECT_FALSE(labels.contains(""));
}

}  // namespace
}  // namespace roost::wire
