// SPDX-License-Identifier: MIT
#include "wire/channel_data.h"

#include "base/check.h"

namespace roost::wire {

std::optional<ChannelData> parse_channel_data(Bytes message) {
  if (message.size() < kChannelDataHeaderSize) return {};
  const uint16_t channel = load_u16(message.data());
  const size_t size = load_u16(message.data() + 2);
  const Bytes behind = message.subspan(kChannelDataHeaderSize);
  if (!is_channel_number(channel) || size > behind.size()) return {};
  return ChannelData{channel, behind.first(size)};
}

std::array<uint8_t, kChannelDataHeaderSize> channel_data_header(uint16_t channel, size_t size) {
  CHECK(size <= 0xffff);
  std::array<uint8_t, kChannelDataHeaderSize> header;
  store_u16(header.data(), channel);
  store_u16(header.data() + 2, static_cast<uint16_t>(size));
  return header;
}

size_t channel_data_stream_size(Bytes stream) {
  const size_t size = kChannelDataHeaderSize + load_u16(stream.data() + 2);
  return (size + 3) & ~size_t{3};
}

}  // namespace roost::wire
