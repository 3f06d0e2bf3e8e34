// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "io/http_parser.h"

namespace roost::io {

// All that HttpParser makes of some bytes, as text: one line for each request, then how it ended.
// What two cuts of the same bytes must agree in.
class HttpTranscript {
 public:
  explicit HttpTranscript(const HttpParser::Limits& limits = {}) : parser_(limits) {}

  void feed(Bytes bytes) {
    while (!bytes.empty() && parser_.state() != HttpParser::State::kFailed) {
      bytes = bytes.subspan(parser_.feed(bytes));
      if (parser_.state() == HttpParser::State::kComplete) {
        note(parser_.request());
        parser_.next();
      }
    }
  }

  std::string text() const {
    switch (parser_.state()) {
      case HttpParser::State::kHead: return text_ + (parser_.is_fresh() ? "idle" : "head");
      case HttpParser::State::kBody: return text_ + "body";
      case HttpParser::State::kComplete: return text_ + "complete";
      case HttpParser::State::kFailed: return text_ + std::to_string(status_of(parser_.error()));
    }
    return text_;
  }

  HttpParser& parser() { return parser_; }

 private:
  void note(const HttpRequest& request) {
    static constexpr std::string_view kMethods[] = {"GET",    "HEAD",    "POST", "PUT",
                                                    "DELETE", "OPTIONS", "other"};
    text_ += kMethods[static_cast<size_t>(request.method)];
    text_.append(" ").append(request.path);
    if (!request.query.empty()) text_.append("?").append(request.query);
    text_.append(" @").append(request.host.value_or("-"));
    if (!request.origin.empty()) text_.append(" from ").append(request.origin);
    if (!request.authorization.empty()) text_.append(" as ").append(request.authorization);
    if (!request.body.empty()) text_.append(" [").append(as_text(request.body)).append("]");
    text_ += request.is_http_1_0 ? " 1.0" : "";
    text_ += request.keeps_alive ? "" : " close";
    text_ += "; ";
  }

  HttpParser parser_;
  std::string text_;
};

}  // namespace roost::io
