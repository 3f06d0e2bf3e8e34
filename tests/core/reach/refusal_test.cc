// SPDX-License-Identifier: MIT
//
// Goal: both protocols' results have one meaning each, and everyone is told in words.
#include "core/reach/refusal.h"

#include <gtest/gtest.h>
#include <set>
#include <string_view>

namespace roost::core::reach {
namespace {

TEST(Refusal, MeansTheSameInBothProtocols) {
  EXPECT_EQ(Refusal::kNotAuthorized, refusal_of(wire::PcpResult::kNotAuthorized));
  EXPECT_EQ(Refusal::kNotAuthorized, refusal_of(wire::NatPmpResult::kNotAuthorized));
  EXPECT_EQ(Refusal::kNoResources, refusal_of(wire::PcpResult::kNoResources));
  EXPECT_EQ(Refusal::kNoResources, refusal_of(wire::NatPmpResult::kOutOfResources));
  EXPECT_EQ(Refusal::kNetworkFailure, refusal_of(wire::PcpResult::kNetworkFailure));
  EXPECT_EQ(Refusal::kNetworkFailure, refusal_of(wire::NatPmpResult::kNetworkFailure));
  EXPECT_EQ(Refusal::kUnsupported, refusal_of(wire::PcpResult::kUnsupportedOpcode));
  EXPECT_EQ(Refusal::kUnsupported, refusal_of(wire::NatPmpResult::kUnsupportedOpcode));
  EXPECT_EQ(Refusal::kOther, refusal_of(wire::PcpResult{200}));
  EXPECT_EQ(Refusal::kOther, refusal_of(wire::NatPmpResult{200}));
}

TEST(Refusal, HasALabelAndWordsOfItsOwn) {
  std::set<std::string_view> labels;
  std::set<std::string_view> words;
  for (uint8_t refusal = 0; refusal < kRefusalCount; ++refusal) {
    labels.insert(label(Refusal{refusal}));
    words.insert(in_words(Refusal{refusal}));
  }
  EXPECT_EQ(kRefusalCount, labels.size());
  EXPECT_EQ(kRefusalCount, words.size());
  EXPECT_FALSE(words.contains(""));
}

// RFC 6887 §7.4 says of each code how long its error lasts.
TEST(Refusal, PassesByItselfWhereTheRfcSaysSo) {
  struct Row {
    wire::PcpResult result;
    bool is_temporary;
  };
  const Row kRows[] = {
      {wire::PcpResult::kUnsupportedVersion, false},  {wire::PcpResult::kNotAuthorized, false},
      {wire::PcpResult::kMalformedRequest, false},    {wire::PcpResult::kUnsupportedOpcode, false},
      {wire::PcpResult::kUnsupportedOption, false},   {wire::PcpResult::kMalformedOption, false},
      {wire::PcpResult::kNetworkFailure, true},       {wire::PcpResult::kNoResources, true},
      {wire::PcpResult::kUnsupportedProtocol, false}, {wire::PcpResult::kUserExceedsQuota, true},
      {wire::PcpResult::kAddressMismatch, false},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(row.is_temporary, is_temporary(refusal_of(row.result))) << label(row.result);
  }
}

}  // namespace
}  // namespace roost::core::reach
