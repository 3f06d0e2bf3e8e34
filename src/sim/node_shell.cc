// SPDX-License-Identifier: MIT
#include "sim/node_shell.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "base/check.h"

namespace roost::sim {
namespace {

SigningKey make_key(Dice& dice) {
  return SigningKey(SigningKey::Seed(dice.random().bytes<32>()));
}

template <typename Counts>
uint64_t sum(const Counts& counts) {
  return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
}

uint64_t refusals(const node::Budget& budget) {
  return budget.refusals(node::Budget::Refusal::kBandwidth) +
         budget.refusals(node::Budget::Refusal::kMonthly);
}

uint64_t accounted_messages(const node::DhtService& service) {
  const core::dht::Server& dht = service.server();
  uint64_t answers = service.finder().stats().answers + sum(dht.verifier().stats().answers);
  for (const auto family : {core::dht::Family::kV4, core::dht::Family::kV6}) {
    answers += dht.query_rate(family).answered_count();
  }
  return sum(dht.stats().drops) + sum(dht.responder().stats().queries) + answers;
}

}  // namespace

uint64_t accounted_messages(const node::Node& node) {
  const auto& stun = node.stun_stats();
  return sum(node.stats().drops) + sum(node.dtls_stats()) + sum(stun.malformed) + sum(stun.drops) +
         stun.indications + sum(stun.requests) +
         (node.turn() != nullptr ? node.turn()->stats().messages : 0) +
         (node.dht_service() != nullptr ? accounted_messages(*node.dht_service()) : 0);
}

NodeShell::NodeShell(Host& host, Trace& trace, Verdict& verdict, CookieOracle& cookies,
                     const Options& options)
    : host_(host),
      trace_(trace),
      verdict_(verdict),
      cookie_oracle_(cookies),
      config_(options.config),
      options_(options),
      sockets_(node::listen_endpoints(config_)),
      key_(make_key(host.dice())),
      saved_month_(wire::MonthRecord().encode()),
      disk_(options.disk),
      peer_links_(host, verdict, *this),
      associations_(host, *this),
      reply_oracle_(verdict, host.addresses()),
      relay_oracle_(verdict, host.addresses()),
      allocation_oracle_(verdict, config_.relay),
      reservation_oracle_(verdict),
      stream_relay_oracle_(verdict, config_.relay),
      stream_oracle_(verdict, config_),
      account_oracle_(verdict),
      donation_oracle_(verdict, config_.donate),
      dht_oracle_(verdict),
      finder_oracle_(verdict) {
  CHECK(!node::find_missing_socket(config_, sockets_));
  wall_offset_ = options_.wall.time_since_epoch() - host_.now().time_since_epoch();
  start_node();
}

void NodeShell::start_node() {
  ++life_;
  // Each boot has a monotonic clock of its own, which begins anywhere.
  boot_offset_ = host_.dice().between(Duration(), std::chrono::hours(1000));
  node_ = std::make_unique<node::Node>(config_, sockets_, key_, host_.dice().random(), clocks());
  const auto month = wire::MonthRecord::parse(saved_month_);
  CHECK(month.has_value());
  node_->budget().restore(*month);
  node_->set_grants(grants_, clocks());
  donation_oracle_.restored(clocks(), {month->month, month->bytes_sent});
  timer_set_for_.reset();
  host_.wake_up(host_.now() + options_.early_deadline_period,
                wake_up_number(WakeUp::kEarlyDeadline, life_));
  arm_timer();
}

void NodeShell::crash() {
  CHECK(is_running());
  trace_.add({host_.now(), TraceKind::kCrash, endpoint(true), {}, {}});
  node_.reset();
  outbox_.clear();
  batch_.clear();
  owed_.clear();
  disk_queue_.cut_power(host_.dice());
  streams_.clear();
  keys_.clear();
  relays_.clear();
  peer_links_.clear();
  associations_.clear();
  relay_addresses_.clear();
  reply_oracle_.forget();
  relay_oracle_.forget();
  allocation_oracle_.forget();
  reservation_oracle_.forget();
  stream_relay_oracle_.forget();
  stream_oracle_.forget();
  donation_oracle_.crashed();
  dht_oracle_.forget();
  finder_oracle_.forget();
  for (const IpAddress& address : host_.addresses()) cookie_oracle_.forget(address);
}

void NodeShell::restart() {
  CHECK(!is_running());
  trace_.add({host_.now(), TraceKind::kRestart, endpoint(true), {}, {}});
  start_node();
}

void NodeShell::reload(const node::Config& config) {
  trace_.add({host_.now(), TraceKind::kReload, endpoint(true), {}, {}});
  config_.donate = config.donate;
  config_.admission = config.admission;
  config_.node.role = config.node.role;
  config_.node.external_addresses = config.node.external_addresses;
  config_.stun.enabled = config.stun.enabled;
  const node::Config::Relay before = std::exchange(config_.relay, config.relay);
  config_.relay.enabled = before.enabled;
  config_.relay.port_min = before.port_min;
  config_.relay.port_max = before.port_max;
  config_.relay.addresses = before.addresses;
  config_.relay.machine_addresses = before.machine_addresses;
  config_.relay.machine_networks = before.machine_networks;
  allocation_oracle_.set_bounds(config_.relay);
  stream_relay_oracle_.set_bounds(config_.relay);
  stream_oracle_.set_bounds(config_);
  donation_oracle_.set_donation(config_.donate);
  if (!is_running()) return;
  node_->reload(config_, clocks());
  arm_timer();
}

void NodeShell::set_grants(std::vector<core::turn::Grant> grants) {
  trace_.add({host_.now(), TraceKind::kReload, endpoint(true), {}, {}});
  grants_ = std::move(grants);
  allocation_oracle_.set_grants(grants_);
  if (!is_running()) return;
  node_->set_grants(grants_, clocks());
  arm_timer();
}

void NodeShell::set_wall_clock(WallTime wall) {
  wall_offset_ = wall.time_since_epoch() - host_.now().time_since_epoch();
  trace_.add({host_.now(), TraceKind::kClock, endpoint(true), {}, {}});
}

Now NodeShell::clocks() const {
  const Duration since_epoch = host_.now().time_since_epoch() + wall_offset_;
  const WallTime wall(std::chrono::floor<std::chrono::seconds>(since_epoch));
  return {host_.now() + boot_offset_, wall < kWallTimeMin ? std::nullopt : std::optional(wall)};
}

Endpoint NodeShell::endpoint(bool is_v4, size_t address_index, size_t port_index) const {
  for (const IpAddress& address : host_.addresses()) {
    if (address.is_v4() != is_v4 || address_index-- > 0) continue;
    return {address, port_index == 0 ? config_.node.port : config_.stun.discovery_port};
  }
  return {};
}

void NodeShell::on_packet(Packet packet) {
  if (!is_running()) return;
  if (packet.kind != PacketKind::kDatagram) return take_segment(packet);
  const bool is_relayed = relays_.contains(packet.destination);
  if (!is_relayed && !node::find_socket(sockets_, packet.destination)) return;  // Nobody listens.
  if (batch_.empty()) host_.wake_up(host_.now(), wake_up_number(WakeUp::kBatch, life_));
  batch_.push_back(std::move(packet));
}

void NodeShell::on_wake_up(uint64_t what) {
  const uint64_t of = what >> 8;
  const auto why = static_cast<WakeUp>(what & 0xff);
  if (!is_running()) return;
  if (why == WakeUp::kSilence) return check_silence(core::StreamId{of});
  if (why == WakeUp::kLink) return pump_links(core::PeerConnectionId{of});
  if (why == WakeUp::kAssociation) {
    associations_.on_wake_up(core::StreamId{of});
    return settle();
  }
  if (of != life_) return;
  switch (why) {
    case WakeUp::kBatch: return turn_batch();
    case WakeUp::kLink:
    case WakeUp::kAssociation: return;  // Have been dealt with.
    case WakeUp::kDeadline:
      // One that was set for another time since cannot be taken back, and must not set it anew.
      if (!timer_set_for_ || host_.now() < *timer_set_for_ - boot_offset_) return;
      timer_set_for_.reset();
      return turn(core::DeadlinePassed{});
    case WakeUp::kEarlyDeadline:
      host_.wake_up(host_.now() + options_.early_deadline_period, what);
      return turn(core::DeadlinePassed{});
    case WakeUp::kDisk: return finish_on_disk();
    case WakeUp::kSilence: return;
  }
}

// ---- The turn of the crank.

void NodeShell::turn(const core::Input& input) {
  step(input);
  carry_out();
  settle();
  arm_timer();
}

void NodeShell::turn_batch() {
  for (const Packet& packet : batch_) {
    if (!outbox_.has_room()) carry_out();
    if (const auto relay = relays_.find(packet.destination); relay != relays_.end()) {
      step(core::RelayDatagramArrived{relay->second, packet.source, packet.payload});
      continue;
    }
    step_datagram(packet);
  }
  carry_out();
  batch_.clear();  // Only now: what was sent may have been part of it.
  settle();
  associations_.begin_accepted();
  settle();
  arm_timer();
}

// What belongs to an association is opened first.
void NodeShell::step_datagram(const Packet& packet) {
  const auto socket = node::find_socket(sockets_, packet.destination);
  if (!socket) return;  // The relayed address is given up since.
  std::optional<core::MessageArrived> message;
  if (associations_.take(packet, message)) {
    if (message) step(*message);
    return;
  }
  step(core::DatagramArrived{static_cast<core::SocketId>(*socket),
                             {packet.destination, 0},
                             packet.source,
                             packet.payload});
}

void NodeShell::step(const core::Input& input) {
  const Now now = clocks();
  const size_t actions_before = outbox_.actions().size();
  const uint64_t accounted_before = accounted_messages(*node_);
  const uint64_t refused_before = refusals(node_->budget());
  node_->step(now, input, outbox_);
  node_->check_invariants();
  const auto actions = outbox_.actions().subspan(actions_before);
  reply_oracle_.check(now.mono, input, actions);
  cookie_oracle_.check(host_.now(), input, actions);
  const bool is_cut = refusals(node_->budget()) != refused_before;
  relay_oracle_.check(now.mono, input, actions, is_cut);
  allocation_oracle_.check(now, input, actions, is_cut);
  reservation_oracle_.check(now.mono, input, actions, is_cut);
  stream_relay_oracle_.check(now.mono, input, actions, is_cut);
  stream_oracle_.check(now.mono, input, actions, node_->connection_admission().open_count());
  account_oracle_.check(now.mono, input, accounted_before, accounted_messages(*node_));
  donation_oracle_.check(now, input, actions);
  dht_oracle_.check(host_.now(), input, actions);
  finder_oracle_.check(host_.now(), input, actions);
  const auto& month = node_->budget().month();
  donation_oracle_.check_month(now, {month.month, month.bytes_sent});
}

void NodeShell::carry_out() {
  if (!node_->budget().is_covered()) saved_month_ = node_->budget().cover().encode();
  for (const core::Action& action : outbox_.actions()) {
    std::visit([this](const auto& what) { carry_out(what); }, action);
  }
  outbox_.clear();
}

// What the actions have caused is an input of its own, after all of them.
void NodeShell::settle() {
  while (!owed_.empty()) {
    const core::Input input = owed_.front();
    owed_.pop_front();
    step(input);
    carry_out();
  }
}

void NodeShell::arm_timer() {
  const auto deadline = node_->next_deadline();
  if (deadline == timer_set_for_) return;
  timer_set_for_ = deadline;
  if (deadline) {
    host_.wake_up(*deadline - boot_offset_, wake_up_number(WakeUp::kDeadline, life_));
  }
}

void NodeShell::carry_out(const core::SendDatagram& send) {
  if (node::find_socket(sockets_, send.local.endpoint) != send.from) {
    verdict_.fail(host_.now(), "sent from another socket than that of its address");
  }
  ++datagrams_sent_;
  std::vector<uint8_t> payload(send.head.begin(), send.head.end());
  payload.insert(payload.end(), send.payload.begin(), send.payload.end());
  Endpoint from = send.local.endpoint;
  // The kernel chooses.
  if (from.address.is_unspecified()) {
    from.address = host_.address_towards(send.to.address).value_or(from.address);
  }
  host_.send_datagram(from, send.to, payload);
}

void NodeShell::carry_out(const core::OpenRelay& order) {
  const bool is_tcp = order.protocol == core::RelayProtocol::kTcp;
  const auto is_free = [&](const Endpoint& endpoint) {
    if (is_tcp) return !peer_links_.has_listener(endpoint);
    return std::none_of(relays_.begin(), relays_.end(), [&](const auto& relay) {
      return relay.first.address.is_v4() == endpoint.address.is_v4() &&
             relay.first.port == endpoint.port;
    });
  };
  const bool wants_next = order.port == core::OpenRelay::Port::kEvenAndNext;
  Endpoint local{order.address, 0};
  Endpoint above{order.address, 0};
  do {
    local.port = static_cast<uint16_t>(
        host_.dice().between(config_.relay.port_min, config_.relay.port_max - 1));
    if (order.port != core::OpenRelay::Port::kAny) local.port &= 0xfffe;
    above.port = static_cast<uint16_t>(local.port + 1);
  } while (!is_free(local) || (wants_next && !is_free(above)));
  // Now and then the machine has none to give.
  if (host_.dice().below(20) == 0) {
    if (wants_next) owed_.push_back(core::RelayRefused{order.next});
    owed_.push_back(core::RelayRefused{order.relay});
    return;
  }
  const auto open = [&](core::RelayId relay, const Endpoint& endpoint) {
    if (is_tcp) {
      peer_links_.open(relay, endpoint);
    } else {
      relays_.emplace(endpoint, relay);
    }
    relay_addresses_.emplace(relay, endpoint);
    owed_.push_back(core::RelayOpened{relay, endpoint});
  };
  if (wants_next) open(order.next, above);
  open(order.relay, local);
}

// The names of this world are addresses.
void NodeShell::carry_out(const core::ResolveNames&) {
  names_.clear();
  for (const auto& name : config_.dht.bootstrap) {
    if (const auto address = IpAddress::parse(name.host)) names_.push_back({*address, name.port});
  }
  owed_.push_back(core::NamesResolved{names_});
}

void NodeShell::carry_out(const core::CloseRelay& order) {
  const auto found = relay_addresses_.find(order.relay);
  if (found == relay_addresses_.end()) {
    return verdict_.fail(host_.now(), "a relayed address closed that is not open");
  }
  if (relays_.erase(found->second) == 0 || peer_links_.has_listener(found->second)) {
    peer_links_.close(order.relay);
  }
  relay_addresses_.erase(found);
}

void NodeShell::carry_out(const core::BindPeer& order) {
  Stream* const stream = find(order.stream);
  std::vector<uint8_t> unread;
  if (stream != nullptr) unread = std::exchange(stream->buffer, {});
  peer_links_.bind(order, unread);
}

void NodeShell::carry_out(const core::SendFromRelay& order) {
  const auto found = relay_addresses_.find(order.relay);
  if (found == relay_addresses_.end()) {
    return verdict_.fail(host_.now(), "sent from a relayed address that is not open");
  }
  ++datagrams_sent_;
  host_.send_datagram(found->second, order.to, order.payload);
}

void NodeShell::carry_out(const core::SendMessage& send) {
  if (associations_.has(send.stream)) {
    if (send.payer == core::Payer::kService) answer_bytes_ = send.payload.size();
    associations_.send(send);
    answer_bytes_ = 0;
    return;
  }
  Stream* const stream = find(send.stream);
  if (stream == nullptr) return;
  stream->connection.send(host_, PacketKind::kData, send.payload);
  if (send.payer == core::Payer::kService) {
    donation_oracle_.sent(clocks(), send.payload.size());
  }
  owed_.push_back(core::StreamBytesSent{stream->transport, send.payload.size()});
}

void NodeShell::send_record(const Endpoint& from, const Endpoint& to, Bytes record) {
  ++datagrams_sent_;
  host_.send_datagram(from, to, record);
  donation_oracle_.will_write(answer_bytes_ == 0 ? 0
                                                 : answer_bytes_ + DonationOracle::kHeaderBytes);
  owed_.push_back(core::StreamBytesSent{core::Transport::kDtls, record.size(), 1});
}

void NodeShell::wake_association(MonoTime when, core::StreamId stream) {
  host_.wake_up(when, wake_up_number(WakeUp::kAssociation, static_cast<uint64_t>(stream)));
}

void NodeShell::carry_out(const core::RefuseStream& refuse) {
  if (associations_.has(refuse.stream)) return associations_.refuse(refuse.stream);
  Stream* const stream = find(refuse.stream);
  if (stream == nullptr) return;
  if (refuse.stream != opening_) return end_stream(refuse.stream);
  stream->connection.send(host_, PacketKind::kEnd);
  streams_.erase(keys_.at(refuse.stream));
  keys_.erase(refuse.stream);
}

void NodeShell::carry_out(const core::HttpReply& reply) {
  if (!asking_) return;
  const core::StreamId id = *std::exchange(asking_, std::nullopt);
  Stream* const stream = find(id);
  if (stream == nullptr) return;
  std::string text = "HTTP/1.1 " + std::to_string(reply.status) + "\r\n";
  if (!reply.header_lines.empty()) text.append(reply.header_lines).append("\r\n");
  text.append("\r\n").append(as_text(reply.body));
  stream->connection.send(host_, PacketKind::kData, as_bytes(text));
  const bool is_refusal = reply.status == 429 || reply.status == 503;
  if (is_refusal) {
    donation_oracle_.sent_refusal(clocks(), text.size());
  } else {
    donation_oracle_.sent(clocks(), text.size());
  }
  owed_.push_back(core::StreamBytesSent{stream->transport, text.size()});
  end_stream(id);
}

// ---- What it keeps.

void NodeShell::carry_out(const core::Commit& order) {
  if (has_store() && disk_queue_.add(order)) return begin_on_disk();
  const auto why = has_store() ? core::StoreError::kBusy : core::StoreError::kAbsent;
  owed_.push_back(core::CommitDone{order.id, why});
}

void NodeShell::carry_out(const core::ReadRange& order) {
  if (has_store() && disk_queue_.add(order)) return begin_on_disk();
  const auto why = has_store() ? core::StoreError::kBusy : core::StoreError::kAbsent;
  owed_.push_back(core::RangeRead{order.id, {}, false, why});
}

void NodeShell::begin_on_disk() {
  const auto time = disk_queue_.begin();
  if (time) host_.wake_up(host_.now() + *time, wake_up_number(WakeUp::kDisk, life_));
}

void NodeShell::finish_on_disk() {
  disk_queue_.finish([this](const core::Input& input) { turn(input); });
  begin_on_disk();
}

// ---- What carries data to and from peers.

void NodeShell::wake_links(MonoTime when, core::PeerConnectionId connection) {
  host_.wake_up(when, wake_up_number(WakeUp::kLink, static_cast<uint64_t>(connection)));
}

// A wake-up of an earlier life does no harm.
void NodeShell::pump_links(core::PeerConnectionId connection) {
  peer_links_.pump(connection);
  settle();
}

Connection* NodeShell::connection_of(core::StreamId stream) {
  Stream* const found = find(stream);
  return found == nullptr ? nullptr : &found->connection;
}

core::Transport NodeShell::transport_of(core::StreamId stream) {
  const Stream* const found = find(stream);
  return found == nullptr ? core::Transport::kTcp : found->transport;
}

void NodeShell::drop_stream(core::StreamId id) {
  const auto key = keys_.find(id);
  owed_.push_back(core::StreamClosed{id, key->second.second});
  streams_.erase(key->second);
  keys_.erase(key);
}

}  // namespace roost::sim
