// SPDX-License-Identifier: MIT
//
// Goal: every first byte has one meaning, that of RFC 7983 where it has one.
// Method: all 256 of them, against ranges written out once more.
#include "wire/demux.h"

#include <gtest/gtest.h>
#include <string_view>
#include <vector>

namespace roost::wire {
namespace {

TEST(ClassifyDatagram, GoesByTheFirstByteAsRfc7983Says) {
  struct Row {
    unsigned first, last;
    DatagramKind expect;
  };
  constexpr Row kRows[] = {
      {0, 3, DatagramKind::kStun},        {4, 19, DatagramKind::kUnknown},  // 16..19 would be ZRTP.
      {20, 63, DatagramKind::kDtls},      {64, 79, DatagramKind::kChannelData},
      {80, 99, DatagramKind::kUnknown},   {100, 100, DatagramKind::kDht},
      {101, 255, DatagramKind::kUnknown},  // 128..191 would be RTP.
  };
  unsigned next = 0;
  for (const Row& row : kRows) {
    ASSERT_EQ(row.first, next);
    next = row.last + 1;
    for (unsigned byte = row.first; byte <= row.last; ++byte) {
      const std::vector<uint8_t> alone = {static_cast<uint8_t>(byte)};
      EXPECT_EQ(classify_datagram(alone), row.expect) << byte;
      std::vector<uint8_t> followed(100, 0xff);
      followed[0] = static_cast<uint8_t>(byte);
      EXPECT_EQ(classify_datagram(followed), row.expect) << byte;
    }
  }
  EXPECT_EQ(next, 256u);
}

TEST(ClassifyDatagram, KnowsNothingOfAnEmptyOne) {
  EXPECT_EQ(classify_datagram({}), DatagramKind::kUnknown);
}

TEST(ClassifyDatagram, KnowsRealTraffic) {
  struct Row {
    std::string_view bytes;
    DatagramKind expect;
  };
  using std::string_view_literals::operator""sv;
  constexpr Row kRows[] = {
      {"\x00\x01\x00\x00\x21\x12\xa4\x42"sv, DatagramKind::kStun},  // Binding request.
      {"\x01\x13\x00\x00\x21\x12\xa4\x42"sv, DatagramKind::kStun},  // Allocate error.
      {"\x16\xfe\xff\x00\x00"sv, DatagramKind::kDtls},              // Handshake of DTLS 1.0.
      {"\x17\xfe\xfd\x00\x01"sv, DatagramKind::kDtls},              // Application data.
      {"\x40\x00\x00\x04"sv, DatagramKind::kChannelData},           // The first channel.
      {"\x4f\xff\x00\x04"sv, DatagramKind::kChannelData},           // The last one.
      {"d1:ad2:id20:"sv, DatagramKind::kDht},                       // A query of BEP 5.
      {"le"sv, DatagramKind::kUnknown},                             // Bencoded, but no dictionary.
      {"\x41\x00"sv, DatagramKind::kChannelData},                   // µTP looks like this, alas.
      {"GET / HTTP/1.1\r\n"sv, DatagramKind::kChannelData},         // No one sends it over UDP.
      {"\x80\x60\x00\x01"sv, DatagramKind::kUnknown},               // RTP.
  };
  for (const Row& row : kRows) EXPECT_EQ(classify_datagram(as_bytes(row.bytes)), row.expect);
}

TEST(ClassifyStream, GoesByTheFirstByte) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const StreamKind expected = byte <= 3                    ? StreamKind::kStun
                                : byte == 22                 ? StreamKind::kTls
                                : byte >= 'A' && byte <= 'Z' ? StreamKind::kHttp
                                                             : StreamKind::kUnknown;
    EXPECT_EQ(classify_stream(static_cast<uint8_t>(byte)), expected) << byte;
  }
}

TEST(ClassifyStream, KnowsEveryHttpMethodAndNothingInLowerCase) {
  for (const std::string_view method : {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT",
                                        "OPTIONS", "TRACE", "PATCH", "PRI", "ZAP"}) {
    EXPECT_EQ(classify_stream(static_cast<uint8_t>(method.front())), StreamKind::kHttp) << method;
  }
  EXPECT_EQ(classify_stream('g'), StreamKind::kUnknown);
  EXPECT_EQ(classify_stream(0x80), StreamKind::kUnknown);  // The hello of SSL 2.
}

}  // namespace
}  // namespace roost::wire
