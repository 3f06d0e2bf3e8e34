// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace roost::wire {

// ChannelData messages on the wire (RFC 8656 §12.4): how a TURN client and its server hand each
// other application data at a cost of four bytes.
//
//   |  channel number (2)  |  length (2)  |  application data  |  padding, on streams only  |

inline constexpr size_t kChannelDataHeaderSize = 4;
inline constexpr uint16_t kChannelNumberMin = 0x4000;
inline constexpr uint16_t kChannelNumberMax = 0x4fff;  // Above is reserved (§12).

constexpr bool is_channel_number(uint16_t number) {
  return number >= kChannelNumberMin && number <= kChannelNumberMax;
}

struct ChannelData {
  uint16_t channel;
  Bytes data;  // A part of the message.
};

// Nothing unless the message begins with a whole one. What follows its data is padding and left
// unread: over UDP there may be some too (§12.5).
std::optional<ChannelData> parse_channel_data(Bytes message);

// The header before `size` bytes of data. Requires size <= 65535.
std::array<uint8_t, kChannelDataHeaderSize> channel_data_header(uint16_t channel, size_t size);

// How long the message at the front of a stream is, padding included, as its header says. Requires
// kChannelDataHeaderSize bytes.
size_t channel_data_stream_size(Bytes stream);

}  // namespace roost::wire
