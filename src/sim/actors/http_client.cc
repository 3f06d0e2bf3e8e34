// SPDX-License-Identifier: MIT
#include "sim/actors/http_client.h"

#include <charconv>
#include <string_view>

#include "base/check.h"
#include "wire/mutable_item.h"
#include "wire/node_record.h"

namespace roost::sim::actors {

HttpClient::HttpClient(Host& host, const Options& options, LivenessOracle& liveness,
                       Verdict& verdict)
    : Actor(host),
      options_(options),
      liveness_(liveness),
      verdict_(verdict),
      id_(liveness.add_client(options.name)) {
  set_alarm(now() + host.dice().between(Duration(), options_.period));
}

void HttpClient::on_alarm() {
  if (!connection_) return open();
  end(false);
}

void HttpClient::open() {
  const auto address = host().address_towards(options_.server.address);
  CHECK(address.has_value());
  connection_.emplace(Endpoint{*address, host().next_port()}, options_.server);
  began_at_ = now();
  connection_->send(host(), PacketKind::kOpen);
  set_alarm(now() + kPatience);
}

void HttpClient::on_packet(Packet packet) {
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
      case PacketKind::kOpen:
        connection_->send(host(), PacketKind::kData,
                          as_bytes("GET /v1/node HTTP/1.1\r\nHost: node\r\n\r\n"));
        break;
      case PacketKind::kData: take(segment->payload); break;
      case PacketKind::kEnd: end(false); break;
    }
  }
}

void HttpClient::take(Bytes reply) {
  constexpr std::string_view kVersion = "HTTP/1.1 ";
  const std::string_view text = as_text(reply);
  const size_t head_end = text.find("\r\n\r\n");
  if (!text.starts_with(kVersion) || head_end == std::string_view::npos) {
    verdict_.fail(now(), "not an HTTP reply");
    return end(false);
  }
  last_status_ = 0;
  std::from_chars(text.data() + kVersion.size(), text.data() + text.size(), last_status_);
  // "Not now" is an answer, but not the one that was asked for.
  end(last_status_ == 200 && check_record(reply.subspan(head_end + 4)));
}

bool HttpClient::check_record(Bytes body) {
  const auto item = wire::parse_signed_node_record(body);
  if (!item || item->key != options_.key || !wire::signature_matches(*item)) {
    verdict_.fail(now(), "a record that its node has not signed");
    return false;
  }
  if (!wire::parse_node_record(item->value)) {
    verdict_.fail(now(), "what the node has signed is no record");
    return false;
  }
  ++record_count_;
  last_seq_ = item->seq;
  return true;
}

void HttpClient::end(bool is_answered) {
  if (is_answered) {
    liveness_.succeeded(id_, began_at_);
  } else {
    liveness_.failed(id_, began_at_, now());
  }
  connection_->send(host(), PacketKind::kEnd);
  connection_.reset();
  set_alarm(now() + options_.period);
}

}  // namespace roost::sim::actors
