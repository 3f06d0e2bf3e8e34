// SPDX-License-Identifier: MIT
#include "core/turn/credential_service.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "base/prefix_limiter.h"

namespace roost::core::turn {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kNoStore = "Cache-Control: no-store";
constexpr size_t kHostSizeMax = 255;  // RFC 1035 §2.3.4.

// Of an Authorization field (RFC 6750 §2.1); empty where it is of another scheme.
std::optional<std::string_view> bearer_token(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() < kScheme.size()) return {};
  const bool is_bearer = std::equal(kScheme.begin(), kScheme.end(), authorization.begin(),
                                    [](char a, char b) { return a == (b | 0x20); });
  if (!is_bearer) return {};
  authorization.remove_prefix(kScheme.size());
  return authorization.substr(std::min(authorization.find_first_not_of(' '), authorization.size()));
}

std::optional<std::string_view> query_value(std::string_view query, std::string_view key) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.size() > key.size() && pair.starts_with(key) && pair[key.size()] == '=') {
      return pair.substr(key.size() + 1);
    }
  }
  return {};
}

// The name or address by which the client calls us, if it can stand in a URI of RFC 7065 and needs
// no escape in JSON; without the port, which may be a proxy's.
std::string_view host_of(std::string_view authority) {
  const bool is_v6 = authority.starts_with('[');
  const size_t end = is_v6 ? authority.find(']') : authority.find(':');
  if (is_v6 && end == authority.npos) return {};
  const std::string_view host =
      end == authority.npos ? authority : authority.substr(0, is_v6 ? end + 1 : end);
  if (is_v6) {
    const auto address = IpAddress::parse(host.substr(1, host.size() - 2));
    return address && !address->is_v4() ? host : std::string_view();
  }
  const bool is_plain = std::all_of(host.begin(), host.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-';
  });
  return is_plain && host.size() <= kHostSizeMax ? host : std::string_view();
}

Bytes kept(std::string_view text, Outbox& out) {
  const MutableBytes copy = out.build(text.size());
  std::copy(text.begin(), text.end(), copy.begin());
  return copy;
}

}  // namespace

std::string_view label(CredentialService::Outcome outcome) {
  switch (outcome) {
    case CredentialService::Outcome::kGranted: return "granted";
    case CredentialService::Outcome::kStranger: return "stranger";
    case CredentialService::Outcome::kChallenged: return "challenged";
    case CredentialService::Outcome::kBadToken: return "bad_token";
    case CredentialService::Outcome::kBadWork: return "bad_work";
    case CredentialService::Outcome::kNoStrangers: return "no_strangers";
    case CredentialService::Outcome::kNotNow: return "not_now";
    case CredentialService::Outcome::kBadRequest: return "bad_request";
  }
  return "";
}

CredentialService::CredentialService(const Options& options, const Minter& minter,
                                     const SipHashKey& secret, MonoTime now)
    : options_(options), minter_(minter), secret_(secret), work_(secret, options.work_min, now) {}

void CredentialService::reload(const Options& options, const Minter& minter) {
  options_ = options;
  minter_ = minter;
  work_.set_effort_min(options.work_min);
}

HttpReply CredentialService::answer(const Now& now, const HttpRequestArrived& request,
                                    const State& state, Outbox& out) {
  switch (request.method) {
    case HttpMethod::kGet:
    case HttpMethod::kHead: break;
    case HttpMethod::kOptions:
      // A browser asks first whether a page may send a token (Fetch, CORS-preflight).
      return {request.request,
              204,
              {},
              {},
              "Access-Control-Allow-Methods: GET\r\nAccess-Control-Allow-Headers: Authorization\r\n"
              "Access-Control-Max-Age: 86400"};
    case HttpMethod::kPost:
    case HttpMethod::kPut:
    case HttpMethod::kDelete:
    case HttpMethod::kOther:
      return refuse(request, Outcome::kBadRequest, 405, "method not allowed",
                    "Allow: GET, HEAD, OPTIONS", out);
  }
  if (!now.wall) {
    return refuse(request, Outcome::kNotNow, 503, "the clock is not set yet", "Retry-After: 60",
                  out);
  }
  if (!state.is_accepting) {
    return refuse(request, Outcome::kNotNow, 503, "the month's donation is nearly used up",
                  "Retry-After: 3600", out);
  }
  if (!request.authorization.empty()) {
    const auto token = bearer_token(request.authorization);
    if (token) return answer_holder(now, request, state, *token, out);
    return refuse(request, Outcome::kBadRequest, 401, "the scheme is Bearer",
                  "WWW-Authenticate: Bearer", out);
  }
  return answer_stranger(now, request, state, out);
}

