// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <set>
#include <variant>

#include "core/action.h"
#include "core/turn/forwarder.h"

namespace roost::core::turn {

// What World's shell knows of connections with peers (RFC 6062): what the server has ordered about
// them, checked for that it makes sense.
struct PeerOrders {
  // Of TCP: the relayed addresses, the connections that there are (with the relay they are of), and
  // the orders about them.
  std::set<RelayId> listeners;
  std::map<PeerConnectionId, RelayId> connections;
  std::deque<ConnectPeer> connects;
  std::deque<PeerConnectionId> taken;
  std::deque<BindPeer> binds;
  std::deque<PeerConnectionId> closed_connections;
  std::optional<ForwardPeerData> forwarded;
  std::optional<HoldPeerData> held;
  RelayId arriving_at{};
  Forwarder::Room room{~uint64_t{0}, ~uint64_t{0}};

  void record_about_peer(const Action& action) {
    if (const auto* connect = std::get_if<ConnectPeer>(&action)) {
      EXPECT_TRUE(listeners.contains(connect->relay));
      EXPECT_TRUE(connections.emplace(connect->connection, connect->relay).second);
      connects.push_back(*connect);
    } else if (const auto* take = std::get_if<TakePeer>(&action)) {
      EXPECT_TRUE(listeners.contains(arriving_at)) << "nobody has arrived";
      EXPECT_TRUE(connections.emplace(take->connection, arriving_at).second);
      taken.push_back(take->connection);
    } else if (const auto* bind = std::get_if<BindPeer>(&action)) {
      EXPECT_TRUE(connections.contains(bind->connection));
      binds.push_back(*bind);
    } else if (const auto* close = std::get_if<ClosePeer>(&action)) {
      connections.erase(close->connection);
      closed_connections.push_back(close->connection);
    } else if (const auto* forward = std::get_if<ForwardPeerData>(&action)) {
      forwarded = *forward;
    } else if (const auto* hold = std::get_if<HoldPeerData>(&action)) {
      held = *hold;
    } else {
      ADD_FAILURE() << "an action that is no business of TURN's";
    }
  }
};

}  // namespace roost::core::turn
