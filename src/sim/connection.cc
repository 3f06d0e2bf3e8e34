// SPDX-License-Identifier: MIT
#include "sim/connection.h"

#include <algorithm>

#include "base/check.h"

namespace roost::sim {

void Connection::send(Host& host, PacketKind kind, Bytes payload) {
  CHECK(kind != PacketKind::kDatagram && kind != PacketKind::kWindow);
  if (conversation_ == 0) conversation_ = host.next_conversation();
  sent_bytes_ += static_cast<uint32_t>(payload.size());
  host.send({kind, sent_++, local_, remote_, {payload.begin(), payload.end()}, conversation_});
}

void Connection::reset(Host& host) const {
  host.send({PacketKind::kEnd, 0, local_, remote_, {}, conversation_});
}

size_t Connection::room() const {
  const uint32_t on_their_way = sent_bytes_ - acknowledged_bytes_;
  return kWindowBytes - std::min<size_t>(kWindowBytes, on_their_way);
}

void Connection::acknowledge(Host& host, size_t unread_bytes) {
  const uint32_t read = taken_bytes_ - static_cast<uint32_t>(unread_bytes);
  host.send({PacketKind::kWindow, read, local_, remote_, {}, conversation_});
}

void Connection::add(const Packet& segment) {
  if (is_foreign(segment)) return;
  if (segment.kind == PacketKind::kWindow) {
    acknowledged_bytes_ = std::max(acknowledged_bytes_, segment.sequence);
    return;
  }
  if (segment.kind == PacketKind::kEnd && segment.sequence == 0) {
    early_.clear();
    early_.emplace(taken_, segment);
    return;
  }
  if (segment.sequence < taken_) return;
  early_.emplace(segment.sequence, segment);
  CHECK(early_.size() <= kEarlyMax);
}

std::optional<Packet> Connection::next() {
  const auto found = early_.find(taken_);
  if (found == early_.end()) return {};
  ++taken_;
  Packet segment = std::move(found->second);
  early_.erase(found);
  taken_bytes_ += static_cast<uint32_t>(segment.payload.size());
  return segment;
}

}  // namespace roost::sim
