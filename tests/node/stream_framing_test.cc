// SPDX-License-Identifier: MIT
//
// Goal: a stream is cut into the same messages however it was split.
// Method: one message byte by byte, and lengths that lie.
#include "node/stream_framing.h"

#include <gtest/gtest.h>
#include <vector>

namespace roost::node {
namespace {

using State = StreamFrame::State;

TEST(StreamFraming, WaitsForTheWholeMessage) {
  std::vector<uint8_t> message(28, 0);
  message[1] = 1;
  message[3] = 8;
  for (size_t size = 0; size < message.size(); ++size) {
    EXPECT_EQ(State::kNeedsMore, next_frame(Bytes(message).first(size)).state);
  }
  message.push_back(0);  // The next one begins.
  EXPECT_EQ(State::kComplete, next_frame(message).state);
  EXPECT_EQ(28u, next_frame(message).size);
}

TEST(StreamFraming, CutsChannelDataWithItsPadding) {
  const std::vector<uint8_t> message = {0x40, 0x00, 0x00, 0x05, 1, 2, 3, 4, 5, 0, 0, 0};
  for (size_t size = 0; size < message.size(); ++size) {
    EXPECT_EQ(State::kNeedsMore, next_frame(Bytes(message).first(size)).state);
  }
  EXPECT_EQ(State::kComplete, next_frame(message).state);
  EXPECT_EQ(12u, next_frame(message).size);
}

TEST(StreamFraming, SkipsChannelDataThatIsLongerThanWhatIsRelayed) {
  const std::vector<uint8_t> header = {0x40, 0x00, 0xff, 0xff};
  EXPECT_EQ(State::kTooLong, next_frame(header).state);
  EXPECT_EQ(65540u, next_frame(header).size);
}

TEST(StreamFraming, GivesUpOnWhatCannotBeAMessage) {
  std::vector<uint8_t> too_long(20, 0);
  too_long[2] = 0x10;
  std::vector<uint8_t> odd(20, 0);
  odd[3] = 3;
  for (const auto& bytes : {too_long, odd, std::vector<uint8_t>{0x80}}) {
    EXPECT_EQ(State::kBroken, next_frame(bytes).state);
  }
}

TEST(StreamFraming, TellsProtocolsByTheFirstByte) {
  EXPECT_EQ(StreamProtocol::kMessages, stream_protocol(0));
  EXPECT_EQ(StreamProtocol::kTls, stream_protocol(22));
  EXPECT_EQ(StreamProtocol::kHttp, stream_protocol('G'));
  EXPECT_EQ(StreamProtocol::kUnknown, stream_protocol(0x80));
}

}  // namespace
}  // namespace roost::node
