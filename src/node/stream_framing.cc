// SPDX-License-Identifier: MIT
#include "node/stream_framing.h"

#include "wire/channel_data.h"
#include "wire/demux.h"
#include "wire/stun.h"

namespace roost::node {

StreamProtocol stream_protocol(uint8_t first_byte) {
  switch (wire::classify_stream(first_byte)) {
    case wire::StreamKind::kStun: return StreamProtocol::kMessages;
    case wire::StreamKind::kTls: return StreamProtocol::kTls;
    case wire::StreamKind::kHttp: return StreamProtocol::kHttp;
    case wire::StreamKind::kUnknown: return StreamProtocol::kUnknown;
  }
  return StreamProtocol::kUnknown;
}

StreamFrame next_frame(Bytes buffered) {
  static_assert(kStreamMessageSizeMax == wire::kStunMessageSizeMax);
  if (buffered.empty()) return {StreamFrame::State::kNeedsMore};
  size_t size = 0;
  switch (wire::classify_datagram(buffered)) {
    case wire::DatagramKind::kStun:
      if (buffered.size() < wire::kStunHeaderSize) return {StreamFrame::State::kNeedsMore};
      size = wire::stun_message_size(buffered);
      break;
    case wire::DatagramKind::kChannelData:
      if (buffered.size() < wire::kChannelDataHeaderSize) return {StreamFrame::State::kNeedsMore};
      size = wire::channel_data_stream_size(buffered);
      if (size > kStreamMessageSizeMax) return {StreamFrame::State::kTooLong, size};
      break;
    // A stream that has lost its place cannot find it again.
    case wire::DatagramKind::kDtls:
    case wire::DatagramKind::kDht:
    case wire::DatagramKind::kUnknown: return {StreamFrame::State::kBroken};
  }
  if (size > kStreamMessageSizeMax || size % 4 != 0) return {StreamFrame::State::kBroken};
  if (size > buffered.size()) return {StreamFrame::State::kNeedsMore};
  return {StreamFrame::State::kComplete, size};
}

}  // namespace roost::node
