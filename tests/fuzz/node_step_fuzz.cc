// SPDX-License-Identifier: MIT
//
// A whole node, stepped through whatever a byte string says: datagrams, streams, HTTP requests,
// deadlines, clocks that run and jump, reloads. After each step: the tables agree with each other
// and with a model of the open streams; a datagram or message causes one reply at most, to its
// sender, of at most three times its bytes (a query of the DHT perhaps a ping, too); what is due
// causes questions of the DHT, and nothing else that is sent; each request gets one reply; every
// message is counted once and every byte is charged; the donation is kept to; what the outbox holds
// stays as it was put there.
#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/special_purpose.h"
#include "base/text.h"
#include "node/node.h"
#include "raw_dtls.h"

namespace roost::node {
namespace {

using core::Transport;

constexpr Endpoint kSockets[] = {{IpAddress::v4(0), 3478}, {IpAddress(), 3478}};

// What is left of the input; zeros behind its end.
class Script {
 public:
  explicit Script(Bytes bytes) : bytes_(bytes) {}

  bool has_ended() const { return bytes_.empty(); }
  uint8_t byte() {
    const Bytes one = bytes(1);
    return one.empty() ? 0 : one[0];
  }
  uint32_t number(size_t size) {
    uint32_t value = 0;
    for (size_t i = 0; i < size; ++i) value = value << 8 | byte();
    return value;
  }
  Bytes bytes(size_t count) {
    const Bytes taken = bytes_.first(std::min(count, bytes_.size()));
    bytes_ = bytes_.subspan(taken.size());
    return taken;
  }

 private:
  Bytes bytes_;
};

// From few prefixes, so that they meet: the low bits are the family and the prefix, the high ones
// the host. Port 0 is among them.
Endpoint endpoint(Script& script) {
  const uint8_t bits = script.byte();
  const uint32_t prefix = bits >> 1 & 7;
  const uint16_t port = static_cast<uint16_t>(bits >> 4 == 15 ? 0 : 1024 + (bits >> 4));
  if ((bits & 1) == 0) return {IpAddress::v4(0x0b000000 | prefix << 8 | bits >> 4), port};
  return {IpAddress(0x20010db800000000 | uint64_t{prefix} << 8, bits >> 4), port};
}

// A change of the bounds that options.cc lets an owner make.
void set_bounds(Script& script, Config& config) {
  constexpr uint64_t kRates[] = {0, 1, 500, 2047, 2048, 100'000, 2'500'000, uint64_t{1} << 40};
  config.donate.bandwidth_bytes_per_second = kRates[script.byte() % std::size(kRates)];
  config.donate.monthly_bytes = script.number(2);
  config.donate.connections = 1 + script.byte() % 16;
  config.admission.packets_per_second_per_prefix = script.byte() % 32;
  config.admission.connections_per_prefix = 1 + script.byte() % 8;
  const uint8_t bits = script.byte();
  config.stun.enabled = (bits & 3) != 3;
  config.node.role = static_cast<RoleChoice>((bits >> 2) % 3);
  config.node.external_addresses.clear();
  for (unsigned i = 0; i < bits >> 6; ++i) {
    config.node.external_addresses.push_back(endpoint(script).address);
  }
}

Config first_config(Script& script) {
  Config config;
  set_bounds(script, config);
  config.admission.prefixes = 4u + script.byte() % 16;
  config.stun.classic = (script.byte() & 1) == 0;
  config.donate.memory_bytes = 1 << 20;  // Large tables are slow to make.
  config.dht.peers = 1000;
  config.dht.items = 16;
  return config;
}

// STUN, almost STUN, or anything; ClientHellos of DTLS, with the cookie that was sent last; and
// queries of the DHT.
std::vector<uint8_t> payload(Script& script, const std::string& cookie) {
  std::vector<uint8_t> bytes = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1,  2,
                                3, 4, 5, 6, 7,    8,    9,    10,   11, 12};
  const uint8_t kind = script.byte();
  const auto append = [&](Bytes more) { bytes.insert(bytes.end(), more.begin(), more.end()); };
  switch (kind % 8) {
    case 0: break;
    case 1: bytes[4] = kind; break;  // A classic request.
    case 2: {                        // A request with attributes, well-formed or not.
      append(script.bytes(script.byte() & ~3u));
      bytes.resize((bytes.size() + 3) & ~size_t{3});
      store_u16(&bytes[2], static_cast<uint16_t>(bytes.size() - 20));
      break;
    }
    case 3: store_u16(&bytes[0], static_cast<uint16_t>(script.number(2))); break;
    case 4: bytes.resize(script.byte() % 21); break;
    case 5:
      bytes.clear();
      append(script.bytes(script.number(2) % 1501));
      break;
    case 6: {
      const bool has_cookie = (kind & 0x80) != 0 && !cookie.empty();
      const std::string hello =
          raw_client_hello({.message_sequence = has_cookie, .cookie = has_cookie ? cookie : ""});
      bytes.clear();
      append(as_bytes(hello).first(hello.size() - script.byte() % 3 / 2));
      break;
    }
    case 7: {
      constexpr std::string_view kQueries[] = {
          "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe",
          "d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa"
          "1:y1:qe",
          "d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers"
          "1:t2:aa1:y1:qe",
          "d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q3:get1:t2:aa1:y1:qe",
          "d1:rd2:id20:abcdefghij0123456789e1:t8:aaaaaaaa1:y1:re"};
      bytes.clear();
      append(as_bytes(kQueries[kind / 8 % std::size(kQueries)]));
      const uint8_t damaged = script.byte();
      if (damaged < bytes.size()) bytes[damaged] = script.byte();
      break;
    }
  }
  return bytes;
}

class World {
 public:
  explicit World(Script& script)
      : script_(script),
        config_(first_config(script)),
        connections_at_start_(config_.donate.connections),
        node_(config_, {std::begin(kSockets), std::end(kSockets)}, key(), random_, now_) {}

