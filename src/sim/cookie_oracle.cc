// SPDX-License-Identifier: MIT
#include "sim/cookie_oracle.h"

#include <algorithm>
#include <string>

namespace roost::sim {
namespace {

bool is_dtls(Bytes datagram) {
  return !datagram.empty() && datagram[0] >= 20 && datagram[0] <= 63;  // RFC 7983.
}

}  // namespace

void CookieOracle::check(MonoTime at, const core::Input& input,
                         std::span<const core::Action> actions) {
  const auto* const datagram = std::get_if<core::DatagramArrived>(&input);
  const bool asks = datagram != nullptr && is_dtls(datagram->payload);
  for (const core::Action& action : actions) {
    if (const auto* const order = std::get_if<core::AcceptDtls>(&action)) {
      check_accepted(at, datagram, *order);
    } else if (const auto* const send = std::get_if<core::SendDatagram>(&action)) {
      if (asks) check_answer(at, *datagram, *send);
    }
  }
}

void CookieOracle::check_answer(MonoTime at, const core::DatagramArrived& hello,
                                const core::SendDatagram& answer) {
  const auto asked = DtlsRecord::read(hello.payload);
  const auto told = DtlsRecord::read(answer.payload);
  const bool is_due = asked && asked->part == DtlsPart::kClientHello;
  const bool is_it = told && told->part == DtlsPart::kHelloVerifyRequest && answer.head.empty();
  if (!is_due || !is_it || told->payload.size() != Cookie().size()) {
    return verdict_.fail(at, "a datagram of DTLS answered by something else than a cookie");
  }
  if (answer.payload.size() >= hello.payload.size()) {
    verdict_.fail(at, std::to_string(answer.payload.size()) + " bytes of cookie in answer to " +
                          std::to_string(hello.payload.size()));
  }
  while (!order_.empty() && order_.front().first < at) {
    const auto old = given_.find(order_.front().second);
    // Who asks twice in a short time is given the same again.
    if (old != given_.end() && old->second.at + kCookieTimeMax < at) given_.erase(old);
    order_.pop_front();
  }
  const Cookie cookie = cookie_of(*told);
  Given& given = given_[cookie];
  const bool is_the_same =
      given.from == answer.local.endpoint && given.to == answer.to && given.hello == asked->random;
  given = {answer.local.endpoint, answer.to, asked->random, at, is_the_same && given.has_arrived};
  order_.emplace_back(at + kCookieTimeMax, cookie);
}

void CookieOracle::reached(const Packet& datagram) {
  if (datagram.kind != PacketKind::kDatagram || !is_dtls(datagram.payload)) return;
  const auto record = DtlsRecord::read(datagram.payload);
  if (!record || record->part != DtlsPart::kHelloVerifyRequest) return;
  const auto found = given_.find(cookie_of(*record));
  if (found == given_.end()) return;
  Given& given = found->second;
  given.has_arrived |= given.from == datagram.source && given.to == datagram.destination;
}

void CookieOracle::forget(const IpAddress& node) {
  std::erase_if(given_, [&](const auto& entry) { return entry.second.from.address == node; });
}

void CookieOracle::check_accepted(MonoTime at, const core::DatagramArrived* hello,
                                  const core::AcceptDtls& order) {
  const bool is_caused = hello != nullptr && order.from == hello->from && order.at == hello->at &&
                         order.local.endpoint == hello->local.endpoint &&
                         same_bytes(order.hello, hello->payload);
  const auto record = DtlsRecord::read(order.hello);
  if (!is_caused || !record || record->part != DtlsPart::kClientHello) {
    return verdict_.fail(at, "an association that no ClientHello has asked for");
  }
  ++proved_count_;
  const auto found = given_.find(cookie_of(*record));
  if (found == given_.end() || record->payload.size() != Cookie().size()) {
    return verdict_.fail(at, "an association with a cookie that nobody was given of late");
  }
  const Given& given = found->second;
  if (given.from != order.local.endpoint || given.to != order.from) {
    return verdict_.fail(
        at, "an association for " + order.from.text() + " with the cookie of " + given.to.text());
  }
  if (given.hello != record->random) {
    verdict_.fail(at, "an association with the cookie of another ClientHello");
  }
  if (!given.has_arrived) {
    verdict_.fail(at, "an association for " + order.from.text() + ", where no cookie has arrived");
  }
  if (at > given.at + kCookieTimeMax) verdict_.fail(at, "an association with a stale cookie");
}

CookieOracle::Cookie CookieOracle::cookie_of(const DtlsRecord& record) {
  Cookie cookie{};
  std::copy_n(record.payload.begin(), std::min(record.payload.size(), cookie.size()),
              cookie.begin());
  return cookie;
}

}  // namespace roost::sim
