// SPDX-License-Identifier: MIT
#include "sim/allocation_oracle.h"

#include <algorithm>
#include <chrono>
#include <string_view>

namespace roost::sim {
namespace {

using std::chrono::seconds;

constexpr uint16_t kAllocate = 0x0003;
constexpr uint16_t kRefresh = 0x0004;
constexpr uint16_t kSendIndication = 0x0016;
constexpr uint16_t kBinding = 0x0001;
constexpr uint16_t kSuccess = 0x0100;  // On top of a request's type.
constexpr uint16_t kError = 0x0110;
constexpr uint32_t kCookie = 0x2112a442;

constexpr uint16_t kUsername = 0x0006;
constexpr uint16_t kMessageIntegrity = 0x0008;
constexpr uint16_t kLifetime = 0x000d;
constexpr uint16_t kData = 0x0013;
constexpr uint16_t kMessageIntegritySha256 = 0x001c;

std::array<uint8_t, 12> transaction_of(Bytes message) {
  std::array<uint8_t, 12> id;
  std::copy_n(message.begin() + 8, id.size(), id.begin());
  return id;
}

// The first attribute of that type (RFC 8489 §14), byte by byte.
std::optional<Bytes> attribute(Bytes message, uint16_t wanted) {
  for (size_t at = 20; at + 4 <= message.size();) {
    const unsigned type = load_u16(message.data() + at);
    const size_t size = load_u16(message.data() + at + 2);
    if (at + 4 + size > message.size()) return {};
    if (type == wanted) return message.subspan(at + 4, size);
    at += 4 + (size + 3) / 4 * 4;
  }
  return {};
}

// What a client's message carries for a peer: of ChannelData, or a Send indication.
uint64_t data_bytes(Bytes message) {
  if (message.size() < 4) return 0;
  if (message[0] >> 6 == 1) return load_u16(message.data() + 2);
  if (load_u16(message.data()) != kSendIndication) return 0;
  const auto data = attribute(message, kData);
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
std::optional<AllocationOracle::IceMessage> AllocationOracle::read_ice(Bytes message) {
  if (message.size() < 20 || message.size() > kCheckBytesMax) return {};
  const uint16_t type = load_u16(message.data());
  const bool is_whole = load_u16(message.data() + 2) + size_t{20} == message.size() &&
                        load_u32(message.data() + 4) == kCookie;
  if (!is_whole) return {};
  IceMessage ice;
  ice.id = transaction_of(message);
  ice.is_success = type == (kBinding | kSuccess);
  ice.has_integrity =
      attribute(message, kMessageIntegrity) || attribute(message, kMessageIntegritySha256);
  if (ice.is_success || type == (kBinding | kError)) return ice;
  const auto username = attribute(message, kUsername);
  if (type != kBinding || !username || !ice.has_integrity) return {};
  const std::string name(username->begin(), username->end());
  const size_t colon = name.find(':');
  if (colon == name.npos) return {};
  ice.is_check = true;
  ice.names = {name.substr(0, colon), name.substr(colon + 1)};
  return ice;
}

// "expiry:s?digits.nonce" is what the node has made; anything else names somebody.
AllocationOracle::User AllocationOracle::user_of(Bytes message) {
  const auto attribute_of = attribute(message, kUsername);
  if (!attribute_of) return {};
  const std::string name(attribute_of->begin(), attribute_of->end());
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
  const auto client = sender_of(input);
  if (client) take_request(now, *client, payload_of(input), is_cut);
  if (const auto* const heard = std::get_if<core::RelayDatagramArrived>(&input)) hear(at, *heard);
  if (const auto* const refused = std::get_if<core::RelayRefused>(&input)) close(refused->relay);
  for (const core::Action& action : actions) {
    if (const auto* const opened = std::get_if<core::OpenRelay>(&action)) {
      if (client) open(now, input, *client, *opened);
    } else if (const auto* const closed = std::get_if<core::CloseRelay>(&action)) {
      close(closed->relay);
    } else if (const auto* const relayed = std::get_if<core::SendFromRelay>(&action)) {
      check_to_peer(at, *relayed);
    } else if (const auto* const datagram = std::get_if<core::SendDatagram>(&action)) {
      const Client to{datagram->to, datagram->local.endpoint, {}};
      check_to_client(now, input, to, datagram->payer, datagram->payload);
    } else if (const auto* const message = std::get_if<core::SendMessage>(&action)) {
      check_to_client(now, input, {{}, {}, message->stream}, message->payer, message->payload);
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

std::optional<AllocationOracle::Client> AllocationOracle::sender_of(const core::Input& input) {
  if (const auto* const datagram = std::get_if<core::DatagramArrived>(&input)) {
    return Client{datagram->from, datagram->local.endpoint, {}};
  }
  if (const auto* const message = std::get_if<core::MessageArrived>(&input)) {
    return Client{{}, {}, message->stream};
  }
  return {};
}

Bytes AllocationOracle::payload_of(const core::Input& input) {
  if (const auto* const datagram = std::get_if<core::DatagramArrived>(&input)) {
    return datagram->payload;
  }
  const auto* const message = std::get_if<core::MessageArrived>(&input);
  return message != nullptr ? message->payload : Bytes();
}

void AllocationOracle::take_request(const Now& now, const Client& client, Bytes message,
                                    bool is_cut) {
  if (message.size() < 20) return;
  const uint16_t type = load_u16(message.data());
  if (type != kAllocate && type != kRefresh) return;
  MonoTime until = MonoTime::max();
  if (const auto expires_at = user_of(message).expires_at) {
    until = now.mono;
    if (now.wall) until += seconds(*expires_at - now.wall->time_since_epoch().count());
  }
  const auto found = allocations_.find(client);
  if (is_cut && found != allocations_.end()) {
    found->second.credentials_until = std::max(found->second.credentials_until, until);
    found->second.told_until = MonoTime::max();
  }
  wishes_[{client, transaction_of(message)}] = until;
}

void AllocationOracle::take_reply(const Now& now, const Client& client, Bytes message) {
  if (message.size() < 20) return;
  const auto wish = wishes_.find({client, transaction_of(message)});
  if (wish == wishes_.end()) return;
  const MonoTime until = wish->second;
  wishes_.erase(wish);
  const uint16_t type = load_u16(message.data());
  const auto found = allocations_.find(client);
  const auto lifetime = attribute(message, kLifetime);
  const bool is_granted = type == (kAllocate | kSuccess) || type == (kRefresh | kSuccess);
  if (!is_granted || found == allocations_.end() || !lifetime || lifetime->size() != 4) return;
  Allocation& allocation = found->second;
  // A second copy of an Allocate is answered too, and extends nothing.
  if (type == (kRefresh | kSuccess)) allocation.credentials_until = until;
  // Parts of a second are not told.
  allocation.told_until = now.mono + seconds(load_u32(lifetime->data()) + 1);
}

void AllocationOracle::open(const Now& now, const core::Input& input, const Client& client,
                            const core::OpenRelay& order) {
  owners_[order.relay] = client;
  const bool is_new = !allocations_.contains(client);
  Allocation& allocation = allocations_[client];
  allocation.relays.insert(order.relay);
  if (!is_new) return;  // Its second family.
  const MonoTime at = now.mono;
  allocation.user = user_of(payload_of(input));
  const User& user = allocation.user;
  const auto* const datagram = std::get_if<core::DatagramArrived>(&input);
  allocation.prefix =
      prefix_of(datagram != nullptr ? datagram->from.address
                                    : std::get<core::MessageArrived>(input).from.address);
  if (user.kind == User::Kind::kStranger) {
    allocation.payer = core::Payer::kStranger;
    if (bounds_.stranger_time > Duration()) allocation.session_until = at + bounds_.stranger_time;
  } else if (user.kind == User::Kind::kGrant && grants_.contains(user.grant)) {
    allocation.payer = grants_.at(user.grant).payer;
  }
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
  check_bounds(at, allocation);
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
    if (allocations_.contains(Client{{}, {}, closed->stream})) {
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

void AllocationOracle::check_to_client(const Now& now, const core::Input& input,
                                       const Client& client, core::Payer payer, Bytes message) {
  if (payer == core::Payer::kService) return take_reply(now, client, message);
  const MonoTime at = now.mono;
  const auto found = allocations_.find(client);
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
  const auto sender = sender_of(input);
  const uint64_t bytes = data_bytes(payload_of(input)) + kHeaderBytes;
  check_relayed(at, allocation, payer, bytes);
  const auto from = sender ? allocations_.find(*sender) : allocations_.end();
  if (from != allocations_.end()) check_relayed(at, from->second, from->second.payer, bytes);
}

}  // namespace roost::sim
