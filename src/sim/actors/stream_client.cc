// SPDX-License-Identifier: MIT
#include "sim/actors/stream_client.h"

#include <algorithm>

#include "base/check.h"

namespace roost::sim::actors {
namespace {

constexpr Duration kSegmentPause = std::chrono::milliseconds(100);
constexpr uint8_t kTlsFirstByte = 22;

}  // namespace

StreamClient::StreamClient(Host& host, const Options& options, LivenessOracle& liveness,
                           MappedAddressOracle& mapped)
    : Actor(host),
      options_(options),
      liveness_(liveness),
      mapped_(mapped),
      id_(liveness.add_client(options.name)) {
  CHECK(!options_.servers.empty());
  set_alarm(now() + host.dice().between(Duration(), options_.period));
}

void StreamClient::on_alarm() {
  if (!connection_) return open();
  if (now() >= began_at_ + kPatience) return end(false);
  send_more();
}

void StreamClient::open() {
  const Endpoint server = options_.servers[host().dice().below(options_.servers.size())];
  const auto address = host().address_towards(server.address);
  CHECK(address.has_value());
  connection_.emplace(Endpoint{*address, host().next_port()}, server);
  began_at_ = now();
  received_.clear();
  request_ = binding_request({}, host().dice());
  unsent_ = request_;
  if (options_.is_tls) unsent_.insert(unsent_.begin(), kTlsFirstByte);
  connection_->send(host(), PacketKind::kOpen);
  set_alarm(began_at_ + kPatience);
}

void StreamClient::send_more() {
  const size_t whole = unsent_.size();
  const size_t size = options_.segment_bytes == 0 ? whole : std::min(options_.segment_bytes, whole);
  if (size > 0) connection_->send(host(), PacketKind::kData, Bytes(unsent_).first(size));
  unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<ptrdiff_t>(size));
  set_alarm(unsent_.empty() ? began_at_ + kPatience : now() + kSegmentPause);
}

void StreamClient::on_packet(Packet packet) {
  const bool is_ours = connection_ && packet.kind != PacketKind::kDatagram &&
                       packet.destination == connection_->local() &&
                       packet.source == connection_->remote();
  if (!is_ours) return;
  connection_->add(packet);
  while (connection_) {
    const auto segment = connection_->next();
    if (!segment) return;
    switch (segment->kind) {
      case PacketKind::kDatagram:
      case PacketKind::kWindow: return;
      case PacketKind::kOpen: send_more(); break;
      case PacketKind::kData: take(segment->payload); break;
      case PacketKind::kEnd: end(false); break;
    }
  }
}

void StreamClient::take(Bytes bytes) {
  received_.insert(received_.end(), bytes.begin(), bytes.end());
  const auto answer = read_answer(request_, connection_->remote(), received_);
  if (!answer) return;  // Not all of it yet.
  const auto truth = host().seen_from(Protocol::kTcp, connection_->local(), connection_->remote());
  mapped_.check(now(), received_, truth);
  ++answer_count_;
  connection_->send(host(), PacketKind::kEnd);
  end(answer->error_code == 0);
}

void StreamClient::end(bool is_answered) {
  if (is_answered) {
    liveness_.succeeded(id_, began_at_);
  } else {
    liveness_.failed(id_, began_at_, now());
  }
  connection_.reset();
  set_alarm(now() + options_.period);
}

}  // namespace roost::sim::actors
