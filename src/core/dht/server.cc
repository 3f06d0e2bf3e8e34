// SPDX-License-Identifier: MIT
#include "core/dht/server.h"

#include <algorithm>

#include "base/check.h"
#include "base/special_purpose.h"

namespace roost::core::dht {
namespace {

// What one step asks at most: the outbox has room for as many, and for one put more.
constexpr size_t kMessagesPerStepMax = 8;

// Of ours in a family; a ping less often than the next upkeep.
constexpr size_t kTablePingsPerUpkeep = 2;

// A table that holds less is filled up soon, and not within the usual time.
constexpr size_t kTableWanted = 32;

// What a lookup begins with, where the table has as many.
constexpr size_t kSeeds = 16;

// Until the first lookups have shown us some of the DHT.
constexpr Duration kPeersFirst = std::chrono::seconds(20);

template <typename Counts, typename Enum>
void count(Counts& counts, Enum what) {
  ++counts[static_cast<size_t>(what)];
}

template <typename Time>
void keep_earlier(std::optional<Time>& earliest, const std::optional<Time>& time) {
  if (time && (!earliest || *time < *earliest)) earliest = time;
}

}  // namespace

std::string_view label(Server::Drop drop) {
  switch (drop) {
    case Server::Drop::kMalformed: return "malformed";
    case Server::Drop::kUnasked: return "unasked";
  }
  return "";
}

Server::Server(const Options& options, Random& random, MonoTime now)
    : options_(options),
      random_(random),
      verifier_(options.verifier, random, now),
      tables_{RoutingTable(options.id_seed), RoutingTable(options.id_seed)},
      responder_(options.responder, verifier_, tables_, random),
      cookies_(random.bytes<16>()),
      silent_(random.bytes<16>()),
      next_upkeep_(now) {
  for (size_t i = 0; i < kFamilyCount; ++i) {
    const Family family = as_family(i);
    const IpAddress any = family == Family::kV4 ? IpAddress::v4(0) : IpAddress();
    if (options.sockets[i]) homes_[i] = {*options.sockets[i], {{any, options.port}, 0}, {}};
    set_id(family, options.external_addresses[i]
                       ? wire::conforming_node_id(*options.external_addresses[i], options.id_seed)
                       : options.id_seed);
    plans_[i] = {.neighbours_at = now,
                 .neighbours_again = kNeighboursSoon,
                 .peers_at = now + kPeersFirst,
                 .publish_at = now,
                 .names_at = now + kNamesAfter,
                 .names_again = kNamesAgainMin};
  }
  set_supernode(now, false);
}

void Server::set_id(Family family, const wire::NodeId& id) {
  const auto at = static_cast<size_t>(family);
  if (tables_[at].own_id() != id) {
    tables_[at].set_own_id(id);
    ++stats_.id_changes;
  }
  homes_[at].id = id;
  if (serves(family)) verifier_.set_home(family, homes_[at]);
}

void Server::set_supernode(MonoTime now, bool is_supernode) {
  if (is_supernode && !is_supernode_) {
    for (Plan& plan : plans_) {
      plan.peers_at = std::min(plan.peers_at, now + kPeersFirst);
      plan.publish_at = now;
    }
  }
  is_supernode_ = is_supernode;
  verifier_.set_read_only(!is_supernode);
}

void Server::set_own_item(MonoTime now, const wire::MutableItem& item) {
  CHECK(item.value.size() <= wire::kMutableItemValueSizeMax);
  const bool is_other = !same_bytes(item.value, own_value_);
  own_value_.assign(item.value.begin(), item.value.end());
  own_salt_.assign(item.salt.begin(), item.salt.end());
  own_item_ = {item.key, item.seq, item.signature, own_salt_, own_value_};
  responder_.set_own_item(options_.network, &own_item_);
  if (!is_other) return;
  for (Plan& plan : plans_) plan.publish_at = now;
}

void Server::set_external_addresses(
    MonoTime now, const std::array<std::optional<IpAddress>, kFamilyCount>& addresses) {
  options_.external_addresses = addresses;
  for (size_t i = 0; i < kFamilyCount; ++i) {
    const auto address = external_address(as_family(i));
    const wire::NodeId id =
        address ? wire::conforming_node_id(*address, options_.id_seed) : options_.id_seed;
    if (id == own_id(as_family(i))) continue;
    set_id(as_family(i), id);
    plans_[i].neighbours_at = now;
  }
}

std::optional<IpAddress> Server::external_address(Family family) const {
  const auto at = static_cast<size_t>(family);
  return options_.external_addresses[at] ? options_.external_addresses[at] : votes_[at].address();
}

bool Server::is_ours(const Endpoint& endpoint) const {
  return endpoint.port == options_.port &&
         endpoint.address == external_address(family_of(endpoint.address));
}

bool Server::is_believed(const wire::CompactNode& node) const {
  if (node.endpoint.port == 0) return false;
  if (options_.verifier.takes_special_purpose) return true;
  return is_globally_reachable(node.endpoint.address) &&
         wire::conforms(node.id, node.endpoint.address);
}

// ---- What comes in.

void Server::step(MonoTime now, const DatagramArrived& input, Outbox& out) {
  found_item_.reset();
  const auto message = wire::parse_krpc(input.payload);
  if (!message) {
    count(stats_.malformed, message.error());
    return count(stats_.drops, Drop::kMalformed);
  }
  if (message->kind == wire::KrpcKind::kQuery) {
    return responder_.step(now, input, *message, own_id(family_of(input.from.address)), out);
  }
  const Family family = family_of(input.from.address);
  const bool was_dead = verifier_.is_line_dead(now, family);
  if (!hear_answer(now, input, *message)) return count(stats_.drops, Drop::kUnasked);
  if (was_dead && !verifier_.is_line_dead(now, family)) silent_.forget();
  (void)carry_on_searches(now, Lookup::kInFlightMax, out);
}

bool Server::hear_answer(MonoTime now, const DatagramArrived& input,
                         const wire::KrpcMessage& message) {
  const Family family = family_of(input.from.address);
  const auto response =
      message.kind == wire::KrpcKind::kResponse ? parse_response(message) : std::nullopt;
  if (const auto purpose = verifier_.heard_answer(now, input, message)) {
    // Whoever is proven only is perhaps behind a NAT; but better such a one than nobody.
    const bool is_good =
        *purpose != PingPurpose::kProof || verifier_.ring().size(family) < Responder::kContactsMin;
    if (response && is_good) add_to_table(now, {response->id, input.from});
    // Anybody can have us ping him by asking us: what he says of our address counts for nothing.
    return true;
  }
  if (hear_search(now, input, message, response)) {
    // The search has it.
  } else if (const auto why = cookies_.check(now, message.head.transaction_id, input.from)) {
    if (response) hear_asked(now, input, *why, *response);
  } else {
    return false;
  }
  rates_[static_cast<size_t>(family)].answered(now);
  verifier_.line_lives(now, family);
  if (message.head.observed) take_vote(now, input.from.address, message.head.observed->address);
  return true;
}

// Whom we have asked says where he sees us.
void Server::take_vote(MonoTime now, const IpAddress& voter, const IpAddress& seen) {
  const Family family = family_of(voter);
  const auto at = static_cast<size_t>(family);
  const bool may_be_ours = family_of(seen) == family &&
                           (options_.verifier.takes_special_purpose || is_globally_reachable(seen));
  if (!may_be_ours || options_.external_addresses[at]) return;
  if (!votes_[at].vote(now, voter, seen)) return;
  set_id(family, wire::conforming_node_id(seen, options_.id_seed));
  plans_[at].neighbours_at = now;  // Whoever is near to us now is somebody else.
}

bool Server::hear_search(MonoTime now, const DatagramArrived& input,
                         const wire::KrpcMessage& message,
                         const std::optional<wire::KrpcResponse>& response) {
  for (std::optional<Search>& search : searches_) {
    if (!search || search->family() != family_of(input.from.address)) continue;
    if (!response) {
      if (search->refused(input.from, message)) return true;
      continue;
    }
    if (!search->answered(now, input.from, message, *response)) continue;
    const wire::CompactNode node{response->id, input.from};
    add_to_table(now, node);
    verifier_.heard_elsewhere(now, node);
    const SearchPurpose purpose = search->purpose();
    if (purpose == SearchPurpose::kPeers || purpose == SearchPurpose::kAnnounce) {
      wire::for_each_peer(response->peers,
                          [&](const Endpoint& peer) { add_found_peer(peer, input.from.address); });
    }
    if (purpose == SearchPurpose::kItem) take_found_item(*response);
    learn_nodes(now, *response, &*search);
    return true;
  }
  return false;
}

void Server::hear_asked(MonoTime now, const DatagramArrived& input, PingPurpose purpose,
                        const wire::KrpcResponse& response) {
  const wire::CompactNode node{response.id, input.from};
  for (Asked& asked : asked_) {
    if (asked.node == input.from) asked = {};
  }
  add_to_table(now, node);
  verifier_.heard_elsewhere(now, node);
  if (purpose == PingPurpose::kBootstrap) learn_nodes(now, response, nullptr);
}

void Server::add_to_table(MonoTime now, const wire::CompactNode& node) {
  if (!is_believed(node)) return;
  RoutingTable& table = tables_[static_cast<size_t>(family_of(node.endpoint.address))];
  count(stats_.table, table.answered(now, node));
}

// Nodes that somebody has named, who is not asked in a search of their family: they help that of
// our neighbours on, and begin it where we know nobody yet.
void Server::learn_nodes(MonoTime now, const wire::KrpcResponse& response, const Search* from) {
  for (const Family family : {Family::kV4, Family::kV6}) {
    if (!serves(family) || (from != nullptr && from->family() == family)) continue;
    const bool is_v4 = family == Family::kV4;
    const Bytes nodes = is_v4 ? response.nodes : response.nodes6;
    if (nodes.empty()) continue;
    Search* search = find_search(family, SearchPurpose::kNeighbours);
    if (search == nullptr) {
      if (table(family).size() >= kTableMin) continue;
      search = begin(now, family, SearchPurpose::kNeighbours, own_id(family));
    }
    if (search == nullptr) continue;
    wire::for_each_compact_node(nodes, is_v4 ? wire::kCompactNodeV4Size : wire::kCompactNodeV6Size,
                                [&](const wire::CompactNode& node) { search->learn(now, node); });
  }
}

bool Server::may_look_up_item() const {
  const auto looks_one_up = [](const std::optional<Search>& search) {
    return search && search->purpose() == SearchPurpose::kItem;
  };
  return search_count() + kFamilyCount <= kSearchesMax &&
         std::none_of(searches_.begin(), searches_.end(), looks_one_up);
}

void Server::look_up_item(MonoTime now, const PublicKey& key, Bytes salt) {
  wanted_key_ = key;
  wanted_salt_.assign(salt.begin(), salt.end());
  for (const Family family : {Family::kV4, Family::kV6}) {
    if (!serves(family)) continue;
    (void)begin(now, family, SearchPurpose::kItem, wire::mutable_item_target(key, salt));
  }
  search_deadline_ = now;
}

void Server::take_found_item(const wire::KrpcResponse& response) {
  const bool is_item = !response.value.empty() && response.signature && response.seq;
  if (!is_item || response.key != wanted_key_) return;
  found_item_ = wire::MutableItem{wanted_key_, *response.seq, *response.signature, wanted_salt_,
                                  response.value};
}

void Server::add_found_peer(const Endpoint& peer, const IpAddress& told_by) {
  if (peer.port == 0 || is_ours(peer)) return;
  const auto known = found_peers();
  const bool is_known = std::any_of(known.begin(), known.end(), [&peer](const FoundPeer& found) {
    return found.endpoint == peer;
  });
  if (is_known) return;
  if (found_peer_count_ == kFoundPeersMax) {
    ++stats_.peers_forgotten;
    return;
  }
  found_peers_[found_peer_count_++] = {peer, told_by};
}

// ---- What our own node asks.

void Server::step(MonoTime now, const NamesResolved& input, Outbox& out) {
  if (input.endpoints.empty()) {  // No network yet: that costs nobody anything but ourselves.
    for (Plan& plan : plans_) {
      plan.names_again = kNamesAgainMin;
      plan.names_at = std::min(plan.names_at, now + kNamesAgainMin);
    }
  }
  hear_of(now, input.endpoints, out);
}

void Server::hear_of(MonoTime now, std::span<const Endpoint> nodes, Outbox& out) {
  for (const Endpoint& node : nodes.first(std::min(nodes.size(), kAskedMax))) {
    if (node.port != 0) (void)ask(now, PingPurpose::kBootstrap, node, out);
  }
}

bool Server::ask(MonoTime now, PingPurpose purpose, const Endpoint& node, Outbox& out) {
  const Family family = family_of(node.address);
  const bool may_be_asked =
      options_.verifier.takes_special_purpose || is_globally_reachable(node.address);
  if (!serves(family) || !may_be_asked || is_ours(node)) return false;
  wire::KrpcQuery query;
  if (purpose == PingPurpose::kBootstrap) {
    query.method = wire::KrpcMethod::kFindNode;
    query.target = own_id(family);
    query.wants_v4 = query.wants_v6 = serves(Family::kV4) && serves(Family::kV6);
  }
  send_query(homes_[static_cast<size_t>(family)], !is_supernode_, cookies_.make(now, purpose, node),
             query, node, out);
  rates_[static_cast<size_t>(family)].asked(now);
  return true;
}

Search* Server::find_search(Family family, SearchPurpose purpose) {
  for (std::optional<Search>& search : searches_) {
    if (search && search->family() == family && search->purpose() == purpose) return &*search;
  }
  return nullptr;
}

Search* Server::begin(MonoTime now, Family family, SearchPurpose purpose,
                      const wire::NodeId& target) {
  const auto place = std::find(searches_.begin(), searches_.end(), std::nullopt);
  if (place == searches_.end()) return nullptr;
  place->emplace(
      Search::Options{.purpose = purpose,
                      .lookup = {.target = target,
                                 .family = family,
                                 .takes_special_purpose = options_.verifier.takes_special_purpose,
                                 .silent = &silent_},
                      .wants_both_families = purpose == SearchPurpose::kNeighbours &&
                                             serves(Family::kV4) && serves(Family::kV6)},
      random_);
  std::array<wire::CompactNode, kSeeds> seeds;
  size_t seed_count = table(family).nearest(target, seeds);
  if (seed_count < kTableMin) {
    seed_count += verifier_.ring().take(now, family, std::span(seeds).subspan(seed_count));
  }
  for (const wire::CompactNode& seed : std::span(seeds).first(seed_count))
    (*place)->learn(now, seed);
  return &**place;
}

Search::Sender Server::sender(Family family) {
  const auto at = static_cast<size_t>(family);
  return {.home = homes_[at],
          .is_read_only = !is_supernode_,
          .port = options_.port,
          .item = own_value_.empty() ? nullptr : &own_item_,
          .rate = rates_[at]};
}

size_t Server::carry_on_searches(MonoTime now, size_t messages_max, Outbox& out) {
  size_t sent = 0;
  search_deadline_.reset();
  for (std::optional<Search>& search : searches_) {
    if (!search) continue;
    Search::Sender sender = this->sender(search->family());
    sent += search->step(now, sender, messages_max - sent, out);
    if (search->is_done(now)) {
      count(stats_.searches, search->purpose());
      search.reset();
    } else {
      keep_earlier(search_deadline_, std::optional(search->next_deadline(now)));
    }
  }
  if (sent == messages_max) search_deadline_ = now;  // Some may have had no turn.
  return sent;
}

void Server::step(MonoTime now, const DeadlinePassed& input, Outbox& out) {
  found_item_.reset();
  // One of the two in a step, since each may fill what a step has room for.
  const auto verification = verifier_.next_deadline();
  if (verification && *verification <= now) return verifier_.step(now, input, out);
  if (now >= next_upkeep_) {
    next_upkeep_ = now + kUpkeep;
    wants_nodes_ = false;
    for (const Family family : {Family::kV4, Family::kV6}) {
      if (serves(family)) keep_up(now, family, out);
    }
    if (wants_nodes_ && options_.has_bootstrap_names) {
      ++stats_.names_resolved;
      out.push(ResolveNames{});
    }
  }
  (void)carry_on_searches(now, kMessagesPerStepMax, out);
}

void Server::keep_up(MonoTime now, Family family, Outbox& out) {
  Plan& plan = plans_[static_cast<size_t>(family)];
  const size_t known = table(family).size();
  const bool has_few_contacts = verifier_.ring().size(family) < Responder::kContactsMin;
  const bool is_heard =
      !verifier_.is_line_dead(now, family) && !rates_[static_cast<size_t>(family)].is_ignored();
  if (known >= kTableMin && is_heard) {
    plan.names_again = kNamesAgainMin;
    plan.names_at = now + kNamesAgainMin;
  } else if (now >= plan.names_at) {
    wants_nodes_ = true;
    plan.names_at = now + plan.names_again;
    plan.names_again = std::min<Duration>(2 * plan.names_again, kNamesAgainMax);
  }
  keep_table_alive(now, family, out);
  if (known == 0 && verifier_.ring().size(family) == 0) {
    plan.neighbours_again = kNeighboursSoon;
    return;
  }

  const auto has_place = [this] { return search_count() < kSearchesMax; };
  if (now >= plan.neighbours_at && has_place()) {
    const bool is_soon = known < kTableWanted || has_few_contacts;
    plan.neighbours_at = now + (is_soon ? plan.neighbours_again : kNeighboursEvery);
    plan.neighbours_again = std::min(2 * plan.neighbours_again, Duration(kNeighboursEvery));
    if (find_search(family, SearchPurpose::kNeighbours) == nullptr) {
      (void)begin(now, family, SearchPurpose::kNeighbours, own_id(family));
    }
    // Elsewhere there are others to be met.
    if (has_few_contacts && has_place() &&
        find_search(family, SearchPurpose::kRefresh) == nullptr) {
      (void)begin(now, family, SearchPurpose::kRefresh, random_.bytes<20>());
    }
  }
  if (has_place() && find_search(family, SearchPurpose::kRefresh) == nullptr) {
    const auto target = tables_[static_cast<size_t>(family)].next_to_refresh(now, random_);
    if (target) (void)begin(now, family, SearchPurpose::kRefresh, *target);
  }
  if (now >= plan.peers_at && has_place()) {
    plan.peers_at = now + (known < kTableMin ? kNamesAgainMin : kAnnounceEvery);
    (void)begin(now, family, is_supernode_ ? SearchPurpose::kAnnounce : SearchPurpose::kPeers,
                options_.network);
  }
  if (is_supernode_ && !own_value_.empty() && now >= plan.publish_at && has_place()) {
    plan.publish_at = now + (known < kTableMin ? kNamesAgainMin : kPublishEvery);
    (void)begin(now, family, SearchPurpose::kPublish,
                wire::mutable_item_target(own_item_.key, own_salt_));
  }
}

void Server::keep_table_alive(MonoTime now, Family family, Outbox& out) {
  RoutingTable& table = tables_[static_cast<size_t>(family)];
  for (size_t sent = 0; Asked & asked : asked_) {
    const bool is_ours = asked.node.port != 0 && family_of(asked.node.address) == family;
    if (is_ours && now - asked.at >= kAskTimeout) {
      if (verifier_.has_heard_since(now - kHeardLately, family)) table.silent(asked.node);
      asked = {};
    }
    if (asked.node.port != 0 || sent == kTablePingsPerUpkeep) continue;
    const auto node = table.next_to_ask(now);
    if (!node || !ask(now, PingPurpose::kTable, node->endpoint, out)) {
      sent = kTablePingsPerUpkeep;  // Nobody more.
      continue;
    }
    asked = {node->endpoint, now};
    ++sent;
  }
}

std::optional<MonoTime> Server::next_deadline() const {
  std::optional<MonoTime> next = verifier_.next_deadline();
  keep_earlier(next, search_deadline_);
  std::optional<MonoTime> upkeep;
  for (size_t i = 0; i < kFamilyCount; ++i) {
    if (!options_.sockets[i]) continue;
    const bool knows_somebody =
        verifier_.ring().size(as_family(i)) > 0 || search_count() > 0 || !tables_[i].empty();
    keep_earlier(upkeep, std::optional(knows_somebody ? next_upkeep_ : plans_[i].names_at));
  }
  if (upkeep) keep_earlier(next, std::optional(std::max(*upkeep, next_upkeep_)));
  return next;
}

size_t Server::search_count() const {
  return static_cast<size_t>(
      std::count_if(searches_.begin(), searches_.end(),
                    [](const std::optional<Search>& search) { return search.has_value(); }));
}

uint64_t Server::bytes_for(const Options& options) {
  return Verifier::bytes_for(options.verifier) + Responder::bytes_for(options.responder) +
         sizeof(Server);
}

void Server::check_invariants() const {
  verifier_.ring().check_invariants();
  for (const RoutingTable& table : tables_) table.check_invariants();
}

}  // namespace roost::core::dht
