// SPDX-License-Identifier: MIT
#include "node/dht_metrics.h"

#include <string>

namespace roost::node {
namespace {

using core::dht::AnnounceOutcome;
using core::dht::Candidates;
using core::dht::ContactAdmission;
using core::dht::ContactRing;
using core::dht::Family;
using core::dht::HandoutQuality;
using core::dht::PingPurpose;
using core::dht::PutOutcome;
using core::dht::Responder;
using core::dht::RoutingTable;
using core::dht::SearchPurpose;
using core::dht::Server;
using core::dht::Verifier;

constexpr Family kFamilies[] = {Family::kV4, Family::kV6};

// One sample per enumerator.
template <typename Enum, typename Counts>
void by(MetricsWriter& out, std::string_view label_name, const Counts& counts) {
  for (size_t i = 0; i < counts.size(); ++i) {
    out.labelled(label_name, label(static_cast<Enum>(i)), counts[i]);
  }
}

template <typename Value>
void by_family(MetricsWriter& out, Value value_of) {
  for (const Family family : kFamilies) out.labelled("family", label(family), value_of(family));
}

// "15min", …, and "older".
std::string age_label(size_t index) {
  if (index + 1 == ContactRing::kAgeCount) return "older";
  const auto end = (index + 1) * ContactRing::kAgeStep;
  return std::to_string(std::chrono::duration_cast<std::chrono::minutes>(end).count()) + "min";
}

void write_contacts(const Server& dht, MonoTime now, MetricsWriter& out) {
  const ContactRing& ring = dht.verifier().ring();
  out.gauge("roost_dht_contacts",
            "Nodes that newcomers may be sent to, by family and how long ago they answered; older "
            "ones are not handed out.");
  for (const Family family : kFamilies) {
    const auto ages = ring.ages(now, family);
    for (size_t i = 0; i < ages.size(); ++i) {
      std::string labels = "family=\"";
      labels.append(label(family)).append("\",age=\"").append(age_label(i)).append("\"");
      out.labelled(labels, uint64_t{ages[i]});
    }
  }
  out.gauge("roost_dht_contacts_max", "Bound of dht.memory_percent, by family.");
  by_family(out, [&](Family family) { return uint64_t{ring.capacity(family)}; });
  out.counter("roost_dht_contacts_removed_total", "Those that no longer answered.")
      .value(ring.removed());
  out.counter("roost_dht_admissions_total",
              "Nodes that had answered and were to be remembered, by outcome.");
  by<ContactAdmission>(out, "outcome", dht.verifier().stats().admissions);

  const auto& quality = dht.verifier().quality().counters();
  out.counter("roost_dht_handed_out_asked_total",
              "A sample of the nodes that were handed out, asked again so much later.");
  for (size_t i = 0; i < quality.size(); ++i) {
    out.labelled("after", i == 0 ? "15min" : "60min", quality[i].asked);
  }
  out.counter("roost_dht_handed_out_alive_total", "Those of them that answered.");
  for (size_t i = 0; i < quality.size(); ++i) {
    out.labelled("after", i == 0 ? "15min" : "60min", quality[i].answered);
  }
}

void write_queries(const Server& dht, const Config& config, MetricsWriter& out) {
  const Responder::Stats& stats = dht.responder().stats();
  out.counter("roost_dht_queries_total", "Queries from others, by method.");
  by<wire::KrpcMethod>(out, "method", stats.queries);
  out.counter("roost_dht_queries_read_only_total", "Those that said that they answer nobody.")
      .value(stats.queries_read_only);
  out.counter("roost_dht_answers_total",
              "What became of queries. Shortened: to an address that has shown nothing.");
  by<Responder::Answer>(out, "answer", stats.answers);
  out.counter("roost_dht_dropped_total", "Messages that get no answer, by reason.");
  by<Server::Drop>(out, "reason", dht.stats().drops);
  out.counter("roost_dht_malformed_total", "What was wrong with malformed messages.");
  by<wire::KrpcMessageError>(out, "error", dht.stats().malformed);
  out.counter("roost_dht_bad_tokens_total", "Announcements and puts with a token that is not ours.")
      .value(stats.bad_tokens);

  out.gauge("roost_dht_peers", "Announced peers that are kept, by family.");
  by_family(out, [&](Family family) { return uint64_t{dht.responder().peers().size(family)}; });
  out.gauge("roost_dht_peers_max", "Bound of dht.peers, of both families together.")
      .value(uint64_t{config.dht.peers});
  out.counter("roost_dht_announcements_total", "Announcements with a good token, by outcome.");
  auto announcements = dht.responder().peers().stats(Family::kV4).announcements;
  const auto& of_v6 = dht.responder().peers().stats(Family::kV6).announcements;
  for (size_t i = 0; i < announcements.size(); ++i) announcements[i] += of_v6[i];
  by<AnnounceOutcome>(out, "outcome", announcements);
  out.gauge("roost_dht_items", "Items that are kept (BEP 44).")
      .value(uint64_t{dht.responder().items().size()});
  out.gauge("roost_dht_items_max", "Bound of dht.items.").value(uint64_t{config.dht.items});
  out.counter("roost_dht_puts_total", "Puts with a good token, by outcome.");
  by<PutOutcome>(out, "outcome", dht.responder().items().stats().puts);
  out.counter("roost_dht_puts_refused_total", "Puts of prefixes that put too often.")
      .value(stats.puts_refused);
}

void write_verifier(const Server& dht, MetricsWriter& out) {
  const Verifier::Stats& stats = dht.verifier().stats();
  out.counter("roost_dht_pings_total", "Nodes asked whether they live, by purpose.");
  by<PingPurpose>(out, "purpose", stats.pings);
  out.counter("roost_dht_ping_answers_total", "Their answers, by purpose.");
  by<PingPurpose>(out, "purpose", stats.answers);
  out.counter("roost_dht_candidates_total",
              "Nodes that asked something and have shown their address, by outcome.");
  by<Candidates::Outcome>(out, "outcome", stats.candidates);
  out.counter("roost_dht_nodes_refused_total", "Nodes that are not remembered, by reason.")
      .labelled("reason", "special_purpose_address", stats.refused_special_purpose)
      .labelled("reason", "id_of_another_address", stats.refused_id);
}

void write_own_node(const Server& dht, MetricsWriter& out) {
  out.gauge("roost_dht_routing_table_nodes", "Nodes that our own node knows, by family.");
  by_family(out, [&](Family family) { return uint64_t{dht.table(family).size()}; });
  out.counter("roost_dht_routing_table_total", "Answers of nodes, by what they did to the table.");
  by<RoutingTable::Outcome>(out, "outcome", dht.stats().table);
  out.gauge("roost_dht_lookups", "Lookups of our own under way.")
      .value(uint64_t{dht.search_count()});
  out.counter("roost_dht_lookups_total", "Those that have ended, by purpose.");
  by<SearchPurpose>(out, "purpose", dht.stats().searches);
  out.counter("roost_dht_own_queries_total", "Questions of our own node, by family.");
  by_family(out, [&](Family family) { return dht.query_rate(family).asked_count(); });
  out.counter("roost_dht_own_queries_answered_total", "Those that were answered.");
  by_family(out, [&](Family family) { return dht.query_rate(family).answered_count(); });
  out.gauge("roost_dht_ignored", "1 where hardly any question of ours is answered.");
  by_family(out, [&](Family family) { return uint64_t{dht.query_rate(family).is_ignored()}; });
  out.counter("roost_dht_id_changes_total", "Changes of our node IDs (BEP 42).")
      .value(dht.stats().id_changes);
  out.counter("roost_dht_bootstrap_lookups_total",
              "Times that the names of dht.bootstrap were looked up.")
      .value(dht.stats().names_resolved);
  out.counter("roost_dht_found_peers_forgotten_total",
              "Peers of our network that were found, and there was no room for.")
      .value(dht.stats().peers_forgotten);
}

void write_discovery(const DhtService& service, MetricsWriter& out) {
  const core::peers::Finder& finder = service.finder();
  out.gauge("roost_peers", "Other supernodes that are known, by whether they have answered.")
      .labelled("table", "new", uint64_t{finder.book().new_size()})
      .labelled("table", "tried", uint64_t{finder.book().tried_size()});
  out.counter("roost_peers_heard_total", "What became of supernodes that were heard of or tested.");
  by<core::peers::BookOutcome>(out, "outcome", finder.book().stats().outcomes);
  const core::peers::Finder::Stats& stats = finder.stats();
  out.counter("roost_peers_tests_total", "Questions to supernodes, and their answers.")
      .labelled("step", "binding_sent", stats.bindings)
      .labelled("step", "binding_answered", stats.bound)
      .labelled("step", "record_asked", stats.fetches)
      .labelled("step", "record_answered", stats.fetched)
      .labelled("step", "silent", stats.silent)
      .labelled("step", "error", stats.errors);
  out.counter("roost_peers_forgotten_total", "Supernodes that no longer answered, by table.")
      .labelled("table", "new", finder.book().stats().forgotten_new)
      .labelled("table", "tried",
                finder.book().stats().forgotten_tried + finder.book().stats().evicted);

  const core::dht::RingSnapshot::Stats& kept = service.snapshot().stats();
  out.counter("roost_dht_snapshots_total", "Times that all contacts were kept in the store.")
      .value(kept.snapshots);
  out.counter("roost_dht_snapshots_lost_total", "Times that it was begun and given up.")
      .value(kept.snapshots_lost);
  out.gauge("roost_dht_contacts_kept", "Contacts in the store.").value(kept.contacts_kept);
  out.gauge("roost_dht_contacts_loaded",
            "Whether what was kept has been read back, or there is nothing to read.")
      .value(uint64_t{service.snapshot().is_loaded()});
  out.counter("roost_dht_contacts_restored_total", "Contacts read back at the start.")
      .value(kept.contacts_read);
  out.counter("roost_dht_contact_pages_damaged_total",
              "Pages of contacts that were damaged or missing.")
      .value(kept.pages_damaged + kept.pages_missing);
  out.counter("roost_dht_contact_pages_given_up_total",
              "Pages of contacts that could not be read for an hour.")
      .value(kept.pages_given_up);
  const BookKeeper::Stats& book = service.book_keeper().stats();
  out.counter("roost_peers_restored_total", "Records of supernodes read back at the start.")
      .value(book.records_read);
  out.counter("roost_peers_pages_damaged_total", "Pages of such records that were damaged.")
      .value(book.pages_damaged);
}

}  // namespace

void write_dht_metrics(const Node& node, const Now& now, MetricsWriter& out) {
  if (node.dht() == nullptr) return;
  write_contacts(*node.dht(), now.mono, out);
  write_queries(*node.dht(), node.config(), out);
  write_verifier(*node.dht(), out);
  write_own_node(*node.dht(), out);
  write_discovery(*node.dht_service(), out);
}

}  // namespace roost::node
