// SPDX-License-Identifier: MIT
#include "sim/actors/classic_client.h"

#include "base/check.h"

namespace roost::sim::actors {

std::string_view label(ClassicKind kind) {
  switch (kind) {
    case ClassicKind::kOpenInternet: return "open Internet";
    case ClassicKind::kSymmetricFirewall: return "symmetric firewall";
    case ClassicKind::kFullCone: return "full cone";
    case ClassicKind::kRestrictedCone: return "restricted cone";
    case ClassicKind::kPortRestrictedCone: return "port restricted cone";
    case ClassicKind::kSymmetric: return "symmetric";
  }
  return "";
}

ClassicKind classic_kind_of(const NatBehaviour& behaviour) {
  const bool lets_all_in = behaviour.filtering == Dependence::kEndpoint;
  if (!behaviour.is_translated) {
    return lets_all_in ? ClassicKind::kOpenInternet : ClassicKind::kSymmetricFirewall;
  }
  // Asked first, so that a NAT that maps symmetrically and filters nothing passes for a full cone.
  if (lets_all_in) return ClassicKind::kFullCone;
  if (behaviour.mapping != Dependence::kEndpoint) return ClassicKind::kSymmetric;
  return behaviour.filtering == Dependence::kAddress ? ClassicKind::kRestrictedCone
                                                     : ClassicKind::kPortRestrictedCone;
}

ClassicClient::ClassicClient(Host& host, const Endpoint& server, Verdict& verdict,
                             MappedAddressOracle& mapped)
    : Actor(host), server_(server), verdict_(verdict), mapped_oracle_(mapped) {
  begin();
}

void ClassicClient::begin() {
  const auto address = host().address_towards(server_.address);
  CHECK(address.has_value());
  local_ = {*address, host().next_port()};
  result_.reset();
  start(Test::kFirst);
}

void ClassicClient::start(Test test) {
  test_ = test;
  if (test == Test::kDone) return clear_alarm();
  Question question;
  question.is_classic = true;
  question.has_change_request = true;
  question.changes_address = test == Test::kSecond;
  question.changes_port = test == Test::kSecond || test == Test::kThird;
  to_ = test == Test::kFirstElsewhere ? changed_ : server_;
  transaction_.emplace(kRfc3489Pace, question, host().dice(), now());
  set_alarm(now());
}

void ClassicClient::on_alarm() {
  if (!transaction_) return begin();
  if (transaction_->is_over(now())) return take_silence();
  if (transaction_->poll(now())) host().send_datagram(local_, to_, transaction_->request());
  set_alarm(transaction_->next_deadline());
}

void ClassicClient::on_packet(Packet packet) {
  const bool is_for_us = packet.kind == PacketKind::kDatagram && packet.destination == local_;
  if (!transaction_ || !is_for_us) return;
  const auto answer = transaction_->read(packet.source, packet.payload);
  if (!answer) return;
  const bool is_usable = answer->error_code == 0 && answer->mapped && answer->other;
  if (!is_usable) return verdict_.fail(now(), "an answer that a client of RFC 3489 cannot use");
  mapped_oracle_.check(now(), packet.payload, host().seen_from(Protocol::kUdp, local_, to_));
  transaction_.reset();
  take(*answer);
}

void ClassicClient::take(const Answer& answer) {
  const bool is_translated = mapped_ != local_;
  switch (test_) {
    case Test::kFirst:
      mapped_ = *answer.mapped;
      changed_ = *answer.other;
      return start(Test::kSecond);
    case Test::kSecond:
      return finish(is_translated ? ClassicKind::kFullCone : ClassicKind::kOpenInternet);
    case Test::kFirstElsewhere:
      if (*answer.mapped != mapped_) return finish(ClassicKind::kSymmetric);
      return start(Test::kThird);
    case Test::kThird: return finish(ClassicKind::kRestrictedCone);
    case Test::kDone: return;
  }
}

void ClassicClient::take_silence() {
  transaction_.reset();
  switch (test_) {
    case Test::kFirst:
    case Test::kFirstElsewhere: return begin();
    case Test::kSecond:
      if (mapped_ == local_) return finish(ClassicKind::kSymmetricFirewall);
      return start(Test::kFirstElsewhere);
    case Test::kThird: return finish(ClassicKind::kPortRestrictedCone);
    case Test::kDone: return;
  }
}

void ClassicClient::finish(ClassicKind kind) {
  result_ = kind;
  start(Test::kDone);
}

}  // namespace roost::sim::actors
