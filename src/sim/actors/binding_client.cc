// SPDX-License-Identifier: MIT
#include "sim/actors/binding_client.h"

#include <algorithm>

#include "base/check.h"

namespace roost::sim::actors {

BindingClient::BindingClient(Host& host, const Options& options, LivenessOracle& liveness,
                             MappedAddressOracle& mapped)
    : Actor(host),
      options_(options),
      liveness_(liveness),
      mapped_(mapped),
      id_(liveness.add_client(options.name)) {
  CHECK(!options_.servers.empty());
  set_alarm(now() + host.dice().between(Duration(), options_.period));
}

void BindingClient::on_alarm() {
  if (!transaction_) ask();
  if (transaction_->is_over(now())) {
    liveness_.failed(id_, transaction_->began_at(), now());
    return end();
  }
  if (transaction_->poll(now())) host().send_datagram(local_, server_, transaction_->request());
  set_alarm(transaction_->next_deadline());
}

void BindingClient::ask() {
  server_ = options_.servers[host().dice().below(options_.servers.size())];
  const auto address = host().address_towards(server_.address);
  CHECK(address.has_value());
  local_.address = *address;
  if (local_.port == 0 || !options_.keeps_port) local_.port = host().next_port();
  const Pace& pace = options_.question.is_classic ? kRfc3489Pace : kRfc8489Pace;
  transaction_.emplace(pace, options_.question, host().dice(), now());
}

void BindingClient::on_packet(Packet packet) {
  if (!transaction_ || packet.kind != PacketKind::kDatagram) return;
  if (packet.destination != local_ || packet.source != server_) return;
  auto answer = transaction_->read(packet.source, packet.payload);
  if (!answer || answer->error_code != 0) return;
  mapped_.check(now(), packet.payload, host().seen_from(Protocol::kUdp, local_, server_));
  liveness_.succeeded(id_, transaction_->began_at());
  slowest_answer_ = std::max(slowest_answer_, now() - transaction_->began_at());
  ++answer_count_;
  last_answer_ = std::move(answer);
  end();
}

void BindingClient::end() {
  transaction_.reset();
  set_alarm(now() + options_.period);
}

}  // namespace roost::sim::actors
