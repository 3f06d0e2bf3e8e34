// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <deque>
#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "core/turn/server.h"
#include "turn/peer_orders.h"
#include "turn/turn_attributes.h"
#include "wire/stun.h"

namespace roost::core::turn {

// The world around a Server under test, with World as its shell. Whatever goes through it is
// checked for what holds always: the outbox's bounds, the table's invariants, and that every socket
// that is used or closed has been opened. turn_client.h has the clients.

// Where the clients reach us, and where relayed addresses are bound. Peers are on the public
// Internet: the policy refuses the blocks for documentation.
inline const Endpoint kServerV4 = endpoint("5.5.5.5:3478");
inline const Endpoint kServerV6 = endpoint("[2a00:5::5]:3478");
inline const Endpoint kPeer = endpoint("9.9.9.9:9000");
inline const Endpoint kOtherPeer = endpoint("8.8.4.4:8000");
inline const Endpoint kPeerV6 = endpoint("[2606:4700::1111]:9000");

// The same bound for each class of people.
template <typename Bound>
constexpr std::array<Bound, kPayerCount> for_each_class(Bound bound) {
  return {0, bound, bound, bound};
}

inline Server::Options plain_options() {
  Server::Options options;
  options.authenticator.users = {{"alice", "open sesame"}, {"bob", "secret"}};
  options.addresses.relay = {kServerV4.address, kServerV6.address};
  options.addresses.own = {kServerV4.address, kServerV6.address, ip("127.0.0.1"), ip("::1")};
  options.table.allocations = 64;
  return options;
}

// What came out towards a client.
struct ToClient {
  Data bytes;
  Endpoint to;        // Of a datagram.
  StreamId stream{};  // Of a message.
  LocalEnd local;
  SocketId socket = 0;
  bool is_datagram = false;
  bool may_be_dropped = false;
  Payer payer{};
  Grade grade{};

  StunView view() const {
    const auto parsed = StunView::parse(bytes);
    EXPECT_TRUE(parsed);
    return *parsed;
  }
  bool is_channel_data() const { return !bytes.empty() && bytes[0] >= 0x40; }
};

struct ToPeer {
  Data bytes;
  Endpoint to;
  RelayId relay{};
  bool is_dont_fragment = false;
  Payer payer{};
  Grade grade{};
};

// The shell: an invented network in which every port from 50000 on is free.
class World : public PeerOrders {
 public:
  explicit World(const Server::Options& options = plain_options())
      : random_(7), server(options, random_, MonoTime(seconds(1'000'000))) {}

  // How OpenRelay is answered.
  enum class Opens : uint8_t { kAtOnce, kNever, kHeldBack };
  std::array<Opens, 2> opens{};  // By Family.

  Now now() const { return {mono_, wall_}; }
  void set_wall(std::optional<WallTime> wall) { wall_ = wall; }

  // Time passes, and each deadline is met when it is due.
  void pass(Duration duration) {
    const MonoTime end = mono_ + duration;
    while (server.next_deadline() && *server.next_deadline() <= end) {
      mono_ = std::max(mono_, *server.next_deadline());
      step([&](Outbox& out) { server.step(now(), DeadlinePassed{}, out); });
    }
    mono_ = end;
    if (wall_) *wall_ += std::chrono::duration_cast<seconds>(duration);
  }

  // As a node does it: what is relayed first, and then what else is ours.
  void arrive(const DatagramArrived& input) {
    step([&](Outbox& out) {
      const bool is_relayed =
          Server::may_be_relayed(input.payload) && server.relay(now(), input, out);
      if (!is_relayed) server.step(now(), input, out);
    });
  }
  void arrive(const MessageArrived& input) {
    step([&](Outbox& out) {
      const bool is_relayed =
          Server::may_be_relayed(input.payload) && server.relay(now(), input, out);
      if (!is_relayed) server.step(now(), input, out);
    });
  }
  void arrive_error(const RelayErrorArrived& input) {
    step([&](Outbox& out) { server.step(now(), input, out); });
  }
  void arrive_from_peer(RelayId relay, const Endpoint& from, const Data& bytes) {
    step([&](Outbox& out) { server.step(now(), RelayDatagramArrived{relay, from, bytes}, out); });
  }
  // What happens to connections with peers (RFC 6062).
  template <typename Input>
  void happen(const Input& input) {
    step([&](Outbox& out) { server.step(now(), input, out); });
  }
  void peer_fails(PeerConnectionId connection, PeerFailure why = PeerFailure::kRefused) {
    EXPECT_EQ(connections.erase(connection), 1u);
    happen(PeerFailed{connection, why});
  }
  void peer_closes(PeerConnectionId connection) {
    EXPECT_EQ(connections.erase(connection), 1u);
    happen(PeerClosed{connection});
  }
  // What it is answered: how many bytes go on, 0 while they are held.
  uint64_t offer(PeerConnectionId connection, PeerDirection direction, uint64_t bytes) {
    forwarded.reset();
    held.reset();
    step([&](Outbox& out) {
      server.step(now(), PeerDataArrived{connection, direction, bytes}, room, out);
    });
    const bool is_closed = !connections.contains(connection);
    EXPECT_EQ(forwarded.has_value() + held.has_value() + is_closed, 1);
    if (!forwarded) return 0;
    EXPECT_TRUE(forwarded->connection == connection && forwarded->direction == direction);
    EXPECT_LE(forwarded->bytes, bytes);
    EXPECT_GT(forwarded->bytes, 0u);
    return forwarded->bytes;
  }

