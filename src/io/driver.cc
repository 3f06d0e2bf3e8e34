// SPDX-License-Identifier: MIT
#include "io/driver.h"

#include <sys/prctl.h>
#include <thread>
#include <utility>

#include "base/check.h"
#include "io/clock.h"
#include "node/dtls_framing.h"

namespace roost::io {
namespace {

template <typename... Handlers>
struct Overload : Handlers... {
  using Handlers::operator()...;
};
template <typename... Handlers>
Overload(Handlers...) -> Overload<Handlers...>;

}  // namespace

Driver::Driver(EventLoop& loop, node::Node& node, std::vector<UdpSocket> sockets, Log& log,
               RelaySockets& relays)
    : loop_(loop),
      node_(node),
      sockets_(std::move(sockets)),
      log_(log),
      writer_(sockets_),
      relays_(relays),
      store_([this](const core::Input& input) { turn(input); }),
      gather_(node.config().relay.gather) {
  timer_ = loop_.timer([this] {
    timer_set_for_.reset();
    turn(core::DeadlinePassed{});
  });
  keep_timer_ = loop_.timer([this] { std::exchange(when_kept_, nullptr)(); });
}

void Driver::start() {
  for (size_t i = 0; i < sockets_.size(); ++i) {
    const auto id = static_cast<core::SocketId>(i);
    watches_.push_back(loop_.watch_readable(sockets_[i].fd(), [this, id] { on_readable(id); }));
  }
  relays_.start({
      .arrived =
          [this](std::span<const core::RelayDatagramArrived> arrived) { on_relayed(arrived); },
      .failed = [this](const core::RelayErrorArrived& error) { turn(error); },
  });
  // A nap may end late by that, and by 50 us if nobody says so.
  prctl(PR_SET_TIMERSLACK, 1);
  loop_.set_after_pass([this] { gather(); });
  arm_timer(read_clocks().mono);  // Nobody may ever send anything, and the node begins by itself.
}

void Driver::turn(const core::Input& input) {
  const Now now = read_clocks();
  step(now, input);
  carry_out(now);
  arm_timer(now.mono);
  look_whether_kept();
}

void Driver::end_what_is_due() {
  if (node_.turn() == nullptr) return;
  const MonoTime now = read_clocks().mono;
  // Each step ends one of these at least.
  const uint64_t steps_max =
      uint64_t{node_.turn()->table().size()} + node_.config().relay.connections;
  for (uint64_t i = 0; i < steps_max; ++i) {
    const auto deadline = node_.next_deadline();
    if (!deadline || *deadline > now) return;
    turn(core::DeadlinePassed{});
  }
}

void Driver::on_readable(core::SocketId id) {
  const Now now = read_clocks();
  for (int batch = 0; batch < kBatchesPerWakeUpMax; ++batch) {
    const auto arrived = reader_.read(id, sockets_[id]);
    for (const core::DatagramArrived& datagram : arrived) take(now, datagram);
    carry_out(now);
    if (dtls_ != nullptr) dtls_->clear_input();
    if (arrived.size() < DatagramReader::kBatchMax) break;
  }
  arm_timer(now.mono);
  turns_.add(read_clocks().mono - now.mono);
}

// What belongs to a DTLS association is opened first. Its flow is bounded by what is inside, and so
// it needs no admission here.
void Driver::take(const Now& now, const core::DatagramArrived& datagram) {
  if (dtls_ == nullptr || !node::is_dtls(datagram.payload)) return step(now, datagram);
  if (!dtls_->has_room()) {
    carry_out(now);
    dtls_->clear_input();
  }
  const auto messages = dtls_->take(now.mono, datagram);
  if (!messages) return step(now, datagram);
  for (const core::MessageArrived& message : *messages) {
    // What was queued, such as the ClientHello of one that takes its place, is carried out in
    // between where the outbox gets full.
    if (!outbox_.has_room()) carry_out(now);
    if (!dtls_->has(message.stream)) return;
    node_.step(now, message, outbox_);
  }
}

// A nap, where more packets are soon to be expected than would be worth waking up for one by one.
// All sockets gather meanwhile, and are all read in the pass that follows. Only what was relayed
// counts: whoever has no allocation cannot make those wait who have one.
void Driver::gather() {
  const uint64_t relayed = node_.relayed_packets();
  const uint64_t packets = relayed - std::exchange(relayed_before_, relayed);
  if (packets == 0) return;
  gather_.set_nap_max(node_.config().relay.gather);
  const Duration nap = gather_.after(read_clocks().mono, packets);
  if (nap > Duration()) std::this_thread::sleep_for(nap);
}

void Driver::on_relayed(std::span<const core::RelayDatagramArrived> arrived) {
  const Now now = read_clocks();
  for (const core::RelayDatagramArrived& datagram : arrived) step(now, datagram);
  carry_out(now);
  arm_timer(now.mono);
}

void Driver::step(const Now& now, const core::Input& input) {
  if (!outbox_.has_room()) carry_out(now);
  node_.step(now, input, outbox_);
}

// The actions, then what the answers to some of them cause, until nothing is left.
void Driver::carry_out(const Now& now) {
  carry_out_batch();
  while (!answers_.empty()) {
    const std::vector<core::Input> answers = std::exchange(answers_, {});
    for (const core::Input& answer : answers) {
      if (!outbox_.has_room()) carry_out_batch();
      node_.step(now, answer, outbox_);
    }
    carry_out_batch();
  }
  if (dtls_ != nullptr) dtls_->begin_accepted(now.mono);
}

void Driver::carry_out_batch() {
  if (!node_.budget().is_covered() && keep_count_) keep_count_();
  for (const core::Action& action : outbox_.actions()) {
    std::visit(Overload{
                   [&](const core::SendDatagram& send) { writer_.add(send); },
                   [&](const core::SendMessage& send) {
                     DtlsServer::owns(send.stream) ? dtls_->send(send) : streams_->send(send);
                   },
                   [&](const core::AcceptDtls& order) {
                     if (dtls_ != nullptr) dtls_->accept(order, answers_);
                   },
                   [&](const core::RefuseStream& refuse) {
                     DtlsServer::owns(refuse.stream) ? dtls_->refuse(refuse)
                                                     : streams_->refuse(refuse);
                   },
                   [&](const core::HttpReply& reply) { streams_->reply(reply); },
                   [&](const core::OpenRelay& order) { open(order); },
                   [&](const core::CloseRelay& close) {
                     relays_.close(close);
                     if (peers_ != nullptr) peers_->close(close);
                   },
                   [&](const core::SendFromRelay& send) { relays_.send(send); },
                   // Without peers_ nothing opens a relayed address that these could be of.
                   [&](const core::ConnectPeer& order) { peers_->connect(order, answers_); },
                   [&](const core::TakePeer& order) { peers_->take(order); },
                   [&](const core::BindPeer& order) {
                     peers_->bind(order, streams_->find(order.stream), answers_);
                   },
                   [&](const core::ClosePeer& order) { peers_->close(order); },
                   [&](const core::ForwardPeerData& order) { peers_->forward(order); },
                   [&](const core::HoldPeerData& order) { peers_->hold(order); },
                   [&](const core::ResolveNames&) { resolve_names(); },
                   [&](const core::Commit& order) { store_.commit(order, answers_); },
                   [&](const core::ReadRange& order) { store_.read_range(order, answers_); },
                   [&](const core::Note& note) { log_.info(note.what); },
               },
               action);
  }
  writer_.flush();
  relays_.flush();
  outbox_.clear();
}

void Driver::open(const core::OpenRelay& order) {
  if (order.protocol == core::RelayProtocol::kUdp) return relays_.open(order, answers_);
  if (peers_ != nullptr) return peers_->open(order, answers_);
  answers_.push_back(core::RelayRefused{order.relay});
}

void Driver::resolve_names() {
  if (!resolver_) return answers_.push_back(core::NamesResolved{});
  resolver_([this](std::span<const Endpoint> endpoints) { turn(core::NamesResolved{endpoints}); });
}

void Driver::arm_timer(MonoTime now) {
  const auto deadline = node_.next_deadline();
  if (deadline == timer_set_for_) return;
  timer_set_for_ = deadline;
  if (deadline) {
    loop_.set(timer_, *deadline - now);
  } else {
    loop_.clear(timer_);
  }
}

void Driver::keep_now(Duration within, std::function<void()> then) {
  const Now now = read_clocks();
  node_.keep_now(now, outbox_);
  when_kept_ = std::move(then);
  loop_.set(keep_timer_, within);
  carry_out(now);
  arm_timer(now.mono);
  look_whether_kept();
}

void Driver::look_whether_kept() {
  if (when_kept_ && !node_.is_keeping()) loop_.set(keep_timer_, Duration());
}

void Driver::write_metrics(node::MetricsWriter& out) const {
  out.counter("roost_udp_send_dropped_total",
              "Datagrams that the kernel would not send, by reason.");
  for (size_t i = 0; i < DatagramWriter::kDropCount; ++i) {
    out.labelled("reason", label(static_cast<DatagramWriter::Drop>(i)), writer_.drops()[i]);
  }
  if (dtls_ != nullptr) dtls_->write_metrics(out);
  relays_.write_metrics(out);
  if (peers_ != nullptr) peers_->write_metrics(out);
  if (disk() != nullptr) disk()->write_metrics(out);
  turns_.write("roost_loop_busy_seconds", "How long the loop was busy with one UDP wake-up.", out);
}

}  // namespace roost::io
