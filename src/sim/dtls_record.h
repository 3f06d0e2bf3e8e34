// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"

namespace roost::sim {

// DTLS as far as the simulator has it. Hellos look as RFC 6347 draws them. Behind them come three
// datagrams of a handshake, and a key that the server makes up stands for all cryptography: nobody
// is told it who does not receive at the client's address, and no record counts without it.
//
//   client -- ClientHello --> server             client -- ClientHello with the cookie --> server
//   client <-- HelloVerifyRequest -- server      client <-- certificate, and the key -- server
//                                                client -- key exchange, with the key --> server
//   kMessage, kCloseNotify both ways             client <-- Finished, with the key -- server
enum class DtlsPart : uint8_t {
  kClientHello,
  kHelloVerifyRequest,
  kCertificate,
  kKeyExchange,
  kFinished,
  kMessage,
  kCloseNotify,
};

using DtlsKey = std::array<uint8_t, 8>;
using HelloRandom = std::array<uint8_t, 32>;

struct DtlsRecord {
  // What each record has of its own: a head, and the key.
  static constexpr size_t kOverhead = 13 + std::tuple_size_v<DtlsKey>;
  static constexpr size_t kSizeMax = 1400;  // Of the datagrams of a handshake.

  DtlsPart part;
  uint64_t sequence = 0;
  HelloRandom random{};  // Of a ClientHello.
  DtlsKey key{};         // Of what comes behind the hellos.
  Bytes payload;         // A cookie, or a message: a view of the datagram.

  // Nothing if it is none of the parts, or is not whole.
  static std::optional<DtlsRecord> read(Bytes datagram);
};

// The first one of a client without a cookie, or the second one with it.
std::vector<uint8_t> client_hello(const HelloRandom& random, Bytes cookie);
// Any part behind the hellos. Only a kMessage has a payload.
std::vector<uint8_t> dtls_record(DtlsPart part, uint64_t sequence, const DtlsKey& key,
                                 Bytes payload = {});

// Which records have come in: none counts twice (RFC 6347 §4.1.2.6).
class ReplayWindow {
 public:
  // Whether it is new; then it is not any more.
  bool take(uint64_t sequence);

 private:
  uint64_t latest_ = 0;
  uint64_t seen_ = 0;  // The latest, and the 63 before it.
};

}  // namespace roost::sim
