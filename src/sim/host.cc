// SPDX-License-Identifier: MIT
#include "sim/host.h"

#include <algorithm>

#include "base/check.h"

namespace roost::sim {
namespace {

constexpr uint16_t kEphemeralPortMin = 49152;  // RFC 6335 §6.

TraceKind trace_kind(PacketKind kind) {
  switch (kind) {
    case PacketKind::kDatagram: return TraceKind::kDatagram;
    case PacketKind::kOpen: return TraceKind::kOpen;
    case PacketKind::kData: return TraceKind::kData;
    case PacketKind::kEnd: return TraceKind::kEnd;
    case PacketKind::kWindow: return TraceKind::kWindow;
  }
  return TraceKind::kDatagram;
}

}  // namespace

Host::Host(Schedule& schedule, Network& network, Trace& trace, Dice dice, const Options& options)
    : schedule_(schedule),
      network_(network),
      trace_(trace),
      dice_(dice),
      addresses_(options.addresses),
      attachment_(network.attach(options.realm, options.addresses, *this, options.link)),
      port_(static_cast<uint16_t>(dice_.between(kEphemeralPortMin, 65535))) {
  CHECK(!addresses_.empty());
}

bool Host::owns(const IpAddress& address) const {
  return std::find(addresses_.begin(), addresses_.end(), address) != addresses_.end();
}

std::optional<IpAddress> Host::address_towards(const IpAddress& remote) const {
  for (const IpAddress& address : addresses_) {
    if (address.is_v4() == remote.is_v4()) return address;
  }
  return {};
}

uint16_t Host::next_port() {
  port_ = port_ == 65535 ? kEphemeralPortMin : static_cast<uint16_t>(port_ + 1);
  return port_;
}

uint32_t Host::next_conversation() {
  ++conversations_;
  return (static_cast<uint32_t>(attachment_) + 1) << 16 | conversations_;
}

void Host::send(Packet packet) {
  network_.send(attachment_, std::move(packet));
}

void Host::send_datagram(const Endpoint& from, const Endpoint& to, Bytes payload) {
  send({PacketKind::kDatagram, 0, from, to, {payload.begin(), payload.end()}});
}

void Host::receive(Packet packet) {
  trace_.add({now(), trace_kind(packet.kind), packet.source, packet.destination, packet.payload});
  if (program_) program_->on_packet(std::move(packet));
}

void Host::on_event(uint64_t what) {
  if (program_) program_->on_wake_up(what);
}

}  // namespace roost::sim
