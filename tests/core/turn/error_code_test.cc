// SPDX-License-Identifier: MIT
// Goal: every code that the server sends has its phrase, and a bound of the node's is not blamed on
// the user.
#include "core/turn/error_code.h"

#include <gtest/gtest.h>

#include "core/turn/server.h"

namespace roost::core::turn {
namespace {

using Full = AllocationTable::Full;

TEST(ErrorCode, HasAPhraseForEachCodeThatTheServerSends) {
  for (const unsigned code : Server::kErrorCodes) EXPECT_FALSE(reason(code).empty()) << code;
  EXPECT_EQ(reason(486), "Allocation Quota Reached");
  EXPECT_EQ(reason(499), "");
}

TEST(ErrorCode, TellsTheNodesBoundsFromTheUsers) {
  EXPECT_EQ(code_of(Full::kAllocations), 508u);
  EXPECT_EQ(code_of(Full::kClass), 508u);
  EXPECT_EQ(code_of(Full::kUser), 486u);
  EXPECT_EQ(code_of(Full::kPrefix), 486u);
}

}  // namespace
}  // namespace roost::core::turn
