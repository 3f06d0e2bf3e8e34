// SPDX-License-Identifier: MIT
#include "sim/relay_oracle.h"

#include <algorithm>
#include <chrono>

#include "base/special_purpose.h"

namespace roost::sim {
namespace {

using std::chrono::minutes;

constexpr uint16_t kCreatePermission = 0x0008;
constexpr uint16_t kChannelBind = 0x0009;
constexpr uint16_t kSuccess = 0x0100;  // On top of a request's type.
constexpr uint16_t kXorPeerAddress = 0x0012;

// Calls `visit(value)` for each XOR-PEER-ADDRESS, decoded byte by byte from RFC 8489 §14.2.
template <typename Visit>
void for_each_peer(Bytes message, Visit visit) {
  for (size_t at = 20; at + 4 <= message.size();) {
    const unsigned type = load_u16(message.data() + at);
    const size_t size = load_u16(message.data() + at + 2);
    if (at + 4 + size > message.size()) return;
    const Bytes value = message.subspan(at + 4, size);
    at += 4 + (size + 3) / 4 * 4;
    if (type != kXorPeerAddress || (size != 8 && size != 20)) continue;
    std::array<uint8_t, 20> plain{};
    std::copy(value.begin(), value.end(), plain.begin());
    for (size_t i = 2; i < size; ++i) plain[i] ^= message[i < 4 ? i + 2 : i];
    const uint16_t port = load_u16(plain.data() + 2);
    if (size == 8) {
      visit(Endpoint{IpAddress::v4(load_u32(plain.data() + 4)), port});
    } else {
      visit(Endpoint{IpAddress(load_u64(plain.data() + 4), load_u64(plain.data() + 12)), port});
    }
  }
}

bool is_of_people(core::Payer payer) {
  return payer != core::Payer::kService;
}

}  // namespace

void RelayOracle::check(MonoTime at, const core::Input& input,
                        std::span<const core::Action> actions, bool is_cut) {
  const auto client = sender_of(input);
  if (client) {
    const auto* const datagram = std::get_if<core::DatagramArrived>(&input);
    take_request(at, *client,
                 datagram ? datagram->payload : std::get<core::MessageArrived>(input).payload,
                 is_cut);
  }
  for (const core::Action& action : actions) {
    if (const auto* const open = std::get_if<core::OpenRelay>(&action)) {
      if (!client) {
        verdict_.fail(at, "a relayed address opened that nobody asked for");
        continue;
      }
      owners_[open->relay] = *client;
      if (open->port == core::OpenRelay::Port::kEvenAndNext) owners_[open->next] = *client;
    } else if (const auto* const close = std::get_if<core::CloseRelay>(&action)) {
      owners_.erase(close->relay);
    } else if (const auto* const send = std::get_if<core::SendFromRelay>(&action)) {
      check_sent(at, input, *send);
    } else if (const auto receiver = receiver_of(action)) {
      const auto* const datagram = std::get_if<core::SendDatagram>(&action);
      const auto* const message = std::get_if<core::SendMessage>(&action);
      if (is_of_people(datagram ? datagram->payer : message->payer)) {
        check_data(at, input, *receiver);
      } else {
        take_reply(at, *receiver, datagram ? datagram->payload : message->payload);
      }
    }
  }
}

void RelayOracle::forget() {
  wishes_.clear();
  permissions_.clear();
  channels_.clear();
  owners_.clear();
}

std::optional<RelayOracle::Client> RelayOracle::sender_of(const core::Input& input) {
  if (const auto* const datagram = std::get_if<core::DatagramArrived>(&input)) {
    return Client{datagram->from, datagram->local.endpoint, {}};
  }
  if (const auto* const message = std::get_if<core::MessageArrived>(&input)) {
    return Client{{}, {}, message->stream};
  }
  return {};
}

std::optional<RelayOracle::Client> RelayOracle::receiver_of(const core::Action& action) {
  if (const auto* const datagram = std::get_if<core::SendDatagram>(&action)) {
    return Client{datagram->to, datagram->local.endpoint, {}};
  }
  if (const auto* const message = std::get_if<core::SendMessage>(&action)) {
    return Client{{}, {}, message->stream};
  }
  return {};
}

void RelayOracle::take_request(MonoTime at, const Client& client, Bytes message, bool is_cut) {
  if (message.size() < 20) return;
  const uint16_t type = load_u16(message.data());
  if (type != kCreatePermission && type != kChannelBind) return;
  Wish wish;
  for_each_peer(message, [&](const Endpoint& peer) {
    wish.permissions.push_back(peer.address);
    if (type == kChannelBind && !wish.channel) wish.channel = peer;
  });
  if (is_cut) return grant(at, client, wish);
  TransactionId id;
  std::copy_n(message.begin() + 8, id.size(), id.begin());
  wishes_[{client, id}] = wish;
}

void RelayOracle::take_reply(MonoTime at, const Client& client, Bytes message) {
  if (message.size() < 20) return;
  TransactionId id;
  std::copy_n(message.begin() + 8, id.size(), id.begin());
  const auto found = wishes_.find({client, id});
  if (found == wishes_.end()) return;
  const Wish wish = found->second;
  wishes_.erase(found);
  const uint16_t type = load_u16(message.data());
  if (type != (kCreatePermission | kSuccess) && type != (kChannelBind | kSuccess)) return;
  grant(at, client, wish);
}

void RelayOracle::grant(MonoTime at, const Client& client, const Wish& wish) {
  for (const IpAddress& peer : wish.permissions) permissions_[{client, peer}] = at + minutes(5);
  if (wish.channel) channels_[{client, *wish.channel}] = at + minutes(10);
}

void RelayOracle::check_sent(MonoTime at, const core::Input& input,
                             const core::SendFromRelay& send) {
  const auto client = sender_of(input);
  const auto owner = owners_.find(send.relay);
  if (!client || owner == owners_.end() || owner->second != *client) {
    return verdict_.fail(at, "relayed to " + send.to.text() + ", and not by the address's owner");
  }
  if (!is_granted(at, *client, send.to)) {
    verdict_.fail(at, "relayed to " + send.to.text() + " without a permission");
  }
  if (is_own(send.to.address) || !is_globally_reachable(send.to.address)) {
    verdict_.fail(at, "relayed to " + send.to.text() + ", which is no place on the Internet");
  }
}

void RelayOracle::check_data(MonoTime at, const core::Input& input, const Client& client) {
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
  const auto sender = sender_of(input);
  if (!sender || !is_granted_ours(at, *sender) || !is_granted_ours(at, client)) {
    verdict_.fail(at, "data handed over without both sides' permissions");
  }
}

bool RelayOracle::is_granted(MonoTime at, const Client& client, const Endpoint& peer) const {
  const auto permission = permissions_.find({client, peer.address});
  if (permission != permissions_.end() && permission->second > at) return true;
  const auto channel = channels_.find({client, peer});
  return channel != channels_.end() && channel->second > at;
}

bool RelayOracle::is_granted_ours(MonoTime at, const Client& client) const {
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
