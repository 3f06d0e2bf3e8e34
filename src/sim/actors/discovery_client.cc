// SPDX-License-Identifier: MIT
#include "sim/actors/discovery_client.h"

#include <algorithm>

#include "base/check.h"

namespace roost::sim::actors {
namespace {

// Two clients that failed together must not try again together.
constexpr Duration kPauseMax = std::chrono::seconds(2);

std::string_view label(Dependence dependence) {
  switch (dependence) {
    case Dependence::kEndpoint: return "endpoint-independent";
    case Dependence::kAddress: return "address-dependent";
    case Dependence::kAddressAndPort: return "address-and-port-dependent";
  }
  return "";
}

}  // namespace

std::string text(const NatBehaviour& behaviour) {
  std::string result = behaviour.is_translated ? "translated, " : "not translated, ";
  result.append(label(behaviour.mapping)).append(" mapping, ");
  result.append(label(behaviour.filtering)).append(" filtering, ");
  return result + (behaviour.hairpins ? "hairpins" : "no hairpins");
}

NatBehaviour behaviour_of(const std::vector<NatOptions>& nats) {
  NatBehaviour behaviour;
  if (nats.empty()) return behaviour;
  behaviour.is_translated = true;
  for (const NatOptions& nat : nats) {
    behaviour.mapping = std::max(behaviour.mapping, nat.mapping);
    behaviour.filtering = std::max(behaviour.filtering, nat.filtering);
  }
  // The address by which the world sees us belongs to the outermost one.
  behaviour.hairpins = nats.back().hairpins && behaviour.filtering == Dependence::kEndpoint;
  return behaviour;
}

NatBehaviour behaviour_of_firewall(const NatOptions& firewall) {
  return {false, Dependence::kEndpoint, firewall.filtering, false};
}

DiscoveryClient::DiscoveryClient(Host& host, const Endpoint& server, Verdict& verdict,
                                 MappedAddressOracle& mapped)
    : Actor(host), primary_(server), verdict_(verdict), mapped_oracle_(mapped) {
  begin();
}

void DiscoveryClient::begin() {
  const auto address = host().address_towards(primary_.address);
  CHECK(address.has_value());
  local_ = {*address, host().next_port()};
  behaviour_ = {};
  result_.reset();
  start(Test::kMappingPrimary);
}

void DiscoveryClient::start(Test test) {
  test_ = test;
  to_ = primary_;
  Question question;
  // Long enough for all discovery attributes over IPv6 too, within three times the request.
  question.has_change_request = true;
  switch (test) {
    case Test::kMappingPrimary: break;
    case Test::kMappingOtherAddress: to_ = {other_.address, primary_.port}; break;
    case Test::kMappingOtherBoth: to_ = other_; break;
    case Test::kFilteringPrimary:
      // The mapping tests have opened the filter for whom they asked: RFC 5780 §4.4 wants a socket
      // that has not.
      local_.port = host().next_port();
      filtered_ = local_;
      break;
    case Test::kFilteringChangedBoth:
      question.changes_address = question.changes_port = true;
      break;
    case Test::kFilteringChangedPort: question.changes_port = true; break;
    case Test::kHairpin:
      // From another socket, to ourselves as the world sees us.
      local_.port = host().next_port();
      to_ = mapped_[0];
      break;
    case Test::kDone: return clear_alarm();
  }
  question.has_fingerprint = true;
  transaction_.emplace(kRfc8489Pace, question, host().dice(), now());
  set_alarm(now());
}

void DiscoveryClient::on_alarm() {
  if (!transaction_) return begin();
  if (transaction_->is_over(now())) return take_silence();
  if (transaction_->poll(now())) host().send_datagram(local_, to_, transaction_->request());
  set_alarm(transaction_->next_deadline());
}

void DiscoveryClient::on_packet(Packet packet) {
  if (!transaction_ || packet.kind != PacketKind::kDatagram) return;
  if (test_ == Test::kHairpin) {
    // Our own request, come back through the NAT to the socket of the filtering tests.
    const bool is_ours =
        packet.destination == filtered_ && same_bytes(packet.payload, transaction_->request());
    if (is_ours) finish(true);
    return;
  }
  if (packet.destination != local_) return;
  auto answer = transaction_->read(packet.source, packet.payload);
  if (!answer) return;
  if (answer->error_code != 0 || !answer->mapped) {
    return verdict_.fail(now(), "a question of NAT behaviour discovery refused");
  }
  mapped_oracle_.check(now(), packet.payload, host().seen_from(Protocol::kUdp, local_, to_));
  transaction_.reset();
  take(std::move(*answer));
}

void DiscoveryClient::take(Answer answer) {
  switch (test_) {
    case Test::kMappingPrimary:
      check_origin(answer, primary_);
      if (!answer.other) return verdict_.fail(now(), "no OTHER-ADDRESS");
      other_ = *answer.other;
      mapped_[0] = *answer.mapped;
      behaviour_.is_translated = mapped_[0] != local_;
      // Where nothing is translated there is no mapping to depend on anything (§4.3).
      return start(behaviour_.is_translated ? Test::kMappingOtherAddress : Test::kFilteringPrimary);
    case Test::kMappingOtherAddress:
      check_origin(answer, {other_.address, primary_.port});
      mapped_[1] = *answer.mapped;
      if (mapped_[1] == mapped_[0]) return start(Test::kFilteringPrimary);
      return start(Test::kMappingOtherBoth);
    case Test::kMappingOtherBoth:
      check_origin(answer, other_);
      behaviour_.mapping =
          *answer.mapped == mapped_[1] ? Dependence::kAddress : Dependence::kAddressAndPort;
      return start(Test::kFilteringPrimary);
    case Test::kFilteringPrimary:
      check_origin(answer, primary_);
      mapped_[0] = *answer.mapped;
      return start(Test::kFilteringChangedBoth);
    case Test::kFilteringChangedBoth:
      check_origin(answer, other_);
      return start_hairpin(Dependence::kEndpoint);
    case Test::kFilteringChangedPort:
      check_origin(answer, {primary_.address, other_.port});
      return start_hairpin(Dependence::kAddress);
    case Test::kHairpin:
    case Test::kDone: return;
  }
}

void DiscoveryClient::start_hairpin(Dependence filtering) {
  behaviour_.filtering = filtering;
  // Whoever is not translated reaches himself without the help of a NAT.
  if (behaviour_.is_translated) return start(Test::kHairpin);
  finish(false);
}

// Each answer must come from where it was asked to come from, and say so.
void DiscoveryClient::check_origin(const Answer& answer, const Endpoint& expected) {
  if (answer.from != expected) {
    verdict_.fail(now(), "answered from " + answer.from.text() + " and not " + expected.text());
  }
  if (answer.origin && *answer.origin != answer.from) {
    verdict_.fail(now(),
                  "RESPONSE-ORIGIN " + answer.origin->text() + " came from " + answer.from.text());
  }
}

void DiscoveryClient::take_silence() {
  transaction_.reset();
  switch (test_) {
    case Test::kMappingPrimary:
    case Test::kMappingOtherAddress:
    case Test::kMappingOtherBoth:
    case Test::kFilteringPrimary:
      return set_alarm(now() + host().dice().between(Duration(), kPauseMax));
    case Test::kFilteringChangedBoth: return start(Test::kFilteringChangedPort);
    case Test::kFilteringChangedPort: return start_hairpin(Dependence::kAddressAndPort);
    case Test::kHairpin: return finish(false);
    case Test::kDone: return;
  }
}

void DiscoveryClient::finish(bool hairpins) {
  behaviour_.hairpins = hairpins;
  result_ = behaviour_;
  transaction_.reset();
  start(Test::kDone);
}

}  // namespace roost::sim::actors