  void run() {
    restore();
    // Before an input is made, since what it points to goes with the outbox.
    while (!script_.has_ended()) {
      if (!outbox_.has_room()) carry_out();
      act();
    }
    carry_out();
  }

 private:
  // A month that an earlier run had begun, perhaps under a clock that was ahead.
  void restore() {
    const uint8_t months = script_.byte();
    if (months == 0) return;
    node_.budget().restore({12 * 2026 + months % 60, script_.number(2)});
  }

  static const SigningKey& key() {
    static const SigningKey key{SigningKey::Seed{}};
    return key;
  }

  void act() {
    switch (script_.byte() % 14) {
      case 0:
      case 1:
      case 2: return datagram();
      case 3: return message();
      case 4: return open();
      case 5: return close();
      case 6: return bytes_sent();
      case 7:
      case 8: return request();
      case 9: return deadline();
      case 10: return pass_time();
      case 11: return set_clock();
      case 12: return reload();
      case 13: return carry_out();
    }
  }

  // Of what is due only the DHT's sends or asks for anything here.
  void deadline() {
    step(core::DeadlinePassed{});
    for (const core::Action& action : caused_) {
      const auto* const sent = std::get_if<core::SendDatagram>(&action);
      CHECK(sent != nullptr || std::holds_alternative<core::ResolveNames>(action) ||
            std::holds_alternative<core::ReadRange>(action));
      if (sent == nullptr) continue;
      CHECK(sent->payload[0] == 'd' && sent->to.port != 0);
      CHECK(is_globally_reachable(sent->to.address));
    }
  }

  void check_dht(const core::DatagramArrived& input) {
    CHECK(counted_ == 1 && caused_.size() <= 2);
    size_t bytes = 0;
    for (const core::Action& action : caused_) {
      const auto& sent = std::get<core::SendDatagram>(action);
      CHECK(sent.to == input.from && sent.from == input.at);
      bytes += sent.payload.size();
    }
    CHECK(input.from.port != 0 || caused_.empty());
    CHECK(bytes <= 3 * input.payload.size());
    if (!caused_.empty()) check_donation();
  }

