// SPDX-License-Identifier: MIT
#include "core/dtls/cookie_exchange.h"

#include "base/check.h"
#include "base/cursor.h"

namespace roost::core::dtls {
namespace {

// The first message of a client is number 0, and the one that brings a cookie is the next. The
// library behind us goes on from there, and from nowhere else.
constexpr uint16_t kMessageWithCookie = 1;

int64_t slot_of(MonoTime now) {
  return now.time_since_epoch() / CookieExchange::kSlot;
}

void write(Writer& writer, const Endpoint& endpoint) {
  writer.u64(endpoint.address.high());
  writer.u64(endpoint.address.low());
  writer.u16(endpoint.port);
}

}  // namespace

std::string_view label(CookieExchange::Outcome outcome) {
  switch (outcome) {
    case CookieExchange::Outcome::kAsked: return "asked";
    case CookieExchange::Outcome::kWrongCookie: return "wrong_cookie";
    case CookieExchange::Outcome::kProved: return "proved";
    case CookieExchange::Outcome::kNoHello: return "no_hello";
    case CookieExchange::Outcome::kFragmented: return "fragmented";
    case CookieExchange::Outcome::kMalformed: return "malformed";
  }
  return "";
}

CookieExchange::CookieExchange(Random& random)
    : cookie_secret_(random.bytes<16>()), hello_secret_(random.bytes<16>()) {}

void CookieExchange::step(MonoTime now, const DatagramArrived& input, Outbox& out) {
  const auto hello = wire::parse_dtls_client_hello(input.payload);
  if (!hello) {
    switch (hello.error()) {
      case wire::DtlsHelloError::kOther: return count(Outcome::kNoHello);
      case wire::DtlsHelloError::kFragmented: return count(Outcome::kFragmented);
      case wire::DtlsHelloError::kMalformed: return count(Outcome::kMalformed);
    }
  }
  const uint64_t hello_digest = digest(*hello);
  const int64_t slot = slot_of(now);
  const Cookie cookie = cookie_for(slot, input, hello_digest);
  if (!hello->cookie.empty()) {
    const bool is_proved =
        same_bytes_constant_time(hello->cookie, cookie) ||
        same_bytes_constant_time(hello->cookie, cookie_for(slot - 1, input, hello_digest));
    if (is_proved && hello->message_sequence != kMessageWithCookie) {
      return count(Outcome::kMalformed);
    }
    if (is_proved) {
      count(Outcome::kProved);
      return out.push(AcceptDtls{input.at, input.local, input.from, input.payload, hello_digest});
    }
  }
  count(hello->cookie.empty() ? Outcome::kAsked : Outcome::kWrongCookie);
  const MutableBytes buffer = out.build(wire::kDtlsHelloVerifyRequestSize);
  const Bytes reply = wire::build_dtls_hello_verify_request(*hello, cookie, buffer);
  CHECK(reply.size() < input.payload.size());
  SendDatagram send{input.at, input.local, input.from, reply};
  send.grade = Grade::kUnproven;
  out.push(send);
}

// Two halves, since the cookie lies between them and must not count.
uint64_t CookieExchange::digest(const wire::DtlsClientHello& hello) const {
  std::array<uint8_t, 16> halves;
  store_u64(halves.data(), sip_hash(hello_secret_, hello.before_cookie));
  store_u64(halves.data() + 8, sip_hash(hello_secret_, hello.after_cookie));
  return sip_hash(hello_secret_, halves);
}

CookieExchange::Cookie CookieExchange::cookie_for(int64_t slot, const DatagramArrived& input,
                                                  uint64_t hello_digest) const {
  std::array<uint8_t, 8 + 18 + 18 + 2 + 8> text;
  Writer writer(text);
  writer.u64(static_cast<uint64_t>(slot));
  write(writer, input.from);
  write(writer, input.local.endpoint);
  writer.u16(input.at);
  writer.u64(hello_digest);
  CHECK(writer.ok() && writer.left() == 0);
  Cookie cookie;
  store_u64(cookie.data(), sip_hash(cookie_secret_, text));
  return cookie;
}

}  // namespace roost::core::dtls
