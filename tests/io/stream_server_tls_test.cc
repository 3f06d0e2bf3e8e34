// SPDX-License-Identifier: MIT
//
// Goal: TLS on the public port carries the same as TCP, within the same bounds, and offers nothing
// that is weak. Method: OpenSSL's client on loopback against the server and a fake node.
#include <fstream>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "certificate_files.h"
#include "stream_server_fixture.h"

namespace roost::io {
namespace {

using namespace std::chrono_literals;

constexpr int kVersions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
constexpr auto kTls = static_cast<size_t>(core::Transport::kTls);

class StreamServerTlsTest : public StreamServerFixture {
 protected:
  // Whether the handshake succeeds.
  bool run_until_ready(StreamClient& client) {
    run_until_done(client, [&] { return client.is_tls_ready() || client.has_tls_failed(); });
    return client.is_tls_ready();
  }
};

TEST_F(StreamServerTlsTest, AnswersMessages) {
  start();
  for (const int version : kVersions) {
    StreamClient client(endpoint_);
    client.start_tls({.version = version});
    client.send(stun_message(8));
    ASSERT_TRUE(run_until_received(client, stun_message(8)));
    EXPECT_EQ(core::Transport::kTls, node_.message_ends.back().transport);
    EXPECT_EQ(client.local(), node_.message_ends.back().from);
    EXPECT_EQ(endpoint_, node_.message_ends.back().local.endpoint);
    client.finish();
    ASSERT_TRUE(run_until_closed(client));
    EXPECT_FALSE(client.has_tls_failed());  // It was told by close_notify.
  }
  EXPECT_EQ(2u, server_->stream_stats().tls_handshakes);
  EXPECT_EQ(2u, closed(CloseReason::kPeerClosed));
}

TEST_F(StreamServerTlsTest, AnswersRequests) {
  start();
  for (const int version : kVersions) {
    StreamClient client(endpoint_);
    client.start_tls({.version = version});
    client.send("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    ASSERT_TRUE(run_until_done(client, [&] { return client.has_ended(); }));
    EXPECT_TRUE(client.received().ends_with("\r\n\r\nhi"));
    EXPECT_FALSE(client.has_tls_failed());
  }
  EXPECT_EQ((std::vector<std::string>{"GET /x", "GET /x"}), node_.requests);
}

TEST_F(StreamServerTlsTest, JoinsAMessageThatComesARecordAByte) {
  start();
  StreamClient client(endpoint_);
  client.start_tls({});
  ASSERT_TRUE(run_until_ready(client));
  for (const char byte : stun_message(4)) {
    client.send({&byte, 1});
    client.pump();
    event_base_loop(loop_.base(), EVLOOP_NONBLOCK);
  }
  EXPECT_TRUE(run_until_received(client, stun_message(4)));
}

TEST_F(StreamServerTlsTest, FindsAllMessagesOfALargeRecord) {
  // One record is decrypted at once, but read in parts: what is left the loop cannot see.
  start();
  StreamClient client(endpoint_);
  client.start_tls({});
  std::string all;
  for (int i = 0; i < 30; ++i) all += stun_message(500);
  client.send(all);
  ASSERT_TRUE(run_until_received(client, all));
}

TEST_F(StreamServerTlsTest, FindsAllPipelinedRequestsOfALargeRecordHoweverLateTheRepliesAre) {
  start();
  node_.answers_requests = false;
  StreamClient client(endpoint_);
  client.start_tls({});
  std::string all;
  for (int i = 0; i < 300; ++i) all += kGetRequest;
  client.send(all);
  for (size_t i = 1; i <= 300; ++i) {
    ASSERT_TRUE(run_until_done(client, [&] { return node_.requests.size() == i; }));
    node_.answer_next();
  }
}

TEST_F(StreamServerTlsTest, ResumesWhenAPeerThatDidNotReadReadsOn) {
  start();
  node_.reply_body = std::string(3000, 'x');
  StreamClient client(endpoint_, 4096);
  client.start_tls({});
  ASSERT_TRUE(run_until_ready(client));
  client.stop_reading();
  for (int i = 0; i < 900; ++i) client.send(kGetRequest);
  run_for(client, 100ms);
  EXPECT_LT(node_.requests.size(), 300u);
  client.go_on_reading();
  ASSERT_TRUE(run_until_done(client, [&] { return node_.requests.size() == 900; }));
  ASSERT_TRUE(run_until_done(client, [&] { return client.received().size() > 900u * 3000; }));
}

TEST_F(StreamServerTlsTest, AHalfClosedClientStillGetsItsReply) {
  start();
  node_.answers_requests = false;
  for (const bool is_rude : {false, true}) {
    StreamClient client(endpoint_);
    client.start_tls({});
    client.send(kGetRequest);
    ASSERT_TRUE(run_until_done(client, [&] { return node_.waiting.size() == 1; }));
    if (is_rude) {
      client.finish_rudely();  // FIN without close_notify, as many clients do.
    } else {
      client.finish();
    }
    run_for(client, 5ms);
    node_.answer_next();
    ASSERT_TRUE(run_until_closed(client));
    EXPECT_TRUE(client.received().ends_with("\r\n\r\nhi"));
  }
  EXPECT_EQ(2u, closed(CloseReason::kPeerClosed));
}

TEST_F(StreamServerTlsTest, CountsWhatGoesOverTheWire) {
  start();
  StreamClient client(endpoint_);
  client.start_tls({});
  client.send("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(run_until_closed(client));
  EXPECT_EQ(client.wire_bytes_received(), node_.sent_bytes[kTls]);
  EXPECT_GT(node_.sent_bytes[kTls], client.received().size() + 500);
}

TEST_F(StreamServerTlsTest, AHandshakeThatStallsIsNotWaitedFor) {
  options_.limits.opening_time_max = 60ms;
  start();
  StreamClient client(endpoint_);
  client.send(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));
  ASSERT_TRUE(run_until_closed(client));
  EXPECT_EQ(1u, closed(CloseReason::kTimeoutHandshake));
}

TEST_F(StreamServerTlsTest, SilenceInsideTlsIsNotWaitedFor) {
  options_.limits.opening_time_max = 100ms;
  start();
  StreamClient client(endpoint_);
  client.start_tls({});
  ASSERT_TRUE(run_until_closed(client));
  EXPECT_TRUE(client.is_tls_ready());
  EXPECT_EQ(1u, closed(CloseReason::kTimeoutFirstByte));
}

TEST_F(StreamServerTlsTest, WhatIsNoHandshakeIsClosed) {
  start();
  StreamClient client(endpoint_);
  client.send("\x16 is what a handshake begins with, but this is none");
  ASSERT_TRUE(run_until_closed(client));
  EXPECT_EQ(1u, closed(CloseReason::kTlsError));
}

TEST_F(StreamServerTlsTest, AClientThatGoesDuringTheHandshakeIsReportedOnce) {
  start();
  for (const bool resets : {false, true}) {
    StreamClient client(endpoint_);
    client.send(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));
    ASSERT_TRUE(run_until_done(client, [&] { return open(StreamKind::kHandshake) == 1; }));
    if (resets) {
      client.reset();
    } else {
      client.finish();
    }
    ASSERT_TRUE(run_until_closed(client));
  }
  EXPECT_EQ(1u, closed(CloseReason::kPeerClosed));
  EXPECT_EQ(1u, closed(CloseReason::kReset));
}

TEST_F(StreamServerTlsTest, OnlyMessagesAndHttpAreSpokenInside) {
  start();
  for (const std::string_view text : {"\x16\x03\x01", "\xff", "hello"}) {
    StreamClient client(endpoint_);
    client.start_tls({});
    client.send(text);
    ASSERT_TRUE(run_until_closed(client));
  }
  EXPECT_EQ(3u, closed(CloseReason::kBadFirstByte));
}

struct AlpnRow {
  std::string_view offered;
  std::string_view chosen;
  bool succeeds;
};

constexpr AlpnRow kAlpnRows[] = {
    {"", "", true},
    {"\x09stun.turn", "stun.turn", true},
    {"\x12stun.nat-discovery", "stun.nat-discovery", true},
    {"\x08http/1.1", "http/1.1", true},
    {"\x02h2\x08http/1.1", "http/1.1", true},  // Browsers, curl.
    {"\x08http/1.1\x09stun.turn", "stun.turn", true},
    {"\x02h2", "", false},
    {"\x0a"
     "acme-tls/1",
     "", false},
    {"\x09stun.turN", "", false},
};

TEST_F(StreamServerTlsTest, ChoosesAmongTheProtocolsOffered) {
  start();
  for (const int version : kVersions) {
    for (const AlpnRow& row : kAlpnRows) {
      SCOPED_TRACE(row.offered);
      StreamClient client(endpoint_);
      client.start_tls({.protocols = std::string(row.offered), .version = version});
      ASSERT_EQ(row.succeeds, run_until_ready(client));
      EXPECT_EQ(row.chosen, client.protocol());
      EXPECT_EQ(row.succeeds ? 0 : SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, client.tls_error());
      client.finish();
      client.reset();
      ASSERT_TRUE(run_until_closed(client));
    }
  }
}

TEST_F(StreamServerTlsTest, OldVersionsAndWeakCiphersAreNotSpoken) {
  start();
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    StreamClient client(endpoint_);
    client.start_tls({.version = version});
    EXPECT_FALSE(run_until_ready(client));
  }
  for (const std::string ciphers : {"AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "AES128-GCM-SHA256"}) {
    StreamClient client(endpoint_);
    client.start_tls({.version = TLS1_2_VERSION, .ciphers = ciphers});
    EXPECT_FALSE(run_until_ready(client)) << ciphers;
  }
  StreamClient client(endpoint_);
  client.start_tls({.version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305"});
  EXPECT_TRUE(run_until_ready(client));
}

TEST_F(StreamServerTlsTest, ARenegotiationIsRefused) {
  start();
  StreamClient client(endpoint_);
  client.start_tls({.version = TLS1_2_VERSION});
  client.send(stun_message());
  ASSERT_TRUE(run_until_received(client, stun_message()));
  SSL_renegotiate(client.ssl());
  SSL_do_handshake(client.ssl());
  run_until_done(
      client, [&] { return client.has_ended(); }, 100ms);
  EXPECT_EQ(1u, server_->stream_stats().tls_handshakes);
}

TEST_F(StreamServerTlsTest, SessionsAreResumedByTicket) {
  start();
  for (const int version : kVersions) {
    StreamClient first(endpoint_);
    first.start_tls({.version = version});
    first.send(stun_message());
    ASSERT_TRUE(run_until_received(first, stun_message()));  // A ticket has come by then.
    const StreamClient::Session session = first.session();
    first.finish();
    ASSERT_TRUE(run_until_closed(first));
    StreamClient second(endpoint_);
    second.start_tls({.version = version, .resumed = session.get()});
    ASSERT_TRUE(run_until_ready(second));
    EXPECT_TRUE(second.was_resumed());
    second.finish();
    ASSERT_TRUE(run_until_closed(second));
  }
}

TEST_F(StreamServerTlsTest, ShowsTheRenewedCertificateToThoseWhoComeLater) {
  const std::string path = root_ + "/pair.pem";
  const auto put = [&](const TestCertificate& made) {
    std::ofstream(path) << made.certificate << made.key;
  };
  put(make_test_certificate("RSA"));
  auto tls = TlsContext::from_files(path, path);
  ASSERT_TRUE(tls);
  tls_.emplace(std::move(*tls));
  start();
  StreamClient before(endpoint_);
  before.start_tls({});
  ASSERT_TRUE(run_until_ready(before));
  const std::string first = before.certificate_serial();

  put(make_test_certificate());
  const auto taken_up = tls_->reload_if_changed();
  ASSERT_TRUE(taken_up);
  EXPECT_TRUE(*taken_up);
  StreamClient after(endpoint_);
  after.start_tls({});
  ASSERT_TRUE(run_until_ready(after));
  const std::string second = after.certificate_serial();
  EXPECT_NE(first, second);

  std::ofstream(path) << "nonsense";
  EXPECT_FALSE(tls_->reload_if_changed());
  StreamClient later(endpoint_);
  later.start_tls({});
  ASSERT_TRUE(run_until_ready(later));
  EXPECT_EQ(second, later.certificate_serial());

  before.send(stun_message());  // Its session is not disturbed.
  EXPECT_TRUE(run_until_received(before, stun_message()));
}

}  // namespace
}  // namespace roost::io
