// SPDX-License-Identifier: MIT
#include "sim/relay_oracle.h"

#include <algorithm>
#include <chrono>

#include "base/special_purpose.h"

namespace roost::sim {
namespace {

using std::chrono::minutes;

constexpr uint16_t kXorPeerAddress = 0x0012;
constexpr uint16_t kXorRelayedAddress = 0x0016;

bool is_of_people(core::Payer payer) {
  return payer != core::Payer::kService;
}

}  // namespace

void RelayOracle::check(MonoTime at, const core::Input& input,
                        std::span<const core::Action> actions, bool is_cut) {
  const auto request = ClientMessage::of(input);
  if (request) take_request(at, *request, is_cut);
  if (const auto* const opened = std::get_if<core::RelayOpened>(&input)) {
    const auto reserved = reserved_.find(opened->relay);
    if (reserved != reserved_.end()) reserved->second = opened->local;
  }
  for (const core::Action& action : actions) {
    if (const auto* const open = std::get_if<core::OpenRelay>(&action)) {
      if (!request) {
        verdict_.fail(at, "a relayed address opened that nobody asked for");
        continue;
      }
      owners_[open->relay] = request->client;
      if (open->port == core::OpenRelay::Port::kEvenAndNext) {
        owners_[open->next] = request->client;
        reserved_[open->next] = {};
      }
    } else if (const auto* const close = std::get_if<core::CloseRelay>(&action)) {
      owners_.erase(close->relay);
      reserved_.erase(close->relay);
    } else if (const auto* const send = std::get_if<core::SendFromRelay>(&action)) {
      check_sent(at, input, *send);
    } else if (const auto told = ClientMessage::of(action)) {
      const auto* const datagram = std::get_if<core::SendDatagram>(&action);
      const auto* const message = std::get_if<core::SendMessage>(&action);
      if (is_of_people(datagram ? datagram->payer : message->payer)) {
        check_data(at, input, told->client);
      } else {
        take_reply(at, *told);
      }
    }
  }
}

void RelayOracle::forget() {
  wishes_.clear();
  permissions_.clear();
  channels_.clear();
  owners_.clear();
  reserved_.clear();
}

void RelayOracle::take_request(MonoTime at, const ClientMessage& request, bool is_cut) {
  const uint16_t type = request.type();
  const bool binds = type == ClientMessage::kChannelBind;
  if (type != ClientMessage::kCreatePermission && !binds) return;
  Wish wish;
  for (const Endpoint& peer : request.endpoints(kXorPeerAddress)) {
    wish.permissions.push_back(peer.address);
    if (binds && !wish.channel) wish.channel = peer;
  }
  if (is_cut) return grant(at, request.client, wish);
  wishes_[{request.client, request.transaction_id()}] = wish;
}

void RelayOracle::take_reply(MonoTime at, const ClientMessage& reply) {
  const uint16_t type = reply.type();
  if (type == 0) return;
  if (type == (ClientMessage::kAllocate | ClientMessage::kSuccess)) hand_over(reply);
  const auto found = wishes_.find({reply.client, reply.transaction_id()});
  if (found == wishes_.end()) return;
  const Wish wish = found->second;
  wishes_.erase(found);
  const bool is_granted = type == (ClientMessage::kCreatePermission | ClientMessage::kSuccess) ||
                          type == (ClientMessage::kChannelBind | ClientMessage::kSuccess);
  if (is_granted) grant(at, reply.client, wish);
}

// Whether he may have it is ReservationOracle's matter.
void RelayOracle::hand_over(const ClientMessage& reply) {
  for (const Endpoint& told : reply.endpoints(kXorRelayedAddress)) {
    const auto is_it = [&](const auto& reserved) { return reserved.second == told; };
    const auto found = std::find_if(reserved_.begin(), reserved_.end(), is_it);
    if (found == reserved_.end()) continue;
    owners_[found->first] = reply.client;
    reserved_.erase(found);
  }
}

void RelayOracle::grant(MonoTime at, const ClientEnd& client, const Wish& wish) {
  for (const IpAddress& peer : wish.permissions) permissions_[{client, peer}] = at + minutes(5);
  if (wish.channel) channels_[{client, *wish.channel}] = at + minutes(10);
}

void RelayOracle::check_sent(MonoTime at, const core::Input& input,
                             const core::SendFromRelay& send) {
  const auto request = ClientMessage::of(input);
  const auto owner = owners_.find(send.relay);
  if (!request || owner == owners_.end() || owner->second != request->client) {
    return verdict_.fail(at, "relayed to " + send.to.text() + ", and not by the address's owner");
  }
  if (!is_granted(at, request->client, send.to)) {
    verdict_.fail(at, "relayed to " + send.to.text() + " without a permission");
  }
  if (is_own(send.to.address) || !is_globally_reachable(send.to.address)) {
    verdict_.fail(at, "relayed to " + send.to.text() + ", which is no place on the Internet");
  }
}

void RelayOracle::check_data(MonoTime at, const core::Input& input, const ClientEnd& client) {
  if (const auto* const datagram = std::get_if<core::RelayDatagramArrived>(&input)) {
    const auto owner = owners_.find(datagram->relay);
    if (owner == owners_.end() || owner->second != client) {
      return verdict_.fail(at, "data for one relayed address given to another's client");
    }
    const auto granted = permissions_.find({client, datagram->from.address});
    if (granted == permissions_.end() || granted->second <= at) {
      verdict_.fail(at, "data from " + datagram->from.text() + " without a permission");
    }
    return;
  }
  const auto sender = ClientMessage::of(input);
  if (!sender || !is_granted_ours(at, sender->client) || !is_granted_ours(at, client)) {
    verdict_.fail(at, "data handed over without both sides' permissions");
  }
}

bool RelayOracle::is_granted(MonoTime at, const ClientEnd& client, const Endpoint& peer) const {
  const auto permission = permissions_.find({client, peer.address});
  if (permission != permissions_.end() && permission->second > at) return true;
  const auto channel = channels_.find({client, peer});
  return channel != channels_.end() && channel->second > at;
}

bool RelayOracle::is_granted_ours(MonoTime at, const ClientEnd& client) const {
  const bool by_permission =
      std::any_of(own_addresses_.begin(), own_addresses_.end(), [&](const IpAddress& own) {
        const auto found = permissions_.find({client, own});
        return found != permissions_.end() && found->second > at;
      });
  return by_permission || std::any_of(channels_.begin(), channels_.end(), [&](const auto& entry) {
           return entry.first.first == client && is_own(entry.first.second.address) &&
                  entry.second > at;
         });
}

bool RelayOracle::is_own(const IpAddress& address) const {
  return std::find(own_addresses_.begin(), own_addresses_.end(), address) != own_addresses_.end();
}

}  // namespace roost::sim