  void datagram() {
    const Endpoint from = endpoint(script_);
    const bool is_v4 = from.address.is_v4();
    const core::LocalEnd local{
        {is_v4 ? IpAddress::v4(0x0a000001) : IpAddress(0xfe80000000000000, 1), 3478},
        is_v4 ? 0u : 7u};
    const core::DatagramArrived input{core::SocketId{!is_v4}, local, from,
                                      keep(payload(script_, cookie_))};
    const uint64_t udp_bytes_before = udp_bytes_;
    step(input);
    if (!input.payload.empty() && input.payload[0] == 'd') return check_dht(input);
    CHECK(counted_ == 1 && caused_.size() <= 1);
    if (caused_.empty()) return;
    if (const auto* const accept = std::get_if<core::AcceptDtls>(&caused_[0])) {
      // Only who was sent the cookie brings it back.
      CHECK(accept->from == cookie_owner_ && accept->at == input.at);
      return CHECK(accept->hello.data() == input.payload.data());
    }
    const auto& sent = std::get<core::SendDatagram>(caused_[0]);
    if (!input.payload.empty() && input.payload[0] == 22) {
      CHECK(sent.payload.size() < input.payload.size());
      cookie_ = raw_cookie_of(std::string(as_text(sent.payload)));
      cookie_owner_ = from;
    }
    CHECK(from.port != 0 && sent.to == from && sent.from == input.at);
    CHECK(sent.local.endpoint == local.endpoint);
    CHECK(sent.local.interface_index == local.interface_index);
    CHECK(sent.payload.size() <= 3 * input.payload.size());
    CHECK(udp_bytes_ == udp_bytes_before + sent.payload.size() + Budget::kHeaderBytes);
    check_donation();
  }

  void message() {
    if (streams_.empty()) return;
    const auto& [id, from] = some_stream();
    constexpr Transport kStreams[] = {Transport::kTcp, Transport::kTls, Transport::kDtls};
    const Transport transport = kStreams[script_.byte() % 3];
    const core::MessageArrived input{
        core::StreamId{id}, transport, {kSockets[0], 0}, from, keep(payload(script_, cookie_))};
    step(input);
    CHECK(counted_ == 1 && caused_.size() <= 1);
    if (caused_.empty()) return;
    // Instead of an answer the stream may be closed: it does not ask again.
    if (const auto* const refused = std::get_if<core::RefuseStream>(&caused_[0])) {
      return CHECK(refused->stream == input.stream && transport != Transport::kDtls);
    }
    const auto& sent = std::get<core::SendMessage>(caused_[0]);
    CHECK(sent.stream == input.stream);
    CHECK(sent.payload.size() <= 3 * input.payload.size());
  }

  void open() {
    const Endpoint from = endpoint(script_);
    const uint64_t id = ++serial_;
    const auto of_prefix = static_cast<uint32_t>(
        std::count_if(streams_.begin(), streams_.end(), [&](const auto& stream) {
          return limit_prefix(stream.second.address) == limit_prefix(from.address);
        }));
    const bool is_full =
        streams_.size() >= std::min(config_.donate.connections, connections_at_start_) ||
        of_prefix >= config_.admission.connections_per_prefix;
    const bool must_be_refused = is_full || !node_.budget().has_room(now_);
    const uint64_t dropped_before = admission_drops();
    step(core::StreamOpened{core::StreamId{id}, from});
    // Whether the prefix has tokens left is the limiter's to say, and no model's.
    const bool is_refused = must_be_refused || admission_drops() != dropped_before;
    CHECK(caused_.size() == (is_refused ? 1 : 0));
    if (is_refused) CHECK(std::get<core::RefuseStream>(caused_[0]).stream == core::StreamId{id});
  }

