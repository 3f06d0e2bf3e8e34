// SPDX-License-Identifier: MIT
//
// Goal: whoever is slow, silent, greedy or deaf on the public port loses its connection, and nobody
// else does. Method: real connections on loopback, bounds of some tens of milliseconds.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "stream_server_fixture.h"

namespace roost::io {
namespace {

using namespace std::chrono_literals;

class StreamServerLimitsTest : public StreamServerFixture {
 protected:
  // Sends one byte at a time for as long as the stream lives.
  bool trickle(StreamClient& client, std::string_view text) {
    MonoTime next_at = read_clocks().mono;
    return run_until_done(client, [&] {
      if (read_clocks().mono >= next_at && !text.empty()) {
        client.send(text.substr(0, 1));
        text.remove_prefix(1);
        next_at += 10ms;
      }
      return client.has_ended() && node_.open.empty();
    });
  }
};

TEST_F(StreamServerLimitsTest, DefaultsAreThoseOfTheDesign) {
  const StreamServer::Options options;
  EXPECT_EQ(Duration(10s), options.limits.opening_time_max);
  EXPECT_EQ(Duration(10s), options.limits.message_time_max);
  EXPECT_EQ(Duration(30s), options.limits.silent_time_max);
  EXPECT_EQ(Duration(1min), options.limits.idle_time_max);
  EXPECT_EQ(Duration(10s), options.limits.http.head_time_max);
  EXPECT_EQ(Duration(30s), options.limits.http.body_time_max);
  EXPECT_EQ(Duration(60s), options.limits.http.idle_time_max);
  EXPECT_EQ(1000u, options.limits.http.request_count_max);
  EXPECT_EQ(4096u, options.limits.http.request.body_bytes_max);
  EXPECT_EQ(Duration(30s), options.limits.buffers.stall_time_max);
  EXPECT_GE(64u * 1024, options.limits.buffers.output_bytes_max);
  EXPECT_EQ(Duration(1s), options.tick);
}

TEST_F(StreamServerLimitsTest, SilenceIsNotWaitedFor) {
  options_.limits.opening_time_max = 50ms;
  start();
  StreamClient client(endpoint_);
  ASSERT_TRUE(run_until_closed(client));
  EXPECT_TRUE(client.received().empty());
  EXPECT_EQ(1u, closed(CloseReason::kTimeoutFirstByte));
}

TEST_F(StreamServerLimitsTest, AMessageThatTricklesInIsNotWaitedFor) {
  options_.limits.message_time_max = 60ms;
  start();
  StreamClient client(endpoint_);
  ASSERT_TRUE(trickle(client, stun_message(400)));
  EXPECT_EQ(1u, closed(CloseReason::kTimeoutMessage));
  EXPECT_TRUE(node_.messages.empty());
}

TEST_F(StreamServerLimitsTest, NeitherIsOneThatIsSkippedSinceItIsTooLong) {
  options_.limits.message_time_max = 60ms;
  start();
  for (const size_t at_once : {1u, 4u, 5u}) {  // Before, with and behind its length.
    StreamClient client(endpoint_);
    client.send(stun_message() + too_long_message().substr(0, at_once));
    ASSERT_TRUE(run_until_received(client, stun_message()));
    ASSERT_TRUE(trickle(client, too_long_message().substr(at_once))) << at_once;
  }
  EXPECT_EQ(3u, closed(CloseReason::kTimeoutMessage));
  EXPECT_EQ(3u, server_->stream_stats().too_long_messages);
}

TEST_F(StreamServerLimitsTest, TheTimeOfASkippedMessageEndsWithIt) {
  options_.limits.message_time_max = 200ms;
  start();
  StreamClient client(endpoint_);
  client.send(stun_message() + too_long_message());
  run_for(client, 250ms);
  EXPECT_EQ(1u, server_->stream_stats().too_long_messages);
  client.send(stun_message());
  EXPECT_TRUE(run_until_received(client, stun_message() + stun_message()));
}

TEST_F(StreamServerLimitsTest, TheTimeOfAMessageBeginsAnewWithTheNext) {
  options_.limits.message_time_max = 400ms;
  start();
  StreamClient client(endpoint_);
  std::string all;
  for (int i = 0; i < 4; ++i) {  // Each takes a part of its time, all together more than one's.
    client.send(stun_message().substr(0, 10));
    run_for(client, 120ms);
    client.send(stun_message().substr(10));
    all += stun_message();
    ASSERT_TRUE(run_until_received(client, all));
  }
  run_for(client, 450ms);  // Between two messages there is none that could be late.
  EXPECT_FALSE(client.has_ended());
}

TEST_F(StreamServerLimitsTest, AStreamIsKeptAsLongAsWhatIsGrantedOnIt) {
  options_.limits.idle_time_max = 100ms;
  start();
  std::vector<std::optional<Duration>> granted = {600ms, {}};  // The second takes nothing back.
  node_.on_message = [&](const core::MessageArrived& message) {
    for (const auto& lifetime : granted) {
      core::SendMessage reply{message.stream, message.payload};
      reply.granted_lifetime = lifetime;
      server_->send(reply);
    }
  };
  StreamClient client(endpoint_);
  client.send(stun_message());
  run_for(client, 400ms);
  EXPECT_FALSE(client.has_ended());
  granted = {10min, Duration()};
  client.send(stun_message());
  EXPECT_TRUE(run_until_closed(client));
  EXPECT_EQ(1u, closed(CloseReason::kTimeoutIdle));
}

TEST_F(StreamServerLimitsTest, AnIdleStreamIsKeptLongerOnceItWasAnswered) {
  options_.limits.silent_time_max = 50ms;
  options_.limits.idle_time_max = 500ms;
  start();
  StreamClient answered(endpoint_);
  answered.send(stun_message());
  ASSERT_TRUE(run_until_received(answered, stun_message()));
  const MonoTime begin = read_clocks().mono;
  node_.echoes_per_message = 0;
  StreamClient unanswered(endpoint_);
  unanswered.send(stun_message());
  ASSERT_TRUE(run_until_done(unanswered, [&] { return unanswered.has_ended(); }));
  EXPECT_TRUE(unanswered.received().empty());
  unanswered.reset();
  ASSERT_TRUE(run_until_closed(answered));
  EXPECT_GT(read_clocks().mono - begin, 450ms);
  EXPECT_EQ(2u, closed(CloseReason::kTimeoutIdle));
}

TEST_F(StreamServerLimitsTest, AHeadThatTricklesInIsAnsweredWith408) {
  options_.limits.http.head_time_max = 60ms;
  start();
  StreamClient client(endpoint_);
  ASSERT_TRUE(trickle(client, "GET / HTTP/1.1\r\nX: " + std::string(1000, 'x')));
  EXPECT_TRUE(client.received().starts_with("HTTP/1.1 408 "));
  EXPECT_EQ(1u, closed(CloseReason::kTimeoutHttp));
}

TEST_F(StreamServerLimitsTest, ABodyThatTricklesInIsAnsweredWith408) {
  options_.limits.http.body_time_max = 60ms;
  start();
  StreamClient client(endpoint_);
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
  ASSERT_TRUE(trickle(client, std::string(1000, 'x')));
  EXPECT_TRUE(client.received().starts_with("HTTP/1.1 408 "));
  EXPECT_EQ(1u, closed(CloseReason::kTimeoutHttp));
}

TEST_F(StreamServerLimitsTest, AnIdleHttpClientIsClosedWithoutAWord) {
  options_.limits.http.idle_time_max = 60ms;
  start();
  StreamClient client(endpoint_);
  client.send(kGetRequest);
  ASSERT_TRUE(run_until_closed(client));
  EXPECT_TRUE(client.received().ends_with("\r\n\r\nhi"));
  EXPECT_EQ(1u, closed(CloseReason::kTimeoutIdle));
}

TEST_F(StreamServerLimitsTest, EndlessHeadersAreCutOff) {
  start();
  StreamClient client(endpoint_);
  std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 20'000; ++i) text += "X-" + std::to_string(i) + ": y\r\n";
  client.send(text);
  ASSERT_TRUE(run_until_closed(client));
  EXPECT_TRUE(client.received().starts_with("HTTP/1.1 431 "));
  EXPECT_EQ(1u, closed(CloseReason::kBadHttp));
}

TEST_F(StreamServerLimitsTest, AReplyThatDoesNotComeEndsTheConnection) {
  options_.limits.http.reply_time_max = 50ms;
  start();
  node_.answers_requests = false;
  StreamClient client(endpoint_);
  client.send(kGetRequest);
  ASSERT_TRUE(run_until_closed(client));
  EXPECT_TRUE(client.received().starts_with("HTTP/1.1 503 "));
  node_.answer_next();  // Too late, and for nobody.
}

TEST_F(StreamServerLimitsTest, RequestsPerConnectionAreBounded) {
  options_.limits.http.request_count_max = 10;
  start();
  StreamClient client(endpoint_);
  for (int i = 0; i < 20; ++i) client.send(kGetRequest);
  ASSERT_TRUE(run_until_closed(client));
  EXPECT_EQ(10u, node_.requests.size());
  EXPECT_EQ(1u, closed(CloseReason::kHttpDone));
}

TEST_F(StreamServerLimitsTest, APeerThatNeverReadsIsNotReadFromEither) {
  options_.limits.buffers.stall_time_max = 1min;
  start();
  node_.reply_body = std::string(3000, 'x');
  StreamClient client(endpoint_, 4096);
  client.stop_reading();
  for (int i = 0; i < 3000; ++i) client.send(kGetRequest);
  size_t before = 0;
  ASSERT_TRUE(run_until_done(client, [&] {
    const size_t now = node_.requests.size();
    std::this_thread::sleep_for(2ms);
    return std::exchange(before, now) == now && now > 10;
  }));
  // What both kernels and our own low mark hold, and no more.
  EXPECT_LT(node_.requests.size() * 3000, 600'000u);
  EXPECT_EQ(1u, node_.open.size());

  // Nothing was lost: once it reads, it gets all that one connection may ask for.
  client.go_on_reading();
  ASSERT_TRUE(run_until_closed(client));
  EXPECT_EQ(1000u, node_.requests.size());
  size_t replies = 0;
  for (size_t at = 0; (at = client.received().find("HTTP/1.1 200", at)) != std::string::npos;
       ++at) {
    ++replies;
  }
  EXPECT_EQ(1000u, replies);
}

TEST_F(StreamServerLimitsTest, APeerThatNeverReadsIsClosedInTime) {
  options_.limits.buffers.stall_time_max = 100ms;
  start();
  node_.reply_body = std::string(3000, 'x');
  StreamClient client(endpoint_, 4096);
  client.stop_reading();
  for (int i = 0; i < 1000; ++i) client.send(kGetRequest);
  ASSERT_TRUE(run_until_done(client, [&] { return node_.closed == 1; }));
  EXPECT_EQ(1u, closed(CloseReason::kSlowReader));
}

TEST_F(StreamServerLimitsTest, APeerThatReadsAByteNowAndThenIsClosedToo) {
  options_.limits.buffers.stall_time_max = 200ms;
  start();
  node_.reply_body = std::string(3000, 'x');
  StreamClient client(endpoint_, 4096);
  client.stop_reading();
  for (int i = 0; i < 1000; ++i) client.send(kGetRequest);
  ASSERT_TRUE(run_until_done(client, [&] {
    client.read_one_byte();
    return node_.closed == 1;
  }));
  EXPECT_EQ(1u, closed(CloseReason::kSlowReader));
}

TEST_F(StreamServerLimitsTest, OutputThatNobodyAskedForIsBoundedToo) {
  start();
  StreamClient client(endpoint_, 4096);
  client.send(stun_message());
  ASSERT_TRUE(run_until_received(client, stun_message()));
  client.stop_reading();
  const core::StreamId stream = node_.open.begin()->first;
  int sent = 0;
  ASSERT_TRUE(run_until(loop_, [&] {
    if (!node_.open.empty()) node_.send(stream, stun_message(1480));
    return ++sent > 10'000 || node_.open.empty();
  }));
  EXPECT_LT(sent, 1000);
  EXPECT_EQ(1u, closed(CloseReason::kSlowReader));
}

TEST_F(StreamServerLimitsTest, APeerThatNeverClosesIsNotLingeredForLong) {
  start();
  StreamClient client(endpoint_);
  client.send("GET / HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(run_until_done(client, [&] { return node_.closed == 1; }));
  EXPECT_TRUE(client.received().starts_with("HTTP/1.1 200 "));
  EXPECT_EQ(1u, closed(CloseReason::kHttpDone));
}

TEST_F(StreamServerLimitsTest, APeerThatSendsOnForEverIsNotListenedTo) {
  options_.limits.buffers.linger_time_max = 1min;
  start();
  StreamClient client(endpoint_);
  client.send("BAD\r\n\r\n");
  ASSERT_TRUE(run_until_done(client, [&] {
    client.send(std::string(10'000, 'x'));
    return node_.closed == 1;
  }));
  EXPECT_EQ(1u, closed(CloseReason::kBadHttp));
}

TEST_F(StreamServerLimitsTest, NothingWakesTheLoopWhenNoStreamIsOpen) {
  start();
  const int watched = event_base_get_num_events(loop_.base(), EVENT_BASE_COUNT_ADDED);
  StreamClient client(endpoint_);
  client.send(kGetRequest);
  ASSERT_TRUE(run_until_done(client, [&] { return node_.requests.size() == 1; }));
  // Its socket and one timer.
  EXPECT_EQ(watched + 2, event_base_get_num_events(loop_.base(), EVENT_BASE_COUNT_ADDED));
  client.finish();
  ASSERT_TRUE(run_until_closed(client));
  EXPECT_EQ(watched, event_base_get_num_events(loop_.base(), EVENT_BASE_COUNT_ADDED));
}

}  // namespace
}  // namespace roost::io
