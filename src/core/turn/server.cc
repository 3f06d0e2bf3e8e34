// SPDX-License-Identifier: MIT
#include "core/turn/server.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "core/turn/server_request.h"
#include "wire/channel_data.h"
#include "wire/stun_builder.h"

namespace roost::core::turn {
namespace {

using wire::StunAttribute;
using wire::StunBuilder;
using wire::StunClass;
using wire::StunMethod;
using wire::StunView;

constexpr size_t kUnknownNamedMax = 8;
// Allocations that end in one step; the deadline stays due for the others.
constexpr int kEndedPerStepMax = 16;

// Whom a nonce is for. Where an address cannot be forged, it is good for all connections from
// there: a client data connection (RFC 6062) begins with the nonce of its control connection.
Endpoint challenged(const Flow& flow) {
  if (flow.transport == Transport::kUdp) return flow.client;
  return {flow.client.address, 0};
}

uint32_t& strangers_of(AllocationTable::Options& options) {
  return options.allocations_per_class[static_cast<size_t>(Payer::kStranger)];
}

}  // namespace

void sign(const Authenticator::Proof& proof, bool has_fingerprint, StunBuilder& reply) {
  if (proof.uses_sha256) {
    reply.add_integrity_sha256(proof.key_bytes());
  } else {
    reply.add_integrity(proof.key_bytes());
  }
  if (has_fingerprint) reply.add_fingerprint();
}

std::optional<Family> read_family(Bytes value) {
  if (value.size() != 4) return {};
  if (value[0] == kFamilyV4) return Family::kV4;
  if (value[0] == kFamilyV6) return Family::kV6;
  return {};
}

std::string_view label(Server::Drop drop) {
  switch (drop) {
    case Server::Drop::kMalformed: return "malformed";
    case Server::Drop::kNotARequest: return "not_a_request";
    case Server::Drop::kUnknownMethod: return "unknown_method";
    case Server::Drop::kChallengeLimit: return "challenge_limit";
    case Server::Drop::kNoFlow: return "no_allocation";
    case Server::Drop::kReplay: return "replay";
  }
  return "";
}

std::string_view method_label(size_t index) {
  constexpr std::string_view kLabels[] = {"allocate",     "refresh", "create_permission",
                                          "channel_bind", "connect", "connection_bind",
                                          "reservation"};
  return kLabels[index];
}

Server::Server(const Options& options, Random& random, MonoTime now)
    : options_(options),
      strangers_made_for_(
          options.table.allocations_per_class[static_cast<size_t>(Payer::kStranger)]),
      secret_(random.bytes<16>()),
      authenticator_(options.authenticator, grants_, secret_),
      table_(options.table, random.bytes<16>()),
      addresses_(options.addresses),
      peers_(options.peers),
      forwarder_(table_, addresses_, peers_, options.table, options.forwarder, secret_, now),
      streams_(table_, forwarder_, addresses_, peers_, options.connections, random.bytes<16>()),
      credentials_(options.credentials, Minter(options.authenticator.mint_secret),
                   random.bytes<16>(), now),
      challenges_(kChallengesPerSecond, kChallengedPrefixes, random.bytes<16>()),
      site_challenges_(kChallengesPerSecondOfSite, kChallengedPrefixes, random.bytes<16>(),
                       PrefixWidth::kSite) {
  CHECK(options.lifetime_max >= kLifetimeDefault);
}

void Server::reload(const Options& options, MonoTime now) {
  options_ = options;
  strangers_of(options_.table) = std::min(strangers_of(options_.table), strangers_made_for_);
  authenticator_ = Authenticator(options.authenticator, grants_, secret_);
  table_.set_limits(options_.table);
  const Addresses before = std::exchange(addresses_, Addresses(options.addresses));
  peers_ = options.peers;
  forwarder_.set_options(options.forwarder, now);
  streams_.set_limits(options.connections);
  credentials_.reload(options.credentials, Minter(options.authenticator.mint_secret));
  end_whom_nobody_vouches_for(now);
  // Nor has who is to be reached at an address that is ours no more: the client learns it by a 437.
  table_.for_each([&](const Allocation& allocation) {
    bool is_over = false;
    for (const Family family : {Family::kV4, Family::kV6}) {
      is_over |=
          allocation.has(family) &&
          addresses_.has_lost(before, allocation.relays[static_cast<size_t>(family)].local.address);
    }
    if (is_over) table_.set_deadline(allocation, now);
  });
}

bool Server::serves(Bytes message) {
  if (message.size() < 2) return false;
  const uint16_t type = load_u16(message.data());
  if ((type & 0xc000) != 0) return false;
  const auto method =
      static_cast<StunMethod>((type >> 2 & 0xf80) | (type >> 1 & 0x70) | (type & 0xf));
  return method == StunMethod::kSend || method == StunMethod::kData ||
         std::find(std::begin(kMethods), std::end(kMethods), method) != std::end(kMethods);
}

uint64_t Server::bytes_for(const Options& options) {
  return AllocationTable::bytes_for(options.table) + Forwarder::bytes_for(options.table) +
         StreamRelay::bytes_for(options.connections) +
         2 * PrefixLimiter::bytes_for(kChallengedPrefixes);
}

std::optional<MonoTime> Server::next_deadline() const {
  const auto allocation = table_.next_deadline();
  const auto connection = streams_.next_deadline();
  if (!allocation || !connection) return allocation ? allocation : connection;
  return std::min(*allocation, *connection);
}

void Server::check_invariants() const {
  table_.check_invariants();
  streams_.check_invariants();
}

// ---- What comes in.

bool Server::relay(const Now& now, const DatagramArrived& input, Outbox& out) {
  return relay(now.mono, Flow{Transport::kUdp, input.at, input.local, input.from, {}},
               input.payload, out);
}

bool Server::relay(const Now& now, const MessageArrived& input, Outbox& out) {
  return relay(now.mono, Flow{input.transport, 0, input.local, input.from, input.stream},
               input.payload, out);
}

bool Server::admits(MonoTime now, const DatagramArrived& input) {
  return admits(now, Flow{Transport::kUdp, input.at, input.local, input.from, {}});
}

bool Server::admits(MonoTime now, const MessageArrived& input) {
  return admits(now, Flow{input.transport, 0, input.local, input.from, input.stream});
}

bool Server::admits(MonoTime now, const Flow& flow) {
  Allocation* const allocation = table_.find(flow);
  return allocation != nullptr && allocation->state == Allocation::State::kActive &&
         allocation->requests.take(kRequestRate, now);
}

bool Server::relay(MonoTime now, const Flow& flow, Bytes message, Outbox& out) {
  Allocation* const allocation = table_.find(flow);
  if (allocation == nullptr || allocation->state != Allocation::State::kActive) return false;
  if (message[0] >> 4 == 4) {
    ++stats_.messages;
    forwarder_.take_channel_data(now, *allocation, message, out);
    return true;
  }
  const auto view = StunView::parse(message);
  if (!view) return false;
  ++stats_.messages;
  forwarder_.take_indication(now, *allocation, *view, out);
  return true;
}

void Server::step(const Now& now, const DatagramArrived& input, Outbox& out) {
  ++stats_.messages;
  const auto view = StunView::parse(input.payload);
  if (!view) return drop(Drop::kMalformed);
  handle(now, Flow{Transport::kUdp, input.at, input.local, input.from, {}}, *view, out);
}

void Server::step(const Now& now, const MessageArrived& input, Outbox& out) {
  ++stats_.messages;
  const auto view = StunView::parse(input.payload);
  if (!view) return drop(Drop::kMalformed);
  handle(now, Flow{input.transport, 0, input.local, input.from, input.stream}, *view, out);
}

void Server::step(const Now&, const StreamClosed& input, Outbox& out) {
  // The allocation of a stream ends with it (RFC 8656 §3.1); that of a DTLS association too.
  if (Allocation* const allocation = table_.find_stream(input.stream)) end(*allocation, out);
}

void Server::step(const Now& now, const DeadlinePassed&, Outbox& out) {
  end_overdue_connections(now.mono, out);
  for (int i = 0; i < kEndedPerStepMax; ++i) {
    Allocation* const allocation = table_.pop_due(now.mono);
    if (allocation == nullptr) return;
    ++stats_.expired;
    end(*allocation, out);
  }
}

void Server::handle(const Now& now, const Flow& flow, const StunView& view, Outbox& out) {
  if (view.is_classic()) return drop(Drop::kMalformed);
  if (view.message_class() == StunClass::kIndication) return drop(Drop::kNoFlow);
  if (view.message_class() != StunClass::kRequest) return drop(Drop::kNotARequest);
  if (std::find(std::begin(kMethods), std::end(kMethods), view.method()) == std::end(kMethods)) {
    return drop(Drop::kUnknownMethod);
  }
  const auto proof = authenticator_.check(now, challenged(flow), view);
  if (!proof) return challenge(now, flow, view, proof.error(), out);

  const Request request{now, flow, view, *proof};
  std::array<uint8_t, 2 * kUnknownNamedMax> unknown;
  size_t unknown_size = 0;
  view.for_each_attribute([&](const StunView::Attribute& attribute) {
    if (!wire::is_comprehension_required(attribute.type) || is_known(attribute.type)) return;
    if (unknown_size == unknown.size()) return;
    store_u16(unknown.data() + unknown_size, static_cast<uint16_t>(attribute.type));
    unknown_size += 2;
  });
  if (unknown_size > 0) {
    const MutableBytes buffer = out.build(kReplySizeMax);
    StunBuilder reply(buffer, StunClass::kError, view);
    reply.add_error_code(420, reason(420));
    reply.add(StunAttribute::kUnknownAttributes, Bytes(unknown).first(unknown_size));
    sign(*proof, view.has_fingerprint(), reply);
    const Bytes bytes = reply.finish();
    out.shrink(buffer, bytes.size());
    count_error(420, proof->payer);
    return send_reply(flow, bytes, out);
  }
  switch (view.method()) {
    case StunMethod::kAllocate: return allocate(request, out);
    case StunMethod::kRefresh: return refresh(request, out);
    case StunMethod::kCreatePermission: return create_permission(request, out);
    case StunMethod::kChannelBind: return bind_channel(request, out);
    case StunMethod::kConnect: return connect(request, out);
    case StunMethod::kConnectionBind: return bind_connection(request, out);
    case StunMethod::kBinding:
    case StunMethod::kSend:
    case StunMethod::kData:
    case StunMethod::kConnectionAttempt: return drop(Drop::kUnknownMethod);
  }
}

// ---- Replies.

void Server::send_reply(const Flow& flow, Bytes reply, Outbox& out, Grade grade,
                        std::optional<Duration> granted_lifetime) {
  if (reply.empty()) return;
  if (flow.transport == Transport::kUdp) {
    SendDatagram send{flow.socket, flow.local, flow.client, reply};
    send.grade = grade;
    out.push(send);
  } else {
    SendMessage send{flow.stream, reply};
    send.granted_lifetime = granted_lifetime;
    out.push(send);
  }
}

void Server::count_error(unsigned code, Payer whose) {
  const auto at = std::find(kErrorCodes.begin(), kErrorCodes.end(), code);
  CHECK(at != kErrorCodes.end());
  ++stats_.errors[static_cast<size_t>(whose)][static_cast<size_t>(at - kErrorCodes.begin())];
}

void Server::count_success(StunMethod method) {
  const auto at = std::find(std::begin(kMethods), std::end(kMethods), method);
  CHECK(at != std::end(kMethods));
  ++stats_.successes[static_cast<size_t>(at - std::begin(kMethods))];
}

// To somebody who has shown nothing yet: small, seldom, and unsigned.
void Server::challenge(const Now& now, const Flow& flow, const StunView& view,
                       Authenticator::Refusal why, Outbox& out) {
  // A stream has shown where it comes from, and does not ask again (RFC 8489 §6.2.2).
  const bool is_forgeable = flow.transport == Transport::kUdp;
  const bool is_admitted = !is_forgeable || (challenges_.admit(now.mono, flow.client.address) &&
                                             site_challenges_.admit(now.mono, flow.client.address));
  if (!is_admitted) return drop(Drop::kChallengeLimit);
  const size_t size_max = std::min(kReplySizeMax, kUnverifiedRatioMax * view.bytes().size());
  unsigned code = 400;
  switch (why) {
    case Authenticator::Refusal::kNoCredentials:
    case Authenticator::Refusal::kWrongCredentials: code = 401; break;
    case Authenticator::Refusal::kStaleNonce: code = 438; break;
    case Authenticator::Refusal::kMissingAttributes:
    case Authenticator::Refusal::kBadAlgorithms: break;
  }
  const size_t fingerprint = view.has_fingerprint() ? 8 : 0;
  const MutableBytes buffer = out.build(kReplySizeMax);
  StunBuilder reply(buffer, StunClass::kError, view);
  // Without a reason phrase there is room for more that matters.
  reply.add_error_code(code, "");
  if (code != 400 &&
      !authenticator_.add_challenge(now.mono, challenged(flow), size_max - fingerprint, reply)) {
    // Too short a request to be challenged: it lacks what every such request has.
    code = 400;
    reply = StunBuilder(buffer, StunClass::kError, view);
    reply.add_error_code(code, "");
  }
  if (view.has_fingerprint()) reply.add_fingerprint();
  const Bytes bytes = reply.finish();
  CHECK(!bytes.empty() && bytes.size() <= size_max);
  out.shrink(buffer, bytes.size());
  count_error(code, Payer::kService);
  send_reply(flow, bytes, out, Grade::kUnproven);
}

void Server::refuse(const Request& request, unsigned code, Outbox& out) {
  const MutableBytes buffer = out.build(kReplySizeMax);
  StunBuilder reply(buffer, StunClass::kError, request.view);
  reply.add_error_code(code, reason(code));
  sign(request.proof, request.view.has_fingerprint(), reply);
  const Bytes bytes = reply.finish();
  out.shrink(buffer, bytes.size());
  count_error(code, request.proof.payer);
  send_reply(request.flow, bytes, out);
}

void Server::succeed(const Request& request, Outbox& out) {
  const MutableBytes buffer = out.build(kReplySizeMax);
  StunBuilder reply(buffer, StunClass::kSuccess, request.view);
  sign(request.proof, request.view.has_fingerprint(), reply);
  const Bytes bytes = reply.finish();
  out.shrink(buffer, bytes.size());
  count_success(request.view.method());
  send_reply(request.flow, bytes, out);
}

// ---- Refresh, CreatePermission, ChannelBind.

// The flow's allocation, if the request may use it; otherwise the request is refused.
Allocation* Server::find_own(const Request& request, Outbox& out) {
  Allocation* const allocation = table_.find(request.flow);
  // One whose user was put into another class is over, though its deadline may not have come yet.
  if (allocation == nullptr || allocation->state != Allocation::State::kActive ||
      (allocation->proof.user == request.proof.user &&
       allocation->proof.payer != request.proof.payer)) {
    refuse(request, 437, out);
    return nullptr;
  }
  if (allocation->proof.user != request.proof.user) {
    refuse(request, 441, out);
    return nullptr;
  }
  return allocation;
}

void Server::refresh(const Request& request, Outbox& out) {
  Allocation* const allocation = find_own(request, out);
  if (allocation == nullptr) return;
  std::optional<Family> family;
  if (const auto requested = request.view.find(StunAttribute::kRequestedAddressFamily)) {
    // §8.2: of the family that the allocation has, or of one of the two.
    family = read_family(*requested);
    if (!family || !allocation->has(*family)) return refuse(request, 443, out);
  }
  const bool is_over = request.view.find_u32(StunAttribute::kLifetime) == uint32_t{0};
  const Duration lifetime = is_over ? Duration() : lifetime_for(request, *allocation);

  const MutableBytes buffer = out.build(kReplySizeMax);
  StunBuilder reply(buffer, StunClass::kSuccess, request.view);
  reply.add_u32(
      StunAttribute::kLifetime,
      static_cast<uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(lifetime).count()));
  sign(request.proof, request.view.has_fingerprint(), reply);
  const Bytes bytes = reply.finish();
  out.shrink(buffer, bytes.size());
  ++stats_.successes[1];
  const bool is_dual = allocation->has(Family::kV4) && allocation->has(Family::kV6);
  const bool stays = lifetime > Duration() || (family && is_dual);
  const bool is_unchanged = stays && lifetime == Duration();  // One family goes, one stays.
  send_reply(request.flow, bytes, out, Grade::kCommitted,
             is_unchanged ? std::nullopt : std::optional(lifetime));
  if (lifetime > Duration()) {
    allocation->expires_at = request.now.mono + lifetime;
    return table_.set_deadline(*allocation, allocation->expires_at);
  }
  if (!stays) return end(*allocation, out);
  out.push(CloseRelay{AllocationTable::relay_id(*allocation, *family)});
  table_.close_relay(*allocation, *family);
}

