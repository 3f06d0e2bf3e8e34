// SPDX-License-Identifier: MIT
#include "core/dht/lookup.h"

#include <algorithm>

#include "base/cursor.h"
#include "base/prefix_limiter.h"
#include "base/special_purpose.h"

namespace roost::core::dht {
namespace {

PrefixKey prefix_of(const wire::CompactNode& node) {
  return prefix_key(node.endpoint.address, PrefixWidth::kSite);
}

}  // namespace

Lookup::Lookup(const Options& options, Random& random)
    : options_(options), secret_(random.bytes<16>()) {}

bool Lookup::is_welcome(const wire::CompactNode& node) const {
  if (node.endpoint.port == 0 || family_of(node.endpoint.address) != options_.family) return false;
  if (options_.takes_special_purpose) return true;
  return is_globally_reachable(node.endpoint.address) &&
         wire::conforms(node.id, node.endpoint.address);
}

// Of a prefix that has its places, and of all when there are no more, the farthest gives way that
// was not asked yet: what is under way or known to live stays.
void Lookup::learn(MonoTime now, const wire::CompactNode& node) {
  if (!is_welcome(node)) return;
  if (options_.silent != nullptr && options_.silent->contains(now, node.endpoint)) return;
  Known* const end = known_.data() + known_count_;
  const auto is_same = [&node](const Known& known) {
    return known.node.endpoint.address == node.endpoint.address || known.node.id == node.id;
  };
  if (std::any_of(known_.data(), end, is_same)) return;
  const auto is_nearer = [this](const wire::CompactNode& a, const wire::CompactNode& b) {
    return wire::compare_distance(options_.target, a.id, b.id) < 0;
  };
  const auto of_prefix =
      static_cast<size_t>(std::count_if(known_.data(), end, [&node](const Known& known) {
        return prefix_of(known.node) == prefix_of(node);
      }));
  const bool is_prefix_full = of_prefix >= kPerPrefixMax;
  if (is_prefix_full || known_count_ == kKnownMax) {
    Known* victim = nullptr;
    for (Known* known = known_.data(); known != end; ++known) {
      const bool may_go = known->state == State::kUnasked || known->state == State::kFailed ||
                          (known->state == State::kAnswered && !is_prefix_full);
      if (!may_go || !is_nearer(node, known->node)) continue;
      if (is_prefix_full && prefix_of(known->node) != prefix_of(node)) continue;
      victim = known;  // The last one is the farthest.
    }
    if (victim == nullptr) return;
    std::move(victim + 1, end, victim);
    --known_count_;
  }
  Known* const place =
      std::find_if(known_.data(), known_.data() + known_count_,
                   [&](const Known& known) { return is_nearer(node, known.node); });
  std::move_backward(place, known_.data() + known_count_, known_.data() + known_count_ + 1);
  *place = Known{.node = node};
  ++known_count_;
}

void Lookup::expire(MonoTime now) {
  for (Known& known : std::span(known_).first(known_count_)) {
    if (known.state == State::kAsked && now >= known.asked_at + kTimeout) {
      known.state = State::kFailed;
      if (options_.silent != nullptr) options_.silent->add(now, known.node.endpoint);
    }
  }
}

size_t Lookup::in_flight() const {
  return static_cast<size_t>(
      std::count_if(known_.begin(), known_.begin() + static_cast<ptrdiff_t>(known_count_),
                    [](const Known& known) { return known.state == State::kAsked; }));
}

std::array<uint8_t, Lookup::kTransactionIdSize> Lookup::transaction_id_of(
    const Known& known) const {
  std::array<uint8_t, 1 + 8 + 8 + 2> bytes;
  Writer writer(bytes);
  writer.u8(known.number);
  writer.u64(known.node.endpoint.address.high());
  writer.u64(known.node.endpoint.address.low());
  writer.u16(known.node.endpoint.port);
  std::array<uint8_t, kTransactionIdSize> id;
  store_u32(id.data(), static_cast<uint32_t>(sip_hash(secret_, bytes)));
  return id;
}

std::optional<Lookup::Query> Lookup::next_query(MonoTime now) {
  expire(now);
  if (in_flight() >= kInFlightMax || query_count_ == kQueriesMax) return {};
  size_t alive = 0;  // Nearer than the one that is looked at; those that are asked count as alive.
  for (Known& known : std::span(known_).first(known_count_)) {
    if (alive >= kNearest) return {};
    if (known.state == State::kUnasked) {
      known.state = State::kAsked;
      known.asked_at = now;
      known.number = static_cast<uint8_t>(query_count_++);
      return Query{transaction_id_of(known), known.node.endpoint};
    }
    alive += known.state != State::kFailed;
  }
  return {};
}

std::optional<MonoTime> Lookup::next_deadline() const {
  std::optional<MonoTime> next;
  for (const Known& known : std::span(known_).first(known_count_)) {
    if (known.state != State::kAsked) continue;
    const MonoTime deadline = known.asked_at + kTimeout;
    if (!next || deadline < *next) next = deadline;
  }
  return next;
}

Lookup::Known* Lookup::find_open(const Endpoint& from, Bytes transaction_id) {
  for (Known& known : std::span(known_).first(known_count_)) {
    if (known.state == State::kAsked && known.node.endpoint == from &&
        same_bytes(transaction_id_of(known), transaction_id)) {
      return &known;
    }
  }
  return nullptr;
}

bool Lookup::answered(MonoTime now, const Endpoint& from, Bytes transaction_id,
                      const wire::KrpcResponse& response) {
  expire(now);
  Known* known = find_open(from, transaction_id);
  if (known == nullptr) return false;
  // Somebody has named it under an ID that it does not have: it belongs elsewhere.
  if (response.id != known->node.id) {
    std::move(known + 1, known_.data() + known_count_, known);
    --known_count_;
    learn(now, {response.id, from});
    const auto end = known_.begin() + static_cast<ptrdiff_t>(known_count_);
    const auto found = std::find_if(
        known_.begin(), end, [&from](const Known& other) { return other.node.endpoint == from; });
    if (found == end) return true;
    known = &*found;
  }
  known->state = State::kAnswered;
  known->token_size = static_cast<uint8_t>(response.token.size());
  std::copy(response.token.begin(), response.token.end(), known->token.begin());
  ++answer_count_;
  const bool is_v4 = options_.family == Family::kV4;
  wire::for_each_compact_node(is_v4 ? response.nodes : response.nodes6,
                              is_v4 ? wire::kCompactNodeV4Size : wire::kCompactNodeV6Size,
                              [&](const wire::CompactNode& node) { learn(now, node); });
  return true;
}

bool Lookup::refused(const Endpoint& from, Bytes transaction_id) {
  Known* const known = find_open(from, transaction_id);
  if (known == nullptr) return false;
  known->state = State::kFailed;
  return true;
}

bool Lookup::is_done(MonoTime now) {
  expire(now);
  if (in_flight() > 0) return false;
  if (query_count_ == kQueriesMax) return true;
  size_t alive = 0;
  for (const Known& known : std::span(known_).first(known_count_)) {
    if (alive >= kNearest) return true;
    if (known.state == State::kUnasked) return false;
    alive += known.state == State::kAnswered;
  }
  return true;
}

size_t Lookup::found(std::span<Found, kNearest> out) const {
  size_t count = 0;
  for (const Known& known : std::span(known_).first(known_count_)) {
    if (known.state != State::kAnswered) continue;
    if (count == kNearest) break;
    out[count++] = {known.node, known.token, known.token_size};
  }
  return count;
}

}  // namespace roost::core::dht
