// SPDX-License-Identifier: MIT
#include "sim/actors/bystander.h"

namespace roost::sim::actors {
namespace {

// STUN's Binding, of any class (RFC 8489 §5).
bool is_binding(Bytes message) {
  return message.size() >= 20 && (load_u16(message.data()) & 0xfeef) == 0x0001 &&
         load_u32(message.data() + 4) == 0x2112a442 &&
         load_u16(message.data() + 2) + size_t{20} == message.size();
}

}  // namespace

void Bystander::on_packet(Packet packet) {
  if (packet.kind != PacketKind::kDatagram) return;
  ++packet_count_;
  if (!is_binding(packet.payload)) {
    verdict_.fail(host_.now(),
                  "a bystander is sent what it does not expect, by " + packet.source.text());
  }
  if (echoes_) host_.send_datagram(packet.destination, packet.source, packet.payload);
}

}  // namespace roost::sim::actors
