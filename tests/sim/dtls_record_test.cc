// SPDX-License-Identifier: MIT
//
// Goal: what simulated clients and nodes say is DTLS to the real parser as far as that looks, and
// comes back as it was said. Method: each part, whole and cut off anywhere.
#include "sim/dtls_record.h"

#include <gtest/gtest.h>

#include "wire/dtls.h"

namespace roost::sim {
namespace {

constexpr HelloRandom kRandom{1, 2, 3};
constexpr DtlsKey kKey{8, 7, 6, 5, 4, 3, 2, 1};
constexpr DtlsPart kPartsWithKey[] = {DtlsPart::kCertificate, DtlsPart::kKeyExchange,
                                      DtlsPart::kFinished, DtlsPart::kMessage,
                                      DtlsPart::kCloseNotify};

TEST(DtlsRecord, OfAHelloIsOneToTheNode) {
  for (const std::string_view cookie : {"", "8 bytes!"}) {
    const auto datagram = client_hello(kRandom, as_bytes(cookie));
    const auto parsed = wire::parse_dtls_client_hello(datagram);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(as_text(parsed->cookie), cookie);
    EXPECT_EQ(parsed->message_sequence, cookie.empty() ? 0 : 1);
    const auto read = DtlsRecord::read(datagram);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->part, DtlsPart::kClientHello);
    EXPECT_EQ(as_text(read->payload), cookie);
    EXPECT_EQ(read->random, kRandom);
  }
}

TEST(DtlsRecord, OfTheNodesCookieIsRead) {
  const auto datagram = client_hello(kRandom, {});
  const auto hello = wire::parse_dtls_client_hello(datagram);
  ASSERT_TRUE(hello);
  std::array<uint8_t, wire::kDtlsHelloVerifyRequestSize> buffer;
  const Bytes answer = wire::build_dtls_hello_verify_request(*hello, kKey, buffer);
  const auto read = DtlsRecord::read(answer);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->part, DtlsPart::kHelloVerifyRequest);
  EXPECT_TRUE(same_bytes(read->payload, kKey));
}

TEST(DtlsRecord, BehindTheHellosIsReadAsItWasMade) {
  for (const DtlsPart part : kPartsWithKey) {
    const bool is_message = part == DtlsPart::kMessage;
    const auto datagram =
        dtls_record(part, 0x0102'0304'0506, kKey, is_message ? as_bytes("abc") : Bytes());
    EXPECT_LE(datagram.size(), DtlsRecord::kSizeMax);
    const auto read = DtlsRecord::read(datagram);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->part, part);
    EXPECT_EQ(read->sequence, 0x0102'0304'0506u);
    EXPECT_EQ(read->key, kKey);
    EXPECT_EQ(as_text(read->payload), is_message ? "abc" : "");
    const bool is_small = datagram.size() == DtlsRecord::kOverhead + 3;
    EXPECT_EQ(is_small, is_message);
  }
}

TEST(DtlsRecord, IsNoneIfItIsCutOffAnywhere) {
  std::vector<std::vector<uint8_t>> wholes{client_hello(kRandom, as_bytes("8 bytes!"))};
  for (const DtlsPart part : kPartsWithKey) wholes.push_back(dtls_record(part, 1, kKey));
  for (const auto& whole : wholes) {
    for (size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(DtlsRecord::read(Bytes(whole).first(size))) << size;
    }
  }
}

TEST(ReplayWindow, TakesEachNumberOnce) {
  struct Row {
    uint64_t sequence;
    bool is_new;
  };
  constexpr Row kRows[] = {{0, true},  {0, false},  {2, true},    {1, true},   {1, false},
                           {2, false}, {65, true},  {2, false},   {3, true},   {1, false},
                           {64, true}, {500, true}, {436, false}, {437, true}, {437, false}};
  ReplayWindow window;
  for (const auto& [sequence, is_new] : kRows) EXPECT_EQ(window.take(sequence), is_new) << sequence;
}

}  // namespace
}  // namespace roost::sim
