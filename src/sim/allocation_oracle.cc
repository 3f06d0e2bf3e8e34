// SPDX-License-Identifier: MIT
#include "sim/allocation_oracle.h"

#include <algorithm>
#include <chrono>
#include <string_view>

#include "sim/stream_relay_oracle.h"

namespace roost::sim {
namespace {

using std::chrono::seconds;

constexpr uint16_t kBinding = 0x0001;
constexpr uint32_t kCookie = 0x2112a442;

constexpr uint16_t kMessageIntegrity = 0x0008;
constexpr uint16_t kLifetime = 0x000d;
constexpr uint16_t kData = 0x0013;
constexpr uint16_t kXorRelayedAddress = 0x0016;
constexpr uint16_t kMessageIntegritySha256 = 0x001c;

// What a client's message carries for a peer: of ChannelData, or a Send indication.
uint64_t data_bytes(const ClientMessage& message) {
  if (message.bytes.size() < 4) return 0;
  if (message.bytes[0] >> 6 == 1) return load_u16(message.bytes.data() + 2);
  if (message.type() != ClientMessage::kSendIndication) return 0;
  const auto data = message.attribute(kData);
  return data ? data->size() : 0;
}

uint64_t prefix_of(const IpAddress& address) {  // /24, or /56.
  return address.is_v4() ? address.v4_value() >> 8 : address.high() >> 8 | uint64_t{1} << 63;
}

std::optional<uint64_t> digits(std::string_view text, unsigned base) {
  uint64_t value = 0;
  for (const char c : text) {
    const std::string_view kDigits = "0123456789abcdef";
    const size_t digit = kDigits.find(c);
    if (digit >= base) return {};
    value = value * base + digit;
  }
  return text.empty() ? std::nullopt : std::optional(value);
}

}  // namespace

struct AllocationOracle::IceMessage {
  bool is_check = false;
  bool is_success = false;
  bool has_integrity = false;
  TransactionId id;
  std::pair<std::string, std::string> names;  // Of a check.
};

// A connectivity check, or an answer to one.
std::optional<AllocationOracle::IceMessage> AllocationOracle::read_ice(Bytes bytes) {
  if (bytes.size() < 20 || bytes.size() > kCheckBytesMax) return {};
  const ClientMessage message{{}, bytes};
  const uint16_t type = message.type();
  const bool is_whole = load_u16(bytes.data() + 2) + size_t{20} == bytes.size() &&
                        load_u32(bytes.data() + 4) == kCookie;
  if (!is_whole) return {};
  IceMessage ice;
  ice.id = message.transaction_id();
  ice.is_success = type == (kBinding | ClientMessage::kSuccess);
  ice.has_integrity =
      message.attribute(kMessageIntegrity) || message.attribute(kMessageIntegritySha256);
  if (ice.is_success || type == (kBinding | ClientMessage::kError)) return ice;
  const std::string name = message.user();
  if (type != kBinding || !ice.has_integrity) return {};
  const size_t colon = name.find(':');
  if (colon == name.npos) return {};
  ice.is_check = true;
  ice.names = {name.substr(0, colon), name.substr(colon + 1)};
  return ice;
}

// "expiry:s?digits.nonce" is what the node has made; anything else names somebody.
AllocationOracle::User AllocationOracle::user_of(const ClientMessage& message) {
  const std::string name = message.user();
  User user;
  user.account = name;
  user.name = name;
  const size_t colon = name.find(':');
  if (colon == name.npos) return user;
  const auto expiry = digits(std::string_view(name).substr(0, colon), 10);
  const bool is_stranger = name.size() > colon + 1 && name[colon + 1] == 's';
  const size_t begin = colon + 1 + (is_stranger ? 1 : 0);
  const size_t dot = name.find('.', begin);
  if (!expiry || dot == name.npos || dot - begin != 16) return user;
  const auto id = digits(std::string_view(name).substr(begin, 16), 16);
  if (!id) return user;
  user.kind = is_stranger ? User::Kind::kStranger : User::Kind::kGrant;
  user.account = name.substr(colon + 1, dot - colon - 1);
  user.grant = is_stranger ? 0 : *id;
  user.expires_at = static_cast<int64_t>(*expiry);
  return user;
}

// ---- What the owner decides.

void AllocationOracle::set_bounds(const node::Config::Relay& bounds) {
  bounds_ = bounds;
  note_who_is_vouched_for();
}

void AllocationOracle::set_grants(const std::vector<core::turn::Grant>& grants) {
  std::map<uint64_t, Grant> in_force;
  for (const core::turn::Grant& grant : grants) {
    const auto known = grants_.find(grant.id);
    in_force[grant.id] = {grant.payer, grant.bytes_max,
                          known == grants_.end() ? 0 : known->second.bytes};
  }
  grants_ = std::move(in_force);
  note_who_is_vouched_for();
}

void AllocationOracle::forget() {
  allocations_.clear();
  owners_.clear();
  wishes_.clear();
  stranger_bytes_.clear();
  connections_.clear();
  for (auto& [id, grant] : grants_) grant.bytes = 0;
}

bool AllocationOracle::is_vouched_for(const User& user) const {
  switch (user.kind) {
    case User::Kind::kGrant: return grants_.contains(user.grant);
    case User::Kind::kStranger: return bounds_.stranger_allocations > 0;
    case User::Kind::kNamed: break;
  }
  return true;
}

void AllocationOracle::note_who_is_vouched_for() {
  for (auto& [client, allocation] : allocations_) {
    if (allocation.deadlines_left || is_vouched_for(allocation.user)) continue;
    allocation.deadlines_left = allocations_.size() / kEndedByADeadlineMin + 1;
  }
}

// ---- One step.

void AllocationOracle::check(const Now& now, const core::Input& input,
                             std::span<const core::Action> actions, bool is_cut) {
  const MonoTime at = now.mono;
  look_at_clocks(now);
  const auto request = ClientMessage::of(input);
  if (request) take_request(now, *request, is_cut);
  if (const auto* const heard = std::get_if<core::RelayDatagramArrived>(&input)) hear(at, *heard);
  if (const auto* const refused = std::get_if<core::RelayRefused>(&input)) close(refused->relay);
  if (const auto* const opened = std::get_if<core::RelayOpened>(&input)) {
    const auto reserved = allocations_.find(nobody(opened->relay));
    if (reserved != allocations_.end()) reserved->second.reserved = opened->local;
  }
  for (const core::Action& action : actions) {
    if (const auto* const opened = std::get_if<core::OpenRelay>(&action)) {
      if (request) open(now, input, *request, *opened);
    } else if (const auto* const closed = std::get_if<core::CloseRelay>(&action)) {
      close(closed->relay);
    } else if (const auto* const relayed = std::get_if<core::SendFromRelay>(&action)) {
      check_to_peer(at, *relayed);
    } else if (const auto* const connect = std::get_if<core::ConnectPeer>(&action)) {
      connections_[connect->connection] = connect->relay;
    } else if (const auto* const taken = std::get_if<core::TakePeer>(&action)) {
      const auto* const arrived = std::get_if<core::PeerArrived>(&input);
      if (arrived != nullptr) connections_[taken->connection] = arrived->relay;
    } else if (const auto* const forward = std::get_if<core::ForwardPeerData>(&action)) {
      check_forwarded(at, *forward);
    } else if (const auto told = ClientMessage::of(action)) {
      const auto* const datagram = std::get_if<core::SendDatagram>(&action);
      check_to_client(now, input,
                      datagram ? datagram->payer : std::get<core::SendMessage>(action).payer,
                      *told);
    }
  }
  check_ends(at, input);
}

// Credentials may be valid a second time when the clock is set back, and count as others then.
void AllocationOracle::look_at_clocks(const Now& now) {
  if (now.wall && wall_) {
    const seconds drift = (*now.wall - *wall_) - std::chrono::floor<seconds>(now.mono - mono_);
    if (drift < seconds(0) || drift > seconds(1)) stranger_bytes_.clear();
  }
  if (now.wall) {
    wall_ = now.wall;
    mono_ = now.mono;
  }
}

void AllocationOracle::take_request(const Now& now, const ClientMessage& request, bool is_cut) {
  const uint16_t type = request.type();
  if (type != ClientMessage::kAllocate && type != ClientMessage::kRefresh) return;
  MonoTime until = MonoTime::max();
  if (const auto expires_at = user_of(request).expires_at) {
    until = now.mono;
    if (now.wall) until += seconds(*expires_at - now.wall->time_since_epoch().count());
  }
  const auto found = allocations_.find(request.client);
  if (is_cut && found != allocations_.end()) {
    found->second.credentials_until = std::max(found->second.credentials_until, until);
    found->second.told_until = MonoTime::max();
  }
  wishes_[{request.client, request.transaction_id()}] = {user_of(request), until};
}

void AllocationOracle::take_reply(const Now& now, const ClientMessage& reply) {
  const uint16_t type = reply.type();
  if (type == 0) return;
  const auto wish = wishes_.find({reply.client, reply.transaction_id()});
  if (wish == wishes_.end()) return;
  const Wish asked = wish->second;
  wishes_.erase(wish);
  constexpr uint16_t kAllocated = ClientMessage::kAllocate | ClientMessage::kSuccess;
  constexpr uint16_t kRefreshed = ClientMessage::kRefresh | ClientMessage::kSuccess;
  if (type == kAllocated) redeem(now.mono, reply, asked);
  const auto found = allocations_.find(reply.client);
  const auto lifetime = reply.number(kLifetime);
  const bool is_granted = type == kAllocated || type == kRefreshed;
  if (!is_granted || found == allocations_.end() || !lifetime) return;
  Allocation& allocation = found->second;
  // A second copy of an Allocate is answered too, and extends nothing.
  if (type == kRefreshed) allocation.credentials_until = asked.credentials_until;
  // Parts of a second are not told.
  allocation.told_until = now.mono + seconds(*lifetime + 1);
}

void AllocationOracle::open(const Now& now, const core::Input& input, const ClientMessage& request,
                            const core::OpenRelay& order) {
  owners_[order.relay] = request.client;
  const bool is_new = !allocations_.contains(request.client);
  Allocation& allocation = allocations_[request.client];
  allocation.relays.insert(order.relay);
  if (!is_new) return;  // Its second family.
  const MonoTime at = now.mono;
  const User user = user_of(request);
  const auto* const datagram = std::get_if<core::DatagramArrived>(&input);
  allocation.prefix =
      prefix_of(datagram != nullptr ? datagram->from.address
                                    : std::get<core::MessageArrived>(input).from.address);
  set_user(at, allocation, user);
  if (!is_vouched_for(user)) {
    verdict_.fail(at, "an allocation for " + user.account + ", for whom nobody vouches");
  }
  if (user.expires_at) {
    const bool is_valid = now.wall && now.wall->time_since_epoch().count() < *user.expires_at;
    if (!is_valid) verdict_.fail(at, "an allocation with credentials that have expired");
    if (is_valid) {
      allocation.credentials_until =
          at + seconds(*user.expires_at - now.wall->time_since_epoch().count());
    }
  }
  if (order.port == core::OpenRelay::Port::kEvenAndNext) {
    owners_[order.next] = nobody(order.next);
    Allocation& reserved = allocations_[nobody(order.next)];
    reserved = allocation;
    reserved.relays = {order.next};
  }
  check_bounds(at, allocation);
}

void AllocationOracle::set_user(MonoTime at, Allocation& allocation, const User& user) {
  allocation.user = user;
  if (user.kind == User::Kind::kStranger) {
    allocation.payer = core::Payer::kStranger;
    if (bounds_.stranger_time > Duration()) allocation.session_until = at + bounds_.stranger_time;
  } else if (user.kind == User::Kind::kGrant && grants_.contains(user.grant)) {
    allocation.payer = grants_.at(user.grant).payer;
  }
}

ClientEnd AllocationOracle::nobody(core::RelayId relay) {
  return {{}, {{}, 1}, core::StreamId{static_cast<uint64_t>(relay)}};
}

// Where the client is told a socket that was reserved, it is his from now on.
void AllocationOracle::redeem(MonoTime at, const ClientMessage& reply, const Wish& wish) {
  for (const Endpoint& told : reply.endpoints(kXorRelayedAddress)) {
    const auto is_it = [&](const auto& entry) { return entry.second.reserved == told; };
    const auto found = std::find_if(allocations_.begin(), allocations_.end(), is_it);
    if (found == allocations_.end()) continue;
    Allocation redeemed = found->second;
    allocations_.erase(found);
    redeemed.reserved.reset();
    redeemed.session_until = MonoTime::max();
    set_user(at, redeemed, wish.user);
    redeemed.credentials_until = wish.credentials_until;
    owners_[*redeemed.relays.begin()] = reply.client;
    allocations_[reply.client] = redeemed;
  }
}

// `made` is counted already.
void AllocationOracle::check_bounds(MonoTime at, const Allocation& made) {
  size_t of_strangers = 0;
  size_t of_user = 0;
  size_t of_prefix = 0;
  for (const auto& [client, other] : allocations_) {
    of_strangers += other.user.kind == User::Kind::kStranger;
    of_user += other.user.kind == made.user.kind && other.user.account == made.user.account;
    of_prefix += other.prefix == made.prefix;
  }
  const bool is_stranger = made.user.kind == User::Kind::kStranger;
  const uint32_t per_user =
      is_stranger ? bounds_.stranger_allocations_per_user : bounds_.allocations_per_user;
  if (allocations_.size() > bounds_.allocations) verdict_.fail(at, "too many allocations");
  if (is_stranger && of_strangers > bounds_.stranger_allocations) {
    verdict_.fail(at, "too many allocations of strangers");
  }
  if (of_user > per_user) verdict_.fail(at, "too many allocations of one user");
  if (of_prefix > bounds_.allocations_per_prefix) {
    verdict_.fail(at, "too many allocations of one prefix");
  }
}

void AllocationOracle::close(core::RelayId relay) {
  const auto owner = owners_.find(relay);
  if (owner == owners_.end()) return;
  const auto found = allocations_.find(owner->second);
  found->second.relays.erase(relay);
  if (found->second.relays.empty()) allocations_.erase(found);
  owners_.erase(owner);
}

AllocationOracle::Allocation* AllocationOracle::find(core::RelayId relay) {
  const auto owner = owners_.find(relay);
  return owner == owners_.end() ? nullptr : &allocations_.at(owner->second);
}

void AllocationOracle::check_ends(MonoTime at, const core::Input& input) {
  if (const auto* const closed = std::get_if<core::StreamClosed>(&input)) {
    if (allocations_.contains(ClientEnd{{}, {}, closed->stream})) {
      verdict_.fail(at, "an allocation outlives its stream");
    }
  }
  if (!std::holds_alternative<core::DeadlinePassed>(input)) return;
  for (auto& [client, allocation] : allocations_) {
    if (!allocation.deadlines_left) continue;
    if (*allocation.deadlines_left > 0) --*allocation.deadlines_left;
    if (*allocation.deadlines_left == 0) {
      verdict_.fail(at, "an allocation of " + allocation.user.account +
                            " goes on, for whom nobody vouches any more");
    }
  }
}

// ---- What is relayed.

void AllocationOracle::check_relayed(MonoTime at, Allocation& allocation, core::Payer payer,
                                     uint64_t bytes) {
  const std::string& who = allocation.user.account;
  if (at > allocation.until()) verdict_.fail(at, "relayed for " + who + " beyond the time");
  if (payer != allocation.payer) verdict_.fail(at, "relayed on another class's account");
  allocation.bytes += bytes;
  if (allocation.user.kind == User::Kind::kStranger) {
    const uint64_t relayed = stranger_bytes_[allocation.user.name] += bytes;
    if (bounds_.stranger_bytes != 0 && relayed > bounds_.stranger_bytes) {
      verdict_.fail(at, "relayed more than the stranger " + who + " may");
    }
  } else if (bounds_.allocation_bytes != 0 && allocation.bytes > bounds_.allocation_bytes) {
    verdict_.fail(at, "relayed more than an allocation of " + who + " may");
  }
  const auto grant = grants_.find(allocation.user.grant);
  if (allocation.user.kind != User::Kind::kGrant || grant == grants_.end()) return;
  grant->second.bytes += bytes;
  if (grant->second.bytes_max != 0 && grant->second.bytes > grant->second.bytes_max) {
    verdict_.fail(at, "relayed more than the grant " + who + " allows");
  }
}

void AllocationOracle::check_to_peer(MonoTime at, const core::SendFromRelay& send) {
  Allocation* const allocation = find(send.relay);
  if (allocation == nullptr) return;  // RelayOracle's matter.
  check_relayed(at, *allocation, send.payer, send.payload.size() + kHeaderBytes);
  if (allocation->user.kind != User::Kind::kStranger) return;
  Peer& peer = allocation->peers[send.to];
  const auto ice = read_ice(send.payload);
  const bool is_expected = ice && (ice->is_check || at < peer.checked_until);
  if (bounds_.consent && at >= peer.consents_until && !is_expected) {
    verdict_.fail(at, "a stranger's data sent to " + send.to.text() + ", who expects none");
  }
  peer.sent.emplace(send.payload.begin(), send.payload.end());
  if (!ice || !ice->is_check) return;
  peer.checks.insert(ice->id);
  peer.names.insert(ice->names);
  const auto mirrored = peer.their_names.find({ice->names.second, ice->names.first});
  if (mirrored != peer.their_names.end()) peer.consent(mirrored->second);
}

void AllocationOracle::check_forwarded(MonoTime at, const core::ForwardPeerData& forward) {
  const auto found = connections_.find(forward.connection);
  Allocation* const allocation = found == connections_.end() ? nullptr : find(found->second);
  if (allocation == nullptr) return verdict_.fail(at, "data relayed for no allocation");
  check_relayed(at, *allocation, forward.payer, StreamRelayOracle::cost_of(forward.bytes));
}

// Whether what the peer says is a sign that it expects the client.
void AllocationOracle::hear(MonoTime at, const core::RelayDatagramArrived& input) {
  Allocation* const allocation = find(input.relay);
  if (allocation == nullptr || allocation->user.kind != User::Kind::kStranger) return;
  Peer& peer = allocation->peers[input.from];
  if (peer.sent.contains({input.payload.begin(), input.payload.end()})) return;  // An echo.
  const auto ice = read_ice(input.payload);
  if (!ice) return;
  if (ice->is_check) {
    peer.checked_until = at + kConsentLasts;
    peer.their_names[ice->names] = at;
    if (peer.names.contains({ice->names.second, ice->names.first})) peer.consent(at);
  } else if (ice->is_success && ice->has_integrity && peer.checks.contains(ice->id)) {
    peer.consent(at);
  }
}

void AllocationOracle::check_to_client(const Now& now, const core::Input& input, core::Payer payer,
                                       const ClientMessage& message) {
  if (payer == core::Payer::kService) return take_reply(now, message);
  const MonoTime at = now.mono;
  const auto found = allocations_.find(message.client);
  if (found == allocations_.end()) {
    return verdict_.fail(at, "data to a client without an allocation");
  }
  Allocation& allocation = found->second;
  if (const auto* const datagram = std::get_if<core::RelayDatagramArrived>(&input)) {
    check_relayed(at, allocation, payer, datagram->payload.size() + kHeaderBytes);
    if (allocation.user.kind != User::Kind::kStranger || !bounds_.consent) return;
    const Peer& peer = allocation.peers[datagram->from];
    const auto ice = read_ice(datagram->payload);
    const bool is_expected = ice && (ice->is_check || peer.checks.contains(ice->id));
    if (at >= peer.consents_until && !is_expected) {
      verdict_.fail(at, "data of " + datagram->from.text() + " given to a stranger unasked");
    }
    return;
  }
  // Handed over: it is relayed twice, once on each side's account.
  const auto sender = ClientMessage::of(input);
  const uint64_t bytes = (sender ? data_bytes(*sender) : 0) + kHeaderBytes;
  check_relayed(at, allocation, payer, bytes);
  const auto from = sender ? allocations_.find(sender->client) : allocations_.end();
  if (from != allocations_.end()) check_relayed(at, from->second, from->second.payer, bytes);
}

}  // namespace roost::sim
