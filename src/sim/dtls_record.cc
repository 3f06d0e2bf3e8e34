// SPDX-License-Identifier: MIT
#include "sim/dtls_record.h"

#include <algorithm>

#include "base/check.h"
#include "base/cursor.h"

namespace roost::sim {
namespace {

constexpr uint8_t kAlert = 21;
constexpr uint8_t kHandshake = 22;
constexpr uint8_t kApplicationData = 23;
constexpr uint16_t kVersion = 0xfefd;  // DTLS 1.2.
constexpr size_t kRecordHeadSize = 13;
constexpr size_t kMessageHeadSize = 12;
constexpr size_t kSequenceAt = 5;
constexpr size_t kLengthAt = 11;

// Handshake messages in the clear, and how large ours are.
struct Message {
  DtlsPart part;
  uint8_t type;
  size_t body_size;
};
constexpr Message kMessages[] = {
    {DtlsPart::kClientHello, 1, 0},
    {DtlsPart::kHelloVerifyRequest, 3, 0},
    {DtlsPart::kCertificate, 11, 900},
    {DtlsPart::kKeyExchange, 16, 100},
};

// What travels with keys, by the type of its record.
struct Kind {
  DtlsPart part;
  uint8_t type;
};
constexpr Kind kKinds[] = {
    {DtlsPart::kFinished, kHandshake},
    {DtlsPart::kMessage, kApplicationData},
    {DtlsPart::kCloseNotify, kAlert},
};

void head(Writer& writer, uint8_t type, uint16_t epoch, uint64_t sequence, size_t size) {
  writer.u8(type);
  writer.u16(kVersion);
  writer.u16(epoch);
  writer.u16(static_cast<uint16_t>(sequence >> 32));
  writer.u32(static_cast<uint32_t>(sequence));
  writer.u16(static_cast<uint16_t>(size));
}

void u24(Writer& writer, size_t value) {
  writer.u8(static_cast<uint8_t>(value >> 16));
  writer.u16(static_cast<uint16_t>(value));
}

// A whole handshake message in one record.
std::vector<uint8_t> in_the_clear(uint8_t type, uint16_t number, uint64_t sequence, Bytes body) {
  std::vector<uint8_t> datagram(kRecordHeadSize + kMessageHeadSize + body.size());
  Writer writer(datagram);
  head(writer, kHandshake, 0, sequence, kMessageHeadSize + body.size());
  writer.u8(type);
  u24(writer, body.size());
  writer.u16(number);
  u24(writer, 0);
  u24(writer, body.size());
  writer.bytes(body);
  CHECK(writer.ok());
  return datagram;
}

template <typename Array>
bool read_array(Reader& reader, Array& into) {
  const Bytes bytes = reader.take(into.size());
  if (!reader.ok()) return false;
  std::copy(bytes.begin(), bytes.end(), into.begin());
  return true;
}

std::optional<DtlsRecord> read_message(DtlsRecord record, Bytes fragment) {
  Reader reader(fragment);
  const uint8_t type = reader.u8();
  reader.take(kMessageHeadSize - 1);
  const auto* const found = std::find_if(std::begin(kMessages), std::end(kMessages),
                                         [&](const Message& row) { return row.type == type; });
  if (!reader.ok() || found == std::end(kMessages)) return {};
  record.part = found->part;
  if (found->part == DtlsPart::kCertificate || found->part == DtlsPart::kKeyExchange) {
    return read_array(reader, record.key) ? std::optional(record) : std::nullopt;
  }
  reader.u16();  // The version.
  if (found->part == DtlsPart::kClientHello) {
    if (!read_array(reader, record.random)) return {};
    reader.take(reader.u8());  // The session.
  }
  record.payload = reader.take(reader.u8());
  return reader.ok() ? std::optional(record) : std::nullopt;
}

}  // namespace

std::optional<DtlsRecord> DtlsRecord::read(Bytes datagram) {
  if (datagram.size() < kRecordHeadSize) return {};
  DtlsRecord record{};
  const uint8_t type = datagram[0];
  const uint64_t high = load_u16(datagram.data() + kSequenceAt);
  record.sequence = high << 32 | load_u32(datagram.data() + kSequenceAt + 2);
  const Bytes fragment = datagram.subspan(kRecordHeadSize);
  const bool is_whole = load_u16(datagram.data() + kLengthAt) == fragment.size();
  if (!is_whole || load_u16(datagram.data() + 1) >> 8 != kVersion >> 8) return {};
  const bool has_keys = load_u16(datagram.data() + 3) != 0;
  if (!has_keys) return type == kHandshake ? read_message(record, fragment) : std::nullopt;
  const auto* const found = std::find_if(std::begin(kKinds), std::end(kKinds),
                                         [&](const Kind& row) { return row.type == type; });
  Reader reader(fragment);
  if (found == std::end(kKinds) || !read_array(reader, record.key)) return {};
  record.part = found->part;
  record.payload = reader.rest();
  return record;
}

std::vector<uint8_t> client_hello(const HelloRandom& random, Bytes cookie) {
  std::vector<uint8_t> body(2 + random.size() + 1 + 1 + cookie.size() + 4 + 2);
  Writer writer(body);
  writer.u16(kVersion);
  writer.bytes(random);
  writer.u8(0);  // No session.
  writer.u8(static_cast<uint8_t>(cookie.size()));
  writer.bytes(cookie);
  writer.u16(2);
  writer.u16(0xc02b);  // TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256.
  writer.u16(0x0100);  // Without compression.
  CHECK(writer.ok() && writer.left() == 0);
  const uint16_t number = cookie.empty() ? 0 : 1;
  return in_the_clear(kMessages[0].type, number, number, body);
}

std::vector<uint8_t> dtls_record(DtlsPart part, uint64_t sequence, const DtlsKey& key,
                                 Bytes payload) {
  for (const Message& row : kMessages) {
    if (row.part != part) continue;
    CHECK(row.body_size >= key.size());
    std::vector<uint8_t> body(row.body_size);
    std::copy(key.begin(), key.end(), body.begin());
    return in_the_clear(row.type, 1, sequence, body);
  }
  const auto* const row = std::find_if(std::begin(kKinds), std::end(kKinds),
                                       [&](const Kind& kind) { return kind.part == part; });
  CHECK(row != std::end(kKinds));
  std::vector<uint8_t> datagram(DtlsRecord::kOverhead + payload.size());
  Writer writer(datagram);
  head(writer, row->type, 1, sequence, key.size() + payload.size());
  writer.bytes(key);
  writer.bytes(payload);
  CHECK(writer.ok() && writer.left() == 0);
  return datagram;
}

bool ReplayWindow::take(uint64_t sequence) {
  constexpr uint64_t kSize = 64;
  if (sequence > latest_) {
    const uint64_t by = sequence - latest_;
    seen_ = by >= kSize ? 0 : seen_ << by;
    latest_ = sequence;
  }
  const uint64_t age = latest_ - sequence;
  if (age >= kSize) return false;
  const uint64_t bit = uint64_t{1} << age;
  if ((seen_ & bit) != 0) return false;
  seen_ |= bit;
  return true;
}

}  // namespace roost::sim
