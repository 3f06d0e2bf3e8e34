// SPDX-License-Identifier: MIT
//
// Goal: a request means the same to us as to whoever is strict, and costs no more than its bounds.
// Method: a table of bytes and what the parser makes of them, each fed whole, byte by byte, and cut
// in two at every place.
#include "io/http_parser.h"

#include <gtest/gtest.h>
#include <string>
#include <string_view>

#include "http_transcript.h"

namespace roost::io {
namespace {

using namespace std::string_literals;

struct Row {
  std::string bytes;
  std::string expected;
};

std::string whole(const std::string& bytes, const HttpParser::Limits& limits = {}) {
  HttpTranscript transcript(limits);
  transcript.feed(as_bytes(bytes));
  return transcript.text();
}

std::string in_parts(const std::string& bytes, size_t size) {
  HttpTranscript transcript;
  for (size_t at = 0; at < bytes.size(); at += size) {
    transcript.feed(as_bytes(std::string_view(bytes).substr(at, size)));
  }
  return transcript.text();
}

std::string in_two(const std::string& bytes, size_t cut) {
  HttpTranscript transcript;
  transcript.feed(as_bytes(std::string_view(bytes).substr(0, cut)));
  transcript.feed(as_bytes(std::string_view(bytes).substr(cut)));
  return transcript.text();
}

void expect_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    SCOPED_TRACE(testing::PrintToString(row.bytes));
    EXPECT_EQ(row.expected, whole(row.bytes));
    for (const size_t size : {1, 2, 3, 7}) EXPECT_EQ(row.expected, in_parts(row.bytes, size));
    for (size_t cut = 1; cut < row.bytes.size(); ++cut) {
      EXPECT_EQ(row.expected, in_two(row.bytes, cut));
    }
  }
}

