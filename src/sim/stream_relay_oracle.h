// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/endpoint.h"
#include "base/time.h"
#include "core/action.h"
#include "node/config.h"
#include "sim/client_message.h"
#include "sim/verdict.h"

namespace roost::sim {

// Relayed TCP connections (RFC 6062), judged from the messages, with a decoder of its own:
//
//   - a connection is made only in answer to a Connect of the relayed address's owner, to the peer
//     it names, on the Internet, or to the relayed address of somebody else; or taken on only from
//     a peer that the owner has permitted within five minutes;
//   - the owner is told a number that no other connection has;
//   - a stream is bound in answer to a ConnectionBind with such a number only, of the user whose
//     allocation it is, once, and within kUnboundMax; who is told that he is bound is bound;
//   - data goes on only on a connection that is bound, no more than has come in; what has come in
//     is answered once;
//   - never more connections in all, or of one relayed address, than allowed;
//   - a connection that is not answered or bound is given up by the deadline, and all of a relayed
//     address with it.
class StreamRelayOracle {
 public:
  static constexpr Duration kUnboundMax = std::chrono::seconds(30);

  StreamRelayOracle(Verdict& verdict, const node::Config::Relay& bounds)
      : verdict_(verdict), bounds_(bounds) {}

  // What so many bytes cost in packets of 1400, with the headers of IPv4 and TCP.
  static uint64_t cost_of(uint64_t bytes) { return bytes + (bytes + 1399) / 1400 * 40; }

  void set_bounds(const node::Config::Relay& bounds) { bounds_ = bounds; }
  // One step: what went in, and what came out; `is_cut` as for RelayOracle.
  void check(MonoTime at, const core::Input& input, std::span<const core::Action> actions,
             bool is_cut);
  // The node is gone, and all connections with it.
  void forget();

  size_t connection_count() const { return links_.size(); }

 private:
  struct Listener {
    ClientEnd owner;
    std::string user;
    Endpoint address;  // Once it is open.
  };
  struct Link {
    core::RelayId relay;
    Endpoint peer;
    bool is_connecting = false;
    std::optional<uint32_t> number{};  // Once the owner was told.
    std::optional<core::StreamId> stream{};
    MonoTime waits_since{};
  };
  using Links = std::map<core::PeerConnectionId, Link>;

  void take_input(MonoTime at, const core::Input& input);
  void take_action(MonoTime at, const core::Input& input, const core::Action& action);
  void check_connect(MonoTime at, const core::Input& input, const core::ConnectPeer& order);
  void check_taken(MonoTime at, const core::Input& input, const core::TakePeer& order);
  void check_bound(MonoTime at, const core::Input& input, const core::BindPeer& order);
  void check_told(MonoTime at, const core::Input& input, const ClientMessage& message);
  void check_offer(MonoTime at, const core::Input& input, std::span<const core::Action> actions);
  void check_counts(MonoTime at, core::RelayId relay);
  void check_overdue(MonoTime at);
  void permit(MonoTime at, const ClientMessage& request);
  bool is_ours_and_no_others(core::RelayId relay, const Endpoint& peer) const;
  bool is_permitted(MonoTime at, const Link& link) const;

  Verdict& verdict_;
  node::Config::Relay bounds_;
  std::map<core::RelayId, Listener> listeners_;
  Links links_;
  std::map<std::pair<ClientEnd, IpAddress>, MonoTime> permissions_;  // Until when.
  std::optional<core::PeerConnectionId> untold_;  // Of this step, whose owner is to be told.
  bool has_bound_ = false;                        // In this step.
};

}  // namespace roost::sim
