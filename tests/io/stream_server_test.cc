// SPDX-License-Identifier: MIT
//
// Goal: what the node is told about streams is true and complete, and what it orders arrives.
// Method: real connections on loopback against a fake node that checks its side of the contract.
#include "io/stream_server.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "stream_server_fixture.h"

namespace roost::io {
namespace {

using namespace std::chrono_literals;

class StreamServerTest : public StreamServerFixture {};

TEST_F(StreamServerTest, AnswersMessages) {
  start();
  StreamClient client(endpoint_);
  client.send(stun_message(8));
  ASSERT_TRUE(run_until_received(client, stun_message(8)));
  ASSERT_EQ(1u, node_.message_ends.size());
  EXPECT_EQ(core::Transport::kTcp, node_.message_ends[0].transport);
  EXPECT_EQ(client.local(), node_.message_ends[0].from);
  EXPECT_EQ(endpoint_, node_.message_ends[0].local.endpoint);
  EXPECT_EQ(1u, open(StreamKind::kMessages));
}

TEST_F(StreamServerTest, JoinsAMessageThatComesByteByByte) {
  start();
  StreamClient client(endpoint_);
  const std::string message = stun_message(4);
  for (const char byte : message) {
    EXPECT_TRUE(node_.messages.empty());
    client.send({&byte, 1});
    client.pump();
    event_base_loop(loop_.base(), EVLOOP_NONBLOCK);
  }
  EXPECT_TRUE(run_until_received(client, message));
}

TEST_F(StreamServerTest, CutsMessagesThatComeTogether) {
  start();
  StreamClient client(endpoint_);
  std::string all;
  for (int i = 0; i < 100; ++i) all += stun_message(static_cast<size_t>(i) * 4);
  client.send(all);
  ASSERT_TRUE(run_until_received(client, all));
  EXPECT_EQ(100u, node_.messages.size());
}

TEST_F(StreamServerTest, AnswersRequests) {
  start();
  StreamClient client(endpoint_);
  client.send("POST /v1/x?q HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
  ASSERT_TRUE(run_until_received(
      client,
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nX-A: b\r\n"
      "Access-Control-Allow-Origin: *\r\nX-Content-Type-Options: nosniff\r\n"
      "Connection: keep-alive\r\n\r\nhi"));
  EXPECT_EQ(std::vector<std::string>{"POST /v1/x body"}, node_.requests);
  EXPECT_EQ(1u, open(StreamKind::kHttp));
}

TEST_F(StreamServerTest, AnswersPipelinedRequestsInOrderHoweverLateTheRepliesAre) {
  start();
  node_.answers_requests = false;
  StreamClient client(endpoint_);
  client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  client.send("GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  for (size_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE(run_until_done(client, [&] { return node_.requests.size() == i; }));
    run_for(client, 5ms);
    EXPECT_EQ(i, node_.requests.size());
    node_.reply_body = "reply " + std::to_string(i);
    node_.answer_next();
  }
  ASSERT_TRUE(run_until_closed(client));
  const size_t first = client.received().find("reply 1");
  const size_t second = client.received().find("reply 2");
  EXPECT_LT(first, second);
  EXPECT_LT(second, client.received().find("reply 3"));
  EXPECT_EQ(1u, closed(CloseReason::kHttpDone));
}

TEST_F(StreamServerTest, AHalfClosedClientStillGetsItsReplies) {
  start();
  StreamClient stun(endpoint_);
  stun.send(stun_message());
  stun.finish();
  ASSERT_TRUE(run_until_closed(stun));
  EXPECT_EQ(stun_message(), stun.received());

  node_.answers_requests = false;
  StreamClient http(endpoint_);
  http.send(kGetRequest);
  http.finish();
  ASSERT_TRUE(run_until_done(http, [&] { return !node_.waiting.empty(); }));
  run_for(http, 5ms);
  EXPECT_FALSE(http.has_ended());
  node_.answer_next();
  ASSERT_TRUE(run_until_closed(http));
  EXPECT_NE(http.received().npos, http.received().find("200 OK"));
  EXPECT_FALSE(http.was_reset());
  EXPECT_EQ(2u, closed(CloseReason::kPeerClosed));
}

TEST_F(StreamServerTest, SkipsChannelDataThatIsTooLongAndGoesOn) {
  start();
  StreamClient client(endpoint_);
  const std::string before = stun_message(4);
  const std::string after = stun_message(8);
  client.send(before + too_long_message() + after);
  ASSERT_TRUE(run_until_received(client, before + after));
  EXPECT_EQ(2u, node_.messages.size());
  EXPECT_EQ(1u, server_->stream_stats().too_long_messages);
}

TEST_F(StreamServerTest, ARefusedStreamIsClosedAndNotReported) {
  start();
  node_.refuses_streams = true;
  StreamClient client(endpoint_);
  client.send(stun_message());
  ASSERT_TRUE(run_until_done(client, [&] { return client.has_ended(); }));
  EXPECT_EQ(1u, node_.refused);
  EXPECT_EQ(0u, node_.closed);
  node_.refuses_streams = false;
  StreamClient next(endpoint_);
  next.send(stun_message());
  EXPECT_TRUE(run_until_received(next, stun_message()));
}

TEST_F(StreamServerTest, AFullTableTurnsAwayAndRecovers) {
  options_.stream_count_max = 2;
  start();
  auto first = std::make_unique<StreamClient>(endpoint_);
  StreamClient second(endpoint_);
  ASSERT_TRUE(run_until(loop_, [&] { return node_.open.size() == 2; }));
  StreamClient third(endpoint_);
  ASSERT_TRUE(run_until_done(third, [&] { return third.has_ended(); }));
  EXPECT_EQ(2u, node_.opened);
  EXPECT_EQ(1u, server_->stream_stats().table_full);
  first.reset();
  ASSERT_TRUE(run_until(loop_, [&] { return node_.open.size() == 1; }));
  StreamClient fourth(endpoint_);
  fourth.send(stun_message());
  EXPECT_TRUE(run_until_received(fourth, stun_message()));
}

TEST_F(StreamServerTest, AFirstByteOfNoProtocolClosesTheStream) {
  start();
  for (const std::string_view text : {"\xff", "get / HTTP/1.1\r\n", "\r\n", "\x04"}) {
    StreamClient client(endpoint_);
    client.send(text);
    ASSERT_TRUE(run_until_closed(client)) << text;
  }
  EXPECT_EQ(4u, closed(CloseReason::kBadFirstByte));
}

TEST_F(StreamServerTest, AStreamThatLosesItsPlaceIsClosed) {
  start();
  for (const std::string& bad :
       {std::string("\x80\x01\x00\x00", 4), std::string(stun_message()).replace(3, 1, "\x03"),
        std::string(stun_message()).replace(2, 1, "\x7f")}) {
    StreamClient client(endpoint_);
    client.send(stun_message() + bad);
    ASSERT_TRUE(run_until_closed(client));
    EXPECT_EQ(1u, node_.messages.size());
    node_.messages.clear();
  }
  EXPECT_EQ(3u, closed(CloseReason::kBadFrame));
}

TEST_F(StreamServerTest, ABadRequestIsAnsweredAndTheReplySurvivesWhatStillComes) {
  start();
  StreamClient client(endpoint_);
  // More than the kernel's buffers and ours take before the reply, so that closing at once would
  // reset the connection.
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" +
              std::string(100'000, 'x'));
  client.finish();
  ASSERT_TRUE(run_until_closed(client));
  EXPECT_TRUE(client.received().starts_with("HTTP/1.1 413 "));
  EXPECT_FALSE(client.was_reset());
  EXPECT_EQ(1u, closed(CloseReason::kBadHttp));
}

TEST_F(StreamServerTest, CountsEveryByteThatItSends) {
  start();
  StreamClient stun(endpoint_);
  stun.send(stun_message(12));
  StreamClient http(endpoint_);
  http.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  StreamClient bad(endpoint_);
  bad.send("GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(run_until(loop_, [&] {
    stun.pump();
    http.pump();
    bad.pump();
    return http.has_ended() && bad.has_ended() && stun.received().size() == 32;
  }));
  stun.finish();
  ASSERT_TRUE(run_until_closed(stun));
  EXPECT_EQ(stun.received().size() + http.received().size() + bad.received().size(),
            node_.sent_bytes[static_cast<size_t>(core::Transport::kTcp)]);
}

TEST_F(StreamServerTest, SendsWhatComesFromElsewhereThanTheStream) {
  start();
  StreamClient client(endpoint_);
  client.send(stun_message());
  ASSERT_TRUE(run_until_received(client, stun_message()));
  node_.send(node_.open.begin()->first, "from elsewhere");
  EXPECT_EQ(20u, node_.sent_bytes[1]);  // Not while actions are carried out.
  ASSERT_TRUE(run_until_received(client, stun_message() + "from elsewhere"));
  EXPECT_TRUE(run_until(loop_, [&] { return node_.sent_bytes[1] == 34; }));
}

TEST_F(StreamServerTest, IgnoresActionsForWhatIsGone) {
  start();
  node_.answers_requests = false;
  auto http = std::make_unique<StreamClient>(endpoint_);
  http->send(kGetRequest);
  ASSERT_TRUE(run_until_done(*http, [&] { return node_.waiting.size() == 1; }));
  const core::StreamId stream = node_.open.begin()->first;
  const core::RequestId request = node_.waiting.front();
  node_.answer(request);
  node_.answer(request);  // Twice: the second is for nothing.
  http->finish();
  ASSERT_TRUE(run_until_closed(*http));
  EXPECT_EQ(http->received().find("200 OK"), http->received().rfind("200 OK"));

  // Its slot has a new tenant, which must not get what is not its own.
  StreamClient next(endpoint_);
  next.send(kGetRequest);
  ASSERT_TRUE(run_until_done(next, [&] { return node_.waiting.size() == 2; }));
  node_.answer(request);
  node_.send(stream, stun_message());
  node_.send(core::StreamId{0}, stun_message());
  server_->refuse({stream});
  run_for(next, 5ms);
  EXPECT_TRUE(next.received().empty());
}

TEST_F(StreamServerTest, MessagesAreNotSentToAStreamThatSpeaksHttp) {
  start();
  node_.answers_requests = false;
  StreamClient http(endpoint_);
  http.send(kGetRequest);
  ASSERT_TRUE(run_until_done(http, [&] { return node_.waiting.size() == 1; }));
  node_.send(node_.open.begin()->first, stun_message());
  run_for(http, 5ms);
  EXPECT_TRUE(http.received().empty());
}

TEST_F(StreamServerTest, ReportsTheEndOnceHoweverItComes) {
  start();
  enum class How { kFin, kReset, kFinBeforeAnything, kResetBeforeAnything, kResetWhileReplying };
  for (const How how : {How::kFin, How::kReset, How::kFinBeforeAnything, How::kResetBeforeAnything,
                        How::kResetWhileReplying}) {
    StreamClient client(endpoint_);
    node_.answers_requests = how != How::kResetWhileReplying;
    const bool is_silent = how == How::kFinBeforeAnything || how == How::kResetBeforeAnything;
    if (!is_silent) {
      client.send(kGetRequest);
      ASSERT_TRUE(run_until_done(client, [&] { return node_.requests.size() == 1; }));
    } else {
      ASSERT_TRUE(run_until_done(client, [&] { return node_.open.size() == 1; }));
    }
    if (how == How::kFin || how == How::kFinBeforeAnything) {
      client.finish();
    } else {
      client.reset();
    }
    if (how == How::kResetWhileReplying) node_.answer_next();
    ASSERT_TRUE(run_until_closed(client)) << static_cast<int>(how);
    node_.requests.clear();
  }
  EXPECT_EQ(5u, node_.closed);
  EXPECT_EQ(2u, closed(CloseReason::kPeerClosed));
}

TEST_F(StreamServerTest, AStreamThatEndsUnderAMessageTakesTheOtherActionsAlong) {
  options_.limits.buffers.output_bytes_max = 1000;
  start();
  node_.echoes_per_message = 50'000;  // The first that does not fit ends the stream.
  StreamClient client(endpoint_, 4096);
  client.stop_reading();
  client.send(stun_message(1000) + stun_message(1000));
  ASSERT_TRUE(run_until_done(client, [&] { return node_.closed == 1; }));
  EXPECT_EQ(1u, node_.messages.size());
  EXPECT_EQ(1u, closed(CloseReason::kSlowReader));
}

TEST_F(StreamServerTest, StopClosesListenersAndReportsAllStreams) {
  start();
  StreamClient fresh(endpoint_);
  StreamClient stun(endpoint_);
  stun.send(stun_message());
  StreamClient http(endpoint_);
  http.send(kGetRequest);
  ASSERT_TRUE(run_until(loop_, [&] {
    stun.pump();
    http.pump();
    return node_.messages.size() == 1 && node_.requests.size() == 1 && node_.open.size() == 3;
  }));
  server_->stop();
  EXPECT_EQ(3u, node_.closed);
  EXPECT_EQ(3u, closed(CloseReason::kStopped));
  EXPECT_EQ(0u, server_->stream_count());
  fresh.pump();
  EXPECT_TRUE(fresh.has_ended());
  EXPECT_TRUE(listen_tcp(endpoint_));  // The port is free again.
}

TEST_F(StreamServerTest, OutOfDescriptorsItPausesAndGoesOn) {
  start();
  StreamClient held(endpoint_);
  ASSERT_TRUE(run_until(loop_, [&] { return node_.open.size() == 1; }));
  StreamClient waiting(endpoint_);
  rlimit before;
  ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &before));
  const int lowest_free = dup(0);
  close(lowest_free);
  const rlimit none_left = {static_cast<rlim_t>(lowest_free), before.rlim_max};
  ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none_left));
  int passes = 0;
  run_until(
      loop_, [&] { return ++passes < 0; }, 20ms);
  EXPECT_EQ(1u, node_.opened);
  std::string metrics;
  node::MetricsWriter writer(metrics);
  server_->write_metrics(writer);
  EXPECT_NE(metrics.npos, metrics.find("roost_accept_pauses_total 1\n"));  // And no busy loop.

  // A connection that ends gives its descriptor back, and is followed by the one that waits.
  held.finish();
  ASSERT_TRUE(run_until_done(
      held, [&] { return node_.opened == 2; }, 900ms));
  ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &before));
  waiting.send(stun_message());
  EXPECT_TRUE(run_until_received(waiting, stun_message()));
}

