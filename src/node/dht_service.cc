// SPDX-License-Identifier: MIT
#include "node/dht_service.h"

#include <algorithm>

#include "base/check.h"
#include "node/dht_options.h"
#include "node/self_record.h"
#include "wire/peer_list.h"

namespace roost::node {
namespace {

using core::dht::Family;

// How soon it is tried again to sign our record, while the wall clock is not known.
constexpr std::chrono::minutes kRecordAgain{1};

// How often one that is lost is looked up in the DHT, at most.
constexpr std::chrono::minutes kLostPeerEvery{1};

// How many other supernodes are asked for a way into the DHT at a time.
constexpr size_t kPeersAskedMax = 8;

// How long an answer to GET /v1/peers is the same, whatever the book has learned since.
constexpr std::chrono::seconds kPeerListFor{60};

core::peers::Finder::Options finder_options(const Config& config,
                                            const core::dht::Server::Options& options,
                                            const SigningKey& key) {
  core::peers::Finder::Options finder;
  finder.network = options.network;
  finder.book.own_key = key.public_key();
  finder.book.takes_special_purpose = config.dht.admit_private_addresses;
  if (config.dht.admit_private_addresses) {
    // In a network apart nobody is a third party, and many share a prefix.
    finder.address_rest = Duration();
    finder.prefix_rest = Duration();
  }
  return finder;
}

bool is_due(const std::optional<MonoTime>& deadline, MonoTime now) {
  return deadline && *deadline <= now;
}

}  // namespace

DhtService::DhtService(const Config& config, const core::dht::Server::Options& options,
                       const SigningKey& key, Random& random, MonoTime now)
    : server_(options, random, now),
      snapshot_(server_.verifier().ring()),
      finder_(finder_options(config, options, key), random, now),
      keeper_(finder_.book()),
      sockets_(options.sockets),
      port_(options.port),
      began_at_(now) {
  set_homes();
}

void DhtService::set_homes() {
  const auto home = [this](Family family) -> std::optional<core::peers::Finder::Home> {
    const auto& socket = sockets_[static_cast<size_t>(family)];
    if (!socket) return {};
    const IpAddress any = family == Family::kV4 ? IpAddress::v4(0) : IpAddress();
    return core::peers::Finder::Home{
        *socket, {{any, port_}, 0}, server_.own_id(family), !is_supernode_};
  };
  finder_.set_homes(home(Family::kV4), home(Family::kV6));
  homes_of_id_change_ = server_.stats().id_changes;
}

void DhtService::set_supernode(MonoTime now, bool is_supernode) {
  is_supernode_ = is_supernode;
  server_.set_supernode(now, is_supernode);
  set_homes();
}

void DhtService::reload(MonoTime now, const Config& config, bool is_supernode) {
  server_.set_external_addresses(now, dht_options(config).external_addresses);
  set_supernode(now, is_supernode);
  record_due_at_ = now;
}

void DhtService::step(const Now& now, const core::DatagramArrived& input, core::Outbox& out) {
  // Few questions of the finder's are open, and most messages are queries.
  if (finder_.has_open_questions()) {
    const auto message = wire::parse_krpc(input.payload);
    const bool is_answer = message && message->kind != wire::KrpcKind::kQuery;
    if (is_answer && finder_.heard_answer(now, input, *message)) return;
  }
  server_.step(now.mono, input, out);
  take_found_peers(now);
  if (server_.found_item()) (void)finder_.hear(now, *server_.found_item(), input.from.address);
}

bool DhtService::heard_stun(const Now& now, const core::DatagramArrived& input) {
  const auto view = wire::StunView::parse(input.payload);
  return view && finder_.heard_stun(now.mono, input, *view);
}

void DhtService::step(const Now& now, const core::NamesResolved& input, core::Outbox& out) {
  server_.step(now.mono, input, out);
}

void DhtService::step(const Now& now, const core::CommitDone& input, core::Outbox& out) {
  switch (input.id.user) {
    case core::StoreUser::kContacts: return snapshot_.step(now, input, out);
    case core::StoreUser::kBook: return keeper_.step(now, input);
  }
}

void DhtService::step(const Now& now, const core::RangeRead& input, core::Outbox& out) {
  switch (input.id.user) {
    case core::StoreUser::kContacts: return snapshot_.step(now, input, out);
    case core::StoreUser::kBook: return keeper_.step(now, input);
  }
}

void DhtService::step(const Now& now, const core::DeadlinePassed& input, core::Outbox& out) {
  if (!is_started_) {
    is_started_ = true;
    snapshot_.start(now, out);
    keeper_.start(now, out);
    return;
  }
  if (homes_of_id_change_ != server_.stats().id_changes) set_homes();
  if (is_due(finder_.next_deadline(), now.mono)) {
    finder_.step(now.mono, input, out);
    return look_for_lost_peer(now.mono);
  }
  if (is_due(snapshot_.next_deadline(), now.mono)) return snapshot_.step(now, input, out);
  if (is_due(keeper_.next_deadline(), now.mono)) return keeper_.step(now, input, out);
  if (!is_due(server_.next_deadline(), now.mono)) return;
  server_.step(now.mono, input, out);
  if (server_.wants_nodes()) tell_of_peers(now, out);
}

// A lookup asks some thirty nodes; and who is lost has been for hours.
void DhtService::look_for_lost_peer(MonoTime now) {
  if (now < next_lost_peer_at_ || !server_.may_look_up_item()) return;
  const auto key = finder_.book().take_lost();
  if (!key) return;
  server_.look_up_item(now, *key, as_bytes(wire::kNodeRecordSalt));
  next_lost_peer_at_ = now + kLostPeerEvery;
}

void DhtService::keep_now(const Now& now, core::Outbox& out) {
  if (!is_started_) return;
  keeper_.keep_now(now, out);
  snapshot_.keep_now(now, out);
}

// Other supernodes are nodes of the DHT, too.
void DhtService::tell_of_peers(const Now& now, core::Outbox& out) {
  std::vector<Endpoint> nodes;
  finder_.book().for_each(now.mono, [&nodes](const core::peers::Book::Known& known) {
    if (known.is_tried && nodes.size() < kPeersAskedMax) nodes.push_back(known.address);
  });
  server_.hear_of(now.mono, nodes, out);
}

std::optional<MonoTime> DhtService::next_deadline() const {
  if (!is_started_) return began_at_;  // At once.
  MonoTime next = record_due_at_;
  for (const auto& deadline : {server_.next_deadline(), snapshot_.next_deadline(),
                               finder_.next_deadline(), keeper_.next_deadline()}) {
    if (deadline) next = std::min(next, *deadline);
  }
  return next;
}

void DhtService::take_found_peers(const Now& now) {
  for (const core::dht::Server::FoundPeer& peer : server_.found_peers()) {
    (void)finder_.hear(now, peer.endpoint, peer.told_by);
  }
  server_.forget_found_peers();
}

void DhtService::set_record(const Now& now, const std::optional<wire::MutableItem>& record) {
  record_due_at_ = now.mono + kRecordAgain;
  if (!record) return;
  server_.set_own_item(now.mono, *record);
  // By its own time, to the second: a record that was made for somebody else is not as fresh.
  const std::chrono::seconds age = now.wall->time_since_epoch() - std::chrono::seconds(record->seq);
  const auto left = std::chrono::seconds(SelfRecord::kAgeMax) - age + std::chrono::seconds(1);
  record_due_at_ = now.mono + std::max<Duration>(left, kRecordAgain);
}

Bytes DhtService::peer_list(MonoTime now) {
  if (peer_list_made_at_ && now < *peer_list_made_at_ + kPeerListFor) return peer_list_;
  peer_list_made_at_ = now;
  std::array<wire::MutableItem, wire::kPeerListRecordsMax> records;
  const size_t count = finder_.book().sample(now, records);
  peer_list_.resize(wire::kPeerListSizeMax);
  const size_t size = encode_peer_list(std::span(records).first(count), peer_list_).size();
  CHECK(size > 0);
  peer_list_.resize(size);
  return peer_list_;
}

uint64_t DhtService::bytes_for(const core::dht::Server::Options& options) {
  return core::dht::Server::bytes_for(options) + core::dht::RingSnapshot::kBytes +
         core::peers::Finder::bytes_for({}) + BookKeeper::kBytes + wire::kPeerListSizeMax;
}

void DhtService::check_invariants() const {
  server_.check_invariants();
  finder_.book().check_invariants();
}

}  // namespace roost::node
