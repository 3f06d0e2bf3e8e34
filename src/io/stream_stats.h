// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "io/http_connection.h"
#include "node/metrics.h"

namespace roost::io {

// What a stream of the public port is doing. Also the label of the gauge.
enum class StreamKind : uint8_t {
  kNew,        // Has not sent a byte.
  kHandshake,  // Of TLS, up to the first byte inside it.
  kMessages,
  kHttp,
  kData,     // Of a connection that is relayed to a peer (RFC 6062).
  kClosing,  // Takes what it is still owed.
};
inline constexpr size_t kStreamKindCount = 6;
std::string_view label(StreamKind kind);

// Why a stream has ended, the first reason if there are several. Also the label of the counter.
enum class CloseReason : uint8_t {
  kPeerClosed,
  kReset,
  kTimeoutFirstByte,
  kTimeoutHandshake,
  kTimeoutIdle,
  kTimeoutMessage,  // A STUN message was begun and not ended.
  kTimeoutHttp,     // A request was begun and not ended: 408.
  kSlowReader,      // Does not take what it asked for.
  kBadFirstByte,    // Of no protocol that we speak.
  kBadFrame,        // Lost its place among STUN messages.
  kBadHttp,         // A request that was refused before anybody saw it.
  kTlsError,
  kHttpDone,  // The client or the number of requests asked for it.
  kRefused,   // By the node, instead of an answer.
  kStopped,   // The daemon ends.
  kPeerDone,  // The peer that it was relayed to has ended, or what allowed it.
};
inline constexpr size_t kCloseReasonCount = 16;
std::string_view label(CloseReason reason);

struct StreamStats {
  std::array<uint64_t, kStreamKindCount> open{};
  std::array<uint64_t, kCloseReasonCount> closed{};
  uint64_t tls_handshakes = 0;
  uint64_t table_full = 0;
  uint64_t too_long_messages = 0;  // ChannelData that was skipped.
  uint64_t dropped_messages = 0;   // Relayed ones, to clients that read too slowly.
  HttpConnection::Stats http;

  void write_metrics(node::MetricsWriter& out) const;
};

}  // namespace roost::io
