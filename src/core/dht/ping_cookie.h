// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/crypto_hash.h"
#include "base/endpoint.h"
#include "base/time.h"

namespace roost::core::dht {

// Why a node was pinged: what its answer is good for. Also the label of the counter.
enum class PingPurpose : uint8_t {
  kProof,      // It has asked us, and may be somebody else's address.
  kAdmission,  // A candidate that has been silent.
  kVerify,     // A contact of the ring, in its turn.
  kQuality15,  // A contact that was handed out so many minutes ago.
  kQuality60,
  kTable,      // A node in our routing table that was silent for long.
  kBootstrap,  // A way into the DHT, whose ID is not known; it is asked for nodes.
};
inline constexpr size_t kPingPurposeCount = 7;
std::string_view label(PingPurpose purpose);

// The transaction IDs of our pings, which say whom we asked, why and when, so that nothing has to
// be remembered: a keyed hash of all that.
//
//   purpose (1 byte) | the first 7 bytes of SipHash(secret, purpose, slot, address, port)
//
// Whoever guesses one needs 2^55 packets to pass for an address that he does not have. An answer
// may be sent twice, and then counts twice: nobody gains by being alive twice.
class PingCookies {
 public:
  // An answer is taken for one to two of these.
  static constexpr Duration kSlot = std::chrono::seconds(30);
  static constexpr size_t kSize = 8;
  using Cookie = std::array<uint8_t, kSize>;

  explicit PingCookies(const SipHashKey& secret) : secret_(secret) {}

  Cookie make(MonoTime now, PingPurpose purpose, const Endpoint& to) const;
  // Why `from` was pinged; empty if it was not, or not lately.
  std::optional<PingPurpose> check(MonoTime now, Bytes transaction_id, const Endpoint& from) const;

 private:
  Cookie cookie_of(int64_t slot, PingPurpose purpose, const Endpoint& to) const;

  SipHashKey secret_;
};

}  // namespace roost::core::dht
