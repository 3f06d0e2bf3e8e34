// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/prefix_limiter.h"
#include "base/random.h"
#include "core/action.h"
#include "io/acceptor.h"
#include "io/deadline_sweep.h"
#include "io/deferred_call.h"
#include "io/event_loop.h"
#include "io/peer_connection.h"
#include "node/config.h"
#include "node/metrics.h"

namespace roost::io {

// Relayed transport addresses of TCP (RFC 6062): their listening sockets, and the connections to
// and from peers. Opened, connected, bound and ended as the node orders.
//
// A connection to a peer leaves from the very address and port that listens. For that both sockets
// carry SO_REUSEPORT, with which the kernel lets only sockets of the same effective user onto a
// port (inet_csk_bind_conflict): nobody else on the machine can listen there beside us, or connect
// in our name. That none of our own user's other programs is there is seen when the port is taken,
// since the listener is bound before it has the option.
//
// Inputs are delivered from the event loop only, never from inside an order.
class PeerConnections final : private PeerConnection::Host {
 public:
  struct Options {
    uint32_t relay_count_max = 1024;      // Numbers of RelayId are below it (its low 32 bits).
    uint32_t connection_count_max = 256;  // And those of PeerConnectionId below this. May be 0.
    uint16_t port_min = 49152;
    uint16_t port_max = 65535;
    // Connections that the peers of a prefix begin, at all relayed addresses together: more would
    // only be there to cost. 0: no limit.
    uint64_t arrivals_per_second_per_prefix = 10;
    Duration tick = std::chrono::seconds(1);  // How late a deadline may be kept.
  };
  using Deliver = std::function<void(const core::Input&)>;

  // Of one port; whoever has more is a flood.
  static constexpr int kBacklog = 16;
  // What the kernel may hold of a connection in each direction; it counts its own overhead and so
  // doubles it. What is received waits there for ConnectionBind.
  static constexpr int kReceiveBufferBytes = 128 * 1024;
  static constexpr int kSendBufferBytes = 64 * 1024;
  // A peer that is gone without a word is found out in ten minutes; its place is worth that long.
  static constexpr int kKeepAliveIdleSeconds = 300;
  static constexpr int kKeepAliveIntervalSeconds = 60;
  static constexpr int kKeepAliveProbes = 5;
  static constexpr int kPortTriesMax = 32;                                // As of RelaySockets.
  static constexpr uint32_t kArrivingPrefixes = node::kArrivingPrefixes;  // Told apart at a time.

  // `loop` and `random` must outlive it.
  PeerConnections(EventLoop& loop, Random& random, const Options& options, Deliver deliver);
  ~PeerConnections() override;

  // Orders. Those for what is gone are ignored; what is answered at once is appended.
  void open(const core::OpenRelay& order, std::vector<core::Input>& answers);
  void close(const core::CloseRelay& order);
  void connect(const core::ConnectPeer& order, std::vector<core::Input>& answers);
  void take(const core::TakePeer& order);
  // `stream` is null if it is no more.
  void bind(const core::BindPeer& order, PublicStream* stream, std::vector<core::Input>& answers);
  void close(const core::ClosePeer& order);
  void forward(const core::ForwardPeerData& order);
  void hold(const core::HoldPeerData& order);

  size_t listener_count() const { return listener_count_; }
  void write_metrics(node::MetricsWriter& out) const;

 private:
  struct Listener {
    core::RelayId relay;
    Endpoint local;
    std::unique_ptr<Acceptor> acceptor;
  };
  struct Ended {
    std::unique_ptr<PeerConnection> connection;
    bool is_reported;
  };

  static size_t index_of(core::RelayId relay) {
    return static_cast<uint32_t>(static_cast<uint64_t>(relay));
  }
  static size_t slot_of(core::PeerConnectionId connection) {
    return static_cast<uint32_t>(static_cast<uint64_t>(connection));
  }
  Listener* find(core::RelayId relay);
  PeerConnection* find(core::PeerConnectionId connection);
  PeerConnection& adopt(core::PeerConnectionId connection, core::RelayId relay, FileDescriptor fd);
  void on_accept(core::RelayId relay, FileDescriptor fd, const Endpoint& from);
  void settle();

  void deliver(const core::Input& input) override { deliver_(input); }
  void on_connection_changed(PeerConnection& connection) override;
  void on_connection_ended(PeerConnection& connection, bool is_reported) override;

  EventLoop& loop_;
  Random& random_;
  Options options_;
  Deliver deliver_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::array<std::vector<bool>, 2> used_ports_;  // By family: IPv4, IPv6.
  std::vector<std::unique_ptr<PeerConnection>> connections_;
  DeadlineSweep deadlines_;
  DeferredCall settle_;
  std::vector<Ended> ended_;                       // To be reported and destroyed.
  std::vector<std::unique_ptr<Listener>> closed_;  // To be destroyed.
  PrefixLimiter arrivals_;
  core::RelayId arriving_at_{};
  FileDescriptor arriving_;  // While the node is asked about it.
  size_t listener_count_ = 0;
};

}  // namespace roost::io
