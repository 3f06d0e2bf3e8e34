// SPDX-License-Identifier: MIT
#include "node/metrics.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "node/dht_metrics.h"
#include "node/node.h"

namespace roost::node {
namespace {

using core::Transport;
using core::dtls::CookieExchange;
using core::stun::Responder;
using core::turn::AllocationTable;
using core::turn::CredentialService;
using core::turn::Forwarder;
using core::turn::Server;
using core::turn::StreamRelay;

std::string number(double value) {
  if (!std::isfinite(value)) return value > 0 ? "+Inf" : value < 0 ? "-Inf" : "NaN";
  char digits[32];
  return std::string(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

constexpr Transport kTransports[] = {Transport::kUdp, Transport::kTcp, Transport::kTls,
                                     Transport::kDtls};

template <typename Counts>
void by_transport(MetricsWriter& out, const Counts& counts) {
  for (const Transport transport : kTransports) {
    out.labelled("transport", label(transport), counts[static_cast<size_t>(transport)]);
  }
}

// One sample for each class of people that the relay serves.
template <typename Counts>
void by_class(MetricsWriter& out, const Counts& counts) {
  for (size_t i = static_cast<size_t>(core::Payer::kFriend); i < counts.size(); ++i) {
    out.labelled("class", label(static_cast<core::Payer>(i)), counts[i]);
  }
}

// One sample per enumerator 0 … counts.size() - 1.
template <typename Enum, typename Counts>
void by_reason(MetricsWriter& out, const Counts& counts) {
  for (size_t i = 0; i < counts.size(); ++i) {
    out.labelled("reason", label(static_cast<Enum>(i)), counts[i]);
  }
}

// Whose it was; of kService nobody is known to have been.
std::string_view class_label(size_t payer) {
  return payer == static_cast<size_t>(core::Payer::kService)
             ? "none"
             : label(static_cast<core::Payer>(payer));
}

// One sample for each class, and for none, and each enumerator; or each number under `key`.
template <typename Counts, typename Name>
void by_class_and(MetricsWriter& out, std::string_view key, const Counts& counts, Name name) {
  for (size_t payer = 0; payer < counts.size(); ++payer) {
    for (size_t i = 0; i < counts[payer].size(); ++i) {
      std::string labels("class=\"");
      labels.append(class_label(payer)).append("\",").append(key).append("=\"");
      out.labelled(labels.append(name(i)).append("\""), counts[payer][i]);
    }
  }
}

template <typename Enum, typename Counts>
void by_class_and_reason(MetricsWriter& out, const Counts& counts) {
  by_class_and(out, "reason", counts, [](size_t i) { return label(static_cast<Enum>(i)); });
}

// Of a table that counts what it refuses by class and bound.
template <typename Full, size_t kFullCount, typename Table>
auto refusals_of(const Table& table) {
  std::array<std::array<uint64_t, kFullCount>, core::kPayerCount> counts;
  for (size_t payer = 0; payer < counts.size(); ++payer) {
    for (size_t i = 0; i < kFullCount; ++i) {
      counts[payer][i] = table.refusals(static_cast<core::Payer>(payer), static_cast<Full>(i));
    }
  }
  return counts;
}

void write_traffic(const Node& node, MetricsWriter& out) {
  const Node::Stats& stats = node.stats();
  out.counter("roost_received_messages_total", "Datagrams, and messages on streams, that came in.");
  by_transport(out, stats.received);
  out.counter("roost_received_bytes_total", "Payload bytes of received messages.");
  by_transport(out, stats.received_bytes);
  out.counter("roost_sent_datagrams_total", "Datagrams sent.").value(stats.datagrams_sent);
  out.counter("roost_sent_bytes_total",
              "Payload bytes sent (UDP), or all bytes of streams and of DTLS.");
  by_transport(out, stats.sent_bytes);
  out.counter("roost_dropped_messages_total", "What came in and reached no service, by reason.");
  by_reason<Node::Drop>(out, stats.drops);
  out.counter("roost_http_replies_total", "HTTP replies on the public port, by status class.");
  for (size_t digit = 1; digit < stats.http_replies.size(); ++digit) {
    out.labelled("class", std::to_string(digit) + "xx", stats.http_replies[digit]);
  }
}

void write_admission(const Node& node, MetricsWriter& out) {
  out.counter("roost_admission_forgotten_prefixes_total",
              "Prefixes that gave way in the admission table before their bucket was full again.")
      .value(node.packet_admission().forgotten());
  const ConnectionAdmission& connections = node.connection_admission();
  out.gauge("roost_connections", "Open TCP and TLS connections and DTLS associations.")
      .value(uint64_t{connections.open_count()});
  out.gauge("roost_connections_max", "Bound of donate.connections.")
      .value(uint64_t{node.config().donate.connections});
  out.counter("roost_connections_accepted_total", "Connections taken on.")
      .value(connections.accepted());
  out.counter("roost_connections_refused_total", "Connections closed at once, by reason.");
  for (const auto why :
       {ConnectionAdmission::Refusal::kTotal, ConnectionAdmission::Refusal::kPrefix}) {
    out.labelled("reason", label(why), connections.refusals(why));
  }
}

// What cannot be known is "NaN", which no alert compares with; what has no limit is infinite.
void write_outlook(const Budget& budget, const Now& now, MetricsWriter& out) {
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  constexpr double kNoLimit = std::numeric_limits<double>::infinity();
  const Budget::Outlook outlook = budget.outlook(now);
  out.gauge("roost_donation_month_left_bytes", "What is left of donate.monthly.")
      .value(outlook.bytes_left ? static_cast<double>(*outlook.bytes_left) : kNoLimit);
  out.gauge("roost_donation_month_left_ratio", "The same as a share of donate.monthly.")
      .value(outlook.bytes_left ? static_cast<double>(*outlook.bytes_left) /
                                      static_cast<double>(budget.monthly_bytes_max())
                                : 1.0);
  out.gauge("roost_donation_month_left_seconds", "Until the month turns (UTC).")
      .value(outlook.time_left ? static_cast<double>(outlook.time_left->count()) : kUnknown);
  out.gauge("roost_donation_month_forecast_bytes",
            "What the month comes to at the pace of the last days, were there no limit.")
      .value(outlook.forecast_bytes ? static_cast<double>(*outlook.forecast_bytes) : kUnknown);
  out.gauge(
      "roost_donation_month_state",
      "1 for how the month stands, 0 for the others; nothing new is begun unless it is young.");
  for (size_t i = 0; i < Budget::kMonthStateCount; ++i) {
    const auto state = static_cast<Budget::MonthState>(i);
    out.labelled("state", label(state), uint64_t{state == budget.month_state()});
  }
}

void write_budget(const Node& node, const Now& now, MetricsWriter& out) {
  const Budget& budget = node.budget();
  out.counter("roost_donated_bytes_total", "Bytes sent, headers included, since the start.")
      .value(budget.bytes_sent());
  out.gauge("roost_donated_month_bytes", "Bytes sent, headers included, in the current month.")
      .value(budget.month().bytes_sent);
  out.gauge("roost_donation_month_bytes", "Bound of donate.monthly; 0 is no limit.")
      .value(node.config().donate.monthly_bytes);
  out.gauge("roost_donation_bandwidth_bytes", "Bound of donate.bandwidth, a second; 0 is no limit.")
      .value(node.config().donate.bandwidth_bytes_per_second);
  out.counter("roost_donation_refused_total",
              "Replies not sent because of the donation, by bound.");
  for (const auto why : {Budget::Refusal::kBandwidth, Budget::Refusal::kMonthly}) {
    out.labelled("bound", label(why), budget.refusals(why));
  }
  write_outlook(budget, now, out);
}

void write_stun(const Node& node, MetricsWriter& out) {
  const Responder::Stats& stats = node.stun_stats();
  out.counter("roost_stun_requests_total", "STUN Binding requests.");
  by_transport(out, stats.requests);
  out.counter("roost_stun_classic_requests_total", "Those of RFC 3489 clients.")
      .value(stats.requests_classic);
  out.counter("roost_stun_indications_total", "STUN Binding indications, which get no answer.")
      .value(stats.indications);
  out.counter("roost_stun_successes_total", "STUN Binding success responses.");
  by_transport(out, stats.successes);
  out.counter("roost_stun_errors_total", "STUN error responses, by code.");
  out.labelled("code", "400", stats.errors_bad_request);
  out.labelled("code", "420", stats.errors_unknown_attribute);
  out.counter("roost_stun_malformed_total", "Messages that are not STUN after all, by reason.");
  by_reason<wire::StunError>(out, stats.malformed);
  out.counter("roost_stun_dropped_total", "Well-formed messages that get no answer, by reason.");
  by_reason<Responder::Drop>(out, stats.drops);
}

void write_dtls(const Node& node, MetricsWriter& out) {
  out.counter("roost_dtls_hellos_total",
              "Datagrams of DTLS that came from no association or to begin one, by outcome.");
  for (size_t i = 0; i < CookieExchange::kOutcomeCount; ++i) {
    out.labelled("outcome", label(static_cast<CookieExchange::Outcome>(i)), node.dtls_stats()[i]);
  }
}

void write_turn(const Node& node, MetricsWriter& out) {
  if (node.turn() == nullptr) return;
  const Server& turn = *node.turn();
  const Server::Stats& stats = turn.stats();
  const AllocationTable& table = turn.table();
  std::array<uint64_t, core::kPayerCount> open{};
  for (size_t i = 0; i < open.size(); ++i) open[i] = table.count(static_cast<core::Payer>(i));
  out.gauge("roost_relay_allocations", "Relayed addresses, by class.");
  by_class(out, open);
  out.gauge("roost_relay_allocations_max", "Bound of relay.allocations.")
      .value(uint64_t{node.config().relay.allocations});
  out.gauge("roost_relay_stranger_allocations_max", "Bound of relay.stranger_allocations.")
      .value(uint64_t{node.config().relay.stranger_allocations});
  out.counter("roost_relay_allocations_made_total", "Relayed addresses given out, by class.");
  by_class(out, stats.allocations);
  out.counter("roost_relay_allocations_expired_total",
              "Relayed addresses whose client did not ask again.")
      .value(stats.expired);
  out.counter("roost_relay_allocations_refused_total",
              "Requests refused because a bound was reached, by class and bound.");
  by_class_and(out, "bound", refusals_of<AllocationTable::Full, AllocationTable::kFullCount>(table),
               [](size_t i) { return label(static_cast<AllocationTable::Full>(i)); });
  std::array<std::array<uint64_t, 1>, core::kPayerCount> late;
  for (size_t i = 0; i < late.size(); ++i) late[i][0] = stats.refused_late[i];
  by_class_and(out, "bound", late, [](size_t) { return label(Budget::Refusal::kMonthly); });
  out.counter("roost_relay_sockets_refused_total",
              "Relayed addresses that the system had no port or descriptor for.")
      .value(stats.relay_refused);

  out.counter("roost_turn_messages_total", "TURN messages from clients, relayed ones included.")
      .value(stats.messages);
  out.counter("roost_turn_successes_total", "TURN success responses, by method.");
  for (size_t i = 0; i < stats.successes.size(); ++i) {
    out.labelled("method", core::turn::method_label(i), stats.successes[i]);
  }
  out.counter("roost_turn_errors_total", "TURN error responses, by class and code.");
  by_class_and(out, "code", stats.errors,
               [](size_t i) { return std::to_string(Server::kErrorCodes[i]); });
  out.counter("roost_turn_dropped_total", "TURN messages that get no answer, by reason.");
  by_reason<Server::Drop>(out, stats.drops);

  const CredentialService& credentials = turn.credentials();
  out.counter("roost_turn_credentials_total",
              "Requests for credentials (GET /v1/turn), by outcome.");
  for (size_t i = 0; i < CredentialService::kOutcomeCount; ++i) {
    const auto outcome = static_cast<CredentialService::Outcome>(i);
    out.labelled("outcome", label(outcome), credentials.count(outcome));
  }
  out.gauge("roost_turn_stranger_work_effort",
            "Proof of work that strangers have to bring now: the logarithm of hashes.")
      .value(uint64_t{credentials.effort()});
  out.gauge("roost_turn_grants", "Grants in force.").value(uint64_t{turn.grant_count()});

  const Forwarder::Stats& relayed = turn.forwarded();
  out.counter("roost_relay_to_peer_packets_total", "Packets from clients to peers, by class.");
  by_class(out, relayed.to_peer_packets);
  out.counter("roost_relay_to_peer_bytes_total", "Their bytes, headers included.");
  by_class(out, relayed.to_peer_bytes);
  out.counter("roost_relay_to_client_packets_total", "Packets from peers to clients, by class.");
  by_class(out, relayed.to_client_packets);
  out.counter("roost_relay_to_client_bytes_total", "Their bytes, headers included.");
  by_class(out, relayed.to_client_bytes);
  out.counter("roost_relay_handed_over_packets_total",
              "Packets from one relayed address of this node to another, by the sender's class.");
  by_class(out, relayed.handed_over_packets);
  out.counter("roost_relay_icmp_errors_total", "ICMP errors told to clients.")
      .value(relayed.icmp_errors);
  out.counter("roost_relay_dropped_packets_total",
              "Packets that were not relayed, by class and reason.");
  by_class_and_reason<Forwarder::Drop>(out, relayed.drops);
  out.counter("roost_relay_donation_refused_packets_total",
              "Packets that the donation did not cover, by class.");
  by_class(out, node.stats().relayed_refused);
}

void write_relayed_streams(const Node& node, MetricsWriter& out) {
  if (node.turn() == nullptr) return;
  const StreamRelay& streams = node.turn()->streams();
  const StreamRelay::Stats& stats = streams.stats();
  out.gauge("roost_relay_connections", "TCP connections with peers, those not bound yet included.")
      .value(uint64_t{streams.connections().size()});
  out.gauge("roost_relay_connections_max", "Bound of relay.connections.")
      .value(uint64_t{node.config().relay.connections});
  out.counter("roost_relay_connections_made_total", "TCP connections with peers, by who began.");
  out.labelled("direction", "outgoing", stats.outgoing);
  out.labelled("direction", "incoming", stats.incoming);
  out.counter("roost_relay_connections_bound_total",
              "Those that a client has begun to use (ConnectionBind).")
      .value(stats.bound);
  out.counter("roost_relay_connections_never_bound_total", "Those that no client took up in time.")
      .value(stats.never_bound);
  out.counter("roost_relay_connects_failed_total",
              "TCP connections to peers that did not come about, by reason.");
  by_reason<core::PeerFailure>(out, stats.failures);
  out.counter("roost_relay_connections_refused_total",
              "TCP connections from peers that were closed at once, by class and reason.");
  by_class_and_reason<StreamRelay::Refusal>(out, stats.refusals);
  out.counter("roost_relay_connections_full_total",
              "TCP connections for which a bound left no room, by class and bound.");
  using core::turn::Connections;
  by_class_and(out, "bound",
               refusals_of<Connections::Full, Connections::kFullCount>(streams.connections()),
               [](size_t i) { return label(static_cast<Connections::Full>(i)); });
  out.counter("roost_relay_stream_to_peer_bytes_total",
              "Bytes of TCP connections from clients to peers, headers included, by class.");
  by_class(out, stats.to_peer_bytes);
  out.counter("roost_relay_stream_to_client_bytes_total",
              "Bytes of TCP connections from peers to clients, headers included, by class.");
  by_class(out, stats.to_client_bytes);
  out.counter("roost_relay_stream_waits_total",
              "How often bytes of TCP connections had to wait, by class and what for.");
  by_class_and_reason<Forwarder::Wait>(out, stats.waits);
}

}  // namespace

MetricsWriter& MetricsWriter::counter(std::string_view name, std::string_view help) {
  CHECK(name.ends_with("_total"));
  family(name, help, "counter");
  return *this;
}

MetricsWriter& MetricsWriter::gauge(std::string_view name, std::string_view help) {
  family(name, help, "gauge");
  return *this;
}

MetricsWriter& MetricsWriter::value(uint64_t value) {
  sample("", "", std::to_string(value));
  return *this;
}

MetricsWriter& MetricsWriter::value(double value) {
  sample("", "", number(value));
  return *this;
}

MetricsWriter& MetricsWriter::labelled(std::string_view label, std::string_view label_value,
                                       uint64_t value) {
  std::string labels(label);
  labels.append("=\"").append(label_value).append("\"");
  sample("", labels, std::to_string(value));
  return *this;
}

MetricsWriter& MetricsWriter::labelled(std::string_view labels, uint64_t value) {
  sample("", labels, std::to_string(value));
  return *this;
}

void MetricsWriter::histogram(std::string_view name, std::string_view help,
                              std::span<const double> bounds_seconds,
                              std::span<const uint64_t> counts, double sum_seconds) {
  CHECK(counts.size() == bounds_seconds.size() + 1);
  family(name, help, "histogram");
  uint64_t cumulated = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    cumulated += counts[i];
    const std::string bound = i < bounds_seconds.size() ? number(bounds_seconds[i]) : "+Inf";
    sample("_bucket", "le=\"" + bound + '"', std::to_string(cumulated));
  }
  sample("_sum", "", number(sum_seconds));
  sample("_count", "", std::to_string(cumulated));
}

void MetricsWriter::family(std::string_view name, std::string_view help, std::string_view type) {
  name_ = name;
  out_.append("# HELP ").append(name).append(" ").append(help).append("\n");
  out_.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

void MetricsWriter::sample(std::string_view suffix, std::string_view labels,
                           std::string_view value) {
  out_.append(name_).append(suffix);
  if (!labels.empty()) out_.append("{").append(labels).append("}");
  out_.append(" ").append(value).append("\n");
}

void write_metrics(const Node& node, const Now& now, MetricsWriter& out) {
  write_traffic(node, out);
  write_admission(node, out);
  write_budget(node, now, out);
  write_stun(node, out);
  write_dtls(node, out);
  write_turn(node, out);
  write_relayed_streams(node, out);
  write_dht_metrics(node, now, out);
}

}  // namespace roost::node
