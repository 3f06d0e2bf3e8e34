// SPDX-License-Identifier: MIT
#include "sim/peer_links.h"

#include <algorithm>

namespace roost::sim {
namespace {

using core::PeerDirection;

// So that a window that opens bit by bit does not cut what is sent into crumbs.
constexpr size_t kOfferBytesMin = 512;
constexpr PeerDirection kDirections[] = {PeerDirection::kToPeer, PeerDirection::kToClient};

}  // namespace

// ---- Orders.

void PeerLinks::close(core::RelayId relay) {
  std::erase_if(listeners_, [&](const auto& listener) { return listener.second == relay; });
  std::vector<core::PeerConnectionId> ended;
  for (const auto& [id, link] : links_) {
    if (link.relay == relay) ended.push_back(id);
  }
  for (const core::PeerConnectionId id : ended) close(id);
}

void PeerLinks::add(core::PeerConnectionId connection, core::RelayId relay, Connection link,
                    bool is_connecting) {
  const Ends ends{link.local(), link.remote()};
  const bool is_new =
      links_.emplace(connection, Link{relay, std::move(link), is_connecting}).second &&
      by_ends_.emplace(ends, connection).second;
  if (!is_new) verdict_.fail(host_.now(), "two connections between the same ends");
  links_.at(connection).connection.send(host_, PacketKind::kOpen);
}

void PeerLinks::connect(const core::ConnectPeer& order) {
  const auto is_it = [&](const auto& listener) { return listener.second == order.relay; };
  const auto found = std::find_if(listeners_.begin(), listeners_.end(), is_it);
  if (found == listeners_.end()) {
    verdict_.fail(host_.now(), "a connection from a relayed address that is not open");
    return shell_.owe(core::PeerFailed{order.connection, core::PeerFailure::kNoResources});
  }
  const Ends ends{found->first, order.to};
  if (by_ends_.contains(ends)) verdict_.fail(host_.now(), "two connections to the same peer");
  // A machine's connection with itself is there at once, which uses up the address for the other
  // end of it; here it takes a while. And now and then the machine has no descriptor.
  const bool is_other_way = by_ends_.contains({ends.second, ends.first});
  if (by_ends_.contains(ends) || is_other_way || host_.dice().below(20) == 0) {
    return shell_.owe(core::PeerFailed{order.connection, core::PeerFailure::kNoResources});
  }
  add(order.connection, order.relay, Connection(ends.first, ends.second), true);
}

void PeerLinks::take(const core::TakePeer& order) {
  if (!arriving_) return verdict_.fail(host_.now(), "a connection taken that nobody has made");
  add(order.connection, arriving_->first, Connection::answering(arriving_->second), false);
  arriving_.reset();
}

void PeerLinks::bind(const core::BindPeer& order, Bytes unread) {
  const auto found = links_.find(order.connection);
  const bool is_bound = found != links_.end() && found->second.stream;
  if (is_bound) verdict_.fail(host_.now(), "a connection bound twice");
  if (found == links_.end() || is_bound || shell_.connection_of(order.stream) == nullptr) {
    if (shell_.connection_of(order.stream) != nullptr) {
      shell_.connection_of(order.stream)->reset(host_);
      shell_.drop_stream(order.stream);
    }
    if (found != links_.end()) close(order.connection);
    return shell_.owe(core::PeerClosed{order.connection});
  }
  Link& link = found->second;
  link.stream = order.stream;
  link.moved_at = host_.now();
  by_stream_[order.stream] = order.connection;
  link.lane(PeerDirection::kToPeer).pending.assign(unread.begin(), unread.end());
  shell_.wake_links(host_.now(), order.connection);
  link.looked_at_again = host_.now() + kIdleMax;
  shell_.wake_links(link.looked_at_again, order.connection);
}

void PeerLinks::close(core::PeerConnectionId connection) {
  const auto found = links_.find(connection);
  if (found == links_.end()) return;
  Link& link = found->second;
  if (!link.is_peer_gone) link.connection.reset(host_);
  const auto stream = link.stream;
  erase(connection);
  if (!stream) return;
  if (Connection* const client = shell_.connection_of(*stream)) {
    client->reset(host_);
    shell_.drop_stream(*stream);
  }
}

void PeerLinks::forward(const core::ForwardPeerData& order) {
  const auto found = links_.find(order.connection);
  if (found == links_.end()) return verdict_.fail(host_.now(), "data of no connection forwarded");
  Lane& lane = found->second.lane(order.direction);
  ++lane.answer_count;
  lane.granted_bytes = order.bytes;
}

void PeerLinks::hold(const core::HoldPeerData& order) {
  const auto found = links_.find(order.connection);
  if (found == links_.end()) return verdict_.fail(host_.now(), "data of no connection held");
  Lane& lane = found->second.lane(order.direction);
  ++lane.answer_count;
  ++hold_count_;
  lane.held_until = host_.now() + order.time;
  shell_.wake_links(lane.held_until, order.connection);
}

void PeerLinks::erase(core::PeerConnectionId connection) {
  const auto found = links_.find(connection);
  const Connection& ends = found->second.connection;
  by_ends_.erase({ends.local(), ends.remote()});
  if (found->second.stream) by_stream_.erase(*found->second.stream);
  links_.erase(found);
}

void PeerLinks::clear() {
  listeners_.clear();
  links_.clear();
  by_ends_.clear();
  by_stream_.clear();
  arriving_.reset();
}

// ---- What comes in.

bool PeerLinks::take_segment(const Packet& segment) {
  const Ends ends{segment.destination, segment.source};
  auto found = by_ends_.find(ends);
  const bool is_new = segment.kind == PacketKind::kOpen &&
                      (found == by_ends_.end() || !links_.at(found->second).is_connecting);
  const auto listener = listeners_.find(segment.destination);
  if (is_new && listener != listeners_.end()) {
    // The other side has forgotten a connection that we have not.
    if (found != by_ends_.end()) {
      const core::PeerConnectionId old = found->second;
      close(old);
      shell_.happen(core::PeerClosed{old});
    }
    arriving_.emplace(listener->second, segment);
    shell_.happen(core::PeerArrived{listener->second, segment.source});
    if (arriving_) Connection::answering(segment).reset(host_);
    arriving_.reset();
    found = by_ends_.find(ends);
  }
  if (found != by_ends_.end()) {
    take_peer_segment(found->second, segment);
    return true;
  }
  if (listener == listeners_.end()) return false;
  if (segment.kind == PacketKind::kData) Connection::answering(segment).reset(host_);
  return true;
}

void PeerLinks::take_peer_segment(core::PeerConnectionId id, const Packet& segment) {
  Link* link = &links_.at(id);
  if (link->connection.is_foreign(segment)) {
    if (segment.kind == PacketKind::kData) Connection::answering(segment).reset(host_);
    return;
  }
  if (link->connection.early_count() == Connection::kEarlyMax) {
    close(id);
    return shell_.happen(core::PeerClosed{id});
  }
  link->connection.add(segment);
  while (const auto next = link->connection.next()) {
    Lane& lane = link->lane(PeerDirection::kToClient);
    if (next->kind == PacketKind::kOpen && link->is_connecting) {
      link->is_connecting = false;
      shell_.happen(core::PeerConnected{id});
      const auto found = links_.find(id);
      if (found == links_.end()) return;
      link = &found->second;
    } else if (next->kind == PacketKind::kData) {
      lane.pending.insert(lane.pending.end(), next->payload.begin(), next->payload.end());
    } else if (next->kind == PacketKind::kEnd && link->is_connecting) {
      erase(id);
      return shell_.happen(core::PeerFailed{id, core::PeerFailure::kRefused});
    } else if (next->kind == PacketKind::kEnd && next->sequence == 0) {
      lose_peer(*link);
      break;
    } else if (next->kind == PacketKind::kEnd) {
      lane.has_ended = true;
    }
  }
  pump(id);
}

// What it had sent still goes to the client.
void PeerLinks::lose_peer(Link& link) {
  link.is_peer_gone = true;
  link.lane(PeerDirection::kToClient).has_ended = true;
}

void PeerLinks::take_client_data(core::StreamId stream, Bytes bytes) {
  const core::PeerConnectionId id = by_stream_.at(stream);
  Lane& lane = links_.at(id).lane(PeerDirection::kToPeer);
  lane.pending.insert(lane.pending.end(), bytes.begin(), bytes.end());
  pump(id);
}

void PeerLinks::take_client_end(core::StreamId stream) {
  const core::PeerConnectionId id = by_stream_.at(stream);
  links_.at(id).lane(PeerDirection::kToPeer).has_ended = true;
  pump(id);
}

// The stream is dropped already.
void PeerLinks::lose_client(core::StreamId stream) {
  const core::PeerConnectionId id = by_stream_.at(stream);
  links_.at(id).lane(PeerDirection::kToPeer).has_ended = true;
  shell_.wake_links(host_.now(), id);
}

void PeerLinks::break_off(core::StreamId stream) {
  const core::PeerConnectionId id = by_stream_.at(stream);
  close(id);
  shell_.happen(core::PeerClosed{id});
}

// ---- Data.

Connection* PeerLinks::source_of(Link& link, PeerDirection direction) {
  if (direction == PeerDirection::kToPeer) return shell_.connection_of(*link.stream);
  return link.is_peer_gone ? nullptr : &link.connection;
}

Connection* PeerLinks::sink_of(Link& link, PeerDirection direction) {
  return source_of(link, direction == PeerDirection::kToPeer ? PeerDirection::kToClient
                                                             : PeerDirection::kToPeer);
}

void PeerLinks::pump(core::PeerConnectionId id) {
  for (const PeerDirection direction : kDirections) {
    while (pump_once(id, direction)) continue;
  }
  const auto found = links_.find(id);
  if (found == links_.end() || !found->second.stream) return;
  Link& link = found->second;
  if (host_.now() >= link.moved_at + kIdleMax) {
    close(id);
    return shell_.happen(core::PeerClosed{id});
  }
  if (host_.now() >= link.looked_at_again) {
    link.looked_at_again = link.moved_at + kIdleMax;
    shell_.wake_links(link.looked_at_again, id);
  }
  end_if_over(id);
}

// Whether there may be more to do.
bool PeerLinks::pump_once(core::PeerConnectionId id, PeerDirection direction) {
  const auto found = links_.find(id);
  if (found == links_.end() || !found->second.stream) return false;
  Link& link = found->second;
  Lane& lane = link.lane(direction);
  if (lane.is_finished || lane.held_until > host_.now()) return false;
  Connection* const sink = sink_of(link, direction);
  if (sink == nullptr) {
    lane.pending.clear();
    lane.is_finished = true;
    return false;
  }
  if (lane.pending.empty()) {
    if (!lane.has_ended) return false;
    sink->send(host_, PacketKind::kEnd);
    lane.is_finished = true;
    return false;
  }
  const size_t room = sink->room();
  if (room < std::min(lane.pending.size(), kOfferBytesMin)) return false;
  const uint64_t offered = std::min(room, lane.pending.size());
  lane.answer_count = 0;
  lane.granted_bytes = 0;
  shell_.happen(core::PeerDataArrived{id, direction, offered});
  if (!links_.contains(id)) return false;
  if (lane.answer_count != 1 || lane.granted_bytes > offered) {
    verdict_.fail(host_.now(),
                  "data of a connection offered, and not answered once for what it is");
    return false;
  }
  const auto granted = static_cast<size_t>(lane.granted_bytes);
  if (granted == 0) return false;
  forwarded_bytes_ += granted;
  link.moved_at = host_.now();
  const core::StreamId stream = *link.stream;
  if (direction == PeerDirection::kToClient) {
    shell_.owe(core::StreamBytesSent{shell_.transport_of(stream), granted});
  }
  // Where the other end is gone meanwhile, it is paid for and lost.
  if (Connection* const to = sink_of(link, direction)) {
    to->send(host_, PacketKind::kData, Bytes(lane.pending).first(granted));
  }
  lane.pending.erase(lane.pending.begin(), lane.pending.begin() + static_cast<ptrdiff_t>(granted));
  if (Connection* const from = source_of(link, direction)) {
    from->acknowledge(host_, lane.pending.size());
  }
  return true;
}

void PeerLinks::end_if_over(core::PeerConnectionId id) {
  Link& link = links_.at(id);
  const bool is_over = std::all_of(link.lanes.begin(), link.lanes.end(),
                                   [](const Lane& lane) { return lane.is_finished; });
  if (!is_over) return;
  const core::StreamId stream = *link.stream;
  erase(id);
  if (shell_.connection_of(stream) != nullptr) shell_.drop_stream(stream);
  shell_.happen(core::PeerClosed{id});
}

}  // namespace roost::sim
