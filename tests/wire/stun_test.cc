// SPDX-License-Identifier: MIT
//
// Goal: what others send is understood as the RFCs mean it, and no lie in a message gets past
// parse().
// Method: the vectors of RFC 5769 and RFC 8489; tables of malformed messages, put together byte by
// byte, with the error that each draws.
#include "wire/stun.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "raw_stun.h"
#include "stun_vectors.h"

namespace roost::wire {
namespace {

constexpr uint16_t kUsername = 0x0006;
constexpr uint16_t kIntegrity = 0x0008;
constexpr uint16_t kIntegritySha256 = 0x001c;
constexpr uint16_t kSoftware = 0x8022;
constexpr uint16_t kFingerprint = 0x8028;

StunAttribute attribute(uint16_t type) {
  return static_cast<StunAttribute>(type);
}

// For messages that must be accepted.
StunView parsed(Bytes message) {
  const auto view = StunView::parse(message);
  EXPECT_TRUE(view) << label(view.error());
  return *view;
}

// The name of the error, or "accepted".
std::string verdict(Bytes message) {
  const auto view = StunView::parse(message);
  return view ? "accepted" : std::string(label(view.error()));
}

std::string found_text(const StunView& view, StunAttribute type) {
  return std::string(as_text(view.find(type).value_or(Bytes())));
}

bool integrity_of(const VectorRecord& vector, const StunView& view, Bytes key) {
  return is_sha256(vector) ? view.integrity_sha256_matches(key) : view.integrity_matches(key);
}

// ---- The published vectors.

TEST(StunVectors, AreUnderstood) {
  const auto vectors = stun_vectors();
  ASSERT_EQ(vectors.size(), 5u);
  for (const VectorRecord& vector : vectors) {
    SCOPED_TRACE(vector.name);
    const auto message = vector.bytes("message");
    const StunView view = parsed(message);
    const bool is_response = vector.has("mapped");
    EXPECT_EQ(view.message_class(), is_response ? StunClass::kSuccess : StunClass::kRequest);
    EXPECT_EQ(view.method(), StunMethod::kBinding);
    EXPECT_FALSE(view.is_classic());
    EXPECT_TRUE(same_bytes(view.bytes(), message));
    EXPECT_TRUE(same_bytes(view.transaction_id(), Bytes(message).subspan(8, 12)));
    EXPECT_TRUE(same_bytes(view.cookie_and_transaction_id(), Bytes(message).subspan(4, 16)));
    EXPECT_EQ(view.has_fingerprint(), !vector.has("realm"));
    EXPECT_FALSE(view.find(StunAttribute::kFingerprint));
    EXPECT_EQ(stun_message_size(message), message.size());

    if (vector.has("software")) {
      EXPECT_EQ(found_text(view, StunAttribute::kSoftware), vector.text("software"));
    }
    if (vector.has("username") && !is_sha256(vector)) {
      EXPECT_EQ(found_text(view, StunAttribute::kUsername), vector.text("username"));
    }
    if (vector.has("realm")) {
      EXPECT_EQ(found_text(view, StunAttribute::kRealm), vector.text("realm"));
      EXPECT_EQ(found_text(view, StunAttribute::kNonce), vector.text("nonce"));
    }
    if (is_response) {
      EXPECT_EQ(view.find_xor_address(StunAttribute::kXorMappedAddress),
                Endpoint::parse(vector.text("mapped")));
    }
  }
}

TEST(StunVectors, HaveTheAttributesThatTheRfcsList) {
  struct Row {
    size_t vector;
    std::vector<uint16_t> expect;
  };
  const Row kRows[] = {
      {0, {kSoftware, 0x0024, 0x8029, kUsername, kIntegrity}},
      {1, {kSoftware, 0x0020, kIntegrity}},
      {2, {kSoftware, 0x0020, kIntegrity}},
      {3, {kUsername, 0x0015, 0x0014, kIntegrity}},
      {4, {0x001e, 0x0015, 0x0014, 0x001d, kIntegritySha256}},
  };
  const auto vectors = stun_vectors();
  for (const Row& row : kRows) {
    std::vector<uint16_t> types;
    const auto message = vectors[row.vector].bytes("message");
    parsed(message).for_each_attribute([&](const StunView::Attribute& found) {
      types.push_back(static_cast<uint16_t>(found.type));
    });
    EXPECT_EQ(types, row.expect) << vectors[row.vector].name;
  }
  // Their fixed values.
  const auto request = vectors[0].bytes("message");
  EXPECT_EQ(parsed(request).find_u32(attribute(0x0024)), 0x6e0001ffu);  // PRIORITY
  const auto sha256_request = vectors[4].bytes("message");
  EXPECT_EQ(parsed(sha256_request).find_u32(StunAttribute::kPasswordAlgorithm), 0x00020000u);
  const Sha256Digest userhash =
      sha256(as_bytes(vectors[4].text("username") + ':' + vectors[4].text("realm")));
  EXPECT_TRUE(same_bytes(parsed(sha256_request).find(StunAttribute::kUserhash).value(), userhash));
}

TEST(StunVectors, MatchUnderTheirKeyAndNoOther) {
  for (const VectorRecord& vector : stun_vectors()) {
    SCOPED_TRACE(vector.name);
    const auto message = vector.bytes("message");
    const StunView view = parsed(message);
    auto key = integrity_key(vector);
    EXPECT_TRUE(integrity_of(vector, view, key));
    EXPECT_FALSE(integrity_of(vector, view, {}));
    EXPECT_FALSE(integrity_of(vector, view, Bytes(key).first(key.size() - 1)));
    for (size_t bit = 0; bit < 8 * key.size(); ++bit) {
      key[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      EXPECT_FALSE(integrity_of(vector, view, key)) << bit;
      key[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    }
    // The other kind of integrity is not there.
    EXPECT_FALSE(is_sha256(vector) ? view.integrity_matches(key)
                                   : view.integrity_sha256_matches(key));
  }
}

TEST(StunVectors, MatchNoLongerWhenAnyBitIsFlipped) {
  for (const VectorRecord& vector : stun_vectors()) {
    SCOPED_TRACE(vector.name);
    const auto original = vector.bytes("message");
    const auto key = integrity_key(vector);
    const bool has_fingerprint = parsed(original).has_fingerprint();
    const size_t protected_size = original.size() - (has_fingerprint ? 8 : 0);
    for (size_t bit = 0; bit < 8 * original.size(); ++bit) {
      auto message = original;
      message[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      // As it is: with a fingerprint, all that gets past parse() is the loss of the fingerprint
      // itself, which stands behind the integrity and is not protected by it.
      if (const auto view = StunView::parse(message); has_fingerprint && view) {
        EXPECT_FALSE(view->has_fingerprint()) << bit;
      }
      if (bit / 8 >= protected_size) continue;
      // And as an attacker would send it, who can compute a fingerprint as well as anybody.
      if (has_fingerprint) {
        const Bytes covered = Bytes(message).first(protected_size);
        store_u32(message.data() + protected_size + 4, crc32(covered) ^ kStunFingerprintXor);
      }
      if (const auto view = StunView::parse(message)) {
        EXPECT_FALSE(integrity_of(vector, *view, key)) << bit;
      }
    }
  }
}

TEST(StunVectors, AreRefusedWhenTheyAreCutShort) {
  for (const VectorRecord& vector : stun_vectors()) {
    const auto message = vector.bytes("message");
    for (size_t size = 0; size < message.size(); ++size) {
      // A copy of exact size, so that the address sanitizer sees a step too far.
      const std::vector<uint8_t> cut(message.begin(),
                                     message.begin() + static_cast<ptrdiff_t>(size));
      EXPECT_FALSE(StunView::parse(cut)) << vector.name << ' ' << size;
    }
  }
}

// ---- Malformed messages.

struct Malformed {
  const char* what;
  std::vector<uint8_t> message;
};

void expect_refused(StunError expected, const std::vector<Malformed>& rows) {
  for (const Malformed& row : rows) EXPECT_EQ(verdict(row.message), label(expected)) << row.what;
}

std::vector<uint8_t> with_first_byte(uint8_t first) {
  auto message = RawStun().bytes();
  message[0] = first;
  return message;
}

RawStun with_attributes(size_t count) {
  RawStun message;
  for (size_t i = 0; i < count; ++i) message.add(kSoftware);
  return message;
}

std::vector<uint8_t> with_last_byte_flipped(const RawStun& message) {
  auto bytes = message.bytes();
  bytes.back() ^= 1;
  return bytes;
}

TEST(StunParse, RefusesWhatIsNotStun) {
  expect_refused(
      StunError::kNotStun,
      {
          {"ChannelData", with_first_byte(0x40)},
          {"RTP", with_first_byte(0x80)},
          {"both top bits", with_first_byte(0xc0)},
          {"a DHT query", std::vector<uint8_t>(24, 'd')},
          {"an odd size", RawStun().add_raw({0}).bytes()},
          {"a size of 4n + 2", RawStun().add(kSoftware).add_raw({0, 0}).bytes()},
          {"four bytes behind the message", RawStun().add_raw({0, 0, 0, 0}).set_length(0).bytes()},
          {"a second message behind the first",
           RawStun().add_raw(RawStun().bytes()).set_length(0).bytes()},
          {"a length that is no multiple of four, within the datagram",
           RawStun().add(kSoftware).set_length(3).bytes()},
          {"zeros only", std::vector<uint8_t>(24)},
      });
}

TEST(StunParse, RefusesWhatIsCutShort) {
  expect_refused(
      StunError::kTruncated,
      {
          {"nothing", {}},
          {"one byte", {0}},
          {"a header less one byte", std::vector<uint8_t>(19)},
          {"a header that promises an attribute", RawStun().set_length(4).bytes()},
          {"a header that promises most", RawStun().set_length(0xfffc).bytes()},
          {"an attribute less than was promised", RawStun().add(kSoftware).set_length(8).bytes()},
          {"a length that is no multiple of four, behind the datagram",
           RawStun().set_length(1).bytes()},
      });
}

TEST(StunParse, RefusesWhatIsTooLarge) {
  const size_t room = kStunMessageSizeMax - 24;
  EXPECT_EQ(verdict(RawStun().add(kSoftware, std::vector<uint8_t>(room))), "accepted");
  expect_refused(StunError::kTooLarge,
                 {
                     {"four bytes more than an Ethernet frame",
                      RawStun().add(kSoftware, std::vector<uint8_t>(room + 1)).bytes()},
                     {"one byte more", std::vector<uint8_t>(kStunMessageSizeMax + 1)},
                     {"the largest datagram", std::vector<uint8_t>(65507)},
                     {"the largest message that a length can tell",
                      RawStun().add(kSoftware, std::vector<uint8_t>(0xfff8)).bytes()},
                 });
}

TEST(StunParse, RefusesAttributesThatLieAboutTheirLength) {
  expect_refused(
      StunError::kBadAttribute,
      {
          {"a byte behind the end", RawStun().add_raw({0x80, 0x22, 0, 1}).bytes()},
          {"four bytes, of which there are none", RawStun().add_raw({0x80, 0x22, 0, 4}).bytes()},
          {"five bytes, of which there are four",
           RawStun().add_raw({0x80, 0x22, 0, 5, 1, 2, 3, 4}).bytes()},
          {"the most that can be told", RawStun().add_raw({0x80, 0x22, 0xff, 0xff}).bytes()},
          {"the most that is a multiple of four",
           RawStun().add_raw({0x80, 0x22, 0xff, 0xfc}).bytes()},
          {"the second of two", RawStun().add(kSoftware).add_raw({0x80, 0x22, 0, 1}).bytes()},
          {"one behind the integrity, which does not count",
           RawStun().add_integrity({}).add_raw({0x80, 0x22, 0, 1}).bytes()},
          {"MESSAGE-INTEGRITY itself", RawStun().add_raw({0x00, 0x08, 0, 20, 1, 2, 3, 4}).bytes()},
      });
}

TEST(StunParse, RefusesAFingerprintThatIsNotLastOrNotFourBytes) {
  expect_refused(
      StunError::kBadAttribute,
      {
          {"followed by an attribute", RawStun().add_fingerprint().add(kSoftware).bytes()},
          {"followed by itself", RawStun().add_fingerprint().add_fingerprint().bytes()},
          {"followed by the integrity", RawStun().add_fingerprint().add_integrity({}).bytes()},
          {"of no bytes", RawStun().add(kFingerprint).bytes()},
          {"of three bytes", RawStun().add(kFingerprint, {1, 2, 3}).bytes()},
          {"of five bytes", RawStun().add(kFingerprint, {1, 2, 3, 4, 5}).bytes()},
          {"of eight bytes", RawStun().add(kFingerprint, std::vector<uint8_t>(8)).bytes()},
      });
}

TEST(StunParse, RefusesAFingerprintOfOtherBytes) {
  auto changed = RawStun().add(kSoftware, {'a'}).add_fingerprint().bytes();
  changed[24] ^= 1;
  auto without_xor = RawStun().add_fingerprint().bytes();
  store_u32(without_xor.data() + 24, crc32(Bytes(without_xor).first(20)));
  // Computed before the length told of the fingerprint.
  auto early = RawStun().add(kFingerprint, {0, 0, 0, 0}).bytes();
  const std::vector<uint8_t> header = RawStun().bytes();
  store_u32(early.data() + 24, crc32(header) ^ kStunFingerprintXor);
  expect_refused(StunError::kBadFingerprint,
                 {
                     {"a changed value", changed},
                     {"a changed fingerprint", with_last_byte_flipped(RawStun().add_fingerprint())},
                     {"not XORed", without_xor},
                     {"computed too early", early},
                     {"zero", RawStun().add(kFingerprint, {0, 0, 0, 0}).bytes()},
                 });
}

TEST(StunParse, BoundsTheNumberOfAttributes) {
  EXPECT_EQ(verdict(with_attributes(kStunAttributeCountMax)), "accepted");
  EXPECT_EQ(verdict(with_attributes(kStunAttributeCountMax - 1).add_fingerprint()), "accepted");
  expect_refused(
      StunError::kTooManyAttributes,
      {
          {"25", with_attributes(kStunAttributeCountMax + 1).bytes()},
          {"24 and a fingerprint",
           with_attributes(kStunAttributeCountMax).add_fingerprint().bytes()},
          {"as many as fit", with_attributes(370).bytes()},
          {"25, the last of which lies", with_attributes(24).add_raw({0x80, 0x22, 0, 1}).bytes()},
      });
}

TEST(StunParse, AcceptsWhatIsOddButAllowed) {
  EXPECT_EQ(verdict(RawStun()), "accepted");
  EXPECT_EQ(verdict(RawStun(0x3fff)), "accepted");
  EXPECT_EQ(verdict(RawStun().add(0x0000).add(0xffff)), "accepted");
  EXPECT_EQ(verdict(RawStun().add(kSoftware).add(kSoftware)), "accepted");
  // Padding may be anything (§14).
  EXPECT_EQ(verdict(RawStun().add_raw({0x80, 0x22, 0, 1, 'a', 0xff, 0xff, 0xff})), "accepted");
}

TEST(StunError, HasALabelEach) {
  std::vector<std::string> labels;
  for (size_t i = 0; i < kStunErrorCount; ++i) {
    labels.emplace_back(label(static_cast<StunError>(i)));
    EXPECT_FALSE(labels.back().empty());
  }
  std::sort(labels.begin(), labels.end());
  EXPECT_EQ(std::adjacent_find(labels.begin(), labels.end()), labels.end());
}

// ---- What a view tells.

TEST(StunView, ReadsClassAndMethodOutOfTheirScatteredBits) {
  for (unsigned method = 0; method < 0x1000; ++method) {
    for (unsigned message_class = 0; message_class < 4; ++message_class) {
      // RFC 8489 §5, figure 3, bit by bit.
      unsigned type = 0;
      for (unsigned bit = 0; bit < 12; ++bit) {
        const unsigned place = bit < 4 ? bit : bit < 7 ? bit + 1 : bit + 2;
        type |= (method >> bit & 1) << place;
      }
      type |= (message_class & 1) << 4 | (message_class >> 1 & 1) << 8;
      const RawStun message(static_cast<uint16_t>(type));
      const StunView view = parsed(message);
      ASSERT_EQ(static_cast<unsigned>(view.method()), method);
      ASSERT_EQ(static_cast<unsigned>(view.message_class()), message_class);
    }
  }
}

TEST(StunView, KnowsAClassicMessageByItsMissingCookie) {
  for (const uint32_t cookie : {0u, 0x2112a443u, 0x42a41221u, ~0u}) {
    const RawStun message(0x0001, cookie);
    EXPECT_TRUE(parsed(message).is_classic());
    EXPECT_EQ(load_u32(parsed(message).cookie_and_transaction_id().data()), cookie);
  }
  EXPECT_FALSE(parsed(RawStun()).is_classic());
  // RFC 3489 has no fingerprint: there the attribute is one of those that are optional to know.
  const RawStun message = RawStun(0x0001, 1).add(kFingerprint, {1, 2, 3, 4}).add(kUsername, {'a'});
  EXPECT_FALSE(parsed(message).has_fingerprint());
  EXPECT_TRUE(parsed(message).find(StunAttribute::kFingerprint));
  EXPECT_TRUE(parsed(message).find(StunAttribute::kUsername));
}

TEST(StunView, DoesNotCountWhatFollowsTheIntegrity) {
  constexpr uint16_t kF = kFingerprint, kI = kIntegrity, kI256 = kIntegritySha256;
  constexpr uint16_t kS = kSoftware, kU = kUsername;
  struct Row {
    std::vector<uint16_t> given, expect;
  };
  const Row kRows[] = {
      {{}, {}},
      {{kF}, {}},
      {{kU, kS}, {kU, kS}},
      {{kU, kS, kF}, {kU, kS}},
      {{kU, kI}, {kU, kI}},
      {{kU, kI, kS}, {kU, kI}},
      {{kU, kI, kS, kF}, {kU, kI}},
      {{kU, kI, kF}, {kU, kI}},
      {{kU, kI256, kS, kF}, {kU, kI256}},
      {{kU, kI, kI256}, {kU, kI, kI256}},  // The second is the exception that §14.5 makes.
      {{kU, kI, kI256, kF}, {kU, kI, kI256}},
      {{kU, kI, kI256, kS}, {kU, kI, kI256}},
      {{kI256, kI}, {kI256}},
      {{kI256, kI, kI256}, {kI256}},
      {{kI, kI}, {kI}},
      {{kI256, kI256}, {kI256}},
      {{kI, kI256, kI256}, {kI, kI256}},
      {{kI, kI, kI256}, {kI}},
      {{kI, kS, kI256}, {kI}},  // Nothing that does not count may hide between the two.
  };
  for (const Row& row : kRows) {
    RawStun message;
    for (const uint16_t type : row.given) {
      switch (type) {
        case kF: message.add_fingerprint(); break;
        case kI: message.add_integrity({}); break;
        case kI256: message.add_integrity_sha256({}); break;
        default: message.add(type, {'a'});
      }
    }
    std::vector<uint16_t> types;
    const StunView view = parsed(message);
    view.for_each_attribute([&](const StunView::Attribute& found) {
      types.push_back(static_cast<uint16_t>(found.type));
    });
    EXPECT_EQ(types, row.expect) << testing::PrintToString(row.given);
    for (const uint16_t type : {kF, kI, kI256, kS, kU}) {
      EXPECT_EQ(view.find(attribute(type)).has_value(),
                std::find(types.begin(), types.end(), type) != types.end())
          << testing::PrintToString(row.given) << ' ' << type;
    }
    EXPECT_EQ(view.has_fingerprint(), !row.given.empty() && row.given.back() == kF);
  }
}

TEST(StunView, MatchesBothIntegritiesWhenBothAreThere) {
  const Bytes key = as_bytes("key");
  const RawStun both = RawStun().add(kUsername, {'a'}).add_integrity(key).add_integrity_sha256(key);
  EXPECT_TRUE(parsed(both).integrity_matches(key));
  EXPECT_TRUE(parsed(both).integrity_sha256_matches(key));
  EXPECT_FALSE(parsed(both).integrity_matches(as_bytes("yek")));
  EXPECT_FALSE(parsed(both).integrity_sha256_matches(as_bytes("yek")));
  const RawStun neither = RawStun().add(kUsername, {'a'});
  EXPECT_FALSE(parsed(neither).integrity_matches(key));
  EXPECT_FALSE(parsed(neither).integrity_sha256_matches(key));
}

TEST(StunView, MatchesWhateverStandsBehindTheIntegrity) {
  const Bytes key = as_bytes("key");
  const RawStun message = RawStun().add_integrity(key).add(kSoftware, {'a'}).add_fingerprint();
  EXPECT_TRUE(parsed(message).integrity_matches(key));
}

TEST(StunView, MatchesATruncatedSha256DownToSixteenBytes) {
  const Bytes key = as_bytes("key");
  for (size_t size = 0; size <= 40; ++size) {
    RawStun covered = RawStun().add(kUsername, {'a'});
    covered.set_length(covered.bytes().size() + 4 + size - 20);
    const Sha256Digest digest = hmac_sha256(key, covered);
    std::vector<uint8_t> value(size);
    std::copy_n(digest.begin(), std::min(size, digest.size()), value.begin());
    const RawStun message = covered.add(kIntegritySha256, value);
    const bool is_allowed = size >= 16 && size <= 32 && size % 4 == 0;
    EXPECT_EQ(parsed(message).integrity_sha256_matches(key), is_allowed) << size;
  }
}

TEST(StunView, MatchesNoSha1OfAnotherSize) {
  for (size_t size = 0; size <= 24; ++size) {
    const RawStun message = RawStun().add(kIntegrity, std::vector<uint8_t>(size));
    EXPECT_FALSE(parsed(message).integrity_matches({})) << size;
  }
}

TEST(StunView, FindsTheFirstOfSeveral) {
  const RawStun message = RawStun().add(kUsername, {'a'}).add(kUsername, {'b', 'c'});
  EXPECT_EQ(found_text(parsed(message), StunAttribute::kUsername), "a");
}

TEST(StunView, FindsNumbersOfFourBytesOnly) {
  for (size_t size = 0; size <= 8; ++size) {
    const RawStun message = RawStun().add(0x0003, std::vector<uint8_t>(size, 7));
    const auto number = parsed(message).find_u32(StunAttribute::kChangeRequest);
    EXPECT_EQ(number.has_value(), size == 4);
    EXPECT_EQ(number.value_or(0x07070707u), 0x07070707u);
  }
  EXPECT_FALSE(parsed(RawStun()).find_u32(StunAttribute::kChangeRequest));
}

TEST(StunView, FindsAddressesOfTheRightSizeForTheirFamilyOnly) {
  for (unsigned family = 0; family < 256; ++family) {
    for (size_t size = 0; size <= 28; ++size) {
      std::vector<uint8_t> value(size, 0x11);
      if (size > 1) value[1] = static_cast<uint8_t>(family);
      const bool is_good = (family == 1 && size == 8) || (family == 2 && size == 20);
      const RawStun message = RawStun().add(0x0001, value).add(0x0020, value);
      const StunView view = parsed(message);
      ASSERT_EQ(view.find_address(StunAttribute::kMappedAddress).has_value(), is_good);
      ASSERT_EQ(view.find_xor_address(StunAttribute::kXorMappedAddress).has_value(), is_good);
    }
  }
  EXPECT_FALSE(parsed(RawStun()).find_address(StunAttribute::kMappedAddress));
  EXPECT_FALSE(parsed(RawStun()).find_xor_address(StunAttribute::kXorMappedAddress));
}

TEST(StunView, ReadsAddressesPlainAndXored) {
  struct Row {
    std::vector<uint8_t> value;
    const char* plain;
    const char* xored;
  };
  // The transaction ID is a0 a1 … ab; the byte in front of the family does not count.
  const Row kRows[] = {
      {{0, 1, 0x0d, 0x96, 192, 0, 2, 1}, "192.0.2.1:3478", "225.18.166.67:11396"},
      {{0xff, 1, 0x0d, 0x96, 192, 0, 2, 1}, "192.0.2.1:3478", "225.18.166.67:11396"},
      {{0, 1, 0, 0, 0, 0, 0, 0}, "0.0.0.0:0", "33.18.164.66:8466"},
      {{0, 1, 0x21, 0x12, 0x21, 0x12, 0xa4, 0x42}, "33.18.164.66:8466", "0.0.0.0:0"},
      {{0, 2, 0x0d, 0x96, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
       "[2001:db8::1]:3478",
       "[113:a9fa:a0a1:a2a3:a4a5:a6a7:a8a9:aaaa]:11396"},
      // IPv4 in IPv6 is IPv4, once it is decoded.
      {{0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1},
       "192.0.2.1:1",
       "[2112:a442:a0a1:a2a3:a4a5:5958:68a9:a8aa]:8467"},
  };
  for (const Row& row : kRows) {
    const RawStun message = RawStun().add(0x0001, row.value).add(0x0020, row.value);
    const StunView view = parsed(message);
    EXPECT_EQ(view.find_address(StunAttribute::kMappedAddress)->text(), row.plain);
    EXPECT_EQ(view.find_xor_address(StunAttribute::kXorMappedAddress)->text(), row.xored);
  }
}

TEST(StunView, ReadsErrorCodesBetween300And699) {
  struct Row {
    std::vector<uint8_t> value;
    std::optional<unsigned> expect;
  };
  const Row kRows[] = {
      {{}, {}},
      {{0, 0, 4}, {}},
      {{0, 0, 4, 20}, 420},
      {{0, 0, 4, 20, 'x'}, 420},
      {{0xff, 0xff, 0xfc, 20}, 420},  // 21 bits that are reserved.
      {{0, 0, 3, 0}, 300},
      {{0, 0, 6, 99}, 699},
      {{0, 0, 2, 99}, {}},
      {{0, 0, 7, 0}, {}},
      {{0, 0, 0, 0}, {}},
      {{0, 0, 4, 100}, {}},
      {{0, 0, 4, 255}, {}},
  };
  for (const Row& row : kRows) {
    const RawStun message = RawStun(0x0111).add(0x0009, row.value);
    EXPECT_EQ(parsed(message).error_code(), row.expect) << testing::PrintToString(row.value);
  }
  EXPECT_FALSE(parsed(RawStun()).error_code());
}

TEST(StunMessageSize, IsWhatTheHeaderSays) {
  EXPECT_EQ(stun_message_size(RawStun()), 20u);
  EXPECT_EQ(stun_message_size(RawStun().set_length(4)), 24u);
  EXPECT_EQ(stun_message_size(RawStun().set_length(0xffff)), 65555u);
}

TEST(StunAttribute, IsComprehensionRequiredBelow0x8000) {
  EXPECT_TRUE(is_comprehension_required(attribute(0x0000)));
  EXPECT_TRUE(is_comprehension_required(attribute(0x7fff)));
  EXPECT_FALSE(is_comprehension_required(attribute(0x8000)));
  EXPECT_FALSE(is_comprehension_required(attribute(0xffff)));
}

}  // namespace
}  // namespace roost::wire
