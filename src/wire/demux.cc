// SPDX-License-Identifier: MIT
#include "wire/demux.h"

namespace roost::wire {

DatagramKind classify_datagram(Bytes datagram) {
  if (datagram.empty()) return DatagramKind::kUnknown;
  const uint8_t first = datagram.front();
  if (first <= 3) return DatagramKind::kStun;
  if (first >= 20 && first <= 63) return DatagramKind::kDtls;
  if (first >= 64 && first <= 79) return DatagramKind::kChannelData;
  if (first == 'd') return DatagramKind::kDht;
  return DatagramKind::kUnknown;
}

StreamKind classify_stream(uint8_t first_byte) {
  constexpr uint8_t kTlsHandshakeRecord = 22;
  if (first_byte <= 3) return StreamKind::kStun;
  if (first_byte == kTlsHandshakeRecord) return StreamKind::kTls;
  if (first_byte >= 'A' && first_byte <= 'Z') return StreamKind::kHttp;
  return StreamKind::kUnknown;
}

}  // namespace roost::wire
