// SPDX-License-Identifier: MIT
#include "sim/lookup_trial.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "base/cursor.h"
#include "core/dht/lookup.h"
#include "core/dht/routing_table.h"
#include "sim/dht_swarm.h"

namespace roost::sim {
namespace {

using core::dht::Lookup;
using core::dht::RoutingTable;
using std::chrono::milliseconds;
using wire::CompactNode;
using wire::NodeId;

constexpr uint16_t kPort = 6881;
// Both ways.
constexpr Duration kAnswerTimeMin = milliseconds(20);
constexpr Duration kAnswerTimeMax = milliseconds(400);

class Trial {
 public:
  explicit Trial(const LookupTrial& trial) : trial_(trial), dice_(trial.seed) {
    // Each address once: whoever follows in the order of addresses is anybody.
    for (size_t i = 0; i < trial.member_count; ++i) {
      const Endpoint endpoint{IpAddress::v4(0x14000001 + static_cast<uint32_t>(i << 8)), kPort};
      const NodeId random = dice_.random().bytes<20>();
      DhtSwarm::Member member{{wire::conforming_node_id(endpoint.address, random), endpoint}};
      const uint64_t fate = dice_.below(100);
      member.is_alive = fate >= trial.dead_percent;
      member.is_open = fate >= trial.dead_percent + trial.nat_percent;
      swarm_.add(member);
    }
    for (uint32_t i = 0; i < swarm_.size(); ++i) {
      tables_.push_back(swarm_.table_of(swarm_[i].contact.id, dice_));
    }
  }

  LookupFigures play() {
    for (size_t i = 0; i < trial_.lookup_count; ++i) try_one();
    return figures_;
  }

 private:
  struct Course {
    std::vector<uint32_t> found{};  // The nearest first.
    std::set<uint32_t> have_answered{};
  };

  void try_one() {
    const NodeId target = dice_.random().bytes<20>();
    const uint32_t putter = anybody();
    const uint32_t getter = anybody();
    const Course put = look_up(putter, target);
    const Course got = look_up(getter, target);
    ++figures_.lookup_count;
    const bool is_found = std::any_of(put.found.begin(), put.found.end(), [&](uint32_t holder) {
      return got.have_answered.contains(holder);
    });
    figures_.items_found += is_found;
    const std::vector<uint32_t> truth = swarm_.nearest(
        target, Lookup::kNearest, [&](uint32_t number) { return answers(number, putter); });
    figures_.nearest_found += !put.found.empty() && put.found.front() == truth.front();
    for (const uint32_t found : put.found) {
      figures_.near_found += std::find(truth.begin(), truth.end(), found) != truth.end();
    }
  }

  uint32_t anybody() {
    for (;;) {
      const auto number = static_cast<uint32_t>(dice_.below(swarm_.size()));
      if (swarm_[number].is_alive) return number;
    }
  }

  bool answers(uint32_t asked, uint32_t who) const {
    const DhtSwarm::Member& member = swarm_[asked];
    if (!member.is_alive || asked == who) return false;
    const auto& table = tables_[asked];
    return member.is_open || std::find(table.begin(), table.end(), who) != table.end();
  }

  // The nearest that it knows, in the order of the compact form.
  std::vector<uint8_t> neighbours(uint32_t asked, const NodeId& target) const {
    std::vector<uint32_t> nearest = tables_[asked];
    const auto middle = nearest.begin() + std::min<ptrdiff_t>(8, std::ssize(nearest));
    std::partial_sort(nearest.begin(), middle, nearest.end(), [&](uint32_t a, uint32_t b) {
      return wire::compare_distance(target, swarm_[a].contact.id, swarm_[b].contact.id) < 0;
    });
    nearest.erase(middle, nearest.end());
    std::vector<uint8_t> bytes(nearest.size() * wire::kCompactNodeV4Size);
    Writer writer(bytes);
    for (const uint32_t number : nearest) wire::write_compact(writer, swarm_[number].contact);
    return bytes;
  }

  Course look_up(uint32_t who, const NodeId& target) {
    RoutingTable table(swarm_[who].contact.id);
    MonoTime now{std::chrono::hours(1)};
    for (const uint32_t number : tables_[who]) (void)table.answered(now, swarm_[number].contact);
    std::array<CompactNode, 2 * Lookup::kNearest> seeds;
    const size_t seed_count = table.nearest(target, seeds);
    Lookup lookup({.target = target}, dice_.random());
    for (size_t i = 0; i < seed_count; ++i) lookup.learn(now, seeds[i]);

    struct Answer {
      MonoTime arrives_at;
      Lookup::Query query;
    };
    std::vector<Answer> open;
    Course course;
    const MonoTime began_at = now;
    while (!lookup.is_done(now)) {
      while (const auto query = lookup.next_query(now)) {
        const Duration takes = dice_.between(kAnswerTimeMin, kAnswerTimeMax);
        if (!answers(swarm_.number_of(query->to), who)) continue;
        open.push_back({now + takes, *query});
      }
      if (lookup.is_done(now)) break;
      const auto next = std::min_element(
          open.begin(), open.end(),
          [](const auto& a, const auto& b) { return a.arrives_at < b.arrives_at; });
      const auto deadline = lookup.next_deadline();
      if (next == open.end() || (deadline && *deadline < next->arrives_at)) {
        now = *deadline;
        continue;
      }
      now = next->arrives_at;
      const Lookup::Query query = next->query;
      open.erase(next);
      const uint32_t asked = swarm_.number_of(query.to);
      const std::vector<uint8_t> nodes = neighbours(asked, target);
      wire::KrpcResponse response;
      response.id = swarm_[asked].contact.id;
      response.nodes = nodes;
      if (lookup.answered(now, query.to, query.transaction_id, response)) {
        course.have_answered.insert(asked);
      }
    }
    std::array<Lookup::Found, Lookup::kNearest> found;
    const size_t count = lookup.found(found);
    for (size_t i = 0; i < count; ++i) {
      course.found.push_back(swarm_.number_of(found[i].node.endpoint));
    }
    figures_.query_count += lookup.query_count();
    figures_.time += now - began_at;
    return course;
  }

  LookupTrial trial_;
  Dice dice_;
  DhtSwarm swarm_;
  std::vector<std::vector<uint32_t>> tables_;
  LookupFigures figures_;
};

// Parts of `count` in hundredths of a percent, as text.
std::string percent(size_t part, size_t count) {
  const size_t hundredths = count == 0 ? 0 : part * 10'000 / count;
  const std::string fraction = std::to_string(hundredths % 100);
  return std::to_string(hundredths / 100)
      .append(fraction.size() == 1 ? ".0" : ".")
      .append(fraction)
      .append(" %");
}

}  // namespace

LookupFigures play(const LookupTrial& trial) {
  return Trial(trial).play();
}

std::string text(const LookupFigures& figures) {
  const size_t count = figures.lookup_count;
  const size_t lookups = std::max<size_t>(2 * count, 1);
  return std::to_string(count) + " targets: items got " + percent(figures.items_found, count) +
         ", nearest node found " + percent(figures.nearest_found, count) +
         ", of the eight nearest " + percent(figures.near_found, Lookup::kNearest * count) +
         "; each lookup " + std::to_string(figures.query_count / lookups) + " queries, " +
         std::to_string(std::chrono::floor<milliseconds>(figures.time).count() /
                        static_cast<int64_t>(lookups)) +
         " ms";
}

}  // namespace roost::sim