unsigned Server::why_not_peer(const Allocation& allocation, const IpAddress& peer) const {
  const Family family = family_of(peer);
  if (!allocation.has(family)) return 443;
  // Where other allocations have their addresses may be permitted, whatever address it is:
  // Forwarder sends nothing there that is not for one of those, unless the owner allows it.
  const bool carries_relays = addresses_.carries_relays(peer) || table_.has_relays_at(peer);
  return carries_relays || peers_.permits(peer) ? 0 : 403;
}

void Server::create_permission(const Request& request, Outbox& out) {
  Allocation* const allocation = find_own(request, out);
  if (allocation == nullptr) return;
  std::array<IpAddress, wire::kStunAttributeCountMax> peers;
  size_t count = 0;
  unsigned error = 0;
  request.view.for_each_attribute([&](const StunView::Attribute& attribute) {
    if (attribute.type != StunAttribute::kXorPeerAddress || error != 0) return;
    const auto peer = request.view.read_xor_address(attribute.value);
    if (!peer) {
      error = 400;
      return;
    }
    error = why_not_peer(*allocation, peer->address);
    peers[count++] = peer->address;
  });
  if (error == 0 && count == 0) error = 400;
  if (error != 0) return refuse(request, error, out);
  const MonoTime now = request.now.mono;
  bool has_room = table_.has_room_for(now, *allocation, std::span(peers).first(count));
  for (size_t i = 0; i < count && has_room; ++i) {
    has_room = table_.permit(now, *allocation, peers[i], now + kPermissionLifetime);
  }
  if (!has_room) return refuse(request, 508, out);
  succeed(request, out);
}

