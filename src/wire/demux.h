// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace roost::wire {

// What a datagram on the one UDP port is, by its first byte (RFC 7983 §7).
//
//   0..3 STUN   20..63 DTLS   64..79 TURN channel   'd' (100) a bencoded dictionary: DHT
//
// RFC 7983 gives 16..19 to ZRTP, 80..127 to TURN channels of old and 128..191 to RTP; none of them
// has business at a public server, except that 'd' is free to be told apart.
enum class DatagramKind : uint8_t { kStun, kDtls, kChannelData, kDht, kUnknown };

DatagramKind classify_datagram(Bytes datagram);

// What a TCP connection (or what is inside TLS) begins with, by its first byte: a STUN message, a
// TLS handshake record (22), or an HTTP method in capitals. ChannelData shares 'A'..'O' with HTTP
// methods, but cannot come first: a channel needs an allocation before it.
enum class StreamKind : uint8_t { kStun, kTls, kHttp, kUnknown };

StreamKind classify_stream(uint8_t first_byte);

}  // namespace roost::wire
