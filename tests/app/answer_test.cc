// SPDX-License-Identifier: MIT
// Goal: what a command says goes where scripts expect it.
#include "app/answer.h"

#include <gtest/gtest.h>

namespace roost::app {
namespace {

TEST(Answer, GoesToStandardOutputWhenAllIsWell) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  EXPECT_EQ(print({kExitOk, "fine\n"}), kExitOk);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "fine\n");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Answer, GoesToStandardErrorWithItsExitCodeWhenNot) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  EXPECT_EQ(print({kExitUsage, "not fine\n"}), kExitUsage);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "not fine\n");
}

}  // namespace
}  // namespace roost::app
