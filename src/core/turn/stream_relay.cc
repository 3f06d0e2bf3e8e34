// SPDX-License-Identifier: MIT
#include "core/turn/stream_relay.h"

#include <algorithm>

#include "base/check.h"
#include "wire/stun_builder.h"

namespace roost::core::turn {
namespace {

using wire::StunAttribute;
using wire::StunBuilder;
using wire::StunClass;
using wire::StunMethod;

constexpr size_t kAttemptSizeMax = 64;

// Of the one family that an allocation over TCP has.
Family family_of(const Allocation& allocation) {
  return allocation.has(Family::kV4) ? Family::kV4 : Family::kV6;
}

const Allocation::Relay& relay_of(const Allocation& allocation) {
  return allocation.relays[static_cast<size_t>(family_of(allocation))];
}

}  // namespace

std::string_view label(StreamRelay::Refusal refusal) {
  switch (refusal) {
    case StreamRelay::Refusal::kNoPermission: return "no_permission";
    case StreamRelay::Refusal::kForbiddenPeer: return "forbidden_peer";
    case StreamRelay::Refusal::kFull: return "full";
    case StreamRelay::Refusal::kHasOne: return "has_one";
    case StreamRelay::Refusal::kGone: return "gone";
  }
  return "";
}

StreamRelay::StreamRelay(AllocationTable& table, Forwarder& forwarder, const Addresses& addresses,
                         const PeerPolicy& peers, const Connections::Options& options,
                         const SipHashKey& secret)
    : table_(table),
      forwarder_(forwarder),
      addresses_(addresses),
      peers_(peers),
      connections_(options, secret),
      connection_count_max_(options.count) {}

// As for a datagram, but that relayed addresses of ours are reached through the kernel.
bool StreamRelay::is_forbidden(const Allocation& allocation, const Endpoint& peer) const {
  const Allocation* const other = table_.find_relayed(peer, RelayProtocol::kTcp);
  // A socket that connects to its own address is connected to itself.
  if (other != nullptr) return other == &allocation;
  const bool is_ours =
      addresses_.is_ours(peer.address) || peer.address == relay_of(allocation).local.address;
  return !peers_.permits(peer.address, is_ours) || (is_ours && addresses_.is_own_port(peer.port));
}

// ---- Connections to peers (RFC 6062 §5.2).

unsigned StreamRelay::connect(MonoTime now, Allocation& allocation, const Endpoint& peer,
                              const Connection::Asked& asked, Outbox& out) {
  CHECK(allocation.protocol == RelayProtocol::kTcp);
  if (connections_.find(allocation, peer) != nullptr) return 446;
  if (is_forbidden(allocation, peer)) return 403;
  const auto created = connections_.create(allocation, peer, Connection::State::kConnecting);
  if (!created) return 508;
  (*created)->asked = asked;
  connections_.set_deadline(**created, now + kConnectTimeMax);
  // Where the other one is bound: behind a 1:1 NAT the way round through it may not be there.
  const Allocation* const other = table_.find_relayed(peer, RelayProtocol::kTcp);
  out.push(ConnectPeer{(*created)->id(),
                       AllocationTable::relay_id(allocation, family_of(allocation)),
                       other == nullptr ? peer : relay_of(*other).local});
  return 0;
}

Connection* StreamRelay::take_connected(MonoTime now, const PeerConnected& input, Outbox& out) {
  Connection* const connection = connections_.find(input.connection);
  if (connection == nullptr || connection->state != Connection::State::kConnecting) {
    out.push(ClosePeer{input.connection});
    return nullptr;
  }
  connection->state = Connection::State::kPending;
  connections_.set_deadline(*connection, now + kBindTimeMax);
  ++stats_.outgoing;
  return connection;
}

Connection* StreamRelay::take_failed(const PeerFailed& input) {
  Connection* const connection = connections_.find(input.connection);
  if (connection == nullptr || connection->state != Connection::State::kConnecting) return nullptr;
  ++stats_.failures[static_cast<size_t>(input.why)];
  return connection;
}

void StreamRelay::forget(Connection& connection) {
  connections_.erase(allocation_of(connection), connection);
}

Connection* StreamRelay::take_overdue(MonoTime now, Outbox& out) {
  Connection* const connection = connections_.pop_due(now);
  if (connection == nullptr) return nullptr;
  if (connection->state == Connection::State::kConnecting) {
    ++stats_.failures[static_cast<size_t>(PeerFailure::kTimeout)];
  } else {
    ++stats_.never_bound;
  }
  out.push(ClosePeer{connection->id()});
  return connection;
}

// ---- Connections from peers (§5.3).

void StreamRelay::take_arrived(MonoTime now, const PeerArrived& input, Outbox& out) {
  Allocation* const allocation = table_.find(input.relay);
  const Payer payer = allocation == nullptr ? Payer::kService : allocation->proof.payer;
  const auto refuse = [&](Refusal why) { count_refusal(why, payer); };
  const bool is_active = allocation != nullptr && allocation->state == Allocation::State::kActive &&
                         allocation->protocol == RelayProtocol::kTcp;
  if (!is_active) return refuse(Refusal::kGone);
  // From another relayed address of ours, which the world knows by another name perhaps.
  const Allocation* const other = table_.find_relayed(input.from, RelayProtocol::kTcp);
  const Endpoint peer = other == nullptr ? input.from : relay_of(*other).advertised;
  if (!table_.is_permitted(now, *allocation, peer.address)) return refuse(Refusal::kNoPermission);
  if (is_forbidden(*allocation, peer)) return refuse(Refusal::kForbiddenPeer);
  if (connections_.find(*allocation, peer) != nullptr) return refuse(Refusal::kHasOne);
  const auto created = connections_.create(*allocation, peer, Connection::State::kPending);
  if (!created) return refuse(Refusal::kFull);
  connections_.set_deadline(**created, now + kBindTimeMax);
  ++stats_.incoming;
  out.push(TakePeer{(*created)->id()});
  announce(*allocation, **created, out);
}

void StreamRelay::announce(const Allocation& allocation, const Connection& connection,
                           Outbox& out) {
  // The ID of an indication answers nothing; it only has to differ from those around it.
  std::array<uint8_t, 12> id{};
  store_u64(id.data() + 4, ++indication_count_);
  const MutableBytes buffer = out.build(kAttemptSizeMax);
  StunBuilder indication(buffer, StunClass::kIndication, StunMethod::kConnectionAttempt, id);
  indication.add_u32(StunAttribute::kConnectionId, connection.number);
  indication.add_xor_address(StunAttribute::kXorPeerAddress, connection.peer);
  const Bytes message = indication.finish();
  CHECK(!message.empty());
  out.shrink(buffer, message.size());
  out.push(SendMessage{allocation.flow.stream, message});
}

// ---- Data (§5.4, §5.5).

Connection* StreamRelay::find_pending(uint32_t number) {
  Connection* const connection = connections_.find_number(number);
  const bool is_pending = connection != nullptr && connection->state == Connection::State::kPending;
  return is_pending ? connection : nullptr;
}

void StreamRelay::bind(Connection& connection, StreamId stream, Outbox& out) {
  CHECK(connection.state == Connection::State::kPending);
  connection.state = Connection::State::kBound;
  connection.stream = stream;
  connections_.clear_deadline(connection);
  ++stats_.bound;
  out.push(BindPeer{connection.id(), stream});
}

void StreamRelay::take_closed(const PeerClosed& input) {
  Connection* const connection = connections_.find(input.connection);
  if (connection != nullptr) forget(*connection);
}

void StreamRelay::take_data(MonoTime now, const PeerDataArrived& input, const Forwarder::Room& room,
                            Outbox& out) {
  Connection* const connection = connections_.find(input.connection);
  if (connection == nullptr || connection->state != Connection::State::kBound) {
    return out.push(ClosePeer{input.connection});
  }
  Allocation& allocation = allocation_of(*connection);
  // Asked again at each chunk: the owner may have forbidden it meanwhile.
  if (is_forbidden(allocation, connection->peer)) {
    count_refusal(Refusal::kForbiddenPeer, allocation.proof.payer);
    out.push(ClosePeer{input.connection});
    return forget(*connection);
  }
  // All of it; or one packet, which fits into the smallest of buckets when it is full.
  Forwarder::Wait why = Forwarder::Wait::kDonation;
  for (const uint64_t bytes : {input.bytes, std::min(input.bytes, kSegmentBytes)}) {
    const uint64_t cost = cost_of(bytes);
    const auto grade = forwarder_.charge_stream(now, allocation, cost, room);
    if (!grade) {
      why = grade.error();
      continue;
    }
    const auto payer = static_cast<size_t>(allocation.proof.payer);
    const bool is_to_peer = input.direction == PeerDirection::kToPeer;
    (is_to_peer ? stats_.to_peer_bytes : stats_.to_client_bytes)[payer] += cost;
    return out.push(
        ForwardPeerData{input.connection, input.direction, bytes, allocation.proof.payer, *grade});
  }
  if (why == Forwarder::Wait::kUsedUp) {
    forwarder_.use_up(now, allocation, cost_of(std::min(input.bytes, kSegmentBytes)));
  }
  ++stats_.waits[static_cast<size_t>(allocation.proof.payer)][static_cast<size_t>(why)];
  out.push(HoldPeerData{input.connection, input.direction,
                        hold_time(allocation.proof.payer, why, input.bytes)});
}

// About as long as it takes to earn so much.
Duration StreamRelay::hold_time(Payer payer, Forwarder::Wait why, uint64_t bytes) const {
  const uint64_t rate = forwarder_.bytes_per_second(payer, why);
  if (rate == 0) return kHoldTimeMax;
  const Duration earned = std::chrono::microseconds(cost_of(bytes) * 1'000'000 / rate);
  return std::clamp(earned, kHoldTimeMin, kHoldTimeMax);
}

}  // namespace roost::core::turn
