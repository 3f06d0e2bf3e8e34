// SPDX-License-Identifier: MIT
//
// Of Server: Allocate (RFC 8656 §7.2), from the request until the end of what it has made.
#include <algorithm>

#include "base/check.h"
#include "core/turn/server.h"
#include "core/turn/server_request.h"

namespace roost::core::turn {
namespace {

constexpr uint8_t kProtocolTcp = 6;
constexpr uint8_t kProtocolUdp = 17;

}  // namespace

using wire::StunAttribute;
using wire::StunBuilder;
using wire::StunClass;
using wire::StunMethod;
using wire::StunView;

void Server::allocate(const Request& request, Outbox& out) {
  const StunView& view = request.view;
  const auto id = view.transaction_id();
  if (Allocation* const old = table_.find(request.flow)) {
    const bool is_the_same = std::equal(id.begin(), id.end(), old->transaction_id.begin()) &&
                             old->proof.user == request.proof.user;
    if (!is_the_same) return refuse(request, 437, out);
    // The reply was lost. It is given again as soon as there is one.
    if (old->state == Allocation::State::kOpening) return drop(Drop::kReplay);
    return answer_allocate(request.now.mono, *old, out);
  }
  const auto transport = view.find(StunAttribute::kRequestedTransport);
  if (!transport || transport->size() != 4) return refuse(request, 400, out);
  const bool is_tcp = (*transport)[0] == kProtocolTcp;
  const bool is_offered = is_tcp ? streams_.is_offered() : (*transport)[0] == kProtocolUdp;
  if (!is_offered) return refuse(request, 442, out);
  if (is_tcp && !is_byte_stream(request.flow.transport)) return refuse(request, 400, out);
  // TCP knows of no consent, so a stranger's would be an open proxy.
  const bool needs_consent =
      options_.forwarder.strangers_need_consent && request.proof.payer == Payer::kStranger;
  if (is_tcp && needs_consent) return refuse(request, 403, out);

  const auto token = view.find(StunAttribute::kReservationToken);
  const auto even_port = view.find(StunAttribute::kEvenPort);
  const auto requested = view.find(StunAttribute::kRequestedAddressFamily);
  const auto additional = view.find(StunAttribute::kAdditionalAddressFamily);
  const bool reserves = even_port && !even_port->empty() && ((*even_port)[0] & 0x80) != 0;
  const bool is_contradictory = (token && (even_port || requested || additional)) ||
                                (requested && additional) || (additional && reserves) ||
                                (even_port && even_port->size() != 1) ||
                                (token && token->size() != 8);
  if (is_contradictory) return refuse(request, 400, out);
  // RFC 6062 §5.1; and of one address of each family it knows nothing, which came later.
  const bool is_for_udp =
      token || even_port || additional || view.find(StunAttribute::kDontFragment);
  if (is_tcp && is_for_udp) return refuse(request, 400, out);
  // Only an IPv6 address may come in addition (§7.2, step 8).
  if (additional && read_family(*additional) != Family::kV6) return refuse(request, 400, out);
  Family family = Family::kV4;
  if (requested) {
    if (!read_family(*requested)) return refuse(request, 440, out);
    family = *read_family(*requested);
  }
  const auto address = addresses_.for_relay(request.flow, family);
  if (!token && !address) return refuse(request, 440, out);
  if (!is_accepting_) {
    ++stats_.refused_late[static_cast<size_t>(request.proof.payer)];
    return refuse(request, 508, out);
  }

  Allocation* allocation = nullptr;
  if (token) {
    allocation = table_.claim(load_u64(token->data()), request.flow, request.proof);
    if (allocation == nullptr) return refuse(request, 508, out);
    begin_period(request.now.mono, *allocation);
  } else {
    const auto created = table_.create(request.flow, request.proof);
    if (!created) return refuse(request, code_of(created.error()), out);
    allocation = *created;
    if (!open_account(request.now.mono, *allocation)) {
      table_.erase(*allocation);
      return refuse(request, 486, out);
    }
  }
  std::copy(id.begin(), id.end(), allocation->transaction_id.begin());
  allocation->has_fingerprint = view.has_fingerprint();
  if (is_tcp) allocation->protocol = RelayProtocol::kTcp;
  const Duration session_max = options_.session_max[static_cast<size_t>(request.proof.payer)];
  allocation->ends_at =
      session_max == Duration() ? MonoTime::max() : request.now.mono + session_max;
  allocation->expires_at = request.now.mono + lifetime_for(request, *allocation);
  if (token) return finish_opening(request.now.mono, *allocation, out);

  OpenRelay open{AllocationTable::relay_id(*allocation, family),
                 *address,
                 even_port ? OpenRelay::Port::kEven : OpenRelay::Port::kAny,
                 {},
                 allocation->protocol};
  if (reserves) {
    // Unguessable, and gone with the process.
    std::array<uint8_t, 8> number;
    store_u64(number.data(), ++reservation_count_);
    const auto reserved = table_.reserve(*allocation, sip_hash(secret_, number));
    if (!reserved) {
      table_.erase(*allocation);
      return refuse(request, code_of(reserved.error()), out);
    }
    allocation->reserved_slot = (*reserved)->slot;
    allocation->reservation_token = (*reserved)->reservation_token;
    (*reserved)->relays[static_cast<size_t>(family)].state = Allocation::Relay::State::kOpening;
    open.port = OpenRelay::Port::kEvenAndNext;
    open.next = AllocationTable::relay_id(**reserved, family);
  }
  allocation->relays[static_cast<size_t>(family)].state = Allocation::Relay::State::kOpening;
  if (additional) {
    allocation->additional = Family::kV6;
    Allocation::Relay& second = allocation->relays[static_cast<size_t>(Family::kV6)];
    const auto second_address = addresses_.for_relay(request.flow, Family::kV6);
    second.state =
        second_address ? Allocation::Relay::State::kOpening : Allocation::Relay::State::kRefused;
    if (second_address) {
      out.push(OpenRelay{AllocationTable::relay_id(*allocation, Family::kV6),
                         *second_address,
                         OpenRelay::Port::kAny,
                         {},
                         RelayProtocol::kUdp});
    }
  }
  out.push(open);
}

void Server::step(const Now& now, const RelayOpened& input, Outbox& out) {
  Allocation* const allocation = table_.find(input.relay);
  const Family family = AllocationTable::family_of(input.relay);
  const bool is_awaited =
      allocation != nullptr &&
      allocation->relays[static_cast<size_t>(family)].state == Allocation::Relay::State::kOpening;
  if (!is_awaited) return out.push(CloseRelay{input.relay});
  table_.open_relay(*allocation, family, input.local, addresses_.advertised(input.local));
  if (allocation->state == Allocation::State::kReserved) {
    allocation->expires_at = now.mono + kReservationLifetime;
    table_.set_deadline(*allocation, allocation->expires_at);
    ++stats_.successes[std::size(kMethods)];
    return;
  }
  finish_opening(now.mono, *allocation, out);
}

void Server::step(const Now& now, const RelayRefused& input, Outbox& out) {
  Allocation* const allocation = table_.find(input.relay);
  const Family family = AllocationTable::family_of(input.relay);
  if (allocation == nullptr) return;
  Allocation::Relay& relay = allocation->relays[static_cast<size_t>(family)];
  if (relay.state != Allocation::Relay::State::kOpening) return;
  ++stats_.relay_refused;
  relay.state = Allocation::Relay::State::kRefused;
  if (allocation->state == Allocation::State::kReserved) return table_.erase(*allocation);
  finish_opening(now.mono, *allocation, out);
}

// Once no socket is awaited any more: the allocation begins, or there is none.
void Server::finish_opening(MonoTime now, Allocation& allocation, Outbox& out) {
  bool has_one = false;
  for (const Allocation::Relay& relay : allocation.relays) {
    if (relay.state == Allocation::Relay::State::kOpening) return;
    has_one |= relay.state == Allocation::Relay::State::kOpen;
  }
  // A dual allocation needs its first family: the second one may be missing (§7.2).
  const bool lacks_first =
      allocation.additional && allocation.relays[0].state != Allocation::Relay::State::kOpen;
  // Nor one whose grant was revoked meanwhile.
  if (!has_one || lacks_first || !authenticator_.still_knows(allocation.proof)) {
    const MutableBytes buffer = out.build(kReplySizeMax);
    StunBuilder reply(buffer, StunClass::kError, StunMethod::kAllocate, allocation.transaction_id);
    reply.add_error_code(508, reason(508));
    sign(allocation.proof, allocation.has_fingerprint, reply);
    const Bytes bytes = reply.finish();
    out.shrink(buffer, bytes.size());
    count_error(508, allocation.proof.payer);
    send_reply(allocation.flow, bytes, out);
    // Nobody will learn the token of what was reserved with it.
    if (Allocation* const reserved = find_reservation(allocation)) end(*reserved, out);
    return end(allocation, out);
  }
  allocation.state = Allocation::State::kActive;
  allocation.requests = TokenBucket(kRequestRate, now);
  table_.set_deadline(allocation, allocation.expires_at);
  ++stats_.successes[0];
  ++stats_.allocations[static_cast<size_t>(allocation.proof.payer)];
  answer_allocate(now, allocation, out);
}

void Server::answer_allocate(MonoTime now, const Allocation& allocation, Outbox& out) {
  const MutableBytes buffer = out.build(kReplySizeMax);
  StunBuilder reply(buffer, StunClass::kSuccess, StunMethod::kAllocate, allocation.transaction_id);
  for (const Allocation::Relay& relay : allocation.relays) {
    if (relay.state != Allocation::Relay::State::kOpen) continue;
    reply.add_xor_address(StunAttribute::kXorRelayedAddress, relay.advertised);
  }
  if (allocation.additional &&
      allocation.relays[static_cast<size_t>(*allocation.additional)].state !=
          Allocation::Relay::State::kOpen) {
    // Family, and the error's class and number (§18.12).
    const bool is_supported = addresses_.for_relay(allocation.flow, Family::kV6).has_value();
    reply.add(StunAttribute::kAddressErrorCode, is_supported
                                                    ? std::array<uint8_t, 4>{kFamilyV6, 0, 5, 8}
                                                    : std::array<uint8_t, 4>{kFamilyV6, 0, 4, 40});
  }
  const auto left = std::chrono::floor<std::chrono::seconds>(allocation.expires_at - now);
  reply.add_u32(StunAttribute::kLifetime,
                static_cast<uint32_t>(std::max(left, left.zero()).count()));
  if (find_reservation(allocation) != nullptr) {
    std::array<uint8_t, 8> token;
    store_u64(token.data(), allocation.reservation_token);
    reply.add(StunAttribute::kReservationToken, token);
  }
  reply.add_xor_address(StunAttribute::kXorMappedAddress, allocation.flow.client);
  sign(allocation.proof, allocation.has_fingerprint, reply);
  const Bytes bytes = reply.finish();
  CHECK(!bytes.empty());
  out.shrink(buffer, bytes.size());
  send_reply(allocation.flow, bytes, out, Grade::kCommitted, std::max(left, left.zero()));
}

// What EVEN-PORT has reserved with it, while it is reserved: the slot may be another's by now.
Allocation* Server::find_reservation(const Allocation& allocation) {
  if (allocation.reserved_slot == ~uint32_t{0}) return nullptr;
  Allocation* const reserved = table_.at(allocation.reserved_slot);
  const bool is_it = reserved->state == Allocation::State::kReserved &&
                     reserved->reservation_token == allocation.reservation_token;
  return is_it ? reserved : nullptr;
}

void Server::end(Allocation& allocation, Outbox& out) {
  note_relayed(allocation);
  forwarder_.forget(allocation);
  for (const Family family : {Family::kV4, Family::kV6}) {
    if (!allocation.has(family)) continue;
    out.push(CloseRelay{AllocationTable::relay_id(allocation, family)});
  }
  streams_.drop_all(allocation);
  table_.erase(allocation);
}

}  // namespace roost::core::turn
