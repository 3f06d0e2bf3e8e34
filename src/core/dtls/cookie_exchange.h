// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/crypto_hash.h"
#include "base/random.h"
#include "base/time.h"
#include "core/action.h"
#include "core/outbox.h"
#include "wire/dtls.h"

namespace roost::core::dtls {

// What goes before a DTLS association: the client shows that it receives where it says it is
// (RFC 6347 §4.2.1). Only then does the shell hear of it (AcceptDtls), and OpenSSL with it.
//
// Keeps no state about anybody. A cookie is a keyed hash of the client's address and port, the
// address it came to, what the ClientHello offers, and the time. Whoever forges an address makes us
// send one datagram there for each, smaller than his own, and nothing else: no memory, no operation
// with a public or private key. Whoever sees cookies gains what the client at that address could
// do.
class CookieExchange {
 public:
  // A cookie is good for one to two of these. Three round trips with lost packets take five
  // seconds; a slow client asks again.
  static constexpr Duration kSlot = std::chrono::seconds(30);

  // What became of each datagram. Also the label of the counter.
  enum class Outcome : uint8_t {
    kAsked,        // Had no cookie and was sent one.
    kWrongCookie,  // Of another address, offer or time; was sent one (§4.2.1: as if it had none).
    kProved,
    kNoHello,     // Of an association that we do not know, or no more.
    kFragmented,  // A ClientHello too long for one record.
    kMalformed,
  };
  static constexpr size_t kOutcomeCount = 6;

  using Stats = std::array<uint64_t, kOutcomeCount>;

  // `random` is asked during construction only.
  explicit CookieExchange(Random& random);

  // A datagram of DTLS that belongs to no association, or begins another one. Causes one
  // SendDatagram, one AcceptDtls, or nothing.
  void step(MonoTime now, const DatagramArrived& input, Outbox& out);

  const Stats& stats() const { return stats_; }

 private:
  using Cookie = std::array<uint8_t, wire::kDtlsCookieSize>;

  uint64_t digest(const wire::DtlsClientHello& hello) const;
  Cookie cookie_for(int64_t slot, const DatagramArrived& input, uint64_t hello_digest) const;
  void count(Outcome outcome) { ++stats_[static_cast<size_t>(outcome)]; }

  SipHashKey cookie_secret_;
  SipHashKey hello_secret_;
  Stats stats_{};
};

std::string_view label(CookieExchange::Outcome outcome);

}  // namespace roost::core::dtls
