// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/actors/actor.h"
#include "sim/dht_swarm.h"
#include "sim/krpc_text.h"

namespace roost::sim::actors {

// A node of the Mainline DHT (BEP 5, 42, 43) as light as it can be: it asks one of our nodes now
// and then, and answers pings, find_node and get_peers. Who its neighbours are it takes from the
// swarm's truth, the stale ones among them included.
//
//   away --session begins--> there: asks a few times, then every now and then --ends--> away …
//
// Sessions and the times between them are short for the most part and very long for a few, as they
// are measured (Stutzbach and Rejaie 2006). Behind a NAT it is part of the swarm once it has been
// told so, and reached by nobody else.
//
// Those that lie are always there, and ask from several ports, which is what they can do for more
// places:
//   kSybil      names only its fellows;
//   kGhosts     names nodes that are nowhere;
//   kPoisoner   names its fellows, and itself, with the IDs nearest to what is looked for that
//               their addresses allow;
//   kAccuser    names victims, who have nothing to do with the DHT, so that they are asked;
//   kForger     asks and answers in the victims' names, and answers nobody itself.
// All of them say to whoever asks that it has another address.
class SwarmNode final : public Actor {
 public:
  enum class Kind : uint8_t {
    kHonest,
    kReadOnly,  // Says that it answers nobody, and answers only pings.
    kSybil,
    kGhosts,
    kPoisoner,
    kAccuser,
    kForger,
  };
  static constexpr size_t kKindCount = 7;
  static constexpr uint16_t kPort = 6881;
  // What those that lie ask from; the first is kPort.
  static constexpr uint16_t kHostilePorts = 3;
  static constexpr size_t kNeighbours = 8;

  struct Options {
    Kind kind = Kind::kHonest;
    std::vector<Endpoint> servers{};  // Our nodes, of the host's first address's family.
    Duration period = std::chrono::minutes(40);
    // The shortest; half of all are twice as long at least, a quarter four times …
    Duration session_min = std::chrono::minutes(30);
    Duration pause_min = std::chrono::minutes(15);
    uint32_t stale_ppm = 300'000;  // Of dead neighbours, those that it takes for living ones.
    std::vector<wire::CompactNode> fellows{};
    std::vector<IpAddress> victims{};
  };

  // All must outlive it. Is of the swarm at once if its host is on the Internet.
  SwarmNode(Host& host, Network& network, DhtSwarm& swarm, const Options& options);

  void on_packet(Packet packet) override;
  // Who is known to lie together with it.
  void set_fellows(std::vector<wire::CompactNode> fellows) {
    options_.fellows = std::move(fellows);
  }
  void stop() { clear_alarm(); }

  bool is_hostile() const { return options_.kind > Kind::kReadOnly; }
  // Empty while it does not know.
  const std::optional<wire::CompactNode>& contact() const { return contact_; }
  uint64_t answer_count() const { return answer_count_; }  // That it got.

 private:
  static constexpr unsigned kDoublingsMax = 8;

  void on_alarm() override;
  void begin_session(bool is_there);
  Duration drawn_length(Duration least);
  void ask();
  void ask_in_the_name_of_a_victim(const Endpoint& server);
  void join(const Endpoint& outside);
  void answer(const Packet& packet, const KrpcText& query);
  std::vector<wire::CompactNode> neighbours(const wire::NodeId& target);
  // The nearest to the target that BEP 42 lets the address have.
  static wire::NodeId nearest_id(const IpAddress& address, const wire::NodeId& target);

  Network& network_;
  DhtSwarm& swarm_;
  Options options_;
  IpAddress address_;
  bool is_outside_ = false;  // Of all NATs.
  std::optional<wire::CompactNode> contact_;
  std::optional<uint32_t> number_;  // In the swarm.
  bool is_there_ = true;
  MonoTime changes_at_{};
  unsigned hasty_questions_ = 0;  // At the beginning of a session.
  std::string token_;
  wire::NodeId token_for_{};
  Endpoint token_from_{};
  uint64_t answer_count_ = 0;
};

}  // namespace roost::sim::actors
