// SPDX-License-Identifier: MIT
#include "sim/actors/dht_newcomer.h"

#include "base/check.h"
#include "sim/krpc_text.h"

namespace roost::sim::actors {
namespace {

constexpr std::string_view kFindNode = "fn";
constexpr std::string_view kPing = "pn";

}  // namespace

DhtNewcomer::DhtNewcomer(Host& host, const Options& options, LivenessOracle& liveness)
    : Actor(host), options_(options), liveness_(liveness), id_(liveness.add_client(options.name)) {
  const auto address = host.address_towards(options_.server.address);
  CHECK(address.has_value());
  local_.address = *address;
  set_alarm(now() + host.dice().between(Duration(), options_.period));
}

void DhtNewcomer::on_alarm() {
  if (!is_trying_) {
    is_trying_ = true;
    began_at_ = now();
    local_.port = host().next_port();
    told_.clear();
  } else if (now() - began_at_ >= kAttemptMax) {
    liveness_.failed(id_, began_at_, now());
    is_trying_ = false;
    return set_alarm(now() + options_.period);
  }
  ask();
  set_alarm(now() + kAskAgainAfter);
}

// Under an ID that will not do: who it is outside it does not know yet.
void DhtNewcomer::ask() {
  const wire::NodeId id = host().dice().random().bytes<20>();
  host().send_datagram(
      local_, options_.server,
      write_query({.method = "find_node", .transaction_id = kFindNode, .id = id, .target = id}));
}

void DhtNewcomer::on_packet(Packet packet) {
  if (packet.kind != PacketKind::kDatagram || packet.destination != local_) return;
  const auto text = read_krpc(packet.payload);
  if (!text) return;
  if (text->kind == 'q') {
    const KrpcBytes pong = write_answer({.transaction_id = text->transaction_id});
    return host().send_datagram(local_, packet.source, pong);
  }
  if (!is_trying_ || text->kind != 'r') return;
  if (packet.source == options_.server && text->transaction_id == kFindNode) {
    for (const wire::CompactNode& node : text->nodes) {
      if (host().address_towards(node.endpoint.address) == std::nullopt) continue;
      if (!told_.emplace(node.endpoint, false).second) continue;
      ++told_count_;
      host().send_datagram(local_, node.endpoint, write_query({.transaction_id = kPing}));
    }
    return;
  }
  const auto told = told_.find(packet.source);
  if (told == told_.end() || told->second || text->transaction_id != kPing) return;
  told->second = true;
  ++answered_count_;
  liveness_.succeeded(id_, began_at_);
  is_trying_ = false;
  set_alarm(now() + options_.period);
}

}  // namespace roost::sim::actors
