// SPDX-License-Identifier: MIT
//
// Goal: each request is asked once and answered once, in order, and every phase ends in time.
// Method: an owner that writes down what it is told; time is a number, there is no socket.
#include "io/http_connection.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace roost::io {
namespace {

using namespace std::chrono_literals;

class HttpConnectionTest : public testing::Test, protected HttpConnection::Owner {
 protected:
  void on_request(const HttpRequest& request) override {
    asked_.emplace_back(request.path);
    if (!answers_at_once_) return;
    answer();
    EXPECT_EQ(asked_.back(), request.path);  // The views outlive the reply.
  }
  void on_output(Bytes bytes) override { output_.append(as_text(bytes)); }
  bool has_room() const override { return has_room_; }

  void answer() { connection_.reply({core::RequestId{}, 200, "t/p", as_bytes("hi"), {}}, now_); }

  // Feeds what is left over from before, and `text`.
  void feed(std::string_view text) {
    input_.append(text);
    input_.erase(0, connection_.take(as_bytes(input_), now_));
  }
  void pass(Duration time) {
    now_ += time;
    connection_.on_deadline(now_);
  }
  int replies() const {
    int count = 0;
    for (size_t at = output_.find("HTTP/1.1 "); at != output_.npos;
         at = output_.find("HTTP/1.1 ", at + 1)) {
      ++count;
    }
    return count;
  }

