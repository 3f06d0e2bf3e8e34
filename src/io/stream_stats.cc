// SPDX-License-Identifier: MIT
#include "io/stream_stats.h"

#include <string>

namespace roost::io {

std::string_view label(StreamKind kind) {
  switch (kind) {
    case StreamKind::kNew: return "new";
    case StreamKind::kHandshake: return "handshake";
    case StreamKind::kMessages: return "messages";
    case StreamKind::kHttp: return "http";
    case StreamKind::kData: return "data";
    case StreamKind::kClosing: return "closing";
  }
  return "";
}

std::string_view label(CloseReason reason) {
  switch (reason) {
    case CloseReason::kPeerClosed: return "peer_closed";
    case CloseReason::kReset: return "reset";
    case CloseReason::kTimeoutFirstByte: return "timeout_first_byte";
    case CloseReason::kTimeoutHandshake: return "timeout_handshake";
    case CloseReason::kTimeoutIdle: return "timeout_idle";
    case CloseReason::kTimeoutMessage: return "timeout_message";
    case CloseReason::kTimeoutHttp: return "timeout_http";
    case CloseReason::kSlowReader: return "slow_reader";
    case CloseReason::kBadFirstByte: return "bad_first_byte";
    case CloseReason::kBadFrame: return "bad_frame";
    case CloseReason::kBadHttp: return "bad_http";
    case CloseReason::kTlsError: return "tls_error";
    case CloseReason::kHttpDone: return "http_done";
    case CloseReason::kRefused: return "refused";
    case CloseReason::kStopped: return "stopped";
    case CloseReason::kPeerDone: return "peer_done";
  }
  return "";
}

void StreamStats::write_metrics(node::MetricsWriter& out) const {
  out.gauge("roost_streams", "TCP connections of the public port, by what they are doing.");
  for (size_t i = 0; i < open.size(); ++i) {
    out.labelled("kind", label(static_cast<StreamKind>(i)), open[i]);
  }
  out.counter("roost_streams_closed_total", "TCP connections that have ended, by reason.");
  for (size_t i = 0; i < closed.size(); ++i) {
    out.labelled("reason", label(static_cast<CloseReason>(i)), closed[i]);
  }
  out.counter("roost_streams_table_full_total", "TCP connections closed for want of room.")
      .value(table_full);
  out.counter("roost_streams_too_long_messages_total",
              "ChannelData on streams that is longer than what is relayed, and was skipped.")
      .value(too_long_messages);
  out.counter("roost_streams_dropped_messages_total",
              "Relayed messages left out because their client reads too slowly.")
      .value(dropped_messages);
  out.counter("roost_tls_handshakes_total", "TLS handshakes completed.").value(tls_handshakes);
  out.counter("roost_http_requests_total", "HTTP requests that were whole and well-formed.")
      .value(http.requests);
  out.counter("roost_http_refused_total", "HTTP requests refused by the parser, by status.");
  for (size_t i = 0; i < http.refused.size(); ++i) {
    out.labelled("status", std::to_string(status_of(static_cast<HttpError>(i))), http.refused[i]);
  }
  out.counter("roost_http_too_slow_total", "HTTP requests that did not become whole in time.")
      .value(http.too_slow);
  out.counter("roost_http_unanswered_total", "HTTP requests that the node did not answer in time.")
      .value(http.unanswered);
}

}  // namespace roost::io
