// SPDX-License-Identifier: MIT
//
// Goal: what we send is what the RFCs ask for, byte for byte, or nothing at all.
// Method: the published vectors rebuilt; each call against bytes put together by hand; every buffer
// that is too small.
#include "wire/stun_builder.h"

#include <algorithm>
#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/text.h"
#include "raw_stun.h"
#include "stun_vectors.h"

namespace roost::wire {
namespace {

constexpr std::array<uint8_t, 12> kTransactionId = {0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5,
                                                    0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab};

Endpoint endpoint(std::string_view text) {
  return Endpoint::parse(text).value();
}

std::string hex(Bytes bytes) {
  return to_hex(bytes);
}

// A builder with its buffer.
struct Draft {
  std::vector<uint8_t> buffer;
  StunBuilder builder;

  explicit Draft(size_t size = kStunMessageSizeMax, StunClass message_class = StunClass::kRequest)
      : buffer(size), builder(buffer, message_class, StunMethod::kBinding, kTransactionId) {}
};

// ---- The published vectors.

// The vector with its padding zeroed and its integrity and fingerprint computed anew, by other
// code than the builder's. Where the padding was zero already this is the vector itself.
std::vector<uint8_t> with_zero_padding(std::vector<uint8_t> message, Bytes key) {
  for (size_t at = 20; at < message.size();) {
    const uint16_t type = load_u16(message.data() + at);
    const size_t size = load_u16(message.data() + at + 2);
    const size_t next = at + 4 + (size + 3) / 4 * 4;
    std::fill(message.begin() + static_cast<ptrdiff_t>(at + 4 + size),
              message.begin() + static_cast<ptrdiff_t>(next), uint8_t{0});
    if (type == 0x0008 || type == 0x001c) {
      std::vector<uint8_t> covered(message.begin(), message.begin() + static_cast<ptrdiff_t>(at));
      store_u16(covered.data() + 2, static_cast<uint16_t>(next - 20));
      const Sha1Digest sha1_digest = hmac_sha1(key, covered);
      const Sha256Digest sha256_digest = hmac_sha256(key, covered);
      const Bytes digest = type == 0x0008 ? Bytes(sha1_digest) : Bytes(sha256_digest);
      std::copy(digest.begin(), digest.end(), message.begin() + static_cast<ptrdiff_t>(at + 4));
    }
    if (type == 0x8028) {
      store_u32(message.data() + at + 4, crc32(Bytes(message).first(at)) ^ 0x5354554e);
    }
    at = next;
  }
  return message;
}

// Calls of the builder that should make the vector.
void rebuild(const VectorRecord& vector, const StunView& view, StunBuilder& builder) {
  const auto key = integrity_key(vector);
  view.for_each_attribute([&](const StunView::Attribute& attribute) {
    const StunAttribute type = attribute.type;
    if (type == StunAttribute::kXorMappedAddress) {
      builder.add_xor_address(type, endpoint(vector.text("mapped")));
    } else if (type == StunAttribute::kMessageIntegrity) {
      builder.add_integrity(key);
    } else if (type == StunAttribute::kMessageIntegritySha256) {
      builder.add_integrity_sha256(key);
    } else if (type == StunAttribute::kPasswordAlgorithm) {
      builder.add_u32(type, 0x00020000);
    } else {
      builder.add(type, attribute.value);
    }
  });
  if (view.has_fingerprint()) builder.add_fingerprint();
}

TEST(StunBuilder, MakesThePublishedVectors) {
  struct Row {
    std::string_view name;
    bool has_zero_padding;  // Ours is; theirs in these is of blanks, and the digests cover it.
  };
  constexpr Row kRows[] = {
      {"2.1 sample request", false},
      {"2.2 sample IPv4 response", false},
      {"2.3 sample IPv6 response", false},
      {"2.4 sample request with long-term authentication", true},
      {"B.1 sample request with long-term authentication and SHA-256", true},
  };
  const auto vectors = stun_vectors();
  ASSERT_EQ(vectors.size(), std::size(kRows));
  for (size_t i = 0; i < vectors.size(); ++i) {
    const VectorRecord& vector = vectors[i];
    SCOPED_TRACE(vector.name);
    ASSERT_EQ(vector.name, kRows[i].name);
    const auto message = vector.bytes("message");
    const auto view = StunView::parse(message);
    ASSERT_TRUE(view);
    std::vector<uint8_t> buffer(message.size());
    StunBuilder builder(buffer, view->message_class(), view->method(), view->transaction_id());
    rebuild(vector, *view, builder);
    const auto expected = with_zero_padding(message, integrity_key(vector));
    EXPECT_EQ(hex(builder.finish()), hex(expected));
    EXPECT_EQ(message == expected, kRows[i].has_zero_padding);

    // As an answer to a request of the same transaction it is the same.
    StunBuilder answer(buffer, view->message_class(), *view);
    rebuild(vector, *view, answer);
    EXPECT_EQ(hex(answer.finish()), hex(expected));
  }
}

// ---- Each call.

TEST(StunBuilder, WritesHeadersOfEveryClassAndMethod) {
  for (unsigned message_class = 0; message_class < 4; ++message_class) {
    for (unsigned method = 0; method < 0x1000; ++method) {
      std::array<uint8_t, 20> buffer;
      const StunBuilder builder(buffer, static_cast<StunClass>(message_class),
                                static_cast<StunMethod>(method), kTransactionId);
      const auto view = StunView::parse(builder.finish());
      ASSERT_TRUE(view);
      ASSERT_EQ(static_cast<unsigned>(view->message_class()), message_class);
      ASSERT_EQ(static_cast<unsigned>(view->method()), method);
    }
  }
  // The four types of a Binding, as they are always written.
  constexpr uint16_t kTypes[] = {0x0001, 0x0011, 0x0101, 0x0111};
  for (unsigned message_class = 0; message_class < 4; ++message_class) {
    EXPECT_EQ(hex(Draft(20, static_cast<StunClass>(message_class)).builder.finish()),
              hex(RawStun(kTypes[message_class])));
  }
}

TEST(StunBuilder, PadsValuesOfAnySizeWithZeros) {
  for (size_t size = 0; size <= 40; ++size) {
    std::vector<uint8_t> value(size);
    for (size_t i = 0; i < size; ++i) value[i] = static_cast<uint8_t>(i + 1);
    Draft draft;
    std::fill(draft.buffer.begin() + 20, draft.buffer.end(), uint8_t{0xff});
    const size_t foreseen = draft.builder.size_with(size);
    draft.builder.add(StunAttribute::kSoftware, value);
    EXPECT_EQ(hex(draft.builder.finish()), hex(RawStun().add(0x8022, value)));
    EXPECT_EQ(draft.builder.size(), foreseen);
    EXPECT_EQ(draft.builder.finish().size(), foreseen);
  }
}

TEST(StunBuilder, WritesNumbersAddressesAndErrors) {
  struct Row {
    std::function<void(StunBuilder&)> call;
    RawStun expect;
  };
  const Row kRows[] = {
      {[](StunBuilder& draft) { draft.add_u32(StunAttribute::kChangeRequest, 0x01020306); },
       RawStun().add(0x0003, {1, 2, 3, 6})},
      {[](StunBuilder& draft) {
         draft.add_address(StunAttribute::kMappedAddress, endpoint("192.0.2.1:3478"));
       },
       RawStun().add(0x0001, {0, 1, 0x0d, 0x96, 192, 0, 2, 1})},
      {[](StunBuilder& draft) {
         draft.add_address(StunAttribute::kOtherAddress, endpoint("[2001:db8::1]:3478"));
       },
       RawStun().add(0x802c,
                     {0, 2, 0x0d, 0x96, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})},
      {[](StunBuilder& draft) {  // A mapped address is IPv4 here too.
         draft.add_address(StunAttribute::kMappedAddress, endpoint("[::ffff:c000:201]:3478"));
       },
       RawStun().add(0x0001, {0, 1, 0x0d, 0x96, 192, 0, 2, 1})},
      {[](StunBuilder& draft) {
         draft.add_xor_address(StunAttribute::kXorMappedAddress, endpoint("192.0.2.1:3478"));
       },
       RawStun().add(0x0020, {0, 1, 0x2c, 0x84, 0xe1, 0x12, 0xa6, 0x43})},
      {[](StunBuilder& draft) {
         draft.add_xor_address(StunAttribute::kXorMappedAddress, endpoint("[::]:0"));
       },
       RawStun().add(0x0020, {0,    2,    0x21, 0x12, 0x21, 0x12, 0xa4, 0x42, 0xa0, 0xa1,
                              0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab})},
      {[](StunBuilder& draft) { draft.add_error_code(420, "No"); },
       RawStun().add(0x0009, {0, 0, 4, 20, 'N', 'o'})},
      {[](StunBuilder& draft) { draft.add_error_code(300, ""); },
       RawStun().add(0x0009, {0, 0, 3, 0})},
      {[](StunBuilder& draft) { draft.add_error_code(699, "long"); },
       RawStun().add(0x0009, {0, 0, 6, 99, 'l', 'o', 'n', 'g'})},
      {[](StunBuilder& draft) { draft.add_integrity(as_bytes("key")); },
       RawStun().add_integrity(as_bytes("key"))},
      {[](StunBuilder& draft) { draft.add_integrity({}); }, RawStun().add_integrity({})},
      {[](StunBuilder& draft) { draft.add_integrity_sha256(as_bytes("key")); },
       RawStun().add_integrity_sha256(as_bytes("key"))},
      {[](StunBuilder& draft) { draft.add_fingerprint(); }, RawStun().add_fingerprint()},
      {[](StunBuilder& draft) {
         draft.add(StunAttribute::kUsername, as_bytes("a"));
         draft.add_integrity(as_bytes("key"));
         draft.add_integrity_sha256(as_bytes("key"));
         draft.add_fingerprint();
       },
       RawStun()
           .add(0x0006, {'a'})
           .add_integrity(as_bytes("key"))
           .add_integrity_sha256(as_bytes("key"))
           .add_fingerprint()},
  };
  for (const Row& row : kRows) {
    Draft draft;
    row.call(draft.builder);
    EXPECT_EQ(hex(draft.builder.finish()), hex(row.expect));
    EXPECT_EQ(draft.builder.size(), row.expect.bytes().size());

    // In a buffer that is too small it is nothing, however small it is, and whatever follows.
    for (size_t size = 0; size < row.expect.bytes().size(); ++size) {
      Draft small(size);
      row.call(small.builder);
      EXPECT_TRUE(small.builder.finish().empty()) << size;
      small.builder.add(StunAttribute::kSoftware, {});
      small.builder.add_xor_address(StunAttribute::kXorMappedAddress, Endpoint());
      small.builder.add_fingerprint();
      EXPECT_TRUE(small.builder.finish().empty()) << size;
    }
    Draft exact(row.expect.bytes().size());
    row.call(exact.builder);
    EXPECT_EQ(hex(exact.builder.finish()), hex(row.expect));
  }
}

TEST(StunBuilder, AnswersInTheTransactionAndTheManner) {
  for (const uint32_t cookie : {RawStun::kCookie, 0x01020304u}) {
    for (const uint16_t method : {uint16_t{0x0001}, uint16_t{0x0003}}) {
      const RawStun request = RawStun(method, cookie).add(0x8022, {'a'});
      std::vector<uint8_t> buffer(100);
      StunBuilder reply(buffer, StunClass::kSuccess, *StunView::parse(request));
      reply.add_xor_address(StunAttribute::kXorMappedAddress, endpoint("192.0.2.1:3478"));
      const Bytes bytes = reply.finish();
      const auto view = StunView::parse(bytes);
      ASSERT_TRUE(view);
      EXPECT_EQ(view->is_classic(), cookie != RawStun::kCookie);
      EXPECT_EQ(static_cast<uint16_t>(view->method()), method);
      EXPECT_EQ(view->message_class(), StunClass::kSuccess);
      EXPECT_TRUE(same_bytes(bytes.subspan(4, 16), Bytes(request).subspan(4, 16)));
      EXPECT_EQ(view->find_xor_address(StunAttribute::kXorMappedAddress)->text(), "192.0.2.1:3478");
    }
  }
}

TEST(StunBuilder, AddressesOfAnyKindComeBackAsTheyWere) {
  SeededRandom random(1);
  for (int round = 0; round < 2'000; ++round) {
    const auto port = static_cast<uint16_t>(random.below(65536));
    const bool is_v4 = random.below(2) == 0;
    const Endpoint given{is_v4 ? IpAddress::v4(static_cast<uint32_t>(random.next()))
                               : IpAddress(random.next(), random.next()),
                         port};
    Draft draft;
    draft.builder.add_address(StunAttribute::kMappedAddress, given);
    draft.builder.add_xor_address(StunAttribute::kXorMappedAddress, given);
    ASSERT_EQ(draft.builder.size(), 20 + 2 * (4 + address_value_size(given)));
    const auto view = StunView::parse(draft.builder.finish());
    ASSERT_TRUE(view);
    ASSERT_EQ(view->find_address(StunAttribute::kMappedAddress), given);
    ASSERT_EQ(view->find_xor_address(StunAttribute::kXorMappedAddress), given);
  }
}

TEST(StunBuilderDeathTest, KnowsNoErrorOutsideOf300To699) {
  Draft draft;
  EXPECT_DEATH(draft.builder.add_error_code(299, ""), "broken invariant");
  EXPECT_DEATH(draft.builder.add_error_code(700, ""), "broken invariant");
}

}  // namespace
}  // namespace roost::wire
