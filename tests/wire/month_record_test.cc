// SPDX-License-Identifier: MIT
//
// Goal: a record survives, and a damaged one is never believed.
// Method: every single flipped bit, and every truncation.
#include "wire/month_record.h"

#include <gtest/gtest.h>

namespace roost::wire {
namespace {

TEST(MonthRecord, ReadsWhatItWroteAndNothingDamaged) {
  const MonthRecord record{24317, 123456789012};
  auto bytes = record.encode();
  EXPECT_EQ(record, MonthRecord::parse(bytes));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(MonthRecord::parse(Bytes(bytes).first(size)));
  }
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(MonthRecord::parse(bytes));
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
}

}  // namespace
}  // namespace roost::wire
