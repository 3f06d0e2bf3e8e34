// SPDX-License-Identifier: MIT
//
// Any bytes: what is read lies inside the datagram and adds up to it; a ClientHello is accepted
// exactly where a naive reader accepts it; its answer is shorter than it was and repeats its
// number.
#include "wire/dtls.h"

#include <array>
#include <optional>
#include <string>

#include "base/check.h"
#include "wire/demux.h"

using namespace roost;
using namespace roost::wire;

namespace {

// Before the cookie, the cookie, and behind it: a reader who copies everything and counts on
// nothing.
std::optional<std::array<std::string, 3>> read_naively(const std::string& text) {
  const auto at = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0u; };
  const auto number = [&](size_t from, size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; ++i) value = value << 8 | at(from + i);
    return value;
  };
  if (text.size() < 25 || at(0) != 22 || at(1) != 254 || number(3, 2) != 0) return {};
  const size_t body_size = text.size() - 25;
  if (number(11, 2) != body_size + 12 || at(13) != 1 || number(14, 3) != body_size) return {};
  if (number(19, 3) != 0 || number(22, 3) != body_size || at(25) != 254) return {};
  const size_t cookie_at = 25 + 34 + 1 + at(59);
  const size_t suites_at = cookie_at + 1 + at(cookie_at);
  const size_t methods_at = suites_at + 2 + number(suites_at, 2);
  const size_t end = methods_at + 1 + at(methods_at);
  if (end > text.size() || at(59) > 32 || at(methods_at) == 0) return {};
  if (number(suites_at, 2) == 0 || number(suites_at, 2) % 2 != 0) return {};
  return std::array<std::string, 3>{text.substr(25, cookie_at - 25),
                                    text.substr(cookie_at + 1, at(cookie_at)),
                                    text.substr(suites_at, end - suites_at)};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes datagram(data, size);
  size_t used = 0;
  while (const auto record = parse_dtls_record(datagram.subspan(used))) {
    CHECK(record->fragment.data() == data + used + kDtlsRecordHeaderSize);
    CHECK(record->sequence >> 48 == 0);
    used += record->size();
    CHECK(used <= size);
    const auto header = parse_dtls_handshake_header(record->fragment);
    CHECK(header.has_value() == (record->fragment.size() >= kDtlsHandshakeHeaderSize));
  }
  const auto hello = parse_dtls_client_hello(datagram);
  const auto expected = read_naively({reinterpret_cast<const char*>(data), size});
  CHECK(hello.has_value() == expected.has_value());
  if (!hello) return 0;
  CHECK(classify_datagram(datagram) == DatagramKind::kDtls);
  CHECK(as_text(hello->before_cookie) == (*expected)[0]);
  CHECK(as_text(hello->cookie) == (*expected)[1]);
  CHECK(as_text(hello->after_cookie) == (*expected)[2]);

  std::array<uint8_t, kDtlsHelloVerifyRequestSize> buffer;
  const std::array<uint8_t, kDtlsCookieSize> cookie{1, 2, 3};
  const Bytes reply = build_dtls_hello_verify_request(*hello, cookie, buffer);
  CHECK(reply.size() == buffer.size() && reply.size() < size);
  const auto record = parse_dtls_record(reply);
  CHECK(record && record->size() == reply.size() && record->sequence == hello->record_sequence);
  const auto header = parse_dtls_handshake_header(record->fragment);
  CHECK(header && header->message == DtlsMessage::kHelloVerifyRequest);
  return 0;
}
