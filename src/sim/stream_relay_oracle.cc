// SPDX-License-Identifier: MIT
#include "sim/stream_relay_oracle.h"

#include <algorithm>

#include "base/special_purpose.h"

namespace roost::sim {
namespace {

using std::chrono::minutes;

constexpr uint16_t kXorPeerAddress = 0x0012;
constexpr uint16_t kConnectionId = 0x002a;
constexpr uint16_t kConnected = ClientMessage::kConnect | ClientMessage::kSuccess;
constexpr uint16_t kBound = ClientMessage::kConnectionBind | ClientMessage::kSuccess;

}  // namespace

void StreamRelayOracle::check(MonoTime at, const core::Input& input,
                              std::span<const core::Action> actions, bool is_cut) {
  untold_.reset();
  has_bound_ = false;
  take_input(at, input);
  const auto request = ClientMessage::of(input);
  const bool asks_permission = request && request->type() == ClientMessage::kCreatePermission;
  // Answers on streams are paid for afterwards, so that none is cut; whoever asks over UDP has no
  // connections.
  if (asks_permission && is_cut) permit(at, *request);
  for (const core::Action& action : actions) {
    if (std::holds_alternative<core::BindPeer>(action)) has_bound_ = true;
  }
  for (const core::Action& action : actions) take_action(at, input, action);
  check_offer(at, input, actions);
  if (std::holds_alternative<core::DeadlinePassed>(input)) check_overdue(at);
}

void StreamRelayOracle::forget() {
  listeners_.clear();
  links_.clear();
  permissions_.clear();
}

void StreamRelayOracle::take_input(MonoTime at, const core::Input& input) {
  if (const auto* const there = std::get_if<core::PeerConnected>(&input)) {
    const auto found = links_.find(there->connection);
    if (found == links_.end()) return;
    found->second.is_connecting = false;
    found->second.waits_since = at;
    untold_ = there->connection;
  } else if (const auto* const failed = std::get_if<core::PeerFailed>(&input)) {
    links_.erase(failed->connection);
  } else if (const auto* const closed = std::get_if<core::PeerClosed>(&input)) {
    links_.erase(closed->connection);
  } else if (const auto* const opened = std::get_if<core::RelayOpened>(&input)) {
    const auto listener = listeners_.find(opened->relay);
    if (listener != listeners_.end()) listener->second.address = opened->local;
  } else if (const auto* const refused = std::get_if<core::RelayRefused>(&input)) {
    listeners_.erase(refused->relay);
  }
}

void StreamRelayOracle::take_action(MonoTime at, const core::Input& input,
                                    const core::Action& action) {
  if (const auto* const open = std::get_if<core::OpenRelay>(&action)) {
    const auto request = ClientMessage::of(input);
    if (request && open->protocol == core::RelayProtocol::kTcp) {
      listeners_[open->relay] = {request->client, request->user(), {}};
    }
  } else if (const auto* const close = std::get_if<core::CloseRelay>(&action)) {
    listeners_.erase(close->relay);
    std::erase_if(links_, [&](const auto& link) { return link.second.relay == close->relay; });
  } else if (const auto* const end = std::get_if<core::ClosePeer>(&action)) {
    links_.erase(end->connection);
  } else if (const auto* const connect = std::get_if<core::ConnectPeer>(&action)) {
    check_connect(at, input, *connect);
  } else if (const auto* const taken = std::get_if<core::TakePeer>(&action)) {
    check_taken(at, input, *taken);
  } else if (const auto* const bind = std::get_if<core::BindPeer>(&action)) {
    check_bound(at, input, *bind);
  } else if (const auto told = ClientMessage::of(action)) {
    check_told(at, input, *told);
  }
}

void StreamRelayOracle::check_connect(MonoTime at, const core::Input& input,
                                      const core::ConnectPeer& order) {
  const auto request = ClientMessage::of(input);
  const auto listener = listeners_.find(order.relay);
  const bool is_asked = request && request->type() == ClientMessage::kConnect &&
                        listener != listeners_.end() && listener->second.owner == request->client;
  if (!is_asked) verdict_.fail(at, "a peer connected to, and not by the address's owner");
  const auto peers = request ? request->endpoints(kXorPeerAddress) : std::vector<Endpoint>();
  if (peers.empty() || peers[0] != order.to || !is_globally_reachable(order.to.address)) {
    verdict_.fail(at, "connected to " + order.to.text() + ", which is not what was asked for");
  }
  if (is_ours_and_no_others(order.relay, order.to)) {
    verdict_.fail(at, "connected to " + order.to.text() + ", where nobody else is relayed");
  }
  const Link link{order.relay, order.to, true, {}, {}, at};
  if (!links_.emplace(order.connection, link).second) {
    verdict_.fail(at, "a connection's number used again");
  }
  check_counts(at, order.relay);
}

void StreamRelayOracle::check_taken(MonoTime at, const core::Input& input,
                                    const core::TakePeer& order) {
  const auto* const arrived = std::get_if<core::PeerArrived>(&input);
  if (arrived == nullptr) return verdict_.fail(at, "a peer taken on who has not arrived");
  const Link link{arrived->relay, arrived->from, false, {}, {}, at};
  if (!is_permitted(at, link)) {
    verdict_.fail(at, "a connection of " + arrived->from.text() + " without a permission");
  }
  if (!links_.emplace(order.connection, link).second) {
    verdict_.fail(at, "a connection's number used again");
  }
  untold_ = order.connection;
  check_counts(at, arrived->relay);
}

void StreamRelayOracle::check_bound(MonoTime at, const core::Input& input,
                                    const core::BindPeer& order) {
  const auto* const message = std::get_if<core::MessageArrived>(&input);
  const auto request = ClientMessage::of(input);
  const auto found = links_.find(order.connection);
  const bool is_asked = message != nullptr && request->type() == ClientMessage::kConnectionBind &&
                        message->stream == order.stream && found != links_.end();
  if (!is_asked) return verdict_.fail(at, "a stream bound that did not ask for it");
  Link& link = found->second;
  const auto number = request->number(kConnectionId);
  const auto listener = listeners_.find(link.relay);
  if (!number || link.number != number) verdict_.fail(at, "a stream bound to another connection");
  if (link.stream) verdict_.fail(at, "a connection bound twice");
  if (listener == listeners_.end() || listener->second.user != request->user()) {
    verdict_.fail(at, "a connection bound by another than its user");
  }
  if (link.is_connecting || at > link.waits_since + kUnboundMax) {
    verdict_.fail(at, "a connection bound that is not there any more, or not yet");
  }
  link.stream = order.stream;
}

void StreamRelayOracle::check_told(MonoTime at, const core::Input& input,
                                   const ClientMessage& message) {
  const uint16_t type = message.type();
  const auto request = ClientMessage::of(input);
  if (type == (ClientMessage::kCreatePermission | ClientMessage::kSuccess) && request) {
    return permit(at, *request);
  }
  if (type == kBound && !has_bound_) verdict_.fail(at, "told to be bound, and is not");
  if (type != kConnected && type != ClientMessage::kConnectionAttempt) return;
  const auto number = message.number(kConnectionId);
  const auto found = untold_ ? links_.find(*untold_) : links_.end();
  if (!number || found == links_.end()) {
    return verdict_.fail(at, "told of a connection that there is none of");
  }
  untold_.reset();
  const auto listener = listeners_.find(found->second.relay);
  if (listener == listeners_.end() || listener->second.owner != message.client) {
    verdict_.fail(at, "another than its owner told of a connection");
  }
  for (const auto& [id, link] : links_) {
    if (link.number == number) verdict_.fail(at, "a connection told by the number of another");
  }
  found->second.number = number;
}

void StreamRelayOracle::check_offer(MonoTime at, const core::Input& input,
                                    std::span<const core::Action> actions) {
  const auto* const offer = std::get_if<core::PeerDataArrived>(&input);
  size_t answer_count = 0;
  for (const core::Action& action : actions) {
    const auto* const forward = std::get_if<core::ForwardPeerData>(&action);
    const auto* const hold = std::get_if<core::HoldPeerData>(&action);
    const auto* const close = std::get_if<core::ClosePeer>(&action);
    if (forward == nullptr && hold == nullptr && (close == nullptr || offer == nullptr)) continue;
    ++answer_count;
    if (forward == nullptr) continue;
    const bool is_offered = offer != nullptr && forward->connection == offer->connection &&
                            forward->direction == offer->direction && forward->bytes > 0 &&
                            forward->bytes <= offer->bytes;
    if (!is_offered) verdict_.fail(at, "data forwarded that nobody has offered");
    const auto found = links_.find(forward->connection);
    if (found == links_.end() || !found->second.stream) {
      verdict_.fail(at, "data forwarded on a connection that is not bound");
    }
  }
  if (answer_count != (offer != nullptr ? 1 : 0)) {
    verdict_.fail(at, "data offered, and answered " + std::to_string(answer_count) + " times");
  }
}

void StreamRelayOracle::check_counts(MonoTime at, core::RelayId relay) {
  const auto of_one = std::count_if(links_.begin(), links_.end(),
                                    [&](const auto& link) { return link.second.relay == relay; });
  if (links_.size() > bounds_.connections) verdict_.fail(at, "too many connections with peers");
  if (static_cast<uint64_t>(of_one) > bounds_.connections_per_allocation) {
    verdict_.fail(at, "too many connections with peers of one allocation");
  }
}

void StreamRelayOracle::check_overdue(MonoTime at) {
  // One step ends a few; the next one is due at once.
  constexpr Duration kSlack = std::chrono::seconds(1);
  for (const auto& [id, link] : links_) {
    if (!link.stream && at > link.waits_since + kUnboundMax + kSlack) {
      verdict_.fail(at, "a connection waits for nobody any more");
    }
  }
}

void StreamRelayOracle::permit(MonoTime at, const ClientMessage& request) {
  for (const Endpoint& peer : request.endpoints(kXorPeerAddress)) {
    permissions_[{request.client, peer.address}] = at + minutes(5);
  }
}

// Whether there are relayed addresses there, and this is none but perhaps its own.
bool StreamRelayOracle::is_ours_and_no_others(core::RelayId relay, const Endpoint& peer) const {
  const auto is_there = [&](const auto& listener) {
    return listener.second.address.address == peer.address;
  };
  const auto is_others = [&](const auto& listener) {
    return listener.second.address == peer && listener.first != relay;
  };
  return std::any_of(listeners_.begin(), listeners_.end(), is_there) &&
         std::none_of(listeners_.begin(), listeners_.end(), is_others);
}

bool StreamRelayOracle::is_permitted(MonoTime at, const Link& link) const {
  const auto listener = listeners_.find(link.relay);
  if (listener == listeners_.end()) return false;
  const auto found = permissions_.find({listener->second.owner, link.peer.address});
  return found != permissions_.end() && found->second > at;
}

}  // namespace roost::sim
