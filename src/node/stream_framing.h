// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace roost::node {

// How the shell cuts TCP and TLS streams into what a core can take, without knowing the protocols.

// What a fresh connection speaks, by its first byte. Inside TLS the question is asked again, and
// kTls is then as wrong as kUnknown.
enum class StreamProtocol : uint8_t { kMessages, kTls, kHttp, kUnknown };
StreamProtocol stream_protocol(uint8_t first_byte);

// The longest message that a stream may carry: what a datagram may.
inline constexpr size_t kStreamMessageSizeMax = 2048;

// The first message of a stream of STUN messages (RFC 8489 §6.2.2) and ChannelData (RFC 8656
// §12.5), which is complete with its padding.
struct StreamFrame {
  enum class State : uint8_t {
    kComplete,
    kNeedsMore,
    kTooLong,  // ChannelData that may be so long on a stream, and is more than we relay: skipped.
    kBroken,
  };
  State state;
  size_t size = 0;  // Of the message at the front, when complete or too long.
};
StreamFrame next_frame(Bytes buffered);

}  // namespace roost::node
