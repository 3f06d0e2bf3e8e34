// SPDX-License-Identifier: MIT
//
// Goal: numbers are on the wire in network byte order, wherever they stand.
// Method: known bytes, at every alignment, both ways; at compile time too.
#include "base/bytes.h"

#include <array>
#include <gtest/gtest.h>

namespace roost {
namespace {

constexpr std::array<uint8_t, 16> kBytes = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                            0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10};

static_assert(load_u16(kBytes.data()) == 0x0123);
static_assert(load_u32(kBytes.data()) == 0x01234567);
static_assert(load_u64(kBytes.data()) == 0x0123456789abcdef);
static_assert(load_u64(kBytes.data() + 8) == 0xfedcba9876543210);

TEST(Bytes, AreLoadedInNetworkOrderAtAnyAlignment) {
  for (size_t at = 0; at <= 8; ++at) {
    uint64_t expected = 0;
    for (size_t i = 0; i < 8; ++i) expected = expected << 8 | kBytes[at + i];
    EXPECT_EQ(load_u16(kBytes.data() + at), expected >> 48);
    EXPECT_EQ(load_u32(kBytes.data() + at), expected >> 32);
    EXPECT_EQ(load_u64(kBytes.data() + at), expected);
  }
}

TEST(Bytes, AreStoredSoThatTheyLoadAgainAndNothingElseIsTouched) {
  constexpr uint64_t kValues[] = {0, 1, 0x80, 0xff00, 0x80000000, 0x0123456789abcdef, ~uint64_t{0}};
  for (const uint64_t value : kValues) {
    for (size_t at = 1; at <= 8; ++at) {
      std::array<uint8_t, 17> buffer;
      buffer.fill(0x55);
      store_u16(buffer.data() + at, static_cast<uint16_t>(value));
      EXPECT_EQ(load_u16(buffer.data() + at), static_cast<uint16_t>(value));
      EXPECT_EQ(buffer[at - 1], 0x55);
      EXPECT_EQ(buffer[at + 2], 0x55);
      store_u32(buffer.data() + at, static_cast<uint32_t>(value));
      EXPECT_EQ(load_u32(buffer.data() + at), static_cast<uint32_t>(value));
      EXPECT_EQ(buffer[at + 4], 0x55);
      store_u64(buffer.data() + at, value);
      EXPECT_EQ(load_u64(buffer.data() + at), value);
      EXPECT_EQ(buffer[at - 1], 0x55);
      EXPECT_EQ(buffer[at + 8], 0x55);
    }
  }
}

TEST(Bytes, AreTheSameWhenSizeAndContentAre) {
  const Bytes all(kBytes);
  EXPECT_TRUE(same_bytes({}, {}));
  EXPECT_TRUE(same_bytes({}, all.first(0)));
  EXPECT_TRUE(same_bytes(all, std::array(kBytes)));
  EXPECT_FALSE(same_bytes(all, all.first(15)));
  EXPECT_FALSE(same_bytes(all.first(2), all.last(2)));
  EXPECT_FALSE(same_bytes({}, all));
}

TEST(Bytes, AreTextAndBack) {
  const std::string_view text("a\0\xff", 3);
  const Bytes bytes = as_bytes(text);
  ASSERT_EQ(bytes.size(), 3u);
  EXPECT_EQ(bytes[2], 0xff);
  EXPECT_EQ(as_text(bytes), text);
  EXPECT_TRUE(as_bytes("").empty());
  EXPECT_EQ(as_text({}), "");
}

}  // namespace
}  // namespace roost
