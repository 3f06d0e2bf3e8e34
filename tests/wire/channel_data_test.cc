// SPDX-License-Identifier: MIT
//
// Goal: data comes out as it went in, and nothing is read beyond the message.
#include "wire/channel_data.h"

#include <gtest/gtest.h>
#include <vector>

namespace roost::wire {
namespace {

TEST(ChannelData, ReadsItsHeaderAndData) {
  const std::vector<uint8_t> message = {0x40, 0x01, 0x00, 0x03, 'a', 'b', 'c', 0};
  const auto parsed = parse_channel_data(message);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(0x4001, parsed->channel);
  EXPECT_EQ("abc", as_text(parsed->data));
}

TEST(ChannelData, RefusesWhatIsNone) {
  const std::vector<uint8_t> kRows[] = {
      {},
      {0x40, 0x00, 0x00},              // No whole header.
      {0x40, 0x00, 0x00, 0x01},        // Shorter than it says.
      {0x3f, 0xff, 0x00, 0x00},        // Below the channel numbers.
      {0x50, 0x00, 0x00, 0x00},        // Above them (RFC 8656 §12).
      {0x7f, 0xff, 0x00, 0x01, 0x00},  // A channel of RFC 5766.
      {0x4f, 0xff, 0x00, 0x02, 'a'},
  };
  for (const auto& row : kRows)
    EXPECT_FALSE(parse_channel_data(row)) << testing::PrintToString(row);
  EXPECT_TRUE(parse_channel_data(std::vector<uint8_t>{0x40, 0x00, 0x00, 0x00}));  // No data at all.
  EXPECT_TRUE(parse_channel_data(std::vector<uint8_t>{0x4f, 0xff, 0x00, 0x01, 'a'}));
}

TEST(ChannelData, WritesTheHeaderThatItReads) {
  const auto header = channel_data_header(0x4abc, 0x1234);
  EXPECT_EQ((std::array<uint8_t, 4>{0x4a, 0xbc, 0x12, 0x34}), header);
}

TEST(ChannelData, IsPaddedOnStreams) {
  struct Row {
    size_t data;
    size_t expect;
  };
  for (const Row row : {Row{0, 4}, Row{1, 8}, Row{4, 8}, Row{5, 12}, Row{65535, 65540}}) {
    EXPECT_EQ(row.expect, channel_data_stream_size(channel_data_header(0x4000, row.data)));
  }
}

}  // namespace
}  // namespace roost::wire
