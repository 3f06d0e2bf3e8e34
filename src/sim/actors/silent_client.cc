// SPDX-License-Identifier: MIT
#include "sim/actors/silent_client.h"

#include "base/check.h"

namespace roost::sim::actors {

SilentClient::SilentClient(Host& host, const Options& options) : Actor(host), options_(options) {
  set_alarm(now());
}

void SilentClient::on_alarm() {
  if (connections_.size() < options_.connection_count) {
    const auto address = host().address_towards(options_.server.address);
    CHECK(address.has_value());
    const Endpoint local{*address, host().next_port()};
    const auto added =
        connections_.insert_or_assign(local.port, Connection(local, options_.server));
    added.first->second.send(host(), PacketKind::kOpen);
  }
  set_alarm(now() + options_.pause);
}

void SilentClient::on_packet(Packet packet) {
  if (packet.kind == PacketKind::kEnd) connections_.erase(packet.destination.port);
}

}  // namespace roost::sim::actors
