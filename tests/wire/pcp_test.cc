// SPDX-License-Identifier: MIT
//
// Goal: requests are the bytes of RFC 6887's figures; of what comes back exactly the responses are
// believed, with or without options, and the complaints about a version are told apart.
#include "wire/pcp.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "base/text.h"

namespace roost::wire {
namespace {

// Hex as it reads best, and without the blanks.
std::string packed(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  return text;
}

const IpAddress kClient = *IpAddress::parse("192.168.1.10");
const PcpNonce kNonce{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
const std::string kNonceHex = "0102030405060708090a0b0c";
// Version, opcode, reserved, result, lifetime of two hours, an epoch of 256 s.
const std::string kHeader = packed("02810000 00001c20 00000100 000000000000000000000000");
const std::string kMapHex =
    kNonceHex + packed("11000000 0d960d97 00000000000000000000ffffcb007109");

Result<PcpResponse, PcpError> parse(const std::string& hex) {
  const auto bytes = from_hex(packed(hex));
  EXPECT_TRUE(bytes.has_value());
  return parse_pcp_response(*bytes);
}

TEST(Pcp, WritesAnnounceWithTheMappedAddressOfTheClient) {
  std::array<uint8_t, kPcpHeaderSize> buffer;
  EXPECT_EQ("020000000000000000000000000000000000ffffc0a8010a",
            to_hex(write_pcp_announce(kClient, buffer)));
}

TEST(Pcp, WritesMapAsInTheFigure) {
  struct Row {
    std::string_view client;
    PcpProtocol protocol;
    std::string_view external;
    uint32_t lifetime_seconds;
    std::string hex;
  };
  const Row kRows[] = {
      {"192.168.1.10", PcpProtocol::kUdp, "203.0.113.9:3479", 7200,
       "0201000000001c20 00000000000000000000ffffc0a8010a" + kNonceHex +
           "11000000 0d960d97 00000000000000000000ffffcb007109"},
      // None yet, of IPv4.
      {"192.168.1.10", PcpProtocol::kTcp, "0.0.0.0:3478", 7200,
       "0201000000001c20 00000000000000000000ffffc0a8010a" + kNonceHex +
           "06000000 0d960d96 00000000000000000000ffff00000000"},
      // Deleted, of IPv6.
      {"2001:db8::1", PcpProtocol::kUdp, "[::]:0", 0,
       "0201000000000000 20010db8000000000000000000000001" + kNonceHex +
           "11000000 0d960000 00000000000000000000000000000000"},
  };
  for (const Row& row : kRows) {
    std::array<uint8_t, kPcpMapRequestSize> buffer;
    const PcpMap map{kNonce, row.protocol, 3478, *Endpoint::parse(row.external)};
    EXPECT_EQ(packed(row.hex), to_hex(write_pcp_map(*IpAddress::parse(row.client),
                                                    row.lifetime_seconds, map, buffer)));
  }
}

TEST(Pcp, ReadsWhatWasGranted) {
  const auto response = parse(kHeader + kMapHex);
  ASSERT_TRUE(response);
  EXPECT_EQ(PcpOpcode::kMap, response->opcode);
  EXPECT_EQ(PcpResult::kSuccess, response->result);
  EXPECT_EQ(7200u, response->lifetime_seconds);
  EXPECT_EQ(256u, response->epoch_seconds);
  const PcpMap expected{kNonce, PcpProtocol::kUdp, 3478, *Endpoint::parse("203.0.113.9:3479")};
  EXPECT_EQ(expected, response->map);
  EXPECT_TRUE(response->map->external.address.is_v4()) << "a mapped address is its IPv4 address";
}

TEST(Pcp, ReadsAnnouncements) {
  const auto response = parse("028000000000000000000007000000000000000000000000");
  ASSERT_TRUE(response);
  EXPECT_EQ(PcpOpcode::kAnnounce, response->opcode);
  EXPECT_EQ(7u, response->epoch_seconds);
  EXPECT_FALSE(response->map);
}

TEST(Pcp, ReadsErrorsWithAndWithoutWhatTheyAreAbout) {
  const std::string error = "02810002 00000708 00000100 000000000000000000000000";
  for (const bool has_map : {true, false}) {
    const auto response = parse(error + (has_map ? kMapHex : ""));
    ASSERT_TRUE(response);
    EXPECT_EQ(PcpResult::kNotAuthorized, response->result);
    EXPECT_EQ(1800u, response->lifetime_seconds);
    EXPECT_EQ(has_map, response->map.has_value());
  }
}

TEST(Pcp, StepsOverOptions) {
  const std::string third_party = "01000010 00000000000000000000ffffc0a8010a";
  const std::string prefer_failure = "02000000";
  const std::string odd = "ff000005 0102030405000000";  // Its data is padded.
  EXPECT_TRUE(parse(kHeader + kMapHex + third_party));
  EXPECT_TRUE(parse(kHeader + kMapHex + prefer_failure + odd + third_party));
  for (const char* broken : {"02000004", "ff000005 01020304", "ff00ffff 00000000"}) {
    const auto response = parse(kHeader + kMapHex + prefer_failure + broken);
    ASSERT_FALSE(response) << broken;
    EXPECT_EQ(PcpError::kOption, response.error());
  }
}

TEST(Pcp, TellsWhoSpeaksAnotherVersion) {
  // A server of NAT-PMP alone, with the opcode of the first edition and of the corrected one.
  for (const char* hex : {"0000000100000100", "0080000100000100", "0081000100000100"}) {
    const auto response = parse(hex);
    ASSERT_FALSE(response);
    EXPECT_EQ(PcpError::kNatPmp, response.error());
  }
  // One that knows the drafts only; and one of version 2, to a request of NAT-PMP, whose two bytes
  // it gives back.
  struct Row {
    std::string hex;
    uint8_t version;
  };
  const Row kRows[] = {
      {"018100010000070800000100000000000000000000000000", 1},
      {"038100010000070800000100000000000000000000000000", 3},
      {"02800001000007080000010000000000000000000000000000000000", 2},
  };
  for (const Row& row : kRows) {
    const auto response = parse(row.hex);
    ASSERT_TRUE(response) << row.hex;
    EXPECT_EQ(row.version, response->version);
    EXPECT_EQ(PcpResult::kUnsupportedVersion, response->result);
    EXPECT_FALSE(response->map);
  }
}

TEST(Pcp, RefusesWhatIsNoResponse) {
  std::string other_version = kHeader + kMapHex;
  other_version[1] = '1';
  std::string request = kHeader + kMapHex;
  request[2] = '0';
  struct Row {
    std::string hex;
    PcpError error;
  };
  const Row kRows[] = {
      {"", PcpError::kSize},
      {kHeader.substr(0, 40), PcpError::kSize},
      {kHeader + kMapHex + "00", PcpError::kSize},
      {kHeader + kMapHex + std::string(2 * (1104 - 60), '0'), PcpError::kSize},
      {other_version, PcpError::kVersion},
      {request, PcpError::kNoResponse},
      {kHeader, PcpError::kNoMap},
      {(kHeader + kMapHex).substr(0, 2 * 56), PcpError::kNoMap},
  };
  for (const Row& row : kRows) {
    const auto response = parse(row.hex);
    ASSERT_FALSE(response) << row.hex;
    EXPECT_EQ(label(row.error), label(response.error())) << row.hex;
  }
  EXPECT_TRUE(parse(kHeader + kMapHex + std::string(2 * (1100 - 60), '0'))) << "the longest";
}

TEST(Pcp, NamesEachResult) {
  EXPECT_EQ("success", label(PcpResult::kSuccess));
  EXPECT_EQ("excessive_remote_peers", label(PcpResult::kExcessiveRemotePeers));
  EXPECT_EQ("other", label(PcpResult{14}));
  for (uint8_t result = 0; result < 14; ++result) EXPECT_NE("other", label(PcpResult{result}));
}

}  // namespace
}  // namespace roost::wire
