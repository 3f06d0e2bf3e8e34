// SPDX-License-Identifier: MIT
#include "app/node_pages.h"

#include <array>
#include <nlohmann/json.hpp>
#include <numeric>

#include "app/grant_file.h"
#include "app/peers_page.h"
#include "base/text.h"
#include "io/clock.h"
#include "io/process_metrics.h"
#include "node/metrics.h"

namespace roost::app {
namespace {

using Json = nlohmann::ordered_json;

constexpr core::Transport kTransports[] = {core::Transport::kUdp, core::Transport::kTcp,
                                           core::Transport::kTls, core::Transport::kDtls};

Json texts(const std::vector<Endpoint>& endpoints) {
  Json list = Json::array();
  for (const Endpoint& endpoint : endpoints) list.push_back(endpoint.text());
  return list;
}

template <typename Counts>
Json by_transport(const Counts& counts) {
  Json object;
  for (const core::Transport transport : kTransports) {
    object[node::label(transport)] = counts[static_cast<size_t>(transport)];
  }
  return object;
}

template <typename Number>
Json or_null(const std::optional<Number>& number) {
  return number ? Json(*number) : Json();
}

Json or_null(const std::optional<std::chrono::seconds>& time) {
  return time ? Json(time->count()) : Json();
}

// Null is "no limit" of what is left, and "unknown" elsewhere.
Json month(const node::Budget& budget, const Now& now) {
  const node::Budget::Outlook outlook = budget.outlook(now);
  return {{"state", node::label(budget.month_state())},
          {"left_bytes", or_null(outlook.bytes_left)},
          {"left_seconds", or_null(outlook.time_left)},
          {"forecast_bytes", or_null(outlook.forecast_bytes)},
          {"used_up_in_seconds", or_null(outlook.used_up_in)}};
}

Json donation(const node::Node& node, const Now& now) {
  const node::Config::Donate& donate = node.config().donate;
  const node::Budget& budget = node.budget();
  return {{"sent_bytes", budget.bytes_sent()},
          {"month_sent_bytes", budget.month().bytes_sent},
          {"monthly_bytes_max", donate.monthly_bytes},
          {"month", month(budget, now)},
          {"bandwidth_bytes_per_second_max", donate.bandwidth_bytes_per_second},
          {"memory_bytes_max", donate.memory_bytes},
          {"memory_bytes_reserved", node::total_bytes(node::memory_plan(node.config()))},
          {"disk_bytes_max", donate.disk_bytes},
          {"connections", node.connection_admission().open_count()},
          {"connections_max", donate.connections}};
}

Json drops(const node::Node& node) {
  Json object;
  for (size_t i = 0; i < node.stats().drops.size(); ++i) {
    object[node::label(static_cast<node::Node::Drop>(i))] = node.stats().drops[i];
  }
  return object;
}

Json stun(const node::Node& node) {
  const auto& stats = node.stun_stats();
  return {{"is_enabled", node.config().stun.enabled},
          {"nat_discovery", !node.config().stun.discovery_addresses.empty()},
          {"requests", by_transport(stats.requests)},
          {"successes", by_transport(stats.successes)},
          {"errors", stats.errors_bad_request + stats.errors_unknown_attribute}};
}

template <typename Counts>
Json by_class(const Counts& counts) {
  Json object;
  for (const core::Payer payer :
       {core::Payer::kFriend, core::Payer::kFriendOfFriend, core::Payer::kStranger}) {
    object[node::label(payer)] = counts[static_cast<size_t>(payer)];
  }
  return object;
}

template <typename Counts>
Counts sum(Counts one, const Counts& other) {
  for (size_t i = 0; i < one.size(); ++i) one[i] += other[i];
  return one;
}

// What is counted by class and reason.
template <typename Reason, typename Counts>
Json by_reason(const Counts& counts) {
  Json object;
  for (size_t i = 0; i < counts[0].size(); ++i) {
    uint64_t of_all = 0;
    for (const auto& of_class : counts) of_all += of_class[i];
    object[label(static_cast<Reason>(i))] = of_all;
  }
  return object;
}
template <typename Counts>
Json all_by_class(const Counts& counts) {
  std::array<uint64_t, core::kPayerCount> sums{};
  for (size_t i = 0; i < sums.size(); ++i) {
    sums[i] = std::accumulate(counts[i].begin(), counts[i].end(), uint64_t{0});
  }
  return by_class(sums);
}

Json relay(const node::Node& node) {
  using core::turn::AllocationTable;
  using core::turn::Forwarder;
  if (node.turn() == nullptr) return {{"is_enabled", false}};
  const core::turn::Server& turn = *node.turn();
  const Forwarder::Stats& relayed = turn.forwarded();
  const node::Config::Relay& limits = node.config().relay;
  std::array<uint32_t, core::kPayerCount> open{};
  for (size_t i = 0; i < open.size(); ++i) open[i] = turn.table().count(core::Payer(i));
  std::array<std::array<uint64_t, AllocationTable::kFullCount>, core::kPayerCount> bounds;
  std::array<uint64_t, core::kPayerCount> refused_of_class = turn.stats().refused_late;
  for (size_t i = 0; i < bounds.size(); ++i) {
    for (size_t why = 0; why < bounds[i].size(); ++why) {
      bounds[i][why] = turn.table().refusals(core::Payer(i), AllocationTable::Full(why));
      refused_of_class[i] += bounds[i][why];
    }
  }
  Json refused = by_reason<AllocationTable::Full>(bounds);
  const auto& late = turn.stats().refused_late;
  refused[node::label(node::Budget::Refusal::kMonthly)] =
      std::accumulate(late.begin(), late.end(), uint64_t{0});
  refused["sockets"] = turn.stats().relay_refused;
  return {{"is_enabled", true},
          {"is_accepting", node.budget().is_month_young()},
          {"allocations", by_class(open)},
          {"allocations_max", limits.allocations},
          {"allocations_per_user_max", limits.allocations_per_user},
          {"allocations_per_prefix_max", limits.allocations_per_prefix},
          {"allocation_bytes_max", limits.allocation_bytes},
          {"allocation_bytes_per_second_max", limits.allocation_bandwidth_bytes_per_second},
          {"allocations_made", by_class(turn.stats().allocations)},
          {"relayed_packets", by_class(sum(relayed.to_peer_packets, relayed.to_client_packets))},
          {"relayed_bytes", by_class(sum(relayed.to_peer_bytes, relayed.to_client_bytes))},
          {"refused", refused},
          {"refused_by_class", by_class(refused_of_class)},
          {"dropped_packets", by_reason<Forwarder::Drop>(relayed.drops)},
          {"dropped_packets_by_class", all_by_class(relayed.drops)},
          {"donation_refused_packets", by_class(node.stats().relayed_refused)}};
}

Json dht(const node::Node& node) {
  using core::dht::Family;
  if (node.dht() == nullptr) return {{"is_enabled", false}};
  const core::dht::Server& server = *node.dht();
  Json families;
  for (const Family family : {Family::kV4, Family::kV6}) {
    if (!server.serves(family)) continue;
    const auto address = server.external_address(family);
    const auto percent = server.query_rate(family).answered_percent();
    const auto& ring = server.verifier().ring();
    families[label(family)] = {
        {"external_address", address ? Json(address->text()) : Json()},
        {"contacts", ring.size(family)},
        {"contacts_max", ring.capacity(family)},
        {"routing_table_nodes", server.table(family).size()},
        {"answered_percent", percent ? Json(*percent) : Json()},
        {"is_ignored", server.query_rate(family).is_ignored()},
        {"peers", server.responder().peers().size(family)},
    };
  }
  uint64_t queries = 0;
  for (const uint64_t count : server.responder().stats().queries) queries += count;
  Json quality = Json::array();
  for (const auto& counters : server.verifier().quality().counters()) {
    quality.push_back({{"asked", counters.asked}, {"alive", counters.answered}});
  }
  return {{"is_enabled", true},
          {"queries", queries},
          {"families", families},
          {"items", server.responder().items().size()},
          {"contacts_are_loaded", node.dht_service()->snapshot().is_loaded()},
          {"handed_out_after_15_and_60_minutes", quality}};
}

Json store(const io::DiskThread* disk) {
  if (disk == nullptr) return {{"is_enabled", false}};
  const io::DiskThread::Stats stats = disk->stats();
  Json failures;
  for (size_t i = 0; i < stats.failures.size(); ++i) {
    const auto why = static_cast<core::StoreError>(i);
    if (why != core::StoreError::kAbsent) failures[label(why)] = stats.failures[i];
  }
  return {{"is_enabled", true},
          {"disk_bytes", stats.sizes.disk_bytes},
          {"memory_bytes", stats.sizes.memory_bytes},
          {"commits", stats.commits},
          {"reads", stats.reads},
          {"failures", failures},
          {"waiting", stats.waiting},
          {"last_sync_seconds", std::chrono::duration<double>(stats.last_sync).count()}};
}

}  // namespace

NodePages::NodePages(const node::Node& node, const io::Driver& driver,
                     const io::StreamServer& streams, const MonthKeeper& month_keeper,
                     const GrantKeeper& grant_keeper, std::vector<Endpoint> udp,
                     std::vector<Endpoint> tcp, MonoTime started_at)
    : node_(node),
      driver_(driver),
      streams_(streams),
      month_keeper_(month_keeper),
      grant_keeper_(grant_keeper),
      udp_(std::move(udp)),
      tcp_(std::move(tcp)),
      started_at_(started_at) {}

std::string NodePages::metrics() {
  std::string text;
  text.reserve(16 * 1024);
  node::MetricsWriter out(text);
  out.gauge("roost_build_info", "Always 1; the labels say which build this is.")
      .labelled("version", ROOST_VERSION, 1);
  out.gauge("roost_role", "1 for the role that the node has, 0 for the others.");
  for (const auto role :
       {node::Role::kLeaf, node::Role::kCandidate, node::Role::kSupernode, node::Role::kDraining}) {
    out.labelled("role", label(role), uint64_t{role == node_.role()});
  }
  out.gauge("roost_ready", "Whether the node serves: what /readyz says.")
      .value(uint64_t{not_ready_because().empty()});
  out.gauge("roost_state_unsaved",
            "1 for a file of the state directory that could not be written the last time.")
      .labelled("file", MonthKeeper::kFile, uint64_t{!month_keeper_.can_save()})
      .labelled("file", kUsedFile, uint64_t{!grant_keeper_.can_save()});
  node::write_metrics(node_, io::read_clocks(), out);
  driver_.write_metrics(out);
  streams_.write_metrics(out);
  io::write_process_metrics(out);
  return text;
}

std::string NodePages::status_json() {
  const Now now = io::read_clocks();
  const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(now.mono - started_at_);
  std::vector<std::string> external;
  for (const IpAddress& address : node_.config().node.external_addresses) {
    external.push_back(address.text());
  }
  const std::vector<std::string> reasons = not_ready_because();
  Json unsaved = Json::array();
  if (!month_keeper_.can_save()) unsaved.push_back(MonthKeeper::kFile);
  if (!grant_keeper_.can_save()) unsaved.push_back(kUsedFile);
  const Json status = {{"software", node::kSoftware},
                       {"node_id", to_z_base32(node_.public_key())},
                       {"role", wire::label(node_.role())},
                       {"is_ready", reasons.empty()},
                       {"not_ready_because", reasons},
                       {"uptime_seconds", uptime.count()},
                       {"wall_clock_is_known", now.wall.has_value()},
                       {"listens", {{"udp", texts(udp_)}, {"tcp", texts(tcp_)}}},
                       {"external_addresses", external},
                       {"unsaved", unsaved},
                       {"donation", donation(node_, now)},
                       {"received_messages", by_transport(node_.stats().received)},
                       {"dropped_messages", drops(node_)},
                       {"stun", stun(node_)},
                       {"relay", relay(node_)},
                       {"dht", dht(node_)},
                       {"store", store(driver_.disk())}};
  return status.dump(2) + '\n';
}

std::string NodePages::peers_json() {
  return app::peers_json(node_, io::read_clocks().mono);
}

std::vector<std::string> NodePages::not_ready_because() {
  std::vector<std::string> reasons;
  if (!is_serving_) reasons.push_back("the node is stopping");
  const node::Budget& budget = node_.budget();
  if (budget.is_month_used_up()) {
    reasons.push_back("the donation of this month is used up (donate.monthly)");
  }
  return reasons;
}

}  // namespace roost::app