TEST_F(StreamServerTest, OutOfDescriptorsOfOthersItTriesAgainAfterASecond) {
  start();
  StreamClient waiting(endpoint_);
  rlimit before;
  ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &before));
  const int lowest_free = dup(0);
  close(lowest_free);
  const rlimit none_left = {static_cast<rlim_t>(lowest_free), before.rlim_max};
  ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none_left));
  run_until(
      loop_, [&] { return false; }, 20ms);
  ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &before));
  waiting.send(stun_message());
  const MonoTime begin = read_clocks().mono;
  ASSERT_TRUE(run_until_received(waiting, stun_message()));
  EXPECT_GT(read_clocks().mono - begin, 500ms);
}

TEST_F(StreamServerTest, WritesItsMetrics) {
  start();
  StreamClient client(endpoint_);
  client.send(kGetRequest + "x");
  ASSERT_TRUE(run_until_done(client, [&] { return node_.requests.size() == 1; }));
  std::string text;
  node::MetricsWriter out(text);
  server_->write_metrics(out);
  for (const std::string_view line :
       {"roost_streams{kind=\"http\"} 1\n", "roost_streams{kind=\"new\"} 0\n",
        "roost_streams_closed_total{reason=\"slow_reader\"} 0\n", "roost_http_requests_total 1\n",
        "roost_http_refused_total{status=\"431\"} 0\n",
        // 2026-01-01 and ten years.
        "roost_tls_certificate_expiry_seconds 2082585600\n"}) {
    EXPECT_NE(text.npos, text.find(line)) << line << text;
  }
}

}  // namespace
}  // namespace roost::io
