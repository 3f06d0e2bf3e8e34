// SPDX-License-Identifier: MIT
//
// Goal: whatever happens to the bytes of a conversation on their way is noticed.
// Method: what one side says, as it should come in, and damaged in each way.
#include "sim/transfer_oracle.h"

#include <chrono>
#include <gtest/gtest.h>
#include <vector>

namespace roost::sim {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kNow{1s};

class TransferOracleTest : public testing::Test {
 protected:
  static std::vector<uint8_t> said(TransferOracle::Number number, size_t side, size_t size) {
    std::vector<uint8_t> bytes;
    for (size_t i = 0; i < size; ++i) bytes.push_back(TransferOracle::byte_at(number, side, i));
    return bytes;
  }
  uint64_t faults(std::vector<uint8_t> bytes, TransferOracle::Number number = 1, size_t side = 0) {
    const uint64_t before = verdict_.count();
    oracle_.received(kNow, number, side, 0, bytes);
    return verdict_.count() - before;
  }

  Verdict verdict_;
  TransferOracle oracle_{verdict_};
};

TEST_F(TransferOracleTest, NoticesDamage) {
  const auto bytes = said(1, 0, 100);
  EXPECT_EQ(faults(bytes), 0u);
  oracle_.received(kNow, 1, 0, 40, Bytes(bytes).subspan(40));
  EXPECT_TRUE(verdict_.holds());
  auto without_one = bytes;
  without_one.erase(without_one.begin() + 50);
  EXPECT_EQ(faults(without_one), 1u);
  auto twice = bytes;
  twice.insert(twice.begin() + 50, bytes.begin() + 10, bytes.begin() + 20);
  EXPECT_EQ(faults(twice), 1u);
  EXPECT_EQ(faults(bytes, 2), 1u);     // Of another conversation,
  EXPECT_EQ(faults(bytes, 1, 1), 1u);  // or its own.
}

TEST_F(TransferOracleTest, NoticesAnEndThatComesTooSoon) {
  oracle_.ended(kNow, 1, 0, 7);  // Cut off.
  oracle_.finished(1, 0, 10);
  oracle_.ended(kNow, 1, 0, 10);
  EXPECT_TRUE(verdict_.holds());
  EXPECT_EQ(oracle_.whole_count(), 1u);
  oracle_.ended(kNow, 1, 0, 9);
  EXPECT_EQ(verdict_.count(), 1u);
  oracle_.broken_off(1, 0);
  oracle_.ended(kNow, 1, 0, 9);
  EXPECT_EQ(verdict_.count(), 1u);
}

TEST_F(TransferOracleTest, NoticesAMixUp) {
  EXPECT_NE(oracle_.begin(), oracle_.begin());
  oracle_.named(kNow, 1, 1);
  EXPECT_TRUE(verdict_.holds());
  oracle_.named(kNow, 1, 2);
  EXPECT_EQ(verdict_.count(), 1u);
}

}  // namespace
}  // namespace roost::sim
