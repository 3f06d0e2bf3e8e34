// SPDX-License-Identifier: MIT
#include "app/stun_uri.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "app/quoted.h"
#include "base/address.h"

namespace roost::app {
namespace {

constexpr uint16_t kStunPort = 3478;  // RFC 8489 §18.6; TURN has the same (RFC 8656 §6).
constexpr uint16_t kStunsPort = 5349;
constexpr size_t kHostSizeMax = 253;  // Of a name in the DNS (RFC 1035).

bool take_prefix(std::string_view& text, std::string_view prefix) {
  const bool is_there = text.size() >= prefix.size() &&
                        std::equal(prefix.begin(), prefix.end(), text.begin(), [](char p, char t) {
                          return p == t || (t >= 'A' && t <= 'Z' && p == t + 32);
                        });
  if (is_there) text.remove_prefix(prefix.size());
  return is_there;
}

std::optional<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped_at, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || stopped_at != end || port == 0) return {};
  return port;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kHostSizeMax &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '.' || c == '_';
         });
}

// "host:port" or "[address]:port", where ":port" may be missing.
struct HostAndPort {
  std::string_view host;
  std::optional<std::string_view> port;
};

std::optional<HostAndPort> split(std::string_view text) {
  size_t host_end = text.find(':');
  if (text.starts_with('[')) {
    const size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) return {};
    host_end = bracket + 1 == text.size() ? std::string_view::npos : bracket + 1;
    if (host_end != std::string_view::npos && text[host_end] != ':') return {};
  }
  if (host_end == std::string_view::npos) return HostAndPort{text, {}};
  return HostAndPort{text.substr(0, host_end), text.substr(host_end + 1)};
}

constexpr std::string_view kNoUri =
    "is not a STUN or TURN URI; write it like \"stun:stun.example.org:3478\"";
constexpr std::string_view kBadTransport =
    "asks for an unknown transport; write \"?transport=tcp\" or \"?transport=udp\"";
constexpr std::string_view kDtls =
    "asks for TLS over UDP (DTLS), which is not supported; leave \"?transport=udp\" out for TLS "
    "over TCP";
constexpr std::string_view kBadBrackets =
    "has no IPv6 address in brackets; write it like \"stun:[2001:db8::1]:3478\"";
constexpr std::string_view kBadHost = "has no valid host; write a name or an address";
constexpr std::string_view kBareV6 =
    "needs brackets around its IPv6 address, like \"stun:[2001:db8::1]:3478\"";

// What is wrong with the part behind "?"; empty if nothing is.
std::string_view read_query(std::string_view query, StunUri::Transport& transport) {
  const bool is_tcp = query == "transport=tcp";
  if (!is_tcp && query != "transport=udp") return kBadTransport;
  const bool is_tls = transport == StunUri::Transport::kTls;
  if (is_tls && !is_tcp) return kDtls;
  if (is_tcp && !is_tls) transport = StunUri::Transport::kTcp;
  return {};
}

std::string_view read_host(std::string_view text, std::string& host) {
  if (!text.starts_with('[')) {
    if (!is_name(text)) return kBadHost;
    host = text;
    return {};
  }
  const std::string_view inner = text.substr(1, text.size() - 2);
  const auto address = IpAddress::parse(inner);
  if (!address || inner.find(':') == std::string_view::npos) return kBadBrackets;
  host = inner;
  return {};
}

}  // namespace

Result<StunUri, std::string> StunUri::parse(std::string_view text) {
  const auto fail = [text](std::string_view why) {
    return Failure(quoted_briefly(text) + ' ' + std::string(why));
  };
  StunUri uri;
  std::string_view rest = text;
  uri.is_turn = take_prefix(rest, "turn");
  if (!uri.is_turn && !take_prefix(rest, "stun")) return fail(kNoUri);
  if (take_prefix(rest, "s")) uri.transport = Transport::kTls;
  if (!take_prefix(rest, ":")) return fail(kNoUri);
  take_prefix(rest, "//");
  if (const size_t query_at = rest.find('?'); query_at != std::string_view::npos) {
    const std::string_view wrong = read_query(rest.substr(query_at + 1), uri.transport);
    if (!wrong.empty()) return fail(wrong);
    rest = rest.substr(0, query_at);
  }
  if (IpAddress::parse(rest) && rest.find(':') != std::string_view::npos) return fail(kBareV6);

  const auto parts = split(rest);
  if (!parts) return fail(kBadBrackets);
  const std::string_view wrong = read_host(parts->host, uri.host);
  if (!wrong.empty()) return fail(wrong);
  uri.port = uri.transport == Transport::kTls ? kStunsPort : kStunPort;
  if (!parts->port) return uri;
  const auto port = parse_port(*parts->port);
  if (!port) return fail("has no valid port; write a number from 1 to 65535");
  uri.port = *port;
  return uri;
}

std::string StunUri::text() const {
  std::string out = is_turn ? "turn" : "stun";
  out += transport == Transport::kTls ? "s:" : ":";
  const bool is_v6 = host.find(':') != std::string::npos;
  out += is_v6 ? '[' + host + ']' : host;
  out += ':' + std::to_string(port);
  if (transport == Transport::kTcp) out += "?transport=tcp";
  return out;
}

}  // namespace roost::app
