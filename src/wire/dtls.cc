// SPDX-License-Identifier: MIT
#include "wire/dtls.h"

#include "base/check.h"
#include "base/cursor.h"

namespace roost::wire {
namespace {

constexpr uint8_t kVersionMajor = 254;  // The versions of TLS, each byte from 255 downwards.
// Whatever version will be agreed upon (RFC 6347 §4.2.1).
constexpr uint16_t kVersionOfVerifyRequest = 0xfeff;
constexpr size_t kVersionAndRandomSize = 2 + 32;
constexpr size_t kSessionIdSizeMax = 32;

uint32_t read_u24(Reader& reader) {
  const uint32_t high = reader.u8();
  return high << 16 | reader.u16();
}

void write_u24(Writer& writer, size_t value) {
  writer.u8(static_cast<uint8_t>(value >> 16));
  writer.u16(static_cast<uint16_t>(value));
}

}  // namespace

std::optional<DtlsRecord> parse_dtls_record(Bytes datagram) {
  Reader reader(datagram);
  DtlsRecord record{};
  record.content = static_cast<DtlsContent>(reader.u8());
  const uint16_t version = reader.u16();
  record.epoch = reader.u16();
  const uint64_t high = reader.u16();
  record.sequence = high << 32 | reader.u32();
  record.fragment = reader.take(reader.u16());
  if (!reader.ok() || version >> 8 != kVersionMajor) return {};
  return record;
}

std::optional<DtlsHandshakeHeader> parse_dtls_handshake_header(Bytes fragment) {
  Reader reader(fragment);
  DtlsHandshakeHeader header{};
  header.message = static_cast<DtlsMessage>(reader.u8());
  header.size = read_u24(reader);
  header.sequence = reader.u16();
  header.fragment_offset = read_u24(reader);
  header.fragment_size = read_u24(reader);
  if (!reader.ok()) return {};
  return header;
}

Result<DtlsClientHello, DtlsHelloError> parse_dtls_client_hello(Bytes datagram) {
  const auto record = parse_dtls_record(datagram);
  if (!record || record->content != DtlsContent::kHandshake || record->epoch != 0) {
    return Failure(DtlsHelloError::kOther);
  }
  const auto header = parse_dtls_handshake_header(record->fragment);
  if (!header || header->message != DtlsMessage::kClientHello) {
    return Failure(DtlsHelloError::kOther);
  }
  if (header->fragment_offset != 0 || header->fragment_size != header->size) {
    return Failure(DtlsHelloError::kFragmented);
  }
  const Bytes body = record->fragment.subspan(kDtlsHandshakeHeaderSize);
  if (body.size() != header->size || record->size() != datagram.size()) {
    return Failure(DtlsHelloError::kMalformed);
  }
  DtlsClientHello hello{record->sequence, header->sequence, {}, {}, {}};
  Reader reader(body);
  const Bytes version_and_random = reader.take(kVersionAndRandomSize);
  const size_t session_id_size = reader.u8();
  reader.take(session_id_size);
  hello.before_cookie = body.first(body.size() - reader.left());
  hello.cookie = reader.take(reader.u8());
  const Bytes rest = reader.rest();
  const size_t suites_size = reader.u16();
  reader.take(suites_size);
  const size_t methods_size = reader.u8();
  reader.take(methods_size);
  const bool is_well_formed = reader.ok() && version_and_random[0] == kVersionMajor &&
                              session_id_size <= kSessionIdSizeMax && suites_size >= 2 &&
                              suites_size % 2 == 0 && methods_size >= 1;
  if (!is_well_formed) return Failure(DtlsHelloError::kMalformed);
  hello.after_cookie = rest.first(rest.size() - reader.left());
  return hello;
}

Bytes build_dtls_hello_verify_request(const DtlsClientHello& hello, Bytes cookie,
                                      MutableBytes buffer) {
  CHECK(cookie.size() == kDtlsCookieSize && buffer.size() >= kDtlsHelloVerifyRequestSize);
  constexpr size_t kBodySize =
      kDtlsHelloVerifyRequestSize - kDtlsRecordHeaderSize - kDtlsHandshakeHeaderSize;
  Writer writer(buffer);
  writer.u8(static_cast<uint8_t>(DtlsContent::kHandshake));
  writer.u16(kVersionOfVerifyRequest);
  writer.u16(0);
  // The client's own number, since we do not remember which ones we have used (§4.2.1).
  writer.u16(static_cast<uint16_t>(hello.record_sequence >> 32));
  writer.u32(static_cast<uint32_t>(hello.record_sequence));
  writer.u16(kDtlsHandshakeHeaderSize + kBodySize);
  writer.u8(static_cast<uint8_t>(DtlsMessage::kHelloVerifyRequest));
  write_u24(writer, kBodySize);
  writer.u16(0);  // The first message of ours.
  write_u24(writer, 0);
  write_u24(writer, kBodySize);
  writer.u16(kVersionOfVerifyRequest);
  writer.u8(static_cast<uint8_t>(cookie.size()));
  writer.bytes(cookie);
  CHECK(writer.ok());
  return writer.written();
}

}  // namespace roost::wire