HttpReply CredentialService::answer_holder(const Now& now, const HttpRequestArrived& request,
                                           const State& state, std::string_view token,
                                           Outbox& out) {
  const Grant* const grant = state.grants.find_by_token(token);
  if (grant == nullptr || grant->has_expired(*now.wall)) {
    return refuse(request, Outcome::kBadToken, 401, "no such grant, or no longer",
                  "WWW-Authenticate: Bearer error=\"invalid_token\"", out);
  }
  if (grant->is_used_up()) {
    return refuse(request, Outcome::kBadToken, 403, "the grant is used up", {}, out);
  }
  const Duration lifetime = std::min<Duration>(options_.lifetime, grant->time_left(*now.wall));
  return give(now, request, {false, grant->id}, lifetime, Outcome::kGranted, out);
}

HttpReply CredentialService::answer_stranger(const Now& now, const HttpRequestArrived& request,
                                             const State& state, Outbox& out) {
  if (!options_.serves_strangers) {
    return refuse(request, Outcome::kNoStrangers, 401, "this relay is for those with a grant",
                  "WWW-Authenticate: Bearer", out);
  }
  const IpAddress& from = request.from.address;
  work_.note_request(now.mono, state.strangers_percent);
  const auto answer = query_value(request.query, "work");
  if (answer && !work_.is_solved(now.mono, from, *answer)) {
    return refuse(request, Outcome::kBadWork, 403, "the challenge is not solved, or too old", {},
                  out);
  }
  if (!answer && work_.effort() > 0) {
    ++counts_[static_cast<size_t>(Outcome::kChallenged)];
    const std::string json = "{\"error\":\"work first\",\"challenge\":\"" +
                             work_.challenge(now.mono, from) +
                             "\",\"effort\":" + std::to_string(work_.effort()) + "}\n";
    return {request.request, 401, kJson, kept(json, out),
            "WWW-Authenticate: RoostWork\r\nCache-Control: no-store"};
  }
  work_.note_given(from);
  // A site is one user, however often it asks, and from however many of its addresses.
  std::array<uint8_t, 8> prefix;
  store_u64(prefix.data(), prefix_key(from, PrefixWidth::kSite));
  return give(now, request, {true, sip_hash(secret_, prefix)}, options_.stranger_lifetime,
              Outcome::kStranger, out);
}

HttpReply CredentialService::give(const Now& now, const HttpRequestArrived& request,
                                  const Minter::Holder& holder, Duration lifetime, Outcome outcome,
                                  Outbox& out) {
  std::string_view host = host_of(request.host);
  if (host.empty()) host = options_.host;
  if (host.empty()) {
    return refuse(request, Outcome::kBadRequest, 400, "say by which name you call this node", {},
                  out);
  }
  ++counts_[static_cast<size_t>(outcome)];
  const auto seconds = std::chrono::floor<std::chrono::seconds>(lifetime);
  std::array<uint8_t, 9> number{};  // Longer than a prefix, so that neither is the other's hash.
  store_u64(number.data(), ++nonce_count_);
  const Minter::Credentials made =
      minter_.mint(*now.wall + seconds, holder, sip_hash(secret_, number));
  const std::string where =
      std::string(host).append(":").append(std::to_string(options_.port)).append("?transport=");
  std::string json = "{\"username\":\"" + made.username + "\",\"password\":\"" + made.password +
                     "\",\"ttl\":" + std::to_string(seconds.count()) +
                     ",\"uris\":[\"turn:" + where + "udp\",\"turn:" + where + "tcp\"";
  if (options_.has_certificate) json.append(",\"turns:").append(where).append("tcp\"");
  json.append("]}\n");
  return {request.request, 200, kJson, kept(json, out), kNoStore};
}

HttpReply CredentialService::refuse(const HttpRequestArrived& request, Outcome outcome,
                                    uint16_t status, std::string_view error,
                                    std::string_view header_lines, Outbox& out) {
  ++counts_[static_cast<size_t>(outcome)];
  const std::string json = std::string("{\"error\":\"").append(error).append("\"}\n");
  return {request.request, status, kJson, kept(json, out), header_lines};
}

}  // namespace roost::core::turn
