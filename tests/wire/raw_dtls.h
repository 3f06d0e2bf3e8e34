// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace roost {

// Datagrams of DTLS, byte by byte from RFC 6347: no builder of ours has touched them.

struct RawHello {
  uint64_t record_sequence = 0;
  uint16_t message_sequence = 0;
  uint8_t random = 0x55;  // 32 times.
  std::string session_id = {};
  std::string cookie = {};
  std::string suites = "\xc0\x2b";
  std::string methods = std::string(1, '\0');
  std::string extensions = {};  // With their length before them; or none.
};

inline void put_number(std::string& text, size_t size, uint64_t value) {
  for (size_t i = size; i-- > 0;) text.push_back(static_cast<char>(value >> 8 * i));
}

inline std::string raw_dtls_record(uint8_t content, uint16_t epoch, uint64_t sequence,
                                   const std::string& fragment) {
  std::string text;
  put_number(text, 1, content);
  put_number(text, 2, 0xfeff);
  put_number(text, 2, epoch);
  put_number(text, 6, sequence);
  put_number(text, 2, fragment.size());
  return text + fragment;
}

// A fragment of a message of `size` bytes.
inline std::string raw_dtls_handshake(uint8_t message, uint16_t sequence, size_t size,
                                      size_t offset, const std::string& part) {
  std::string text;
  put_number(text, 1, message);
  put_number(text, 3, size);
  put_number(text, 2, sequence);
  put_number(text, 3, offset);
  put_number(text, 3, part.size());
  return text + part;
}

inline std::string raw_hello_body(const RawHello& hello) {
  std::string body = "\xfe\xfd" + std::string(32, static_cast<char>(hello.random));
  put_number(body, 1, hello.session_id.size());
  body += hello.session_id;
  put_number(body, 1, hello.cookie.size());
  body += hello.cookie;
  put_number(body, 2, hello.suites.size());
  body += hello.suites;
  put_number(body, 1, hello.methods.size());
  return body + hello.methods + hello.extensions;
}

inline std::string raw_client_hello(const RawHello& hello = {}) {
  const std::string body = raw_hello_body(hello);
  return raw_dtls_record(22, 0, hello.record_sequence,
                         raw_dtls_handshake(1, hello.message_sequence, body.size(), 0, body));
}

// The cookie of a HelloVerifyRequest: whatever lies where it should.
inline std::string raw_cookie_of(const std::string& verify_request) {
  return verify_request.size() < 28 ? std::string() : verify_request.substr(28);
}

}  // namespace roost