TEST(HttpParser, ReadsRequests) {
  expect_rows({
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / @a; idle"},
      {"GET /x?y=1&z HTTP/1.1\r\nhOsT:\t a.example:3478 \t\r\n\r\n",
       "GET /x?y=1&z @a.example:3478; idle"},
      {"HEAD /v1/node HTTP/1.0\r\n\r\n", "HEAD /v1/node @- 1.0 close; idle"},
      {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET / @- 1.0; idle"},
      {"GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", "GET / @ close; idle"},
      {"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz", "POST /a @a [xyz]; idle"},
      {"PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "PUT /a @a; idle"},
      {"DELETE /m/1 HTTP/1.1\r\nHost: [::1]\r\n\r\n", "DELETE /m/1 @[::1]; idle"},
      {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * @a; idle"},
      {"PATCH / HTTP/1.1\r\nHost: a\r\n\r\n", "other / @a; idle"},
      {"GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://b\r\n\r\n", "GET / @a from https://b; idle"},
      {"GET http://b.example/p?q HTTP/1.1\r\nHost: a\r\n\r\n", "GET /p?q @b.example; idle"},
      {"GET HTTPS://b.example HTTP/1.1\r\nHost: a\r\n\r\n", "GET / @b.example; idle"},
      {"GET http://b.example?q HTTP/1.1\r\nHost: a\r\n\r\n", "GET /?q @b.example; idle"},
      {"GET http://b.example/?a?b=/c HTTP/1.1\r\nHost: a\r\n\r\n", "GET /?a?b=/c @b.example; idle"},
      // A query that is empty is none, and what is escaped stays so.
      {"GET /x? HTTP/1.1\r\nHost: a\r\n\r\n", "GET /x @a; idle"},
      {"GET /x?a=%20&b=%3f HTTP/1.1\r\nHost: a\r\n\r\n", "GET /x?a=%20&b=%3f @a; idle"},
      // A stray line end behind a body (RFC 9112 §2.2).
      {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / @a; idle"},
      // Fields that mean nothing to us may hold any text.
      {"GET / HTTP/1.1\r\nHost: a\r\nX: \xc3\xa4\tb\r\nY:\r\n\r\n", "GET / @a; idle"},
      // An offer to upgrade may be ignored; the body behind it is still a body.
      {"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n"
       "\r\nxGET / HTTP/1.1\r\nHost: a\r\n\r\n",
       "POST / @a [x]; GET / @a; idle"},
  });
}

TEST(HttpParser, ReadsOneAuthorization) {
  expect_rows({
      {"GET / HTTP/1.1\r\nHost: a\r\naUTHORIZATION: \tBearer  x \r\n\r\n",
       "GET / @a as Bearer  x; idle"},
      {"GET / HTTP/1.1\r\nHost: a\r\nAuthorization:\r\n\r\n", "GET / @a; idle"},
      {"GET / HTTP/1.1\r\nHost: a\r\nProxy-Authorization: x\r\n\r\n", "GET / @a; idle"},
      // Two are two claims, be they alike.
      {"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nAuthorization: y\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nX: y\r\nauthorization: x\r\n\r\n", "400"},
      // And it is not the next request's.
      {"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\n\r\nGET /?q HTTP/1.1\r\nHost: a\r\n\r\n"
       "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
       "GET / @a as x; GET /?q @a; GET / @a; idle"},
  });
}

TEST(HttpParser, WaitsForWhatIsMissing) {
  expect_rows({
      {"G", "head"},
      {"GET / HTTP/1.1\r\nHost: a\r\n", "head"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", "body"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxy", "body"},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", "body"},
  });
}

TEST(HttpParser, StopsBehindEachPipelinedRequest) {
  expect_rows({
      {"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: "
       "2\r\n\r\nhi"
       "GET /3 HTTP/1.1\r\nHost: a\r\n\r\nG",
       "GET /1 @a; POST /2 @a [hi]; GET /3 @a; head"},
      {"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/3\r\n\r\n", "GET /1 @a; 505"},
  });
}

const std::string kChunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

TEST(HttpParser, JoinsChunks) {
  expect_rows({
      {kChunked + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "POST / @a [abcde]; idle"},
      {kChunked + "A;ext=\"1\"\r\n0123456789\r\n00\r\n\r\nG", "POST / @a [0123456789]; head"},
      {kChunked + "0\r\n\r\n", "POST / @a; idle"},
      // Trailers are dropped, whatever they claim.
      {kChunked + "1\r\nx\r\n0\r\nHost: evil\r\nOrigin: evil\r\n\r\n", "POST / @a [x]; idle"},
      {kChunked + "2\r\n\r\n\r\n0\r\n\r\n", "POST / @a [\r\n]; idle"},
  });
}

TEST(HttpParser, RefusesChunksThatOthersReadDifferently) {
  expect_rows({
      {kChunked + "1\nx\n0\n\n", "400"},
      {kChunked + "1\rXx\r\n0\r\n\r\n", "400"},
      {kChunked + "1\r\nxAB0\r\n\r\n", "400"},
      {kChunked + "1\r\nx\n0\r\n\r\n", "400"},
      {kChunked + " 1\r\nx\r\n0\r\n\r\n", "400"},
      {kChunked + "-1\r\nx\r\n0\r\n\r\n", "400"},
      {kChunked + "0x1\r\nx\r\n0\r\n\r\n", "400"},
      {kChunked + "\r\n", "400"},
      {kChunked + "1;\x01\r\nx\r\n0\r\n\r\n", "400"},
      {kChunked + "10000000000000001\r\nx", "400"},
      {kChunked + "1\r\nx\r\n0\r\nA: b\r\n c\r\n\r\n", "400"},
  });
}

TEST(HttpParser, RefusesAmbiguousFraming) {
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  expect_rows({
      {post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
      {post + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", "400"},
      {post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "400"},
      {post + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", "400"},
      {post + "Content-Length: 1, 1\r\n\r\n", "400"},
      {post + "Content-Length: +1\r\n\r\n", "400"},
      {post + "Content-Length: -1\r\n\r\n", "400"},
      {post + "Content-Length: 0x1\r\n\r\n", "400"},
      {post + "Content-Length: 1 1\r\n\r\n", "400"},
      {post + "Content-Length:\r\n\r\n", "400"},
      {post + "Content-Length: 99999999999999999999999\r\n\r\n", "400"},
      {post + "Content-Length : 1\r\n\r\n", "400"},
      {post + "Transfer-Encoding : chunked\r\n\r\n", "400"},
      {post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
      {post + "Transfer-Encoding: gzip, chunked\r\n\r\n", "501"},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
      {post + "Transfer-Encoding: xchunked\r\n\r\n", "501"},
      {post + "Transfer-Encoding: \x0b"
              "chunked\r\n\r\n",
       "400"},
  });
}

TEST(HttpParser, RefusesWhatIsNotStrictlyHttp) {
  expect_rows({
      {"GET / HTTP/1.1\nHost: a\n\n", "400"},
      {"GET / HTTP/1.1\r\nHost: a\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nHost: a\r\rX: b\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nHo st: a\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\n: a\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nHost\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"s, "400"},
      {"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"s, "400"},
      {"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"GET /\t HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"GET /\xe4 HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "400"},
      {"GET /\r\n\r\n", "400"},
      {"GET\r\n\r\n", "400"},
      {"GET x HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"GET /#f HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400"},
      {"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"\n", "400"},
  });
}

TEST(HttpParser, SaysWhatItDoesNotSpeak) {
  expect_rows({
      {"FOO / HTTP/1.1\r\nHost: a\r\n\r\n", "501"},
      {"get / HTTP/1.1\r\nHost: a\r\n\r\n", "501"},
      {"PRI * HTTP/2.0\r\n\r\n", "501"},
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505"},
      {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", "505"},
      {"GET / HTTP/0.9\r\nHost: a\r\n\r\n", "505"},
      {"GET / HTTP/1.10\r\nHost: a\r\n\r\n", "505"},
      {"GET / ICE/1.1\r\nHost: a\r\n\r\n", "400"},
      {"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "405"},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n", "501"},
      {"POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 1\r\n\r\n", "417"},
  });
}

TEST(HttpParser, KeepsItsBoundsToTheByte) {
  const HttpParser::Limits limits = {.request_line_bytes_max = 40,
                                     .fields_bytes_max = 100,
                                     .field_count_max = 4,
                                     .body_bytes_max = 5,
                                     .chunk_framing_bytes_max = 20};
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
  const auto target = [](size_t line_size) {
    return "GET /" + std::string(line_size - 16, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  EXPECT_EQ('G', whole(target(40), limits)[0]);
  EXPECT_EQ("414", whole(target(41), limits));
  EXPECT_EQ("414", whole(std::string(41, 'A'), limits));

  // Fields are counted from behind the request line, the blank line included.
  const auto fields = [&](size_t size) {
    return head + "X: " + std::string(size - 16, 'x') + "\r\n\r\n";
  };
  EXPECT_EQ("GET / @a; idle", whole(fields(100), limits));
  EXPECT_EQ("431", whole(fields(101), limits));
  EXPECT_EQ("431", whole(head + std::string(100, 'x'), limits));

  EXPECT_EQ("GET / @a; idle", whole(head + "A:\r\nB:\r\nC:\r\n\r\n", limits));
  EXPECT_EQ("431", whole(head + "A:\r\nB:\r\nC:\r\nD:\r\n\r\n", limits));

  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  EXPECT_EQ("POST / @a [12345]; idle", whole(post + "Content-Length: 5\r\n\r\n12345", limits));
  EXPECT_EQ("413", whole(post + "Content-Length: 6\r\n\r\n", limits));
  const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ("POST / @a [12345]; idle", whole(chunked + "5\r\n12345\r\n0\r\n\r\n", limits));
  EXPECT_EQ("413", whole(chunked + "3\r\n123\r\n3\r\n456\r\n0\r\n\r\n", limits));
  EXPECT_EQ("400", whole(chunked + "1;" + std::string(30, 'x'), limits));
  EXPECT_EQ("400", whole(chunked + "1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1", limits));
  EXPECT_EQ("400", whole(chunked + "0\r\nTrailer: " + std::string(30, 'x'), limits));
}

TEST(HttpParser, TellsWhoWaitsForContinue) {
  const std::string head =
      "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n";
  HttpTranscript transcript;
  transcript.feed(as_bytes(head));
  EXPECT_TRUE(transcript.parser().expects_continue());
  transcript.feed(as_bytes("x"));
  EXPECT_FALSE(transcript.parser().expects_continue());
  transcript.feed(as_bytes("y"));
  EXPECT_EQ("POST / @a [xy]; idle", transcript.text());
}

TEST(HttpParser, DoesNotOfferContinueToHttp10) {
  HttpTranscript transcript;
  transcript.feed(as_bytes("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
  EXPECT_EQ("body", transcript.text());
  EXPECT_FALSE(transcript.parser().expects_continue());
}

}  // namespace
}  // namespace roost::io
