// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"

namespace roost::wire {

// The part of DTLS 1.2 (RFC 6347) that has to be read and written without a library and without
// state: the heads of records, and the cookie exchange that goes before everything else.
//
//   record     | type (1) | version (2) | epoch (2) | sequence (6) | length (2) | fragment … |
//   handshake  | type (1) | length (3) | message sequence (2) | offset (3) | length (3) | body … |
//
//   client -- ClientHello, no cookie --> us
//   client <-- HelloVerifyRequest, cookie -- us
//   client -- the same ClientHello with the cookie --> us

inline constexpr size_t kDtlsRecordHeaderSize = 13;
inline constexpr size_t kDtlsHandshakeHeaderSize = 12;

enum class DtlsContent : uint8_t {
  kChangeCipherSpec = 20,
  kAlert = 21,
  kHandshake = 22,
  kApplicationData = 23,
};

// Of the handshake messages (RFC 5246 §7.4), those that are told apart here.
enum class DtlsMessage : uint8_t {
  kClientHello = 1,
  kHelloVerifyRequest = 3,
  kClientKeyExchange = 16,
};

struct DtlsRecord {
  DtlsContent content;  // Any value: what is none of the enumerators is for the caller to refuse.
  uint16_t epoch = 0;   // 0: in the clear.
  uint64_t sequence = 0;
  Bytes fragment;
  size_t size() const { return kDtlsRecordHeaderSize + fragment.size(); }
};

// The record at the front of a datagram, which may hold several; nothing unless it is whole and of
// a version that begins as those of DTLS do (254).
std::optional<DtlsRecord> parse_dtls_record(Bytes datagram);

// The handshake message that a record in the clear begins with, by its header.
struct DtlsHandshakeHeader {
  DtlsMessage message;
  uint32_t size = 0;  // Of the whole message's body.
  uint16_t sequence = 0;
  uint32_t fragment_offset = 0;
  uint32_t fragment_size = 0;
};
std::optional<DtlsHandshakeHeader> parse_dtls_handshake_header(Bytes fragment);

// A ClientHello as the cookie exchange sees it (§4.2.1, §4.2.2). Views of the datagram.
struct DtlsClientHello {
  uint64_t record_sequence = 0;
  uint16_t message_sequence = 0;
  Bytes before_cookie;  // Version, random and session ID.
  Bytes cookie;
  Bytes after_cookie;  // Cipher suites and compression methods.
};

enum class DtlsHelloError : uint8_t {
  kOther,       // Anything else in a datagram of DTLS.
  kFragmented,  // A ClientHello in several records: to put it together would take state.
  kMalformed,
};

// The datagram must be one ClientHello in one record, and nothing behind it: a client has nothing
// else to say yet. Extensions are left unread.
Result<DtlsClientHello, DtlsHelloError> parse_dtls_client_hello(Bytes datagram);

// With a cookie of kDtlsCookieSize bytes: 31 bytes less than the shortest ClientHello.
inline constexpr size_t kDtlsCookieSize = 8;
inline constexpr size_t kDtlsHelloVerifyRequestSize =
    kDtlsRecordHeaderSize + kDtlsHandshakeHeaderSize + 2 + 1 + kDtlsCookieSize;

// The HelloVerifyRequest that answers `hello`. Requires kDtlsCookieSize bytes of cookie and
// kDtlsHelloVerifyRequestSize of buffer; returns what it has filled.
Bytes build_dtls_hello_verify_request(const DtlsClientHello& hello, Bytes cookie,
                                      MutableBytes buffer);

}  // namespace roost::wire