  // A peer connects to a relayed address. Whether it was taken.
  bool arrive_peer(RelayId relay, const Endpoint& from) {
    arriving_at = relay;
    const size_t before = taken.size();
    happen(PeerArrived{relay, from});
    arriving_at = {};
    return taken.size() > before;
  }

  void close_stream(StreamId stream) {
    step([&](Outbox& out) { server.step(now(), StreamClosed{stream, {}}, out); });
  }
  void answer(const OpenRelay& open, bool is_opened) {
    if (!is_opened) {
      if (open.port == OpenRelay::Port::kEvenAndNext) refuse(open.next);
      return refuse(open.relay);
    }
    if (open.port != OpenRelay::Port::kAny) next_port_ += next_port_ & 1;
    const uint16_t port = next_port_++;
    if (open.port == OpenRelay::Port::kEvenAndNext) {
      this->open(open.next, {open.address, next_port_++});
    }
    this->open(open.relay, {open.address, port});
  }
  void open(RelayId relay, const Endpoint& local) {
    sockets[relay] = local;
    step([&](Outbox& out) { server.step(now(), RelayOpened{relay, local}, out); });
  }
  void refuse(RelayId relay) {
    step([&](Outbox& out) { server.step(now(), RelayRefused{relay}, out); });
  }
  void answer_held_back(bool are_opened) {
    while (!held_back.empty()) {
      const OpenRelay open = held_back.front();
      held_back.pop_front();
      answer(open, are_opened);
    }
  }

  // The socket that is bound there.
  RelayId relay_at(const Endpoint& local) const {
    for (const auto& [relay, bound] : sockets) {
      if (bound == local) return relay;
    }
    ADD_FAILURE() << "nothing is bound to " << local.text();
    return {};
  }

  ToClient take_client() { return take(to_clients); }
  ToPeer take_peer() { return take(to_peers); }
  bool is_silent() const { return to_clients.empty() && to_peers.empty(); }

  std::deque<ToClient> to_clients;
  std::deque<ToPeer> to_peers;
  std::optional<Duration> granted_lifetime;  // By the last message on a stream.
  std::deque<OpenRelay> held_back;
  std::map<RelayId, Endpoint> sockets;  // That are bound.
  std::vector<RelayId> closed;

 private:
  template <typename T>
  static T take(std::deque<T>& queue) {
    EXPECT_FALSE(queue.empty());
    if (queue.empty()) return T();
    T first = queue.front();
    queue.pop_front();
    return first;
  }

  template <typename Step>
  void step(Step take_step) {
    Outbox out;
    take_step(out);
    server.check_invariants();
    EXPECT_LE(out.actions().size(), Outbox::kActionsPerStepMax);
    EXPECT_TRUE(out.has_room());
    // Answers to OpenRelay are steps of their own, after all of this one is done.
    std::vector<OpenRelay> asked;
    for (const Action& action : out.actions()) record(action, asked);
    for (const OpenRelay& open : asked) {
      const Opens how = opens[open.address.is_v4() ? 0 : 1];
      if (how == Opens::kHeldBack) {
        held_back.push_back(open);
      } else {
        answer(open, how == Opens::kAtOnce);
      }
    }
  }

  void record(const Action& action, std::vector<OpenRelay>& asked) {
    if (const auto* datagram = std::get_if<SendDatagram>(&action)) {
      ToClient sent;
      sent.to = datagram->to;
      sent.local = datagram->local;
      sent.socket = datagram->from;
      sent.is_datagram = true;
      sent.payer = datagram->payer;
      sent.grade = datagram->grade;
      sent.bytes.assign(datagram->head.begin(), datagram->head.end());
      sent.bytes.insert(sent.bytes.end(), datagram->payload.begin(), datagram->payload.end());
      to_clients.push_back(std::move(sent));
    } else if (const auto* message = std::get_if<SendMessage>(&action)) {
      ToClient sent;
      sent.stream = message->stream;
      sent.may_be_dropped = message->may_be_dropped;
      granted_lifetime = message->granted_lifetime;
      sent.payer = message->payer;
      sent.grade = message->grade;
      sent.bytes.assign(message->payload.begin(), message->payload.end());
      to_clients.push_back(std::move(sent));
    } else if (const auto* relayed = std::get_if<SendFromRelay>(&action)) {
      EXPECT_TRUE(sockets.contains(relayed->relay)) << "sent from a socket that is not there";
      to_peers.push_back({{relayed->payload.begin(), relayed->payload.end()},
                          relayed->to,
                          relayed->relay,
                          relayed->is_dont_fragment,
                          relayed->payer,
                          relayed->grade});
    } else if (const auto* closing = std::get_if<CloseRelay>(&action)) {
      EXPECT_EQ(sockets.erase(closing->relay), 1u) << "closed what is not open";
      closed.push_back(closing->relay);
      listeners.erase(closing->relay);
      std::erase_if(connections, [&](const auto& one) { return one.second == closing->relay; });
    } else if (const auto* opening = std::get_if<OpenRelay>(&action)) {
      asked.push_back(*opening);
      if (opening->protocol == RelayProtocol::kTcp) listeners.insert(opening->relay);
    } else {
      record_about_peer(action);
    }
  }

  SeededRandom random_;
  MonoTime mono_{seconds(1'000'000)};
  std::optional<WallTime> wall_ = kWallTimeMin;
  uint16_t next_port_ = 50000;

 public:
  Server server;
};

}  // namespace roost::core::turn
