// SPDX-License-Identifier: MIT
#include "sim/actors/swarm_node.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace roost::sim::actors {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using wire::CompactNode;
using wire::NodeId;

// Nobody's: where ghosts are said to be.
constexpr uint32_t kGhostsFirst = 0x3c00'0000;  // 60.0.0.0/8.
constexpr uint64_t kGhostCount = 1 << 24;
// What liars tell others their address is.
constexpr Endpoint kElsewhere{IpAddress::v4(0x0909'0909), 9};
constexpr std::string_view kToken = "of the swarm";

}  // namespace

SwarmNode::SwarmNode(Host& host, Network& network, DhtSwarm& swarm, const Options& options)
    : Actor(host), network_(network), swarm_(swarm), options_(options) {
  CHECK(!options_.servers.empty());
  address_ = host.addresses().front();
  is_outside_ = network.uplink_of(host.attachment()) == host.attachment();
  if (is_outside_) join({address_, kPort});
  const auto parts = static_cast<uint64_t>(options_.session_min.count());
  const auto all = parts + static_cast<uint64_t>(options_.pause_min.count());
  begin_session(is_hostile() || host.dice().below(all) < parts);
}

// Half of them no longer than twice the shortest; the mean is some five times that.
Duration SwarmNode::drawn_length(Duration least) {
  const Duration within = host().dice().between(least, 2 * least);
  unsigned doublings = 0;
  while (doublings < kDoublingsMax && host().dice().below(2) == 0) ++doublings;
  return within * (int64_t{1} << doublings);
}

void SwarmNode::begin_session(bool is_there) {
  is_there_ = is_there;
  if (number_) swarm_[*number_].is_alive = is_there;
  changes_at_ = is_hostile()
                    ? MonoTime::max()
                    : now() + drawn_length(is_there ? options_.session_min : options_.pause_min);
  hasty_questions_ = is_there ? static_cast<unsigned>(host().dice().below(4)) : 0;
  set_alarm(is_there ? now() + host().dice().between(Duration(), options_.period) : changes_at_);
}

void SwarmNode::on_alarm() {
  if (now() >= changes_at_) return begin_session(!is_there_);
  ask();
  Duration pause = host().dice().between(options_.period / 2, options_.period * 3 / 2);
  if (hasty_questions_ > 0) {
    --hasty_questions_;
    pause = host().dice().between(seconds(1), minutes(2));
  }
  set_alarm(std::min(now() + pause, changes_at_));
}

void SwarmNode::ask() {
  Dice& dice = host().dice();
  const Endpoint& server = options_.servers[dice.below(options_.servers.size())];
  if (options_.kind == Kind::kForger) return ask_in_the_name_of_a_victim(server);
  KrpcQuestion question;
  if (contact_) question.id = contact_->id;
  question.is_read_only = options_.kind == Kind::kReadOnly;
  const uint64_t drawn = dice.below(8);
  const NodeId target = dice.random().bytes<20>();
  if (drawn < 5) {
    question.method = "find_node";
    question.target = drawn < 2 ? question.id : target;
  } else if (drawn < 7) {
    question.method = "get_peers";
    question.target = target;
  }
  if (!token_.empty() && server == token_from_) {
    question.method = "announce_peer";
    question.target = token_for_;
    question.token = token_;
  }
  const uint64_t port = is_hostile() ? dice.below(kHostilePorts) : 0;
  const Endpoint from{address_, static_cast<uint16_t>(kPort + port)};
  host().send_datagram(from, server, write_query(question));
  token_.clear();
}

void SwarmNode::ask_in_the_name_of_a_victim(const Endpoint& server) {
  Dice& dice = host().dice();
  Packet packet;
  packet.source.address = options_.victims[dice.below(options_.victims.size())];
  packet.source.port = static_cast<uint16_t>(dice.between(1, 65535));
  packet.destination = server;
  const NodeId target = dice.random().bytes<20>();
  const NodeId id = nearest_id(packet.source.address, target);
  if (dice.below(3) == 0) {  // An answer to whatever they were asked.
    auto guess = dice.random().bytes<8>();
    guess[0] &= 7;
    packet.payload = write_answer({.transaction_id = as_text(guess), .id = id});
  } else {
    packet.payload = write_query({.method = "find_node", .id = id, .target = target});
  }
  network_.inject(std::move(packet));
}

void SwarmNode::on_packet(Packet packet) {
  if (!is_there_ || packet.kind != PacketKind::kDatagram) return;
  const auto text = read_krpc(packet.payload);
  if (!text) return;
  if (text->kind == 'q') return answer(packet, *text);
  if (text->kind != 'r') return;
  ++answer_count_;
  if (!contact_) {
    const auto outside = host().seen_from(Protocol::kUdp, packet.destination, packet.source);
    if (outside) join(*outside);
  }
  if (host().dice().below(4) != 0) return;
  // The next question is an announcement, if it goes to the same node.
  token_ = text->token;
  token_from_ = packet.source;
  token_for_ = host().dice().random().bytes<20>();
}

// Its address is this one, which its ID has to match.
void SwarmNode::join(const Endpoint& outside) {
  const NodeId random = host().dice().random().bytes<20>();
  contact_ = {wire::conforming_node_id(outside.address, random), outside};
  if (options_.kind == Kind::kReadOnly) return;  // Nobody has it in his table.
  number_ = swarm_.add({*contact_, is_there_, is_outside_});
}

void SwarmNode::answer(const Packet& packet, const KrpcText& query) {
  if (options_.kind == Kind::kForger || !contact_) return;
  // Some do answer pings, against BEP 43.
  if (options_.kind == Kind::kReadOnly && query.method != "ping") return;
  KrpcReply reply{.transaction_id = query.transaction_id, .id = contact_->id};
  reply.observed = is_hostile() ? kElsewhere : packet.source;
  std::vector<CompactNode> nodes;
  if (query.target) {
    nodes = neighbours(*query.target);
    if (options_.kind == Kind::kPoisoner) reply.id = nearest_id(address_, *query.target);
    reply.nodes = nodes;
    reply.token = kToken;
  }
  host().send_datagram(packet.destination, packet.source, write_answer(reply));
}

std::vector<CompactNode> SwarmNode::neighbours(const NodeId& target) {
  Dice& dice = host().dice();
  std::vector<CompactNode> nodes;
  const auto any_of = [&dice](const auto& list) { return list[dice.below(list.size())]; };
  switch (options_.kind) {
    case Kind::kHonest: {
      const auto seems_there = [&](uint32_t number) {
        const DhtSwarm::Member& member = swarm_[number];
        return member.contact.endpoint.address.is_v4() == address_.is_v4() && number != number_ &&
               (member.is_alive || dice.happens(options_.stale_ppm));
      };
      for (const uint32_t number : swarm_.nearest(target, kNeighbours, seems_there)) {
        nodes.push_back(swarm_[number].contact);
      }
      break;
    }
    case Kind::kSybil:
      for (size_t i = 0; i < kNeighbours && !options_.fellows.empty(); ++i) {
        nodes.push_back(any_of(options_.fellows));
      }
      break;
    case Kind::kGhosts:
      for (size_t i = 0; i < kNeighbours; ++i) {
        const auto nowhere = static_cast<uint32_t>(kGhostsFirst + dice.below(kGhostCount));
        const IpAddress address = IpAddress::v4(nowhere);
        nodes.push_back({nearest_id(address, target), {address, kPort}});
      }
      break;
    case Kind::kPoisoner:
      for (size_t i = 0; i < kNeighbours && !options_.fellows.empty(); ++i) {
        CompactNode fellow = any_of(options_.fellows);
        fellow.id = i == 0 ? target : nearest_id(fellow.endpoint.address, target);
        nodes.push_back(fellow);
      }
      break;
    case Kind::kAccuser:
      for (size_t i = 0; i < kNeighbours && !options_.victims.empty(); ++i) {
        const IpAddress victim = any_of(options_.victims);
        const auto port = static_cast<uint16_t>(dice.between(1, 65535));
        nodes.push_back({nearest_id(victim, target), {victim, port}});
      }
      break;
    case Kind::kReadOnly:
    case Kind::kForger: break;
  }
  return nodes;
}

NodeId SwarmNode::nearest_id(const IpAddress& address, const NodeId& target) {
  NodeId best{};
  for (uint8_t random = 0; random < 8; ++random) {
    NodeId wish = target;
    wish[19] = static_cast<uint8_t>((wish[19] & ~7) | random);
    const NodeId id = wire::conforming_node_id(address, wish);
    if (random == 0 || wire::compare_distance(target, id, best) < 0) best = id;
  }
  return best;
}

}  // namespace roost::sim::actors
