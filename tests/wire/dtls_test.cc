// SPDX-License-Identifier: MIT
//
// Goal: heads of records and ClientHellos are read as RFC 6347 draws them, and what is cut off,
// split or too long is told apart. Method: datagrams made byte by byte.
#include "wire/dtls.h"

#include <gtest/gtest.h>

#include "raw_dtls.h"

namespace roost::wire {
namespace {

DtlsHelloError error_of(const std::string& datagram) {
  const auto hello = parse_dtls_client_hello(as_bytes(datagram));
  EXPECT_FALSE(hello);
  return hello ? DtlsHelloError::kOther : hello.error();
}

TEST(Dtls, ReadsTheHeadOfARecordAndLeavesWhatIsBehindIt) {
  const std::string datagram = raw_dtls_record(23, 0x0102, 0x030405060708, "abc") + "tail";
  const auto record = parse_dtls_record(as_bytes(datagram));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->content, DtlsContent::kApplicationData);
  EXPECT_EQ(record->epoch, 0x0102);
  EXPECT_EQ(record->sequence, 0x030405060708u);
  EXPECT_EQ(as_text(record->fragment), "abc");
  EXPECT_EQ(record->size(), 16u);
}

TEST(Dtls, TakesNoRecordThatIsNotWholeOrOfAnotherVersion) {
  const std::string whole = raw_dtls_record(22, 0, 0, "abc");
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(parse_dtls_record(as_bytes(whole.substr(0, size)))) << size;
  }
  std::string tls = whole;
  tls[1] = 3;
  EXPECT_FALSE(parse_dtls_record(as_bytes(tls)));
}

TEST(Dtls, ReadsAHandshakeHeader) {
  const std::string fragment = raw_dtls_handshake(16, 0x0102, 0x030405, 0x060708, "abc");
  const auto header = parse_dtls_handshake_header(as_bytes(fragment));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->message, DtlsMessage::kClientKeyExchange);
  EXPECT_EQ(header->size, 0x030405u);
  EXPECT_EQ(header->sequence, 0x0102);
  EXPECT_EQ(header->fragment_offset, 0x060708u);
  EXPECT_EQ(header->fragment_size, 3u);
  EXPECT_FALSE(parse_dtls_handshake_header(as_bytes(fragment.substr(0, 11))));
}

TEST(Dtls, TakesAClientHelloApartAroundItsCookie) {
  for (const std::string& session_id : {std::string(), std::string(32, 's')}) {
    for (const std::string& cookie :
         {std::string(), std::string("8 bytes!"), std::string(255, 'c')}) {
      for (const std::string& extensions : {std::string(), std::string("\0\1x", 3)}) {
        RawHello raw{.record_sequence = 0x010203040506,
                     .message_sequence = 7,
                     .session_id = session_id,
                     .cookie = cookie,
                     .suites = "\xc0\x2b\xcc\xa9",
                     .extensions = extensions};
        const std::string datagram = raw_client_hello(raw);
        const auto hello = parse_dtls_client_hello(as_bytes(datagram));
        ASSERT_TRUE(hello);
        EXPECT_EQ(hello->record_sequence, 0x010203040506u);
        EXPECT_EQ(hello->message_sequence, 7);
        EXPECT_EQ(as_text(hello->cookie), cookie);
        EXPECT_EQ(hello->before_cookie.size(), 2 + 32 + 1 + session_id.size());
        EXPECT_TRUE(as_text(hello->before_cookie).ends_with(session_id));
        EXPECT_EQ(as_text(hello->after_cookie), std::string_view("\0\4\xc0\x2b\xcc\xa9\1\0", 8));
      }
    }
  }
}

TEST(Dtls, RefusesAClientHelloThatIsCutOffAnywhere) {
  const std::string body = raw_hello_body({.session_id = "id", .cookie = "c"});
  for (size_t size = 0; size < body.size(); ++size) {
    const std::string cut = body.substr(0, size);
    EXPECT_EQ(DtlsHelloError::kMalformed,
              error_of(raw_dtls_record(22, 0, 0, raw_dtls_handshake(1, 0, size, 0, cut))))
        << size;
  }
  ASSERT_TRUE(parse_dtls_client_hello(
      as_bytes(raw_dtls_record(22, 0, 0, raw_dtls_handshake(1, 0, body.size(), 0, body)))));
}

TEST(Dtls, RefusesWhatIsNoClientHelloOnItsOwn) {
  const std::string body = raw_hello_body({});
  const std::string fragment = raw_dtls_handshake(1, 0, body.size(), 0, body);
  struct Row {
    std::string datagram;
    DtlsHelloError expected;
  };
  const Row rows[] = {
      {"", DtlsHelloError::kOther},
      {raw_dtls_record(22, 0, 0, ""), DtlsHelloError::kOther},
      {raw_dtls_record(23, 0, 0, fragment), DtlsHelloError::kOther},
      {raw_dtls_record(22, 1, 0, fragment), DtlsHelloError::kOther},
      {raw_dtls_record(22, 0, 0, raw_dtls_handshake(16, 0, 3, 0, "abc")), DtlsHelloError::kOther},
      {raw_dtls_record(22, 0, 0, raw_dtls_handshake(1, 0, body.size() + 9, 0, body)),
       DtlsHelloError::kFragmented},
      {raw_dtls_record(22, 0, 0, raw_dtls_handshake(1, 0, body.size(), 1, body.substr(1))),
       DtlsHelloError::kFragmented},
      {raw_client_hello() + "x", DtlsHelloError::kMalformed},
      {raw_dtls_record(22, 0, 0, fragment + "x"), DtlsHelloError::kMalformed},
      {raw_client_hello({.session_id = std::string(33, 's')}), DtlsHelloError::kMalformed},
      {raw_client_hello({.suites = ""}), DtlsHelloError::kMalformed},
      {raw_client_hello({.suites = "odd"}), DtlsHelloError::kMalformed},
      {raw_client_hello({.methods = ""}), DtlsHelloError::kMalformed},
  };
  for (size_t i = 0; i < std::size(rows); ++i) {
    EXPECT_EQ(rows[i].expected, error_of(rows[i].datagram)) << "row " << i;
  }
}

TEST(Dtls, AsksForACookieWithTheClientsOwnRecordNumber) {
  const std::string datagram = raw_client_hello({.record_sequence = 0x010203040506});
  const auto hello = parse_dtls_client_hello(as_bytes(datagram));
  ASSERT_TRUE(hello);
  std::array<uint8_t, 64> buffer{};
  const Bytes reply = build_dtls_hello_verify_request(*hello, as_bytes("8 bytes!"), buffer);
  const std::string body =
      "\xfe\xff\x08"
      "8 bytes!";
  EXPECT_EQ(as_text(reply),
            raw_dtls_record(22, 0, 0x010203040506, raw_dtls_handshake(3, 0, body.size(), 0, body)));
  EXPECT_EQ(reply.size(), kDtlsHelloVerifyRequestSize);
  EXPECT_EQ(raw_cookie_of(std::string(as_text(reply))), "8 bytes!");
}

}  // namespace
}  // namespace roost::wire
