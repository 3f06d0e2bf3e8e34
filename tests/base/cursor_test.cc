// SPDX-License-Identifier: MIT
//
// Goal: neither cursor touches a byte outside of its buffer, and each remembers that it was asked
// to.
// Method: every kind of step at every distance from the end; buffers of exact size, so that the
// address sanitizer sees what a test cannot.
#include "base/cursor.h"

#include <array>
#include <functional>
#include <gtest/gtest.h>
#include <vector>

namespace roost {
namespace {

std::vector<uint8_t> numbered(size_t size) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i + 1);
  return bytes;
}

TEST(Reader, ReadsFromFrontToBackInNetworkOrder) {
  const std::vector<uint8_t> bytes = numbered(18);
  Reader reader(bytes);
  EXPECT_EQ(reader.u8(), 0x01);
  EXPECT_EQ(reader.u16(), 0x0203);
  EXPECT_EQ(reader.u32(), 0x04050607u);
  EXPECT_EQ(reader.u64(), 0x08090a0b0c0d0e0fu);
  EXPECT_EQ(reader.left(), 3u);
  EXPECT_TRUE(same_bytes(reader.rest(), Bytes(bytes).last(3)));
  EXPECT_TRUE(same_bytes(reader.take(2), Bytes(bytes).subspan(15, 2)));
  EXPECT_EQ(reader.take(0).size(), 0u);
  EXPECT_EQ(reader.u8(), 18);
  EXPECT_EQ(reader.left(), 0u);
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.take(0).size(), 0u);
  EXPECT_TRUE(reader.ok());
}

TEST(Reader, YieldsZerosBehindTheEndAndIsNotOkForGood) {
  struct Row {
    size_t size;
    std::function<uint64_t(Reader&)> read;
  };
  const Row kRows[] = {
      {1, [](Reader& reader) { return reader.u8(); }},
      {2, [](Reader& reader) { return reader.u16(); }},
      {4, [](Reader& reader) { return reader.u32(); }},
      {8, [](Reader& reader) { return reader.u64(); }},
      {5, [](Reader& reader) { return reader.take(5).size(); }},
      {SIZE_MAX, [](Reader& reader) { return reader.take(SIZE_MAX).size(); }},
  };
  for (const Row& row : kRows) {
    for (size_t size = 0; size < 10; ++size) {
      const std::vector<uint8_t> bytes = numbered(size);
      Reader reader(bytes);
      const uint64_t value = row.read(reader);
      EXPECT_EQ(reader.ok(), size >= row.size);
      if (reader.ok()) {
        EXPECT_NE(value, 0u);
        EXPECT_EQ(reader.left(), size - row.size);
        continue;
      }
      EXPECT_EQ(value, 0u);
      // What would have fitted is not read any more either: the structure is out of step.
      EXPECT_EQ(reader.left(), 0u);
      EXPECT_EQ(reader.u8(), 0u);
      EXPECT_TRUE(reader.take(0).empty());
      EXPECT_FALSE(reader.ok());
    }
  }
}

TEST(Reader, ReadsNothingFromNothing) {
  Reader reader((Bytes()));
  EXPECT_TRUE(reader.ok());
  EXPECT_TRUE(reader.take(0).empty());
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.u64(), 0u);
  EXPECT_FALSE(reader.ok());
}

TEST(Writer, WritesFromFrontToBackInNetworkOrder) {
  std::vector<uint8_t> buffer(24, 0x55);
  Writer writer(buffer);
  writer.u8(0x01);
  writer.u16(0x0203);
  writer.u32(0x04050607);
  writer.u64(0x08090a0b0c0d0e0f);
  writer.bytes(std::array<uint8_t, 2>{0x10, 0x11});
  writer.text("ab");
  writer.zeros(3);
  writer.zeros(0);
  writer.bytes({});
  EXPECT_TRUE(writer.ok());
  EXPECT_EQ(writer.size(), 22u);
  EXPECT_EQ(writer.left(), 2u);
  std::vector<uint8_t> expected = numbered(17);
  expected.insert(expected.end(), {0x61, 0x62, 0x00, 0x00, 0x00});
  EXPECT_TRUE(same_bytes(writer.written(), expected));
  EXPECT_EQ(buffer[22], 0x55);  // Untouched.
}

TEST(Writer, WritesNothingBehindTheEndAndIsNotOkForGood) {
  struct Row {
    size_t size;
    std::function<void(Writer&, size_t)> write;
  };
  const std::vector<uint8_t> five = numbered(5);
  const Row kRows[] = {
      {1, [](Writer& writer, size_t) { writer.u8(1); }},
      {2, [](Writer& writer, size_t) { writer.u16(1); }},
      {4, [](Writer& writer, size_t) { writer.u32(1); }},
      {8, [](Writer& writer, size_t) { writer.u64(1); }},
      {5, [&](Writer& writer, size_t) { writer.bytes(five); }},
      {3, [](Writer& writer, size_t) { writer.text("abc"); }},
      {7, [](Writer& writer, size_t count) { writer.zeros(count); }},
      {SIZE_MAX, [](Writer& writer, size_t count) { writer.zeros(count); }},
  };
  for (const Row& row : kRows) {
    for (size_t size = 0; size < 10; ++size) {
      std::vector<uint8_t> buffer(size, 0x55);
      Writer writer(buffer);
      row.write(writer, row.size);
      EXPECT_EQ(writer.ok(), size >= row.size);
      if (writer.ok()) {
        EXPECT_EQ(writer.size(), row.size);
        continue;
      }
      EXPECT_EQ(writer.size(), 0u);
      // What would have fitted is not written any more either.
      writer.u8(1);
      writer.zeros(0);
      EXPECT_FALSE(writer.ok());
      EXPECT_TRUE(writer.written().empty());
      EXPECT_EQ(buffer, std::vector<uint8_t>(size, 0x55));
    }
  }
}

TEST(Writer, KeepsWhatWasWrittenBeforeTheEnd) {
  std::array<uint8_t, 3> buffer{};
  Writer writer(buffer);
  writer.u16(0x0102);
  writer.u16(0x0304);
  EXPECT_FALSE(writer.ok());
  EXPECT_TRUE(same_bytes(writer.written(), std::array<uint8_t, 2>{1, 2}));
  EXPECT_EQ(buffer[2], 0);
}

}  // namespace
}  // namespace roost
