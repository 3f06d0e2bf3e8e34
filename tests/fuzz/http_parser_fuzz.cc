// SPDX-License-Identifier: MIT
//
// Any bytes, cut anywhere: the parser must not crash, must keep its bounds, and must make the same
// requests or the same error of them. The first byte chooses the bounds and where else to cut.
#include "io/http_parser.h"

#include <algorithm>

#include "base/check.h"
#include "http_transcript.h"

namespace roost::io {
namespace {

// Bounds that short inputs reach.
constexpr HttpParser::Limits kSmall = {.request_line_bytes_max = 40,
                                       .fields_bytes_max = 120,
                                       .field_count_max = 5,
                                       .body_bytes_max = 16,
                                       .chunk_framing_bytes_max = 40};

std::string in_parts(Bytes bytes, const HttpParser::Limits& limits, size_t size) {
  HttpTranscript transcript(limits);
  while (!bytes.empty()) {
    const Bytes part = bytes.first(std::min(size, bytes.size()));
    transcript.feed(part);
    bytes = bytes.subspan(part.size());
  }
  return transcript.text();
}

void check_requests(Bytes bytes, const HttpParser::Limits& limits) {
  HttpParser parser(limits);
  while (!bytes.empty() && parser.state() != HttpParser::State::kFailed) {
    const size_t used = parser.feed(bytes);
    CHECK(used <= bytes.size());
    bytes = bytes.subspan(used);
    if (parser.state() != HttpParser::State::kComplete) {
      CHECK(bytes.empty() || parser.state() == HttpParser::State::kFailed);
      continue;
    }
    const HttpRequest request = parser.request();
    CHECK(request.body.size() <= limits.body_bytes_max);
    CHECK(request.path.size() <= limits.request_line_bytes_max);
    CHECK(request.path.starts_with('/') || request.path == "*");
    CHECK(request.path.find_first_of(std::string_view("?# \0\r\n", 6)) == request.path.npos);
    CHECK(request.host || request.is_http_1_0);
    parser.next();
  }
}

}  // namespace
}  // namespace roost::io

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace roost;
  if (size == 0) return 0;
  const io::HttpParser::Limits limits = (data[0] & 1) != 0 ? io::kSmall : io::HttpParser::Limits{};
  const Bytes bytes(data + 1, size - 1);
  io::check_requests(bytes, limits);
  const std::string whole = io::in_parts(bytes, limits, std::max<size_t>(bytes.size(), 1));
  CHECK(io::in_parts(bytes, limits, 1) == whole);
  CHECK(io::in_parts(bytes, limits, 2 + (data[0] >> 1)) == whole);
  return 0;
}
