// SPDX-License-Identifier: MIT
#include "wire/compact_address.h"

namespace roost::wire {

void write_compact(Writer& writer, const Endpoint& endpoint) {
  if (endpoint.address.is_v4()) {
    writer.u32(endpoint.address.v4_value());
  } else {
    writer.u64(endpoint.address.high());
    writer.u64(endpoint.address.low());
  }
  writer.u16(endpoint.port);
}

std::optional<Endpoint> read_compact(Bytes bytes) {
  Reader reader(bytes);
  if (bytes.size() == kCompactV4Size) {
    const uint32_t address = reader.u32();
    return Endpoint{IpAddress::v4(address), reader.u16()};
  }
  if (bytes.size() != kCompactV6Size) return {};
  const auto address = IpAddress::v6(reader.take(16).first<16>());
  if (address.is_v4()) return {};
  return Endpoint{address, reader.u16()};
}

void write_compact(Writer& writer, const CompactNode& node) {
  writer.bytes(node.id);
  write_compact(writer, node.endpoint);
}

}  // namespace roost::wire
