// SPDX-License-Identifier: MIT
#include "sim/reservation_oracle.h"

#include <algorithm>
#include <vector>

namespace roost::sim {
namespace {

constexpr uint16_t kXorRelayedAddress = 0x0016;
constexpr uint16_t kEvenPort = 0x0018;
constexpr uint16_t kReservationToken = 0x0022;
constexpr uint16_t kAdditionalAddressFamily = 0x8000;
constexpr uint16_t kAddressErrorCode = 0x8001;
constexpr uint16_t kAllocated = ClientMessage::kAllocate | ClientMessage::kSuccess;

std::optional<std::array<uint8_t, 8>> token_of(const ClientMessage& message) {
  const auto value = message.attribute(kReservationToken);
  if (!value || value->size() != 8) return {};
  std::array<uint8_t, 8> token;
  std::copy(value->begin(), value->end(), token.begin());
  return token;
}

}  // namespace

void ReservationOracle::check(MonoTime at, const core::Input& input,
                              std::span<const core::Action> actions, bool is_cut) {
  const auto request = ClientMessage::of(input);
  if (request) take_request(*request, is_cut);
  if (const auto* const opened = std::get_if<core::RelayOpened>(&input)) take_opened(at, *opened);
  if (const auto* const refused = std::get_if<core::RelayRefused>(&input)) {
    reserved_.erase(refused->relay);
    duals_.erase(refused->relay);
    opening_even_.erase(refused->relay);
  }
  for (const core::Action& action : actions) {
    const auto* const order = std::get_if<core::OpenRelay>(&action);
    if (order != nullptr && request) open(*request, *order);
  }
  for (const core::Action& action : actions) {
    if (const auto told = ClientMessage::of(action)) take_reply(at, *told);
  }
  close_all(at, input, actions);
}

void ReservationOracle::forget() {
  wishes_.clear();
  redeemed_.clear();
  reserved_.clear();
  next_of_.clear();
  duals_.clear();
  even_.clear();
  opening_even_.clear();
}

void ReservationOracle::take_request(const ClientMessage& request, bool is_cut) {
  if (request.type() != ClientMessage::kAllocate) return;
  Wish wish;
  wish.user = request.user();
  const auto even = request.attribute(kEvenPort);
  wish.is_even = even.has_value();
  wish.reserves = even && !even->empty() && ((*even)[0] & 0x80) != 0;
  wish.is_dual = request.attribute(kAdditionalAddressFamily).has_value();
  wish.token = token_of(request);
  wishes_[{request.client, request.transaction_id()}] = wish;
  if (!is_cut || !wish.token) return;
  for (auto& [relay, reserved] : reserved_) {
    if (reserved.token == wish.token && !reserved.redeemer) reserved.redeemer = request.client;
  }
}

void ReservationOracle::open(const ClientMessage& request, const core::OpenRelay& order) {
  const auto wish = wishes_.find({request.client, request.transaction_id()});
  if (wish == wishes_.end()) return;  // RelayOracle's matter.
  if (wish->second.is_dual) duals_[order.relay] = request.client;
  if (order.port == core::OpenRelay::Port::kAny) return;
  even_.erase(request.client);
  opening_even_[order.relay] = request.client;
  if (order.port != core::OpenRelay::Port::kEvenAndNext) return;
  reserved_[order.next] = {wish->second.user, {}, MonoTime::max(), {}, {}};
  next_of_[request.client] = order.next;
}

void ReservationOracle::take_opened(MonoTime at, const core::RelayOpened& input) {
  if (const auto even = opening_even_.find(input.relay); even != opening_even_.end()) {
    even_[even->second] = input.local;
    opening_even_.erase(even);
  }
  const auto found = reserved_.find(input.relay);
  if (found == reserved_.end()) return;
  found->second.local = input.local;
  found->second.until = at + kReservationTime;
}

void ReservationOracle::close_all(MonoTime at, const core::Input& input,
                                  std::span<const core::Action> actions) {
  std::set<ClientEnd> halved;
  for (const core::Action& action : actions) {
    const auto* const close = std::get_if<core::CloseRelay>(&action);
    if (close == nullptr) continue;
    reserved_.erase(close->relay);
    const auto dual = duals_.find(close->relay);
    if (dual == duals_.end()) continue;
    halved.insert(dual->second);
    duals_.erase(dual);
  }
  for (const auto& [relay, client] : duals_) {
    if (halved.contains(client)) verdict_.fail(at, "half of a dual allocation outlives the other");
  }
  if (!std::holds_alternative<core::DeadlinePassed>(input)) return;
  for (const auto& [relay, reserved] : reserved_) {
    if (reserved.until < at && !reserved.redeemer) {
      verdict_.fail(at, "a socket is kept for nobody any more");
    }
  }
}

void ReservationOracle::take_reply(MonoTime at, const ClientMessage& reply) {
  const uint16_t type = reply.type();
  const bool is_told =
      type == kAllocated || type == (ClientMessage::kAllocate | ClientMessage::kError);
  if (!is_told) return;
  const WishKey key{reply.client, reply.transaction_id()};
  const auto found = wishes_.find(key);
  if (found == wishes_.end()) return;
  const Wish wish = found->second;
  wishes_.erase(found);
  if (type != kAllocated) return;
  if (wish.is_even) check_even(at, reply, wish);
  if (wish.is_dual) check_dual(at, reply);
  if (!wish.token) return;
  if (redeemed_.insert(key).second) check_redeemed(at, reply, wish);
}

void ReservationOracle::check_even(MonoTime at, const ClientMessage& reply, const Wish& wish) {
  const auto told = reply.endpoints(kXorRelayedAddress);
  const auto opened = even_.find(reply.client);
  const bool is_it = told.size() == 1 && told[0].port % 2 == 0 && opened != even_.end() &&
                     opened->second == told[0];
  if (!is_it) verdict_.fail(at, "an even port asked for, and another told");
  if (wish.reserves) check_token(at, reply, wish);
}

void ReservationOracle::check_token(MonoTime at, const ClientMessage& reply, const Wish& wish) {
  const auto next = next_of_.find(reply.client);
  const auto found = next == next_of_.end() ? reserved_.end() : reserved_.find(next->second);
  const auto token = token_of(reply);
  if (found == reserved_.end()) {
    if (token) verdict_.fail(at, "a token told for what is reserved for nobody");
    return;  // Told again, when it is over.
  }
  Reserved& reserved = found->second;
  if (reserved.redeemer) return;
  if (!token) return verdict_.fail(at, "a port reserved, and no token told");
  const auto told = reply.endpoints(kXorRelayedAddress);
  const bool is_above = told.size() == 1 && reserved.local &&
                        reserved.local->address == told[0].address &&
                        reserved.local->port == told[0].port + 1;
  if (!is_above || reserved.user != wish.user) {
    verdict_.fail(at, "a token told for another port than that above");
  }
  for (const auto& [relay, other] : reserved_) {
    if (relay != found->first && other.token == token) verdict_.fail(at, "a token told twice");
  }
  reserved.token = token;
}

void ReservationOracle::check_redeemed(MonoTime at, const ClientMessage& reply, const Wish& wish) {
  const auto is_it = [&](const auto& entry) { return entry.second.token == wish.token; };
  const auto found = std::find_if(reserved_.begin(), reserved_.end(), is_it);
  if (found == reserved_.end()) {
    return verdict_.fail(at, "a token redeemed that is good for nothing");
  }
  const Reserved reserved = found->second;
  reserved_.erase(found);
  const auto told = reply.endpoints(kXorRelayedAddress);
  if (told.size() != 1 || reserved.local != told[0]) {
    verdict_.fail(at, "a token redeemed for another address than it came with");
  }
  if (reserved.user != wish.user) verdict_.fail(at, "a token redeemed that another was told");
  if (reserved.redeemer && reserved.redeemer != reply.client) {
    verdict_.fail(at, "a token redeemed twice");
  }
  if (!reserved.redeemer && at > reserved.until) verdict_.fail(at, "a token redeemed too late");
}

void ReservationOracle::check_dual(MonoTime at, const ClientMessage& reply) {
  const auto told = reply.endpoints(kXorRelayedAddress);
  const bool has_v4 = !told.empty() && told[0].address.is_v4();
  const bool has_both = told.size() == 2 && !told[1].address.is_v4();
  const bool says_why = told.size() == 1 && reply.attribute(kAddressErrorCode).has_value();
  if (!has_v4 || (!has_both && !says_why)) {
    verdict_.fail(at, "two families asked for, and told neither both nor why not");
  }
}

}  // namespace roost::sim
