// SPDX-License-Identifier: MIT
#include "core/turn/forwarder.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "base/cursor.h"
#include "wire/channel_data.h"
#include "wire/stun_builder.h"

namespace roost::core::turn {

using wire::StunAttribute;
using wire::StunBuilder;
using wire::StunClass;
using wire::StunMethod;
using wire::StunView;

std::string_view label(Forwarder::Drop drop) {
  switch (drop) {
    case Forwarder::Drop::kMalformed: return "malformed";
    case Forwarder::Drop::kNoPermission: return "no_permission";
    case Forwarder::Drop::kNoChannel: return "no_channel";
    case Forwarder::Drop::kForbiddenPeer: return "forbidden_peer";
    case Forwarder::Drop::kNoConsent: return "no_consent";
    case Forwarder::Drop::kTooLong: return "too_long";
    case Forwarder::Drop::kOwnLimit: return "allocation_rate";
    case Forwarder::Drop::kUsedUp: return "allocation_bytes";
    case Forwarder::Drop::kGone: return "gone";
    case Forwarder::Drop::kNoDatagrams: return "no_datagrams";
  }
  return "";
}

std::string_view label(Forwarder::Wait wait) {
  switch (wait) {
    case Forwarder::Wait::kOwnLimit: return "allocation_rate";
    case Forwarder::Wait::kUsedUp: return "allocation_bytes";
    case Forwarder::Wait::kDonation: return "donation";
  }
  return "";
}

namespace {

uint32_t strangers_of(const AllocationTable::Options& sizes) {
  return std::min(sizes.allocations,
                  sizes.allocations_per_class[static_cast<size_t>(Payer::kStranger)]);
}

// Whether so many bytes more are beyond what there may be; 0: no limit.
bool exceeds(uint64_t relayed_bytes, uint64_t bytes, uint64_t bytes_max) {
  return bytes_max != 0 && relayed_bytes + bytes > bytes_max;
}

}  // namespace

bool is_known(StunAttribute type) {
  constexpr StunAttribute kKnown[] = {
      StunAttribute::kMappedAddress,
      StunAttribute::kUsername,
      StunAttribute::kMessageIntegrity,
      StunAttribute::kErrorCode,
      StunAttribute::kUnknownAttributes,
      StunAttribute::kChannelNumber,
      StunAttribute::kLifetime,
      StunAttribute::kXorPeerAddress,
      StunAttribute::kData,
      StunAttribute::kRealm,
      StunAttribute::kNonce,
      StunAttribute::kXorRelayedAddress,
      StunAttribute::kRequestedAddressFamily,
      StunAttribute::kEvenPort,
      StunAttribute::kRequestedTransport,
      StunAttribute::kDontFragment,
      StunAttribute::kMessageIntegritySha256,
      StunAttribute::kPasswordAlgorithm,
      StunAttribute::kUserhash,
      StunAttribute::kXorMappedAddress,
      StunAttribute::kReservationToken,
      StunAttribute::kConnectionId,
  };
  return std::find(std::begin(kKnown), std::end(kKnown), type) != std::end(kKnown);
}

Forwarder::Forwarder(AllocationTable& table, const Addresses& addresses, const PeerPolicy& peers,
                     const AllocationTable::Options& sizes, const Options& options,
                     const SipHashKey& secret, MonoTime now)
    : table_(table),
      addresses_(addresses),
      peers_(peers),
      share_(options.share, now),
      share_options_(options.share),
      bytes_per_allocation_(options.bytes_per_allocation),
      stranger_bytes_per_period_(options.stranger_bytes_per_period),
      strangers_need_consent_(options.strangers_need_consent),
      consent_(sizes.allocations, strangers_of(sizes), secret) {}

void Forwarder::set_options(const Options& options, MonoTime now) {
  share_.set_options(options.share, now);
  share_options_ = options.share;
  bytes_per_allocation_ = options.bytes_per_allocation;
  stranger_bytes_per_period_ = options.stranger_bytes_per_period;
  strangers_need_consent_ = options.strangers_need_consent;
}

uint64_t Forwarder::relayed_packets() const {
  const auto sum = [](const auto& counts) {
    return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  };
  return sum(stats_.to_peer_packets) + sum(stats_.to_client_packets);
}

void Forwarder::forget(const Allocation& allocation) {
  consent_.forget(allocation.slot);
}

uint64_t Forwarder::bytes_for(const AllocationTable::Options& sizes) {
  return Consent::bytes_for(sizes.allocations, strangers_of(sizes));
}

bool Forwarder::is_used_up(const Allocation& allocation, uint64_t bytes) {
  const Payer payer = allocation.proof.payer;
  const uint64_t bytes_max = bytes_per_allocation_[static_cast<size_t>(payer)];
  return exceeds(allocation.relayed_bytes, bytes, bytes_max) ||
         is_grant_used_up(allocation, bytes) ||
         (payer == Payer::kStranger && is_period_used_up(allocation, bytes));
}

bool Forwarder::is_grant_used_up(const Allocation& allocation, uint64_t bytes) {
  const Account& account = table_.account_of(allocation);
  return exceeds(account.relayed_bytes, bytes, account.bytes_max);
}

bool Forwarder::is_period_used_up(const Allocation& allocation, uint64_t bytes) {
  return exceeds(table_.account_of(allocation).period(allocation.period).relayed_bytes, bytes,
                 stranger_bytes_per_period_);
}

void Forwarder::use_up(MonoTime now, const Allocation& allocation, uint64_t bytes) {
  if (is_grant_used_up(allocation, bytes)) {
    Account& account = table_.account_of(allocation);
    account.relayed_bytes = std::max(account.relayed_bytes, account.bytes_max);
  }
  table_.set_deadline(allocation, now);
}

void Forwarder::count(Allocation& allocation, uint64_t bytes) {
  Account& account = table_.account_of(allocation);
  allocation.relayed_bytes += bytes;
  account.relayed_bytes += bytes;
  if (allocation.proof.payer != Payer::kStranger) return;
  account.period(allocation.period).relayed_bytes += bytes;
}

std::optional<Grade> Forwarder::charge(MonoTime now, Allocation& allocation, size_t size) {
  const uint64_t bytes = size + kHeaderBytes;
  const Payer payer = allocation.proof.payer;
  Account& account = table_.account_of(allocation);
  if (is_used_up(allocation, bytes)) {
    use_up(now, allocation, bytes);
    drop(Drop::kUsedUp, allocation);
    return {};
  }
  const FairShare::Verdict verdict =
      share_.grade(now, payer, account.meter, allocation.meter, bytes);
  if (verdict == FairShare::Verdict::kOverOwnLimit) {
    drop(Drop::kOwnLimit, allocation);
    return {};
  }
  count(allocation, bytes);
  return verdict == FairShare::Verdict::kCommitted ? Grade::kCommitted : Grade::kExcess;
}

Result<Grade, Forwarder::Wait> Forwarder::charge_stream(MonoTime now, Allocation& allocation,
                                                        uint64_t bytes, const Room& room) {
  if (is_used_up(allocation, bytes)) return Failure(Wait::kUsedUp);
  if (bytes > room.committed_bytes) return Failure(Wait::kDonation);
  const Payer payer = allocation.proof.payer;
  // Whoever waits is active too, and has its part kept for it. It is graded on a copy of its
  // account, so that what does not go out yet takes nothing from it: it will be graded again.
  Account& account = table_.account_of(allocation);
  share_.grade(now, payer, account.meter, allocation.meter, 0);
  FairShare::UserMeter user = account.meter;
  FairShare::Meter meter = allocation.meter;
  const FairShare::Verdict verdict = share_.grade(now, payer, user, meter, bytes);
  if (verdict == FairShare::Verdict::kOverOwnLimit) return Failure(Wait::kOwnLimit);
  const bool is_excess = verdict == FairShare::Verdict::kExcess;
  if (is_excess && bytes > room.excess_bytes) return Failure(Wait::kDonation);
  account.meter = user;
  allocation.meter = meter;
  count(allocation, bytes);
  return is_excess ? Grade::kExcess : Grade::kCommitted;
}

uint64_t Forwarder::bytes_per_second(Payer payer, Wait why) const {
  switch (why) {
    case Wait::kOwnLimit:
      return share_options_.allocation_bytes_per_second[static_cast<size_t>(payer)];
    case Wait::kUsedUp: return 0;
    case Wait::kDonation: return share_options_.bytes_per_second;
  }
  return 0;
}

void Forwarder::take_channel_data(MonoTime now, Allocation& allocation, Bytes message,
                                  Outbox& out) {
  if (allocation.protocol != RelayProtocol::kUdp) return drop(Drop::kNoDatagrams, allocation);
  const auto parsed = wire::parse_channel_data(message);
  if (!parsed) return drop(Drop::kMalformed, allocation);
  const Channel* const channel = table_.find_channel(now, allocation, parsed->channel);
  if (channel == nullptr) return drop(Drop::kNoChannel, allocation);
  to_peer(now, allocation, channel->peer, parsed->data, false, out);
}

void Forwarder::take_indication(MonoTime now, Allocation& allocation, const StunView& view,
                                Outbox& out) {
  if (allocation.protocol != RelayProtocol::kUdp) return drop(Drop::kNoDatagrams, allocation);
  if (view.method() != StunMethod::kSend) return drop(Drop::kMalformed, allocation);
  const auto peer = view.find_xor_address(StunAttribute::kXorPeerAddress);
  const auto data = view.find(StunAttribute::kData);
  bool is_understood = true;
  view.for_each_attribute([&](const StunView::Attribute& attribute) {
    is_understood &= !wire::is_comprehension_required(attribute.type) || is_known(attribute.type);
  });
  if (!peer || !data || !is_understood) return drop(Drop::kMalformed, allocation);
  if (!table_.is_permitted(now, allocation, peer->address))
    return drop(Drop::kNoPermission, allocation);
  to_peer(now, allocation, *peer, *data, view.find(StunAttribute::kDontFragment).has_value(), out);
}

void Forwarder::to_peer(MonoTime now, Allocation& allocation, const Endpoint& peer, Bytes data,
                        bool is_dont_fragment, Outbox& out) {
  if (data.size() > kDataSizeMax) return drop(Drop::kTooLong, allocation);
  const Family family = family_of(peer.address);
  const Allocation::Relay& relay = allocation.relays[static_cast<size_t>(family)];
  if (relay.state != Allocation::Relay::State::kOpen) return drop(Drop::kForbiddenPeer, allocation);
  Allocation* const other = table_.find_relayed(peer);
  if (other == nullptr) {
    // Asked again at every packet: the owner may have forbidden it meanwhile.
    const bool is_ours = addresses_.is_ours(peer.address) || peer.address == relay.local.address;
    const bool is_forbidden = !peers_.permits(peer.address, is_ours) || peer.port == 0 ||
                              (is_ours && addresses_.is_own_port(peer.port));
    if (is_forbidden) return drop(Drop::kForbiddenPeer, allocation);
    if (needs_consent(allocation) && !consent_.admits_to_peer(now, allocation.slot, peer, data)) {
      return drop(Drop::kNoConsent, allocation);
    }
  }
  const auto grade = charge(now, allocation, data.size());
  if (!grade) return;
  const auto payer = static_cast<size_t>(allocation.proof.payer);
  ++stats_.to_peer_packets[payer];
  stats_.to_peer_bytes[payer] += data.size() + kHeaderBytes;
  if (other != nullptr) {
    ++stats_.handed_over_packets[payer];
    return to_client(now, *other, relay.advertised, data, out);
  }
  out.push(SendFromRelay{AllocationTable::relay_id(allocation, family), peer, data,
                         is_dont_fragment, allocation.proof.payer, *grade});
}

void Forwarder::take_datagram(MonoTime now, const RelayDatagramArrived& input, Outbox& out) {
  Allocation* const allocation = table_.find(input.relay);
  // Of a dual allocation one family may be gone, and the other not.
  const bool is_open =
      allocation != nullptr && allocation->has(AllocationTable::family_of(input.relay));
  if (!is_open) return drop(Drop::kGone);
  const bool is_awaited =
      !needs_consent(*allocation) || !table_.is_permitted(now, *allocation, input.from.address) ||
      consent_.admits_to_client(now, allocation->slot, input.from, input.payload);
  if (!is_awaited) return drop(Drop::kNoConsent, *allocation);
  to_client(now, *allocation, input.from, input.payload, out);
}

// What a client of UDP would learn from its own kernel: unreachable, too large, time exceeded.
void Forwarder::take_error(MonoTime now, const RelayErrorArrived& input, Outbox& out) {
  Allocation* const allocation = table_.find(input.relay);
  const bool is_open =
      allocation != nullptr && allocation->has(AllocationTable::family_of(input.relay));
  if (!is_open) return drop(Drop::kGone);
  if (!table_.is_permitted(now, *allocation, input.peer.address))
    return drop(Drop::kNoPermission, *allocation);
  // Else a stranger could have us find out which ports of others are closed.
  if (needs_consent(*allocation) && !consent_.is_given(now, allocation->slot, input.peer)) {
    return drop(Drop::kNoConsent, *allocation);
  }
  constexpr size_t kSizeMax = 64;
  const auto grade = charge(now, *allocation, kSizeMax);
  if (!grade) return;
  // Seven bits of type and nine of code, and the MTU where there is one (§18.13).
  std::array<uint8_t, 8> icmp{};
  store_u16(icmp.data() + 2,
            static_cast<uint16_t>((input.icmp_type & 0x7f) << 9 | input.icmp_code));
  store_u32(icmp.data() + 4, input.mtu);
  const MutableBytes buffer = out.build(kSizeMax);
  StunBuilder indication(buffer, StunClass::kIndication, StunMethod::kData, next_indication_id());
  indication.add_xor_address(StunAttribute::kXorPeerAddress, input.peer);
  indication.add(StunAttribute::kIcmp, icmp);
  const Bytes message = indication.finish();
  CHECK(!message.empty());
  out.shrink(buffer, message.size());
  ++stats_.icmp_errors;
  send_to_client(*allocation, message, *grade, out);
}

// The ID of an indication answers nothing; it only has to differ from those around it.
std::array<uint8_t, 12> Forwarder::next_indication_id() {
  std::array<uint8_t, 12> id{};
  store_u64(id.data(), ++indication_count_);
  return id;
}

void Forwarder::send_to_client(const Allocation& allocation, Bytes message, Grade grade,
                               Outbox& out) {
  const Flow& flow = allocation.flow;
  if (flow.transport == Transport::kUdp) {
    out.push(SendDatagram{
        flow.socket, flow.local, flow.client, message, {}, allocation.proof.payer, grade});
  } else {
    out.push(SendMessage{flow.stream, message, true, allocation.proof.payer, grade,
                         !is_byte_stream(flow.transport)});
  }
}

void Forwarder::to_client(MonoTime now, Allocation& allocation, const Endpoint& peer, Bytes data,
                          Outbox& out) {
  if (allocation.state != Allocation::State::kActive) return drop(Drop::kGone, allocation);
  if (!table_.is_permitted(now, allocation, peer.address))
    return drop(Drop::kNoPermission, allocation);
  if (data.size() > kDataSizeMax) return drop(Drop::kTooLong, allocation);
  const auto grade = charge(now, allocation, data.size());
  if (!grade) return;
  const auto payer = static_cast<size_t>(allocation.proof.payer);
  ++stats_.to_client_packets[payer];
  stats_.to_client_bytes[payer] += data.size() + kHeaderBytes;

  const Flow& flow = allocation.flow;
  const Channel* const channel = table_.find_channel(now, allocation, peer);
  if (flow.transport == Transport::kUdp && channel != nullptr) {
    const auto header = wire::channel_data_header(channel->number, data.size());
    const MutableBytes head = out.build(header.size());
    std::copy(header.begin(), header.end(), head.begin());
    return out.push(SendDatagram{flow.socket, flow.local, flow.client, data, head,
                                 allocation.proof.payer, *grade});
  }
  const MutableBytes buffer = out.build(data.size() + 64);
  Bytes message;
  if (channel != nullptr) {
    // On a stream of bytes it is padded (§12.5).
    Writer writer(buffer);
    writer.bytes(wire::channel_data_header(channel->number, data.size()));
    writer.bytes(data);
    if (is_byte_stream(flow.transport)) writer.zeros(-data.size() & 3);
    message = writer.written();
  } else {
    StunBuilder indication(buffer, StunClass::kIndication, StunMethod::kData, next_indication_id());
    indication.add_xor_address(StunAttribute::kXorPeerAddress, peer);
    indication.add(StunAttribute::kData, data);
    message = indication.finish();
  }
  CHECK(!message.empty());
  out.shrink(buffer, message.size());
  send_to_client(allocation, message, *grade, out);
}

}  // namespace roost::core::turn
