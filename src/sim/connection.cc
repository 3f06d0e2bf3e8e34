// SPDX-License-Identifier: MIT
#include "sim/connection.h"

#include "base/check.h"

namespace roost::sim {

void Connection::send(Host& host, PacketKind kind, Bytes payload) {
  CHECK(kind != PacketKind::kDatagram);
  host.send({kind, sent_++, local_, remote_, {payload.begin(), payload.end()}});
}

void Connection::add(const Packet& segment) {
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
  return segment;
}

}  // namespace roost::sim
