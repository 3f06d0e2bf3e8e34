// SPDX-License-Identifier: MIT
#include "io/http_request.h"

namespace roost::io {

uint16_t status_of(HttpError error) {
  switch (error) {
    case HttpError::kBadRequest: return 400;
    case HttpError::kMethodNotAllowed: return 405;
    case HttpError::kContentTooLarge: return 413;
    case HttpError::kTargetTooLong: return 414;
    case HttpError::kExpectationFailed: return 417;
    case HttpError::kHeadTooLarge: return 431;
    case HttpError::kNotImplemented: return 501;
    case HttpError::kVersionNotSupported: return 505;
  }
  return 400;
}

std::string_view reason_phrase(uint16_t status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return "";
  }
}

}  // namespace roost::io
