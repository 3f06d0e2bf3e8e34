// SPDX-License-Identifier: MIT
#include "io/peer_connections.h"

#include <algorithm>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <utility>

#include "base/check.h"
#include "io/clock.h"
#include "io/socket_address.h"

namespace roost::io {
namespace {

bool set_option(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

FileDescriptor bound_socket(const Endpoint& local, bool shares_port) {
  sockaddr_storage address;
  const socklen_t size = to_sockaddr(local, address);
  FileDescriptor fd(
      socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!fd.is_open()) return {};
  const bool is_v4 = local.address.is_v4();
  if (!is_v4 && !set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1)) return {};
  // What is left of connections that have ended does not count.
  if (!set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1)) return {};
  if (shares_port && !set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1)) return {};
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return {};
  return fd;
}

// Before the connection is made: the window is settled then. Linux hands it down to what is
// accepted. Best effort.
void prepare(int fd) {
  set_option(fd, SOL_SOCKET, SO_RCVBUF, PeerConnections::kReceiveBufferBytes);
  set_option(fd, SOL_SOCKET, SO_SNDBUF, PeerConnections::kSendBufferBytes);
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);  // What came in goes out.
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, PeerConnections::kKeepAliveIdleSeconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, PeerConnections::kKeepAliveIntervalSeconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, PeerConnections::kKeepAliveProbes);
}

FileDescriptor listening_socket(const Endpoint& local) {
  FileDescriptor fd = bound_socket(local, false);
  if (!fd.is_open()) return {};
  prepare(fd.get());
  if (!set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1)) return {};
  if (listen(fd.get(), PeerConnections::kBacklog) != 0) return {};
  return fd;
}

// When it is closed the peer gets a RST, and the kernel keeps nothing of the connection.
void reset(int fd) {
  const linger at_once = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

core::PeerFailure reason(int error) {
  switch (error) {
    case ECONNREFUSED: return core::PeerFailure::kRefused;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EACCES:
    case EPERM: return core::PeerFailure::kUnreachable;
    default: return core::PeerFailure::kNoResources;
  }
}

}  // namespace

PeerConnections::PeerConnections(EventLoop& loop, Random& random, const Options& options,
                                 Deliver deliver)
    : loop_(loop),
      random_(random),
      options_(options),
      deliver_(std::move(deliver)),
      listeners_(options.relay_count_max),
      connections_(options.connection_count_max),
      deadlines_(loop, options.connection_count_max, options.tick,
                 [this](uint32_t slot, MonoTime now) {
                   if (connections_[slot]) connections_[slot]->on_deadline(now);
                 }),
      settle_(loop, [this] { settle(); }),
      arrivals_(options.arrivals_per_second_per_prefix, kArrivingPrefixes, random.bytes<16>()) {
  CHECK(options.port_min > 0 && options.port_min <= options.port_max);
  for (auto& ports : used_ports_) ports.resize(size_t{1} << 16);
}

PeerConnections::~PeerConnections() = default;

// ---- Relayed transport addresses.

PeerConnections::Listener* PeerConnections::find(core::RelayId relay) {
  const size_t index = index_of(relay);
  if (index >= listeners_.size()) return nullptr;
  Listener* const listener = listeners_[index].get();
  return listener != nullptr && listener->relay == relay ? listener : nullptr;
}

void PeerConnections::open(const core::OpenRelay& order, std::vector<core::Input>& answers) {
  CHECK(order.protocol == core::RelayProtocol::kTcp);
  CHECK(order.port == core::OpenRelay::Port::kAny);
  const size_t index = index_of(order.relay);
  CHECK(index < listeners_.size() && listeners_[index] == nullptr);
  const uint64_t range = uint64_t{options_.port_max} - options_.port_min + 1;
  for (int i = 0; i < kPortTriesMax; ++i) {
    const auto port = static_cast<uint16_t>(options_.port_min + random_.below(range));
    if (used_ports_[!order.address.is_v4()][port]) continue;
    const Endpoint local{order.address, port};
    FileDescriptor fd = listening_socket(local);
    if (!fd.is_open()) {
      if (errno == EADDRINUSE) continue;
      break;  // No descriptor, no such address: another port does not help.
    }
    auto acceptor = std::make_unique<Acceptor>(
        loop_, std::move(fd),
        [this, relay = order.relay](FileDescriptor accepted, const Endpoint& from) {
          on_accept(relay, std::move(accepted), from);
        });
    listeners_[index] =
        std::make_unique<Listener>(Listener{order.relay, local, std::move(acceptor)});
    used_ports_[!order.address.is_v4()][port] = true;
    ++listener_count_;
    answers.push_back(core::RelayOpened{order.relay, local});
    return;
  }
  answers.push_back(core::RelayRefused{order.relay});
}

void PeerConnections::close(const core::CloseRelay& order) {
  Listener* const listener = find(order.relay);
  if (listener == nullptr) return;
  for (const auto& connection : connections_) {
    if (connection && connection->relay() == order.relay) close(core::ClosePeer{connection->id()});
  }
  used_ports_[!listener->local.address.is_v4()][listener->local.port] = false;
  // It may be accepting at this moment.
  listener->acceptor->hold();
  closed_.push_back(std::move(listeners_[index_of(order.relay)]));
  --listener_count_;
  settle_.schedule();
}