void Server::bind_channel(const Request& request, Outbox& out) {
  Allocation* const allocation = find_own(request, out);
  if (allocation == nullptr) return;
  if (allocation->protocol != RelayProtocol::kUdp) return refuse(request, 403, out);
  const MonoTime now = request.now.mono;
  const auto number_value = request.view.find_u32(StunAttribute::kChannelNumber);
  const auto peer = request.view.find_xor_address(StunAttribute::kXorPeerAddress);
  const auto number = static_cast<uint16_t>(number_value.value_or(0) >> 16);
  // Nobody receives at port 0; a permission has no port (§10.2).
  if (!number_value || !peer || peer->port == 0 || !wire::is_channel_number(number)) {
    return refuse(request, 400, out);
  }
  if (const unsigned error = why_not_peer(*allocation, peer->address)) {
    return refuse(request, error, out);
  }
  // A port of ours that is nobody's relayed address has nothing to offer.
  const bool is_ours = addresses_.is_ours(peer->address);
  const bool is_forbidden =
      is_ours && table_.find_relayed(*peer) == nullptr &&
      (!peers_.permits(peer->address, true) || addresses_.is_own_port(peer->port));
  if (is_forbidden) return refuse(request, 403, out);
  const Channel* const of_number = table_.find_channel(now, *allocation, number);
  const Channel* const of_peer = table_.find_channel(now, *allocation, *peer);
  if (of_number != of_peer) return refuse(request, 400, out);
  const bool has_room =
      table_.has_room_for(now, *allocation, std::span(&peer->address, 1)) &&
      table_.bind_channel(now, *allocation, number, *peer, now + kChannelLifetime) &&
      table_.permit(now, *allocation, peer->address, now + kPermissionLifetime);
  if (!has_room) return refuse(request, 508, out);
  succeed(request, out);
}

}  // namespace roost::core::turn