  MonoTime now_{1h};
  bool answers_at_once_ = true;
  bool has_room_ = true;
  std::vector<std::string> asked_;
  std::string output_;
  std::string input_;
  HttpConnection::Stats stats_;
  HttpConnection::Limits limits_{.request_count_max = 3};
  HttpConnection connection_{limits_, *this, stats_, now_};
};

const std::string kGet = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

TEST_F(HttpConnectionTest, WritesTheReplyAndGoesOn) {
  feed(kGet);
  EXPECT_EQ(
      "HTTP/1.1 200 OK\r\nContent-Type: t/p\r\nContent-Length: 2\r\n"
      "X-Content-Type-Options: nosniff\r\nConnection: keep-alive\r\n\r\nhi",
      output_);
  EXPECT_FALSE(connection_.end());
  EXPECT_EQ(1u, stats_.requests);
}

TEST_F(HttpConnectionTest, HeadHasNoBodyButItsLength) {
  feed("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_NE(output_.npos, output_.find("Content-Length: 2\r\n"));
  EXPECT_TRUE(output_.ends_with("\r\n\r\n"));
}

TEST_F(HttpConnectionTest, StatusesWithoutContentHaveNeitherBodyNorLength) {
  answers_at_once_ = false;
  feed(kGet);
  connection_.reply({core::RequestId{}, 204, "t/p", as_bytes("hi"), "Allow: GET"}, now_);
  EXPECT_EQ(
      "HTTP/1.1 204 No Content\r\nAllow: GET\r\nX-Content-Type-Options: nosniff\r\n"
      "Connection: keep-alive\r\n\r\n",
      output_);
}

TEST_F(HttpConnectionTest, AnswersOneAfterTheOther) {
  answers_at_once_ = false;
  feed(kGet + "GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(std::vector<std::string>{"/a"}, asked_);
  EXPECT_TRUE(connection_.is_replying());
  feed("");
  EXPECT_EQ(1u, asked_.size());
  answer();
  feed("");
  EXPECT_EQ((std::vector<std::string>{"/a", "/b"}), asked_);
  EXPECT_EQ(1, replies());
}

TEST_F(HttpConnectionTest, LeavesPipelinedRequestsWhileThereIsNoRoom) {
  has_room_ = false;
  feed(kGet);
  EXPECT_TRUE(asked_.empty());
  has_room_ = true;
  feed("");
  EXPECT_EQ(1u, asked_.size());
}

TEST_F(HttpConnectionTest, EndsWhenTheClientAsksForIt) {
  feed("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + kGet);
  EXPECT_EQ(HttpConnection::End::kFinished, connection_.end());
  EXPECT_NE(output_.npos, output_.find("Connection: close\r\n"));
  EXPECT_EQ(1u, asked_.size());
}

TEST_F(HttpConnectionTest, EndsWhenTheReplySaysSoWhateverWasPipelined) {
  answers_at_once_ = false;
  feed(kGet + kGet);
  connection_.reply({core::RequestId{}, 503, "t/p", as_bytes("no"), {}, true}, now_);
  feed(kGet);
  EXPECT_EQ(HttpConnection::End::kFinished, connection_.end());
  EXPECT_NE(output_.npos, output_.find("Connection: close\r\n"));
  EXPECT_EQ(1u, asked_.size());
  EXPECT_EQ(1, replies());
}

TEST_F(HttpConnectionTest, EndsAfterSoManyRequests) {
  feed(kGet + kGet);
  EXPECT_FALSE(connection_.end());
  feed(kGet + kGet);
  EXPECT_EQ(HttpConnection::End::kFinished, connection_.end());
  EXPECT_EQ(3u, asked_.size());
  EXPECT_EQ(3, replies());
}

TEST_F(HttpConnectionTest, RefusesAndEnds) {
  feed("GET / HTTP/9.9\r\nHost: a\r\n\r\n" + kGet);
  EXPECT_TRUE(output_.starts_with("HTTP/1.1 505 HTTP Version Not Supported\r\n"));
  EXPECT_NE(output_.npos, output_.find("Connection: close\r\n"));
  EXPECT_EQ(HttpConnection::End::kRefused, connection_.end());
  EXPECT_EQ(1u, stats_.refused[static_cast<size_t>(HttpError::kVersionNotSupported)]);
  EXPECT_TRUE(asked_.empty());
  EXPECT_TRUE(input_.empty());
}

TEST_F(HttpConnectionTest, OffersToContinueOnce) {
  feed("POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ("HTTP/1.1 100 Continue\r\n\r\n", output_);
  feed("x");
  feed("y");
  EXPECT_EQ(2, replies());
  EXPECT_EQ(1u, asked_.size());
}

TEST_F(HttpConnectionTest, DoesNotOfferToContinueWhenTheBodyIsThere) {
  feed("POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nxy");
  EXPECT_EQ(1, replies());
}

TEST_F(HttpConnectionTest, AHeadThatTricklesInIsNotWaitedFor) {
  for (int second = 0; second < 10; ++second) {
    feed(std::string_view(kGet).substr(static_cast<size_t>(second), 1));
    EXPECT_FALSE(connection_.end());
    pass(1s);
  }
  EXPECT_TRUE(output_.starts_with("HTTP/1.1 408 "));
  EXPECT_EQ(HttpConnection::End::kTooSlow, connection_.end());
  EXPECT_EQ(1u, stats_.too_slow);
}

TEST_F(HttpConnectionTest, ABodyThatTricklesInIsNotWaitedFor) {
  feed("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
  for (int second = 0; second < 30; ++second) {
    EXPECT_FALSE(connection_.end());
    feed("x");
    pass(1s);
  }
  EXPECT_TRUE(output_.starts_with("HTTP/1.1 408 "));
}

TEST_F(HttpConnectionTest, AnIdleClientIsLeftWithoutAWord) {
  feed(kGet);
  output_.clear();
  pass(59s);
  EXPECT_FALSE(connection_.end());
  pass(1s);
  EXPECT_EQ(HttpConnection::End::kIdle, connection_.end());
  EXPECT_TRUE(output_.empty());
}

TEST_F(HttpConnectionTest, AStrayLineEndDoesNotBeginARequest) {
  feed(kGet);
  pass(30s);
  feed("\r\n");
  pass(29s);
  EXPECT_FALSE(connection_.end());
  pass(1s);
  EXPECT_EQ(HttpConnection::End::kIdle, connection_.end());
}

TEST_F(HttpConnectionTest, AReplyThatDoesNotComeIsOurFault) {
  answers_at_once_ = false;
  feed(kGet);
  pass(59s);
  EXPECT_FALSE(connection_.end());
  pass(1s);
  EXPECT_TRUE(output_.starts_with("HTTP/1.1 503 "));
  EXPECT_FALSE(connection_.is_replying());
  EXPECT_EQ(1u, stats_.unanswered);
}

TEST_F(HttpConnectionTest, AnyPageMayReadWhatIsPublic) {
  HttpConnection connection({.allows_all_origins = true}, *this, stats_, now_);
  connection.take(as_bytes("BAD\r\n\r\n"), now_);
  EXPECT_NE(output_.npos, output_.find("\r\nAccess-Control-Allow-Origin: *\r\n"));
}

}  // namespace
}  // namespace roost::io
