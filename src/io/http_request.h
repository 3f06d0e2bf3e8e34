// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "core/action.h"

namespace roost::io {

// What a client asked for, as views into the parser that read it.
struct HttpRequest {
  core::HttpMethod method = core::HttpMethod::kOther;
  std::string_view path;                 // Without the query; not decoded.
  std::string_view query;                // Behind the "?"; not decoded.
  std::optional<std::string_view> host;  // The Host field, or the authority of an absolute target.
  std::string_view origin;               // The Origin field; empty if there was none.
  std::string_view authorization;        // The Authorization field; empty if there was none.
  Bytes body;
  bool keeps_alive = false;
  bool is_http_1_0 = false;
};

// Why a request is refused before anybody sees it. Also the label of the counter.
enum class HttpError : uint8_t {
  kBadRequest,
  kMethodNotAllowed,  // CONNECT: nobody is tunnelled.
  kContentTooLarge,
  kTargetTooLong,
  kExpectationFailed,  // RFC 9110 §10.1.1 knows one expectation.
  kHeadTooLarge,
  kNotImplemented,  // An unknown method or coding, or an upgrade to WebSocket.
  kVersionNotSupported,
};
inline constexpr size_t kHttpErrorCount = 8;

uint16_t status_of(HttpError error);
// "Not Found" for 404; empty for a status that we do not send.
std::string_view reason_phrase(uint16_t status);

}  // namespace roost::io
