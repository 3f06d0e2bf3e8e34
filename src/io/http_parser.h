// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "io/http_lines.h"
#include "io/http_request.h"

struct http_parser;

namespace roost::io {

// One HTTP/1.0 or 1.1 request after the other out of a stream of bytes (RFC 9112): strict, bounded,
// and the same however the bytes were cut.
//
//   head --blank line--> body --last byte--> complete --next()--> head
//   head, body --error--> failed
//
// What an attacker gains at most is the memory of one head and one body. Refused is all that lets
// two programs see different requests in the same bytes: Content-Length beside Transfer-Encoding or
// twice, codings other than chunked, bare line feeds, folded lines, blanks in field names, control
// characters. http-parser reads the fields and the chunks; http_lines guards what it is lenient
// about.
class HttpParser {
 public:
  struct Limits {
    size_t request_line_bytes_max =
        2048;                            // Our longest path has about 100 bytes; URLs in use, 2000.
    size_t fields_bytes_max = 8 * 1024;  // What browsers send, cookies included, and others accept.
    uint32_t field_count_max = 64;
    size_t body_bytes_max = 4096;  // A Web Push message (RFC 8030 §7.2).
    // Sizes, extensions and trailers of chunks: each chunk brings some, and needs no content.
    size_t chunk_framing_bytes_max = 8 * 1024;
  };

  enum class State : uint8_t { kHead, kBody, kComplete, kFailed };

  explicit HttpParser(const Limits& limits);
  ~HttpParser();
  HttpParser(const HttpParser&) = delete;
  HttpParser& operator=(const HttpParser&) = delete;

  // Reads on and returns how many bytes it took: all of them, unless the request became complete
  // (what follows belongs to the next one) or failed.
  size_t feed(Bytes bytes);

  State state() const { return state_; }
  // Whether no byte of a request has come in yet.
  bool is_fresh() const { return state_ == State::kHead && head_.empty(); }
  // Whether the client waits for "100 Continue" before it sends the body. Only in state kBody.
  bool expects_continue() const { return expects_continue_ && body_.empty(); }

  // Requires state kComplete. Valid until next().
  HttpRequest request() const;
  // Requires state kFailed.
  HttpError error() const { return error_; }
  // Whether the method is HEAD, as far as is known: an error reply to it has no body either.
  bool is_head() const { return request_.method == core::HttpMethod::kHead; }

  // Forgets the request and is ready for the next one. Requires state kComplete.
  void next();

 private:
  struct Callbacks;  // What http-parser calls.

  size_t feed_head(Bytes bytes);
  size_t feed_body(Bytes bytes);
  void parse_head();
  bool check_request_line(std::string_view line);
  bool check_target(std::string_view target);
  bool take_field(std::string_view name, std::string_view value);
  bool check_head();
  bool take_content(const uint8_t* at, size_t size);
  bool guard_framing_until(const uint8_t* end);
  void fail(HttpError error);

  Limits limits_;
  State state_ = State::kHead;
  HttpError error_ = HttpError::kBadRequest;
  HttpLines lines_;
  std::unique_ptr<http_parser> parser_;

  std::string head_;         // All of it, request line included: the fields are views into it.
  size_t fields_begin_ = 0;  // Behind the request line.
  uint32_t line_count_ = 0;
  bool had_blank_line_ = false;  // Before the request line.

  HttpRequest request_;
  std::string_view field_name_;
  std::string_view transfer_encoding_;
  uint32_t host_count_ = 0;
  uint32_t transfer_encoding_count_ = 0;
  bool expects_continue_ = false;
  bool is_complete_ = false;

  std::vector<uint8_t> body_;
  const uint8_t* framing_begin_ = nullptr;  // Of the bytes being fed, what is not guarded yet.
  size_t framing_bytes_ = 0;
};

}  // namespace roost::io