  void close() {
    if (streams_.empty()) return;
    const auto [id, from] = some_stream();
    streams_.erase(id);
    step(core::StreamClosed{core::StreamId{id}, from});
    CHECK(caused_.empty());
  }

  void bytes_sent() {
    const uint64_t bytes = 1 + script_.number(2);
    stream_bytes_ += bytes;
    step(core::StreamBytesSent{script_.byte() % 2 == 0 ? Transport::kTcp : Transport::kTls, bytes});
    CHECK(caused_.empty());
  }

  void request() {
    constexpr std::string_view kPaths[] = {"/v1/node", "/v1/node/", "/V1/NODE", "/v1/nod",
                                           "/",        "/v1/turn",  "",         "/v1//node"};
    const core::RequestId id{++serial_};
    const Endpoint from = endpoint(script_);
    const auto method = static_cast<core::HttpMethod>(script_.byte() % 7);
    const uint8_t choice = script_.byte();
    const std::string_view path = choice < 200 ? kPaths[choice % std::size(kPaths)]
                                               : as_text(keep(copy(script_.bytes(choice - 200u))));
    core::HttpRequestArrived asked{id, from, method, path, keep(copy(script_.bytes(choice % 3)))};
    if (path == "/v1/turn") {
      asked.query = some_text("work=");
      asked.host = some_text("[2001:db8::1]:3478");
      asked.authorization = some_text("Bearer token");
    }
    step(asked);
    CHECK(caused_.size() == 1);
    const auto& reply = std::get<core::HttpReply>(caused_[0]);
    CHECK(reply.request == id);
    if (path == "/v1/turn" && reply.status != 429) return check_credentials(asked, reply);
    const bool is_read = method == core::HttpMethod::kGet || method == core::HttpMethod::kHead;
    switch (reply.status) {
      case 200: CHECK(path == "/v1/node" && is_read && now_.wall); break;
      case 404: CHECK(path != "/v1/node"); break;
      case 405: CHECK(path == "/v1/node" && !is_read); break;
      case 429: CHECK(config_.admission.packets_per_second_per_prefix != 0); break;
      case 503: CHECK(!node_.budget().has_room(now_) || (path == "/v1/node" && !now_.wall)); break;
      default: CHECK(reply.status == 200);  // One that nobody has thought of.
    }
    CHECK(reply.closes == !node_.budget().has_room(now_));
  }

  // Those words, a part of them with something else behind it, or nothing.
  std::string_view some_text(std::string_view words) {
    const uint8_t shape = script_.byte();
    if (shape < 64) return words;
    if (shape >= 192) return {};
    std::string text(words.substr(0, shape % words.size()));
    text += as_text(script_.bytes(shape >> 5));
    return as_text(keep(copy(as_bytes(text))));
  }

  void check_credentials(const core::HttpRequestArrived& asked, const core::HttpReply& reply) {
    const bool is_read =
        asked.method == core::HttpMethod::kGet || asked.method == core::HttpMethod::kHead;
    const std::string_view body = as_text(reply.body);
    switch (reply.status) {
      case 200: CHECK(is_read && now_.wall && body.starts_with("{\"username\":\"")); break;
      case 204: CHECK(asked.method == core::HttpMethod::kOptions && body.empty()); return;
      case 400:
      case 401:
      case 403: CHECK(is_read && now_.wall); break;
      case 405: CHECK(!is_read); break;
      case 503:
        CHECK(!now_.wall || !node_.budget().is_month_young() || !node_.budget().has_room(now_));
        break;
      default: CHECK(false);
    }
    if (reply.closes) return CHECK(!node_.budget().has_room(now_));
    // Nothing of what was asked can break out of its string, or of the header.
    CHECK(std::count(body.begin(), body.end(), '"') % 2 == 0);
    CHECK(std::all_of(body.begin(), body.end() - 1, [](char c) { return c >= ' ' && c != '\\'; }));
    CHECK(reply.header_lines.find("token") == reply.header_lines.npos ||
          reply.header_lines.find("invalid_token") != reply.header_lines.npos);
    const bool has_credentials = body.find("\"password\"") != body.npos;
    CHECK(has_credentials == (reply.status == 200));
    // The only token that there is stands for the only grant.
    const bool has_token = is_bearer_of_token(asked.authorization);
    const std::string holder = ":" + to_hex(Bytes(sha256(as_bytes("token"))).first(8)) + ".";
    CHECK(!has_credentials || (body.find(holder) != body.npos) == (has_token && has_grant_));
    CHECK(!has_credentials || asked.authorization.empty() || has_token);
  }
  // The scheme in either case, and any number of spaces.
  static bool is_bearer_of_token(std::string_view text) {
    const size_t space = text.find(' ');
    if (space == text.npos || space != 6) return false;
    for (size_t i = 0; i < space; ++i) {
      if ((text[i] | 0x20) != "bearer"[i]) return false;
    }
    return text.substr(std::min(text.find_first_not_of(' ', space), text.size())) == "token";
  }

