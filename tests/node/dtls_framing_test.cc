// SPDX-License-Identifier: MIT
//
// Goal: a library in the middle of a handshake is given what it can use at once, and nothing that
// it would have to keep. Method: datagrams made byte by byte.
#include "node/dtls_framing.h"

#include <gtest/gtest.h>

#include "raw_dtls.h"

namespace roost::node {
namespace {

const std::string kKeyExchange =
    raw_dtls_record(22, 0, 2, raw_dtls_handshake(16, 2, 66, 0, std::string(66, 'k')));
const std::string kChangeCipherSpec = raw_dtls_record(20, 0, 3, "\1");
const std::string kFinished = raw_dtls_record(22, 1, 0, std::string(48, 'f'));
const std::string kData = raw_dtls_record(23, 1, 1, "data");

size_t usable(const std::string& datagram, bool has_keys) {
  return usable_in_handshake(as_bytes(datagram), has_keys);
}

TEST(DtlsFraming, KnowsDtlsByItsFirstByte) {
  EXPECT_FALSE(is_dtls({}));
  for (unsigned byte = 0; byte < 256; ++byte) {
    const uint8_t datagram[] = {static_cast<uint8_t>(byte)};
    EXPECT_EQ(is_dtls(datagram), byte >= 20 && byte <= 63) << byte;
  }
}

TEST(DtlsFraming, AnAssociationBeginsWithAClientHelloInTheClear) {
  EXPECT_TRUE(begins_association(as_bytes(raw_client_hello())));
  // Broken ones are for the node, too: it counts them.
  EXPECT_TRUE(begins_association(as_bytes(raw_client_hello({.suites = ""}))));
  EXPECT_TRUE(begins_association(as_bytes(raw_client_hello() + "x")));
  EXPECT_FALSE(begins_association(as_bytes(kKeyExchange)));
  EXPECT_FALSE(begins_association(as_bytes(kData)));
  EXPECT_FALSE(
      begins_association(as_bytes(raw_dtls_record(22, 1, 0, raw_dtls_handshake(1, 0, 1, 0, "x")))));
  EXPECT_FALSE(begins_association(as_bytes("\x16")));
}

TEST(DtlsFraming, GivesTheFlightOfAClientInTwoParts) {
  const std::string clear = kKeyExchange + kChangeCipherSpec;
  const std::string flight = clear + kFinished + kData;
  EXPECT_EQ(usable(flight, false), clear.size());
  EXPECT_EQ(usable(flight.substr(clear.size()), true), kFinished.size());
  EXPECT_EQ(usable(kFinished, false), 0u);  // Came too early: nothing to open it with.
  EXPECT_EQ(usable(clear, true), 0u);
  EXPECT_EQ(usable(raw_dtls_record(21, 0, 1, "\2\50"), false), 15u);  // An alert.
}

TEST(DtlsFraming, LetsAFragmentedKeyExchangePass) {
  const std::string first =
      raw_dtls_record(22, 0, 2, raw_dtls_handshake(16, 2, 66, 0, std::string(30, 'k')));
  const std::string second =
      raw_dtls_record(22, 0, 3, raw_dtls_handshake(16, 2, 66, 30, std::string(36, 'k')));
  EXPECT_EQ(usable(first, false), first.size());
  EXPECT_EQ(usable(second + kChangeCipherSpec, false), second.size() + kChangeCipherSpec.size());
}

TEST(DtlsFraming, KeepsBackWhatALibraryWouldHaveToKeep) {
  const auto handshake = [](uint8_t message, size_t size, const std::string& part) {
    return raw_dtls_record(22, 0, 2, raw_dtls_handshake(message, 9, size, 0, part));
  };
  const std::string in_the_clear[] = {
      handshake(16, 257, "a fragment of much"),
      handshake(11, 16'000, "a certificate"),
      handshake(20, 12, "a Finished"),
      handshake(16, 66, "one") + "cut off",
      raw_dtls_record(22, 0, 2, "too short"),
      raw_dtls_record(23, 0, 2, "data"),
      raw_dtls_record(22, 0, 2, raw_dtls_handshake(16, 2, 3, 0, "one") + "and more"),
  };
  for (const std::string& datagram : in_the_clear) {
    const bool begins_well = datagram.ends_with("cut off");
    EXPECT_EQ(usable(datagram, false), begins_well ? datagram.size() - 7 : 0u) << datagram;
  }
  EXPECT_EQ(usable(kData, true), 0u);
  EXPECT_EQ(usable(kFinished + kFinished, true), kFinished.size());  // One is what it takes.
  EXPECT_EQ(usable(raw_dtls_record(22, 2, 0, "next epoch"), true), 0u);
  EXPECT_EQ(usable(raw_dtls_record(22, 1, 0, std::string(65, 'f')), true), 0u);
}

}  // namespace
}  // namespace roost::node