void PeerConnections::on_accept(core::RelayId relay, FileDescriptor fd, const Endpoint& from) {
  // From a relayed address of ours: who has that is bounded by the node, and none may use up what
  // the others have.
  const Listener* const listener = find(relay);
  const bool is_from_here = listener != nullptr && listener->local.address == from.address;
  // The node is not asked: what the kernel has answered is no more than it answers a closed port.
  if (!is_from_here && !arrivals_.admit(read_clocks().mono, from.address)) return reset(fd.get());
  arriving_at_ = relay;
  arriving_ = std::move(fd);
  deliver_(core::PeerArrived{relay, from});
  arriving_ = FileDescriptor();
}

// ---- Connections.

PeerConnection* PeerConnections::find(core::PeerConnectionId connection) {
  const size_t slot = slot_of(connection);
  if (slot >= connections_.size()) return nullptr;
  PeerConnection* const found = connections_[slot].get();
  return found != nullptr && found->id() == connection ? found : nullptr;
}

PeerConnection& PeerConnections::adopt(core::PeerConnectionId connection, core::RelayId relay,
                                       FileDescriptor fd) {
  const size_t slot = slot_of(connection);
  CHECK(slot < connections_.size() && connections_[slot] == nullptr);
  connections_[slot] = std::make_unique<PeerConnection>(
      loop_, std::move(fd), static_cast<PeerConnection::Host&>(*this), connection, relay);
  return *connections_[slot];
}

void PeerConnections::connect(const core::ConnectPeer& order, std::vector<core::Input>& answers) {
  const auto fail = [&](core::PeerFailure why) {
    answers.push_back(core::PeerFailed{order.connection, why});
  };
  const Listener* const listener = find(order.relay);
  if (listener == nullptr) return fail(core::PeerFailure::kNoResources);
  FileDescriptor fd = bound_socket(listener->local, true);
  if (!fd.is_open()) return fail(core::PeerFailure::kNoResources);
  prepare(fd.get());
  sockaddr_storage to;
  const socklen_t size = to_sockaddr(order.to, to);
  const int result = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), size);
  if (result != 0 && errno != EINPROGRESS) return fail(reason(errno));
  // Even where it is there already, the kernel says so by the event.
  adopt(order.connection, order.relay, std::move(fd)).await_answer();
}

void PeerConnections::take(const core::TakePeer& order) {
  if (arriving_.is_open()) adopt(order.connection, arriving_at_, std::move(arriving_));
}

void PeerConnections::bind(const core::BindPeer& order, PublicStream* stream,
                           std::vector<core::Input>& answers) {
  PeerConnection* const connection = find(order.connection);
  if (connection != nullptr && stream != nullptr && connection->bind(*stream)) return;
  if (connection != nullptr) connection->close();
  if (stream != nullptr) stream->close(CloseReason::kPeerDone);
  answers.push_back(core::PeerClosed{order.connection});
}

void PeerConnections::close(const core::ClosePeer& order) {
  if (PeerConnection* const connection = find(order.connection)) connection->close();
}

void PeerConnections::forward(const core::ForwardPeerData& order) {
  if (PeerConnection* const connection = find(order.connection)) connection->forward(order);
}

void PeerConnections::hold(const core::HoldPeerData& order) {
  if (PeerConnection* const connection = find(order.connection)) connection->hold(order);
}

void PeerConnections::on_connection_changed(PeerConnection& connection) {
  if (find(connection.id()) != &connection) return;
  deadlines_.set(static_cast<uint32_t>(slot_of(connection.id())), connection.deadline());
}

// Its slot may have a new tenant before this one is destroyed.
void PeerConnections::on_connection_ended(PeerConnection& connection, bool is_reported) {
  const size_t slot = slot_of(connection.id());
  CHECK(connections_[slot].get() == &connection);
  deadlines_.set(static_cast<uint32_t>(slot), {});
  ended_.push_back({std::move(connections_[slot]), is_reported});
  settle_.schedule();
}

void PeerConnections::settle() {
  closed_.clear();
  while (!ended_.empty()) {
    const Ended last = std::move(ended_.back());
    ended_.pop_back();
    if (last.is_reported) deliver_(core::PeerClosed{last.connection->id()});
  }
  // A descriptor has come back perhaps.
  for (const auto& listener : listeners_) {
    if (listener) listener->acceptor->retry();
  }
}

void PeerConnections::write_metrics(node::MetricsWriter& out) const {
  out.gauge("roost_relay_listeners", "Listening sockets of relayed transport addresses of TCP.")
      .value(uint64_t{listener_count_});
  out.counter("roost_relay_arrivals_dropped_total",
              "Connections that were closed unseen: the peer's prefix had begun enough of them.")
      .value(arrivals_.refused());
}

}  // namespace roost::io
