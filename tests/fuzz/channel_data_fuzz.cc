// SPDX-License-Identifier: MIT
//
// Property: what is parsed lies inside the message and is written back as it was read.
#include "wire/channel_data.h"

#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace roost;
  using namespace roost::wire;
  const Bytes message(data, size);
  if (const auto parsed = parse_channel_data(message)) {
    CHECK(is_channel_number(parsed->channel));
    CHECK(parsed->data.data() == data + kChannelDataHeaderSize);
    CHECK(parsed->data.size() + kChannelDataHeaderSize <= size);
    const auto header = channel_data_header(parsed->channel, parsed->data.size());
    CHECK(same_bytes(header, message.first(kChannelDataHeaderSize)));
    const size_t on_stream = channel_data_stream_size(message);
    CHECK(on_stream % 4 == 0 && on_stream - parsed->data.size() < 8);
  }
  return 0;
}
