// SPDX-License-Identifier: MIT
//
// Goal: requests are the bytes of RFC 6886's figures; responses are read in all the shapes in which
// gateways send them, errors above all.
#include "wire/nat_pmp.h"

#include <algorithm>
#include <array>
#include <gtest/gtest.h>
#include <string>

#include "base/text.h"

namespace roost::wire {
namespace {

// Hex as it reads best, and without the blanks.
std::string packed(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  return text;
}

Result<NatPmpResponse, NatPmpError> parse(const std::string& hex) {
  const auto bytes = from_hex(packed(hex));
  EXPECT_TRUE(bytes.has_value());
  return parse_nat_pmp_response(*bytes);
}

TEST(NatPmp, WritesRequestsAsInTheFigures) {
  std::array<uint8_t, kNatPmpMapRequestSize> buffer;
  EXPECT_EQ(packed("0000"), to_hex(write_nat_pmp_address_request(buffer)));
  EXPECT_EQ(packed("00010000 0d960d97 00001c20"),
            to_hex(write_nat_pmp_map_request(NatPmpOpcode::kMapUdp, {3478, 3479, 7200}, buffer)));
  EXPECT_EQ(packed("00020000 0d960000 00000000"),
            to_hex(write_nat_pmp_map_request(NatPmpOpcode::kMapTcp, {3478, 0, 0}, buffer)));
}

TEST(NatPmp, ReadsTheExternalAddress) {
  for (const char* behind : {"", "00", "0000000000000000"}) {
    const auto response = parse(std::string("00800000 00000100 cb007109") + behind);
    ASSERT_TRUE(response);
    EXPECT_EQ(NatPmpOpcode::kExternalAddress, response->opcode);
    EXPECT_EQ(NatPmpResult::kSuccess, response->result);
    EXPECT_EQ(256u, response->epoch_seconds);
    EXPECT_EQ("203.0.113.9", response->external_address.text());
    EXPECT_FALSE(response->map);
  }
}

TEST(NatPmp, ReadsWhatWasGranted) {
  const auto response = parse("00820000 00000100 0d960d97 00001c20");
  ASSERT_TRUE(response);
  EXPECT_EQ(NatPmpOpcode::kMapTcp, response->opcode);
  EXPECT_EQ(256u, response->epoch_seconds);
  EXPECT_EQ((NatPmpMap{3478, 3479, 7200}), response->map);
}

TEST(NatPmp, ReadsErrorsInAnyOfTheirShapes) {
  struct Row {
    const char* hex;
    NatPmpResult result;
    std::optional<uint32_t> epoch_seconds;
    std::optional<uint16_t> internal_port;
  };
  const Row kRows[] = {
      // As long as a success.
      {"00810002 00000100 0d960000 00000000", NatPmpResult::kNotAuthorized, 256, 3478},
      // The request as it came: where the epoch would be, there are ports.
      {"00810004 0d960d96 00001c20", NatPmpResult::kOutOfResources, {}, 3478},
      {"00810003 00000100", NatPmpResult::kNetworkFailure, 256, {}},
      {"00800003 00000100", NatPmpResult::kNetworkFailure, 256, {}},
      {"00800003 00000100 00000000", NatPmpResult::kNetworkFailure, 256, {}},
      {"00800007 00000100", NatPmpResult{7}, 256, {}},
  };
  for (const Row& row : kRows) {
    const auto response = parse(row.hex);
    ASSERT_TRUE(response) << row.hex;
    EXPECT_EQ(row.result, response->result) << row.hex;
    EXPECT_EQ(row.epoch_seconds, response->epoch_seconds) << row.hex;
    ASSERT_EQ(row.internal_port.has_value(), response->map.has_value()) << row.hex;
    if (row.internal_port) {
      EXPECT_EQ(row.internal_port, response->map->internal_port);
    }
    EXPECT_TRUE(response->external_address.is_unspecified());
  }
}

TEST(NatPmp, TakesTheComplaintAboutAVersionInEachForm) {
  // Of the first edition, of the erratum, with PCP's opcode, and with all of a PCP request.
  for (const std::string& hex :
       {std::string("0000000100000100"), std::string("0080000100000100"),
        std::string("0081000100000100"), "0081000100000100" + std::string(2 * 52, '0')}) {
    const auto response = parse(hex);
    ASSERT_TRUE(response) << hex;
    EXPECT_EQ(NatPmpResult::kUnsupportedVersion, response->result);
    EXPECT_EQ(256u, response->epoch_seconds);
    EXPECT_FALSE(response->map);
  }
}

TEST(NatPmp, RefusesWhatIsNoResponse) {
  struct Row {
    std::string hex;
    NatPmpError error;
  };
  const Row kRows[] = {
      {"", NatPmpError::kSize},
      {"0000", NatPmpError::kSize},
      {"00800000000001", NatPmpError::kSize},
      {"0080000000000100cb0071", NatPmpError::kSize},
      {"00810000000001000d960d9700001c", NatPmpError::kSize},
      {"0081000100000100" + std::string(2 * 1093, '0'), NatPmpError::kSize},
      {"02800000000001000000000000000000", NatPmpError::kVersion},
      {"000100000d960d9700001c20", NatPmpError::kNoResponse},
      {"00830000000001000d960d9700001c20", NatPmpError::kOpcode},
  };
  for (const Row& row : kRows) {
    const auto response = parse(row.hex);
    ASSERT_FALSE(response) << row.hex;
    EXPECT_EQ(label(row.error), label(response.error())) << row.hex;
  }
}

TEST(NatPmp, NamesEachResult) {
  EXPECT_EQ("success", label(NatPmpResult::kSuccess));
  EXPECT_EQ("out_of_resources", label(NatPmpResult::kOutOfResources));
  EXPECT_EQ("other", label(NatPmpResult{6}));
}

}  // namespace
}  // namespace roost::wire
