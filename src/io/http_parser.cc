// SPDX-License-Identifier: MIT
#include "io/http_parser.h"

#include <algorithm>
#include <http_parser.h>
#include <limits>

#include "base/check.h"

namespace roost::io {
namespace {

bool is_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_token(std::string_view text) {  // RFC 9110 §5.6.2.
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return is_letter_or_digit(c) || kOthers.find(c) != kOthers.npos;
  });
}

// A host and perhaps a port, as far as their characters tell (RFC 3986 §3.2.2).
bool is_host(std::string_view text) {
  constexpr std::string_view kOthers = "-._~:[]%!$&'()*+,;=";
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_letter_or_digit(c) || kOthers.find(c) != kOthers.npos;
  });
}

bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view without_blanks(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

core::HttpMethod method_of(unsigned method) {
  switch (method) {
    case HTTP_GET: return core::HttpMethod::kGet;
    case HTTP_HEAD: return core::HttpMethod::kHead;
    case HTTP_POST: return core::HttpMethod::kPost;
    case HTTP_PUT: return core::HttpMethod::kPut;
    case HTTP_DELETE: return core::HttpMethod::kDelete;
    case HTTP_OPTIONS: return core::HttpMethod::kOptions;
    default: return core::HttpMethod::kOther;
  }
}

HttpError error_of(const http_parser& parser) {
  const auto code = HTTP_PARSER_ERRNO(&parser);
  if (code == HPE_INVALID_METHOD) return HttpError::kNotImplemented;
  if (code == HPE_INVALID_VERSION) return HttpError::kVersionNotSupported;
  return HttpError::kBadRequest;
}

}  // namespace

// http-parser stops when a callback returns something else than 0; the reason is in error_ then.
struct HttpParser::Callbacks {
  static HttpParser& self(http_parser* parser) { return *static_cast<HttpParser*>(parser->data); }

  static int on_url(http_parser* parser, const char* at, size_t size) {
    return self(parser).check_target({at, size}) ? 0 : 1;
  }
  static int on_field_name(http_parser* parser, const char* at, size_t size) {
    self(parser).field_name_ = {at, size};
    return 0;
  }
  static int on_field_value(http_parser* parser, const char* at, size_t size) {
    HttpParser& me = self(parser);
    // Trailers come when the body is there. They are guarded and bounded as framing, and mean
    // nothing: a field that decides how a request is read must not come behind it.
    if (me.state_ == State::kBody) return 0;
    return me.take_field(me.field_name_, without_blanks({at, size})) ? 0 : 1;
  }
  static int on_head_complete(http_parser* parser) { return self(parser).check_head() ? 0 : -1; }
  static int on_content(http_parser* parser, const char* at, size_t size) {
    return self(parser).take_content(reinterpret_cast<const uint8_t*>(at), size) ? 0 : 1;
  }
  static int on_complete(http_parser* parser) {
    self(parser).is_complete_ = true;
    http_parser_pause(parser, 1);  // Behind this byte the next request begins.
    return 0;
  }

  static const http_parser_settings& settings() {
    static const http_parser_settings kSettings = [] {
      http_parser_settings settings;
      http_parser_settings_init(&settings);
      settings.on_url = on_url;
      settings.on_header_field = on_field_name;
      settings.on_header_value = on_field_value;
      settings.on_headers_complete = on_head_complete;
      settings.on_body = on_content;
      settings.on_message_complete = on_complete;
      return settings;
    }();
    return kSettings;
  }
};

HttpParser::HttpParser(const Limits& limits)
    : limits_(limits), parser_(std::make_unique<http_parser>()) {
  next();
}

HttpParser::~HttpParser() = default;

void HttpParser::next() {
  http_parser_init(parser_.get(), HTTP_REQUEST);
  parser_->data = this;
  state_ = State::kHead;
  lines_ = {};
  head_ = {};  // Gives the memory back: an idle connection holds none.
  fields_begin_ = 0;
  line_count_ = 0;
  had_blank_line_ = false;
  request_ = {};
  field_name_ = {};
  transfer_encoding_ = {};
  host_count_ = 0;
  transfer_encoding_count_ = 0;
  expects_continue_ = false;
  is_complete_ = false;
  body_ = {};
  framing_bytes_ = 0;
}

