// SPDX-License-Identifier: MIT
#include "io/dtls_stats.h"

namespace roost::io {

std::string_view label(DtlsState state) {
  switch (state) {
    case DtlsState::kOpening: return "opening";
    case DtlsState::kHandshake: return "handshake";
    case DtlsState::kOpen: return "open";
    case DtlsState::kEnded: return "ended";
  }
  return "";
}

std::string_view label(DtlsEnd end) {
  switch (end) {
    case DtlsEnd::kPeerClosed: return "peer_closed";
    case DtlsEnd::kTimeoutHandshake: return "timeout_handshake";
    case DtlsEnd::kTimeoutIdle: return "timeout_idle";
    case DtlsEnd::kOldVersion: return "old_version";
    case DtlsEnd::kNoSharedCipher: return "no_shared_cipher";
    case DtlsEnd::kPeerAlert: return "peer_alert";
    case DtlsEnd::kTlsError: return "tls_error";
    case DtlsEnd::kRenegotiation: return "renegotiation";
    case DtlsEnd::kReplaced: return "replaced";
    case DtlsEnd::kRefused: return "refused";
    case DtlsEnd::kStopped: return "stopped";
  }
  return "";
}

std::string_view label(DtlsDrop drop) {
  switch (drop) {
    case DtlsDrop::kTooLong: return "too_long";
    case DtlsDrop::kHandshakeLimit: return "handshake_limit";
    case DtlsDrop::kOutOfTurn: return "out_of_turn";
    case DtlsDrop::kRepeatedHello: return "repeated_hello";
    case DtlsDrop::kTableFull: return "table_full";
    case DtlsDrop::kEnded: return "ended";
  }
  return "";
}

void DtlsStats::write_metrics(node::MetricsWriter& out) const {
  out.gauge("roost_dtls_associations", "DTLS associations, by what they are doing.");
  for (size_t i = 0; i < associations.size(); ++i) {
    out.labelled("state", label(static_cast<DtlsState>(i)), associations[i]);
  }
  out.counter("roost_dtls_associations_opened_total",
              "DTLS associations whose client had proved its address.")
      .value(opened);
  out.counter("roost_dtls_associations_ended_total",
              "DTLS associations that have ended, by reason.");
  for (size_t i = 0; i < ended.size(); ++i) {
    out.labelled("reason", label(static_cast<DtlsEnd>(i)), ended[i]);
  }
  out.counter("roost_dtls_handshakes_total", "DTLS handshakes completed.").value(handshakes);
  out.counter("roost_dtls_dropped_datagrams_total",
              "Datagrams of DTLS associations that were left out, by reason.");
  for (size_t i = 0; i < dropped.size(); ++i) {
    out.labelled("reason", label(static_cast<DtlsDrop>(i)), dropped[i]);
  }
}

}  // namespace roost::io
