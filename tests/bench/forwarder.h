// SPDX-License-Identifier: MIT
#pragma once
// What the forwarder and relay_load say to each other instead of TURN's signalling.

#include <array>
#include <cstddef>
#include <cstdint>

namespace bench {

// All flows have the same channel, which is the lowest of RFC 8656 §12.
inline constexpr uint8_t kChannelFirstByte = 0x40;
inline constexpr size_t kChannelHeaderSize = 4;

// The first byte of a JoinMessage: neither STUN nor ChannelData.
inline constexpr uint8_t kJoin = 0xff;

// From a client: make me a flow to that peer. The answer repeats it with the flow's own address.
struct JoinMessage {
  std::array<uint8_t, 4> kind{kJoin, 0, 0, 0};
  uint32_t address = 0;  // Network order, as in sockaddr_in.
  uint16_t port = 0;     // The same.
  uint16_t unused = 0;
};
static_assert(sizeof(JoinMessage) == 12);

inline std::array<uint8_t, kChannelHeaderSize> channel_header(size_t size) {
  return {kChannelFirstByte, 0, static_cast<uint8_t>(size >> 8), static_cast<uint8_t>(size)};
}

inline bool is_channel_data(const uint8_t* data, size_t size) {
  return size >= kChannelHeaderSize && data[0] == kChannelFirstByte;
}

}  // namespace bench
