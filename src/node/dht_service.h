// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/crypto_sign.h"
#include "base/random.h"
#include "base/time.h"
#include "core/action.h"
#include "core/dht/ring_snapshot.h"
#include "core/dht/server.h"
#include "core/outbox.h"
#include "core/peers/finder.h"
#include "node/book_keeper.h"
#include "node/config.h"
#include "wire/mutable_item.h"

namespace roost::node {

// What the node does in the DHT: the server of the Mainline DHT, the contacts that it keeps in the
// store, and the other supernodes that it finds there.
//
//   DHT (get_peers under the network's infohash) -> Finder -> Book -> GET /v1/peers, roost peers
//   our signed record -> DHT (put), and whoever asks us for it
//   store: contacts (RingSnapshot), records of nodes that have answered (BookKeeper)
class DhtService {
 public:
  // As dht_options(). `random` outlives this.
  DhtService(const Config& config, const core::dht::Server::Options& options, const SigningKey& key,
             Random& random, MonoTime now);
  DhtService(const DhtService&) = delete;
  DhtService& operator=(const DhtService&) = delete;

  // A message of the DHT has come,
  void step(const Now& now, const core::DatagramArrived& input, core::Outbox& out);
  // or a response of STUN. False if it is to no question of ours.
  bool heard_stun(const Now& now, const core::DatagramArrived& input);
  void step(const Now& now, const core::NamesResolved& input, core::Outbox& out);
  void step(const Now& now, const core::CommitDone& input, core::Outbox& out);
  void step(const Now& now, const core::RangeRead& input, core::Outbox& out);
  // One of the machines in a step, since each may fill what a step has room for; what others have
  // to do is still due then.
  void step(const Now& now, const core::DeadlinePassed& input, core::Outbox& out);
  std::optional<MonoTime> next_deadline() const;

  // As of Node.
  void keep_now(const Now& now, core::Outbox& out);
  bool is_keeping() const { return snapshot_.is_keeping() || keeper_.is_keeping(); }

  void set_supernode(MonoTime now, bool is_supernode);
  // The owner has said where else the node is, or what; its record is due.
  void reload(MonoTime now, const Config& config, bool is_supernode);

  // Our record is to be signed anew and told: due since the deadline that has passed.
  bool is_record_due(MonoTime now) const { return now >= record_due_at_; }
  // Empty while the time is not known: then it is due again soon.
  void set_record(const Now& now, const std::optional<wire::MutableItem>& record);

  // The body of GET /v1/peers; good until the next step at a later time.
  Bytes peer_list(MonoTime now);

  core::dht::Server& server() { return server_; }
  const core::dht::Server& server() const { return server_; }
  const core::dht::RingSnapshot& snapshot() const { return snapshot_; }
  core::peers::Finder& finder() { return finder_; }
  const core::peers::Finder& finder() const { return finder_; }
  const BookKeeper& book_keeper() const { return keeper_; }
  static uint64_t bytes_for(const core::dht::Server::Options& options);

  void check_invariants() const;

 private:
  void set_homes();
  void take_found_peers(const Now& now);
  void tell_of_peers(const Now& now, core::Outbox& out);
  void look_for_lost_peer(MonoTime now);

  core::dht::Server server_;
  core::dht::RingSnapshot snapshot_;
  core::peers::Finder finder_;
  BookKeeper keeper_;
  bool is_supernode_ = false;
  uint64_t homes_of_id_change_ = 0;  // Which of the server's changes of IDs the finder knows.
  std::array<std::optional<core::SocketId>, core::dht::kFamilyCount> sockets_;
  uint16_t port_;
  MonoTime began_at_;
  bool is_started_ = false;
  MonoTime record_due_at_{};
  MonoTime next_lost_peer_at_{};
  std::vector<uint8_t> peer_list_;
  std::optional<MonoTime> peer_list_made_at_;
};

}  // namespace roost::node
