// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "core/action.h"
#include "sim/connection.h"
#include "sim/host.h"
#include "sim/verdict.h"

namespace roost::sim {

// Relayed transport addresses of TCP (RFC 6062) on a simulated host, and the connections to and
// from peers: what io/peer_connections is in the daemon.
//
// Before it is bound nothing of a connection is read. Then, in each direction, what came in is
// offered to the node as far as the other end has room, and goes on when the node says so. The end
// of what one side sends travels behind its last byte. Where an end is gone, what it had sent
// before still reaches the other; who is silent for kIdleMax is gone.
//
// Whether the node answers each offer once and with no more than was offered is judged here.
class PeerLinks {
 public:
  static constexpr Duration kIdleMax = std::chrono::seconds(60);

  // What it needs of the shell.
  class Shell {
   public:
    // Steps the node and carries out what it orders. Not from inside an order.
    virtual void happen(const core::Input& input) = 0;
    // Once the orders are carried out.
    virtual void owe(const core::Input& input) = 0;
    virtual void wake_links(MonoTime when, core::PeerConnectionId connection) = 0;
    // Null if the stream is no more.
    virtual Connection* connection_of(core::StreamId stream) = 0;
    virtual core::Transport transport_of(core::StreamId stream) = 0;
    // The stream is no more, which the node is told; nothing is sent on it.
    virtual void drop_stream(core::StreamId stream) = 0;

   protected:
    ~Shell() = default;
  };

  // All must outlive it.
  PeerLinks(Host& host, Verdict& verdict, Shell& shell)
      : host_(host), verdict_(verdict), shell_(shell) {}

  // Orders.
  void open(core::RelayId relay, const Endpoint& local) { listeners_[local] = relay; }
  bool has_listener(const Endpoint& local) const { return listeners_.contains(local); }
  void close(core::RelayId relay);
  void connect(const core::ConnectPeer& order);
  void take(const core::TakePeer& order);
  // `unread` is what has come in behind the last message of the stream.
  void bind(const core::BindPeer& order, Bytes unread);
  void close(core::PeerConnectionId connection);
  void forward(const core::ForwardPeerData& order);
  void hold(const core::HoldPeerData& order);

  // Whether the segment was for a relayed address, or a connection of one.
  bool take_segment(const Packet& segment);
  // Of a stream that is bound: data, its end, or that it is gone.
  bool owns(core::StreamId stream) const { return by_stream_.contains(stream); }
  void take_client_data(core::StreamId stream, Bytes bytes);
  void take_client_end(core::StreamId stream);
  void lose_client(core::StreamId stream);
  // Something that it sent is lost: neither end goes on.
  void break_off(core::StreamId stream);
  // There may be room again, or a hold is over.
  void pump(core::PeerConnectionId connection);
  void pump_stream(core::StreamId stream) { pump(by_stream_.at(stream)); }
  // The power is gone.
  void clear();

  size_t connection_count() const { return links_.size(); }
  uint64_t forwarded_bytes() const { return forwarded_bytes_; }
  uint64_t hold_count() const { return hold_count_; }

 private:
  using Ends = std::pair<Endpoint, Endpoint>;  // Local, remote.
  struct Lane {
    std::vector<uint8_t> pending;
    bool has_ended = false;    // Nothing comes any more.
    bool is_finished = false;  // And the other end was told, or is gone.
    MonoTime held_until{};
    unsigned answer_count = 0;  // To what is being offered.
    uint64_t granted_bytes = 0;
  };
  struct Link {
    core::RelayId relay;
    Connection connection;
    bool is_connecting = false;
    bool is_peer_gone = false;
    std::optional<core::StreamId> stream{};  // Once it is bound.
    std::array<Lane, core::kPeerDirectionCount> lanes{};
    MonoTime moved_at{};
    MonoTime looked_at_again{};  // For whether it is silent.
    Lane& lane(core::PeerDirection direction) { return lanes[static_cast<size_t>(direction)]; }
  };

  void add(core::PeerConnectionId connection, core::RelayId relay, Connection link,
           bool is_connecting);
  bool pump_once(core::PeerConnectionId connection, core::PeerDirection direction);
  void take_peer_segment(core::PeerConnectionId connection, const Packet& segment);
  void lose_peer(Link& link);
  void end_if_over(core::PeerConnectionId connection);
  void erase(core::PeerConnectionId connection);
  Connection* sink_of(Link& link, core::PeerDirection direction);
  Connection* source_of(Link& link, core::PeerDirection direction);

  Host& host_;
  Verdict& verdict_;
  Shell& shell_;
  std::map<Endpoint, core::RelayId> listeners_;
  std::map<core::PeerConnectionId, Link> links_;
  std::map<Ends, core::PeerConnectionId> by_ends_;
  std::map<core::StreamId, core::PeerConnectionId> by_stream_;
  // The kOpen of a peer, while the node is asked about it.
  std::optional<std::pair<core::RelayId, Packet>> arriving_;
  uint64_t forwarded_bytes_ = 0;
  uint64_t hold_count_ = 0;
};

}  // namespace roost::sim