HttpRequest HttpParser::request() const {
  CHECK(state_ == State::kComplete);
  HttpRequest request = request_;
  request.body = body_;
  return request;
}

size_t HttpParser::feed(Bytes bytes) {
  size_t used = 0;
  if (state_ == State::kHead) used = feed_head(bytes);
  if (state_ == State::kBody && used < bytes.size()) used += feed_body(bytes.subspan(used));
  return used;
}

// Collects the head until it is whole. Every limit is kept at the byte that breaks it.
size_t HttpParser::feed_head(Bytes bytes) {
  size_t used = 0;
  while (used < bytes.size() && state_ == State::kHead) {
    const uint8_t byte = bytes[used++];
    head_.push_back(static_cast<char>(byte));
    const HttpLines::Verdict verdict = lines_.take(byte);
    if (line_count_ == 0) {
      if (head_.size() > limits_.request_line_bytes_max) fail(HttpError::kTargetTooLong);
    } else if (head_.size() - fields_begin_ > limits_.fields_bytes_max) {
      fail(HttpError::kHeadTooLarge);
    }
    if (state_ == State::kFailed) break;
    switch (verdict) {
      case HttpLines::Verdict::kInLine: break;
      case HttpLines::Verdict::kBad: fail(HttpError::kBadRequest); break;
      case HttpLines::Verdict::kLineEnds:
        if (line_count_ == 0) fields_begin_ = head_.size();
        if (++line_count_ > limits_.field_count_max + 1) fail(HttpError::kHeadTooLarge);
        break;
      case HttpLines::Verdict::kBlankLineEnds:
        if (line_count_ > 0) {
          parse_head();
        } else if (had_blank_line_) {
          fail(HttpError::kBadRequest);
        } else {
          had_blank_line_ = true;  // Old clients send one behind a body (RFC 9112 §2.2).
          head_.clear();
        }
        break;
    }
  }
  return used;
}

void HttpParser::parse_head() {
  const size_t line_size = head_.find('\r');
  if (!check_request_line(std::string_view(head_).substr(0, line_size))) {
    return fail(HttpError::kBadRequest);
  }
  error_ = HttpError::kBadRequest;
  http_parser_execute(parser_.get(), &Callbacks::settings(), head_.data(), head_.size());
  const auto code = HTTP_PARSER_ERRNO(parser_.get());
  if (is_complete_) {
    state_ = State::kComplete;
  } else if (code == HPE_OK) {
    state_ = State::kBody;
    lines_ = {};
  } else {
    const bool is_ours = code >= HPE_CB_message_begin && code <= HPE_CB_chunk_complete;
    fail(is_ours ? error_ : error_of(*parser_));
  }
}

// METHOD SP TARGET SP VERSION, where http-parser would take any blanks.
bool HttpParser::check_request_line(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t second = line.find(' ', first == line.npos ? first : first + 1);
  return second != line.npos && is_token(line.substr(0, first)) &&
         is_visible(line.substr(first + 1, second - first - 1)) &&
         is_visible(line.substr(second + 1));
}

// RFC 9112 §3.2: origin-form, absolute-form (as to a proxy), or "*".
bool HttpParser::check_target(std::string_view target) {
  request_.method = method_of(parser_->method);
  if (parser_->method == HTTP_CONNECT) {
    error_ = HttpError::kMethodNotAllowed;
    return false;
  }
  if (target.find('#') != target.npos) return false;
  if (target == "*") {
    request_.path = target;
    return request_.method == core::HttpMethod::kOptions;
  }
  if (target.front() != '/') {
    const size_t scheme_end = target.find("://");
    if (scheme_end == target.npos) return false;
    const std::string_view scheme = target.substr(0, scheme_end);
    if (!same_ignoring_case(scheme, "http") && !same_ignoring_case(scheme, "https")) return false;
    target.remove_prefix(scheme_end + 3);
    const std::string_view authority = target.substr(0, target.find_first_of("/?"));
    if (authority.empty() || !is_host(authority)) return false;  // A user's name has an "@".
    request_.host = authority;
    target.remove_prefix(authority.size());
  }
  const size_t path_size = std::min(target.find('?'), target.size());
  request_.path = path_size == 0 ? "/" : target.substr(0, path_size);
  if (path_size < target.size()) request_.query = target.substr(path_size + 1);
  return true;
}

