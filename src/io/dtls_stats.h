// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "node/metrics.h"

namespace roost::io {

// What an association is doing. Also the label of the gauge.
enum class DtlsState : uint8_t {
  kOpening,  // The node has been asked and has not said no.
  kHandshake,
  kOpen,
  kEnded,  // To be reported and forgotten.
};
inline constexpr size_t kDtlsStateCount = 4;
std::string_view label(DtlsState state);

// Why an association has ended. Also the label of the counter.
enum class DtlsEnd : uint8_t {
  kPeerClosed,  // Said so, or gave up the handshake.
  kTimeoutHandshake,
  kTimeoutIdle,
  kOldVersion,      // Of the handshake: speaks nothing newer than DTLS 1.0,
  kNoSharedCipher,  // or nothing that we do,
  kPeerAlert,       // or does not like what it sees: often our certificate,
  kTlsError,        // or does not keep to DTLS.
  kRenegotiation,   // Wanted another handshake inside.
  kReplaced,        // The client has begun another one from the same address and port.
  kRefused,         // By the node.
  kStopped,         // The daemon ends.
};
inline constexpr size_t kDtlsEndCount = 11;
std::string_view label(DtlsEnd end);

// Why a datagram was left out. Also the label of the counter.
enum class DtlsDrop : uint8_t {
  kTooLong,
  kHandshakeLimit,  // More of them than a handshake takes.
  kOutOfTurn,       // During a handshake, of a part that has not come yet or is over.
  kRepeatedHello,   // A ClientHello that has begun this association already.
  kTableFull,
  kEnded,
};
inline constexpr size_t kDtlsDropCount = 6;
std::string_view label(DtlsDrop drop);

struct DtlsStats {
  std::array<uint64_t, kDtlsStateCount> associations{};
  std::array<uint64_t, kDtlsEndCount> ended{};
  std::array<uint64_t, kDtlsDropCount> dropped{};
  uint64_t opened = 0;
  uint64_t handshakes = 0;  // Completed.

  uint64_t association_count() const {
    uint64_t sum = 0;
    for (const uint64_t count : associations) sum += count;
    return sum;
  }
  void write_metrics(node::MetricsWriter& out) const;
};

}  // namespace roost::io