  void set_grants() {
    has_grant_ = script_.byte() % 2 == 0;
    core::turn::Grant grant;
    grant.token_hash = sha256(as_bytes("token"));
    grant.id = load_u64(grant.token_hash.data());
    std::vector<core::turn::Grant> grants;
    if (has_grant_) grants.push_back(grant);
    node_.set_grants(grants, now_);
  }

  void pass_time() {
    constexpr Duration kUnits[] = {Duration(1), Duration(1000), Duration(40'000),
                                   std::chrono::seconds(1), std::chrono::hours(1)};
    const Duration passed = script_.byte() * kUnits[script_.byte() % std::size(kUnits)];
    now_.mono += passed;
    if (now_.wall) *now_.wall += std::chrono::duration_cast<std::chrono::seconds>(passed);
  }

  void set_clock() {
    now_.wall.reset();
    const uint8_t weeks = script_.byte();
    if (weeks != 0) now_.wall = kWallTimeMin + weeks * std::chrono::weeks(1);
  }

  void reload() {
    set_bounds(script_, config_);
    set_grants();
    node_.reload(config_, now_);
    node_.check_invariants();
    udp_bytes_since_reload_ = 0;
    reloaded_at_ = now_.mono;
  }

  // What an input points to lives as long as the actions that may point there.
  Bytes keep(std::vector<uint8_t> bytes) { return kept_.emplace_back(std::move(bytes)); }
  static std::vector<uint8_t> copy(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

  std::pair<uint64_t, Endpoint> some_stream() {
    const auto at = static_cast<ptrdiff_t>(script_.byte() % streams_.size());
    return *std::next(streams_.begin(), at);
  }

  // Leaves what the input caused in caused_, and how often it was counted in counted_.
  void step(const core::Input& input) {
    CHECK(outbox_.has_room());
    const size_t before = outbox_.actions().size();
    const uint64_t counted_before = times_counted();
    const Budget::Month month_before = node_.budget().month();
    node_.step(now_, input, outbox_);
    const auto actions = outbox_.actions();
    CHECK(actions.size() >= before && actions.size() <= core::Outbox::kActionCountMax);
    CHECK(actions.size() - before <= core::Outbox::kActionsPerStepMax);
    caused_.assign(actions.begin() + static_cast<ptrdiff_t>(before), actions.end());
    counted_ = times_counted() - counted_before;

    size_t bytes = 0;
    for (const core::Action& action : caused_) {
      const Bytes payload = payload_of(action);
      bytes += payload.size();
      promised_.push_back(copy(payload));
      if (!std::holds_alternative<core::SendDatagram>(action)) continue;
      udp_bytes_ += payload.size() + Budget::kHeaderBytes;
      udp_bytes_since_reload_ += payload.size() + Budget::kHeaderBytes;
    }
    CHECK(bytes <= core::Outbox::kBytesPerStepMax);

    const auto* const opened = std::get_if<core::StreamOpened>(&input);
    if (opened != nullptr && caused_.empty()) {
      streams_[static_cast<uint64_t>(opened->stream)] = opened->from;
    }
    node_.check_invariants();
    CHECK(node_.connection_admission().open_count() == streams_.size());
    CHECK(node_.budget().bytes_sent() == udp_bytes_ + stream_bytes_);
    // A month is never given away twice, whatever the clock says.
    const Budget::Month& month = node_.budget().month();
    CHECK(month.month >= month_before.month);
    CHECK(month.month > month_before.month || month.bytes_sent >= month_before.bytes_sent);
    if (const auto deadline = node_.next_deadline()) CHECK(*deadline > MonoTime());
  }

  // Behind a datagram that was sent. What streams have taken is charged after the fact, and may
  // exceed the bounds; but then nothing more is sent.
  void check_donation() const {
    const Config::Donate& donate = config_.donate;
    CHECK(donate.monthly_bytes == 0 || node_.budget().month().bytes_sent <= donate.monthly_bytes);
    if (donate.bandwidth_bytes_per_second == 0) return;
    const auto rate = static_cast<double>(donate.bandwidth_bytes_per_second);
    const double seconds = static_cast<double>((now_.mono - reloaded_at_).count()) / 1e6;
    const double burst = std::max(rate, static_cast<double>(Budget::kBurstBytesMin));
    CHECK(static_cast<double>(udp_bytes_since_reload_) <= burst + rate * seconds + 1);
  }

  uint64_t admission_drops() const {
    return node_.stats().drops[static_cast<size_t>(Node::Drop::kAdmission)];
  }

  uint64_t times_counted() const {
    const auto sum = [](const auto& counts) {
      return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
    };
    const auto& stun = node_.stun_stats();
    return sum(node_.stats().drops) + sum(node_.dtls_stats()) + sum(stun.requests) +
           stun.indications + sum(stun.malformed) + sum(stun.drops) +
           node_.turn()->stats().messages + sum(node_.dht()->responder().stats().queries) +
           sum(node_.dht()->stats().drops);
  }

  static Bytes payload_of(const core::Action& action) {
    if (const auto* const datagram = std::get_if<core::SendDatagram>(&action)) {
      return datagram->payload;
    }
    if (const auto* const message = std::get_if<core::SendMessage>(&action)) {
      return message->payload;
    }
    const auto* const reply = std::get_if<core::HttpReply>(&action);
    return reply == nullptr ? Bytes() : reply->body;
  }

  void carry_out() {
    CHECK(promised_.size() == outbox_.actions().size());
    for (size_t i = 0; i < promised_.size(); ++i) {
      CHECK(same_bytes(promised_[i], payload_of(outbox_.actions()[i])));
    }
    promised_.clear();
    outbox_.clear();
    CHECK(outbox_.has_room());
    kept_.clear();
  }

  Script& script_;
  Config config_;
  uint32_t connections_at_start_;
  Now now_{MonoTime(std::chrono::hours(1)), {}};
  SeededRandom random_{1};
  Node node_;
  core::Outbox outbox_;

  std::deque<std::vector<uint8_t>> kept_;
  std::vector<std::vector<uint8_t>> promised_;  // The payload of each action in the outbox.
  std::vector<core::Action> caused_;
  uint64_t counted_ = 0;
  bool has_grant_ = false;
  std::map<uint64_t, Endpoint> streams_;
  uint64_t serial_ = 0;
  std::string cookie_;  // Sent last, and to whom.
  Endpoint cookie_owner_;
  uint64_t udp_bytes_ = 0;
  uint64_t udp_bytes_since_reload_ = 0;
  uint64_t stream_bytes_ = 0;
  MonoTime reloaded_at_ = now_.mono;
};

}  // namespace
}  // namespace roost::node

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  roost::node::Script script({data, size});
  roost::node::World(script).run();
  return 0;
}
