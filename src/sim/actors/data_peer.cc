// SPDX-License-Identifier: MIT
#include "sim/actors/data_peer.h"

#include "base/check.h"

namespace roost::sim::actors {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(250);
constexpr size_t kSlowBytes = 1500;  // A tick.
constexpr uint64_t kBreaksAfter = 1000;

}  // namespace

Endpoint DataPeer::endpoint(bool is_v4, Manner manner) {
  for (const IpAddress& address : host().addresses()) {
    if (address.is_v4() != is_v4) continue;
    return {address, static_cast<uint16_t>(kFirstPort + static_cast<uint16_t>(manner))};
  }
  return {};
}

void DataPeer::call(const Endpoint& relayed) {
  const auto address = host().address_towards(relayed.address);
  CHECK(address.has_value());
  const Ends ends{{*address, host().next_port()}, relayed};
  conversations_.erase(ends);
  const auto called = conversations_.emplace(
      ends,
      Conversation{Connection(ends.first, ends.second), Manner::kHonest, true, now() + kPatience});
  called.first->second.connection.send(host(), PacketKind::kOpen);
  if (!is_ticking_) on_alarm();
}

void DataPeer::on_packet(Packet packet) {
  if (packet.kind == PacketKind::kDatagram) return;
  const Ends ends{packet.destination, packet.source};
  auto found = conversations_.find(ends);
  const unsigned number = packet.destination.port - unsigned{kFirstPort};
  const bool is_new = packet.kind == PacketKind::kOpen && number < kMannerCount;
  if (is_new) {
    answer(packet, static_cast<Manner>(number));
    found = conversations_.find(ends);
  }
  if (found == conversations_.end()) {
    if (packet.kind == PacketKind::kData) Connection::answering(packet).reset(host());
    return;
  }
  Conversation& conversation = found->second;
  if (conversation.connection.is_foreign(packet)) {
    if (packet.kind == PacketKind::kData) Connection::answering(packet).reset(host());
    return;
  }
  if (conversation.connection.early_count() < Connection::kEarlyMax) {
    conversation.connection.add(packet);
  }
  bool goes_on = true;
  while (goes_on) {
    const auto segment = conversation.connection.next();
    if (!segment) break;
    goes_on = take(conversation, *segment);
  }
  if (goes_on && conversation.manner != Manner::kSlow) goes_on = pump(conversation);
  if (!goes_on) conversations_.erase(ends);
}

void DataPeer::answer(const Packet& open, Manner manner) {
  const Ends ends{open.destination, open.source};
  // The other side has forgotten the one that there may be.
  if (const auto old = conversations_.find(ends); old != conversations_.end()) {
    if (old->second.transfer) old->second.transfer->break_off();
    conversations_.erase(old);
  }
  if (manner == Manner::kSilent) return;
  Connection connection = Connection::answering(open);
  if (manner == Manner::kRefusing) return connection.reset(host());
  connection.send(host(), PacketKind::kOpen);
  if (manner == Manner::kClosing) connection.send(host(), PacketKind::kEnd);
  conversations_.emplace(ends,
                         Conversation{std::move(connection), manner, false, now() + kPatience});
  if (!is_ticking_) on_alarm();
}

bool DataPeer::take(Conversation& conversation, const Packet& segment) {
  switch (segment.kind) {
    case PacketKind::kDatagram:
    case PacketKind::kWindow: return true;
    case PacketKind::kOpen:
      if (conversation.manner == Manner::kClosing) return true;
      conversation.transfer.emplace(transfers_, conversation.is_call ? 0 : 1,
                                    host().dice().below(kBytesMax));
      return true;
    case PacketKind::kData:
      if (conversation.transfer) conversation.transfer->take(segment.payload);
      return true;
    case PacketKind::kEnd:
      if (conversation.is_call && !conversation.transfer) ++refused_call_count_;
      if (Connection::is_reset(segment) || !conversation.transfer) return false;
      conversation.transfer->take_end();
      return true;
  }
  return true;
}

bool DataPeer::pump(Conversation& conversation) {
  if (!conversation.transfer) return true;
  const bool is_slow = conversation.manner == Manner::kSlow;
  conversation.transfer->pump(host(), conversation.connection, is_slow ? kSlowBytes : SIZE_MAX);
  const bool breaks = conversation.manner == Manner::kBreaking &&
                      conversation.transfer->heard_bytes() > kBreaksAfter;
  if (breaks) break_off(conversation);
  return !breaks && !conversation.transfer->is_over();
}

void DataPeer::break_off(Conversation& conversation) {
  conversation.connection.reset(host());
  if (conversation.transfer) conversation.transfer->break_off();
}

void DataPeer::on_alarm() {
  for (auto at = conversations_.begin(); at != conversations_.end();) {
    const bool is_overdue = now() >= at->second.until;
    if (is_overdue) break_off(at->second);
    at = is_overdue || !pump(at->second) ? conversations_.erase(at) : std::next(at);
  }
  is_ticking_ = !conversations_.empty();
  if (is_ticking_) set_alarm(now() + kTick);
}

}  // namespace roost::sim::actors
