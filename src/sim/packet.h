// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"

namespace roost::sim {

// What a NAT keeps apart: a UDP and a TCP port of the same number are two ports.
enum class Protocol : uint8_t { kUdp, kTcp };

// What travels. TCP is simulated by the segment that matters: links delay segments instead of
// losing them, and the ends put them in order (Connection).
//
//   client kOpen -> server kOpen -> kData both ways -> kEnd of either side, or in answer to kOpen
//
// Where data is relayed, kWindow says how many bytes have been read so far (Connection).
enum class PacketKind : uint8_t { kDatagram, kOpen, kData, kEnd, kWindow };

struct Packet {
  PacketKind kind = PacketKind::kDatagram;
  uint32_t sequence = 0;  // Of a segment, by direction; 0 is kOpen. Of kWindow, the bytes.
  Endpoint source;
  Endpoint destination;
  std::vector<uint8_t> payload;
  // Of a segment: whose it is, where a connection and an older one have the same ends, as sequence
  // numbers tell in TCP. Whoever opens has chosen it. 0: of any.
  uint32_t conversation = 0;

  Protocol protocol() const {
    return kind == PacketKind::kDatagram ? Protocol::kUdp : Protocol::kTcp;
  }
  size_t wire_bytes() const {  // With the headers of IP and of UDP or TCP.
    const size_t ip = destination.address.is_v4() ? 20 : 40;
    return ip + (kind == PacketKind::kDatagram ? 8 : 20) + payload.size();
  }
};

}  // namespace roost::sim
