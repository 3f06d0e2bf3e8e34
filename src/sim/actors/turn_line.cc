// SPDX-License-Identifier: MIT
#include "sim/actors/turn_line.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace roost::sim::actors {
namespace {

constexpr uint8_t kTlsHandshake = 22;  // RFC 8446 §5.1.
constexpr size_t kHeaderMin = 4;

// How long the message is that begins like this, by RFC 8656 §12.5 and RFC 8489 §5; 0 if none does.
size_t stream_size(Bytes begin) {
  const size_t length = load_u16(begin.data() + 2);
  switch (begin[0] >> 6) {
    case 0: return 20 + length;
    case 1: return 4 + (length + 3) / 4 * 4;
    default: return 0;
  }
}

}  // namespace

void TurnLine::open() {
  const bool is_dtls = options_.transport == core::Transport::kDtls;
  const uint16_t port_before = local_.port;
  close();
  const auto address = host_.address_towards(options_.server.address);
  CHECK(address.has_value());
  const bool keeps_port = is_dtls && port_before != 0 && host_.dice().below(2) == 0;
  local_ = {*address, keeps_port ? port_before : host_.next_port()};
  datagrams_.clear();
  unsent_.clear();
  received_.clear();
  is_established_ = false;
  if (is_dtls) dtls_.emplace(host_, local_, options_.server);
  if (!is_stream()) return;
  connection_.emplace(local_, options_.server);
  connection_->send(host_, PacketKind::kOpen);
  if (options_.transport == core::Transport::kTls) unsent_.push_back(kTlsHandshake);
}

void TurnLine::close() {
  if (connection_) connection_->send(host_, PacketKind::kEnd);
  if (dtls_ && host_.dice().below(2) == 0) dtls_->close();
  forget();
}

void TurnLine::forget() {
  connection_.reset();
  dtls_.reset();
  local_ = {};
}

std::optional<Endpoint> TurnLine::seen_as() const {
  return host_.seen_from(is_stream() ? Protocol::kTcp : Protocol::kUdp, local_, options_.server);
}

void TurnLine::send(Bytes message) {
  if (dtls_) return dtls_->send(message);
  if (options_.transport == core::Transport::kUdp) {
    return host_.send_datagram(local_, options_.server, message);
  }
  if (!connection_) return;  // It has just ended.
  const bool is_channel_data = message[0] >> 6 == 1;
  unsent_.insert(unsent_.end(), message.begin(), message.end());
  if (is_channel_data) unsent_.resize(unsent_.size() + (-message.size() & 3));
  if (is_established_) send_data(std::exchange(unsent_, {}));
}

void TurnLine::send_data(Bytes bytes) {
  const size_t step = options_.segment_bytes == 0 ? bytes.size() : options_.segment_bytes;
  for (size_t at = 0; at < bytes.size(); at += step) {
    const size_t size = std::min(step, bytes.size() - at);
    connection_->send(host_, PacketKind::kData, bytes.subspan(at, size));
  }
}

bool TurnLine::take(const Packet& packet) {
  if (packet.destination != local_ || packet.source != options_.server) return false;
  if ((packet.kind != PacketKind::kDatagram) != is_stream()) return false;
  if (!is_stream()) {
    datagrams_.push_back(packet.payload);
  } else if (connection_) {
    connection_->add(packet);
  }
  return true;
}

TurnLine::Found TurnLine::next() {
  if (!is_stream()) return next_datagram();
  while (connection_) {
    if (const Found found = cut(); found != Found::kNothing) return found;
    const auto segment = connection_->next();
    const bool is_stuck = connection_->early_count() > Connection::kEarlyMax / 2;
    if (!segment && !is_stuck) return Found::kNothing;
    if (!segment || segment->kind == PacketKind::kEnd) {
      close();
      return Found::kEnd;
    }
    if (segment->kind == PacketKind::kOpen) {
      is_established_ = true;
      send_data(std::exchange(unsent_, {}));
    } else {
      received_.insert(received_.end(), segment->payload.begin(), segment->payload.end());
    }
  }
  return Found::kNothing;
}

TurnLine::Found TurnLine::next_datagram() {
  while (!datagrams_.empty()) {
    message_ = std::move(datagrams_.front());
    datagrams_.pop_front();
    if (options_.transport == core::Transport::kUdp) return Found::kMessage;
    if (!dtls_) continue;  // Of one that has ended.
    if (const auto message = dtls_->take(message_)) {
      message_ = std::vector<uint8_t>(message->begin(), message->end());
      return Found::kMessage;
    }
    if (!dtls_->has_ended()) continue;
    close();
    return Found::kEnd;
  }
  return Found::kNothing;
}

TurnLine::Found TurnLine::cut() {
  if (received_.size() < kHeaderMin) return Found::kNothing;
  const size_t size = stream_size(received_);
  if (size == 0) return Found::kBroken;
  if (received_.size() < size) return Found::kNothing;
  const auto end = received_.begin() + static_cast<ptrdiff_t>(size);
  message_.assign(received_.begin(), end);
  received_.erase(received_.begin(), end);
  return Found::kMessage;
}

}  // namespace roost::sim::actors