bool HttpParser::take_field(std::string_view name, std::string_view value) {
  if (!is_token(name)) return false;
  if (same_ignoring_case(name, "host")) {
    if (++host_count_ > 1 || !is_host(value)) return false;
    if (!request_.host) request_.host = value;  // An absolute target outranks it.
  } else if (same_ignoring_case(name, "origin")) {
    request_.origin = value;
  } else if (same_ignoring_case(name, "authorization")) {
    // Two would be two claims, and a proxy may have looked at the other.
    if (!request_.authorization.empty()) return false;
    request_.authorization = value;
  } else if (same_ignoring_case(name, "transfer-encoding")) {
    ++transfer_encoding_count_;
    transfer_encoding_ = value;
  } else if (same_ignoring_case(name, "expect")) {
    expects_continue_ = same_ignoring_case(value, "100-continue");
    if (expects_continue_) return true;
    error_ = HttpError::kExpectationFailed;
    return false;
  } else if (same_ignoring_case(name, "upgrade") && same_ignoring_case(value, "websocket")) {
    // Any other upgrade is an offer that may be ignored (RFC 9110 §7.8); a client that wants a
    // WebSocket can do nothing with an answer in HTTP.
    error_ = HttpError::kNotImplemented;
    return false;
  }
  return true;
}

// Whether the head as a whole makes sense, once all its fields are known.
bool HttpParser::check_head() {
  if (parser_->http_major != 1 || parser_->http_minor > 1) {
    error_ = HttpError::kVersionNotSupported;
    return false;
  }
  request_.is_http_1_0 = parser_->http_minor == 0;
  request_.keeps_alive = http_should_keep_alive(parser_.get()) != 0;
  if (request_.is_http_1_0) {
    expects_continue_ = false;
  } else if (host_count_ == 0) {
    return false;
  }
  if (transfer_encoding_count_ > 0) {
    if (transfer_encoding_count_ > 1 || request_.is_http_1_0) return false;
    if (!same_ignoring_case(transfer_encoding_, "chunked")) {
      error_ = HttpError::kNotImplemented;
      return false;
    }
  }
  const bool has_length = (parser_->flags & F_CONTENTLENGTH) != 0;
  if (has_length && parser_->content_length > limits_.body_bytes_max) {
    error_ = HttpError::kContentTooLarge;
    return false;
  }
  return true;
}

size_t HttpParser::feed_body(Bytes bytes) {
  framing_begin_ = bytes.data();
  error_ = HttpError::kBadRequest;
  const size_t used =
      http_parser_execute(parser_.get(), &Callbacks::settings(),
                          reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto code = HTTP_PARSER_ERRNO(parser_.get());
  const bool is_ours = code >= HPE_CB_message_begin && code <= HPE_CB_chunk_complete;
  const bool goes_on = code == HPE_OK || is_complete_;
  if (is_ours) {
    fail(error_);
  } else if (!guard_framing_until(bytes.data() + used)) {
    fail(HttpError::kBadRequest);
  } else if (!goes_on) {
    fail(error_of(*parser_));
  } else if (is_complete_) {
    state_ = State::kComplete;
  }
  return used;
}

bool HttpParser::take_content(const uint8_t* at, size_t size) {
  if (!guard_framing_until(at)) return false;
  framing_begin_ = at + size;
  lines_.expect_line_end();
  if (body_.size() + size > limits_.body_bytes_max) {
    error_ = HttpError::kContentTooLarge;
    return false;
  }
  body_.insert(body_.end(), at, at + size);
  return true;
}

// All that is not content, between the last content and `end`. Without chunks there is none.
bool HttpParser::guard_framing_until(const uint8_t* end) {
  for (; framing_begin_ < end; ++framing_begin_) {
    if (lines_.take(*framing_begin_) == HttpLines::Verdict::kBad) return false;
    if (++framing_bytes_ > limits_.chunk_framing_bytes_max) return false;
  }
  return true;
}

void HttpParser::fail(HttpError error) {
  error_ = error;
  state_ = State::kFailed;
}

}  // namespace roost::io
