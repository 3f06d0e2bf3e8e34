// SPDX-License-Identifier: MIT
#include "sim/finder_oracle.h"

#include <string>
#include <variant>

namespace roost::sim {
namespace {

constexpr size_t kHeaderBytes = 20;
constexpr unsigned kBindingRequest = 0x0001;
constexpr unsigned kBindingSuccess = 0x0101;

bool is_message_of(Bytes payload, unsigned type) {
  return payload.size() >= kHeaderBytes && load_u16(payload.data()) == type;
}

Prefix prefix_of(const IpAddress& address) {
  return Prefix::of(address, address.is_v4() ? 96 + 24 : 48);
}

}  // namespace

bool is_bare_binding_request(Bytes payload) {
  return payload.size() == kHeaderBytes && is_message_of(payload, kBindingRequest);
}

void FinderOracle::check(MonoTime at, const core::Input& input,
                         std::span<const core::Action> actions) {
  const auto* const datagram = std::get_if<core::DatagramArrived>(&input);
  const bool is_answer = datagram != nullptr && is_message_of(datagram->payload, kBindingSuccess) &&
                         asked_at_.contains(datagram->from.address);
  if (is_answer) proven_.insert(datagram->from);
  for (const core::Action& action : actions) {
    const auto* const send = std::get_if<core::SendDatagram>(&action);
    if (send == nullptr || send->payer != core::Payer::kService) continue;
    if (is_bare_binding_request(send->payload)) check_asked(at, send->to);
  }
}

void FinderOracle::check_asked(MonoTime at, const Endpoint& to) {
  ++asked_;
  const auto [last, is_first] = asked_at_.try_emplace(to.address, at);
  const auto [last_of_prefix, is_first_of_prefix] =
      prefix_asked_at_.try_emplace(prefix_of(to.address), at);
  if (!proven_.contains(to)) {
    if (!is_first && at - last->second < kAddressRest) {
      verdict_.fail(at, to.text() + ", which has not answered, is asked again within the hour");
    }
    if (!is_first_of_prefix && at - last_of_prefix->second < kPrefixRest) {
      verdict_.fail(at, to.text() + ", whose prefix has just been asked, is asked too");
    }
  }
  last->second = at;
  last_of_prefix->second = at;
}

void FinderOracle::forget() {
  asked_at_.clear();
  prefix_asked_at_.clear();
}

}  // namespace roost::sim
