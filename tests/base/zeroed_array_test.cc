// SPDX-License-Identifier: MIT
//
// Goal: elements begin as zeros and keep what is written.
#include "base/zeroed_array.h"

#include <cstdint>
#include <gtest/gtest.h>

namespace roost {
namespace {

struct Entry {
  uint32_t number = 7;  // What a constructor would make of it.
  bool is_used = true;
};

TEST(ZeroedArray, BeginsAsZeros) {
  ZeroedArray<Entry> entries(1000);
  EXPECT_EQ(1000u, entries.size());
  for (const Entry& entry : entries) {
    EXPECT_EQ(0u, entry.number);
    EXPECT_FALSE(entry.is_used);
  }
  entries[999].number = 5;
  EXPECT_EQ(5u, (entries.end() - 1)->number);
}

TEST(ZeroedArray, MayBeEmpty) {
  ZeroedArray<uint8_t> nothing(0);
  EXPECT_EQ(nothing.begin(), nothing.end());
}

}  // namespace
}  // namespace roost
