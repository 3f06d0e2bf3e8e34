// SPDX-License-Identifier: MIT
//
// Any order of events around relayed TCP (RFC 6062): clients that allocate, connect, bind and go,
// on control connections and others, peers that arrive, answer, send and close, in and out of turn,
// and time that passes. A naive model knows the connections that the orders have made. After each
// step the server's invariants hold; no order names what is not there; a Connect is answered
// exactly once; each chunk that is offered is answered exactly once, within what the donation has
// left; a stream is bound for who may bind it; and in the end nothing is left.
#include <algorithm>
#include <map>
#include <set>

#include "base/check.h"
#include "base/random.h"
#include "core/turn/server.h"
#include "turn_model.h"
#include "wire/stun_builder.h"

namespace roost::core::turn {
namespace {

using wire::StunAttribute;
using wire::StunBuilder;
using wire::StunClass;
using wire::StunMethod;
using wire::StunView;

class Play {
 public:
  Play(const uint8_t* data, size_t size)
      : script_(data, size), bits_(script_.next()), random_(5), server_(options(), random_, mono_) {
    for (uint64_t i = 0; i < kClients; ++i) streams_.push_back(StreamId{i + 1});
    last_stream_ = kClients;
  }

  void run() {
    for (int step = 0; step < 300 && !script_.is_over(); ++step) act();
    pass(std::chrono::hours(2));
    CHECK(server_.table().size() == 0 && relays_.empty());
    CHECK(server_.streams().connections().size() == 0 && connections_.empty());
    CHECK(asked_ == answered_ + given_up_);
  }

 private:
  static constexpr size_t kClients = 4;
  struct Known {
    RelayId relay;
    bool is_connecting = false;
    bool is_bound = false;
  };

  Server::Options options() const {
    Server::Options options;
    options.authenticator.users = {{"alice", "a"}, {"bob", "b"}};
    options.addresses.relay = {kOurV4, kOurV6};
    options.addresses.own = {kOurV4, kOurV6, kLoopbackV4};
    options.table = {.allocations = 3, .permissions_per_allocation = 3};
    options.connections = {.count = 5, .per_allocation = 3};
    if ((bits_ & 1) != 0) options.forwarder.bytes_per_allocation = {0, 20'000, 20'000, 20'000};
    if ((bits_ & 2) != 0)
      options.forwarder.share.allocation_bytes_per_second = {0, 5'000, 5'000, 5'000};
    if ((bits_ & 4) != 0) options.forwarder.share.bytes_per_second = 9'000;
    options.forwarder.share.percent = {0, 50, 30, 20};
    options.peers = PeerPolicy({}, {*Prefix::parse("1.2.3.0/24")});
    return options;
  }

  void act() {
    const size_t client = script_.below(kClients);
    switch (script_.below(14)) {
      case 0: return request(client, StunMethod::kAllocate);
      case 1: return request(client, StunMethod::kCreatePermission);
      case 2:
      case 3: return request(client, StunMethod::kConnect);
      case 4:
      case 5: return request(client, StunMethod::kConnectionBind);
      case 6: return request(client, StunMethod::kRefresh);
      case 7: return request(client, StunMethod::kChannelBind);
      case 8: return arrive();
      case 9: return answer(script_.below(3));
      case 10:
      case 11: return offer();
      case 12: return end(client);
      case 13: return pass(seconds(script_.next() % 40));
    }
  }

  Now now() const { return {mono_, kWallTimeMin}; }

  template <typename Step>
  void step(Step take_step) {
    out_.clear();
    take_step(out_);
    server_.check_invariants();
    CHECK(out_.actions().size() <= Outbox::kActionsPerStepMax && out_.has_room());
    std::vector<OpenRelay> opening;
    for (const Action& action : out_.actions()) {
      if (const auto* message = std::get_if<SendMessage>(&action)) {
        take_message(*message);
      } else if (const auto* open = std::get_if<OpenRelay>(&action)) {
        opening.push_back(*open);
      } else if (const auto* close = std::get_if<CloseRelay>(&action)) {
        CHECK(relays_.erase(close->relay) == 1);
        given_up_ += static_cast<size_t>(
            std::count_if(connections_.begin(), connections_.end(), [&](const auto& one) {
              return one.second.relay == close->relay && one.second.is_connecting;
            }));
        std::erase_if(connections_,
                      [&](const auto& one) { return one.second.relay == close->relay; });
      } else {
        take_order(action);
      }
    }
    for (const OpenRelay& open : opening) answer_open(open);
  }

  void answer_open(const OpenRelay& open) {
    if (script_.below(8) == 0) {
      return step([&](Outbox& out) { server_.step(now(), RelayRefused{open.relay}, out); });
    }
    const Endpoint local{open.address, next_port_++};
    relays_[open.relay] = open.protocol;
    step([&](Outbox& out) { server_.step(now(), RelayOpened{open.relay, local}, out); });
  }

  void take_order(const Action& action) {
    if (const auto* connect = std::get_if<ConnectPeer>(&action)) {
      CHECK(relays_.at(connect->relay) == RelayProtocol::kTcp);
      CHECK(is_public(connect->to.address) || connect->to.address == kOurV4 ||
            connect->to.address == kOurV6);
      CHECK(connections_.emplace(connect->connection, Known{connect->relay, true}).second);
      ++asked_;
    } else if (const auto* take = std::get_if<TakePeer>(&action)) {
      CHECK(arriving_at_ && connections_.emplace(take->connection, Known{*arriving_at_}).second);
      arriving_at_.reset();
    } else if (const auto* bind = std::get_if<BindPeer>(&action)) {
      Known& known = connections_.at(bind->connection);
      CHECK(!known.is_connecting && !known.is_bound);
      CHECK(bind->stream == streams_[asking_]);
      known.is_bound = true;
      streams_[asking_] = StreamId{++last_stream_};  // It has no messages from here on.
    } else if (const auto* close = std::get_if<ClosePeer>(&action)) {
      connections_.erase(close->connection);
      ++data_answers_;
    } else if (const auto* forward = std::get_if<ForwardPeerData>(&action)) {
      CHECK(connections_.at(forward->connection).is_bound && forward->bytes > 0);
      const uint64_t cost = StreamRelay::cost_of(forward->bytes);
      CHECK(cost <= room_.committed_bytes);
      CHECK(forward->grade == Grade::kCommitted || cost <= room_.excess_bytes);
      ++data_answers_;
    } else {
      const auto& hold = std::get<HoldPeerData>(action);
      CHECK(connections_.at(hold.connection).is_bound && hold.time > Duration());
      ++data_answers_;
    }
  }

  void take_message(const SendMessage& message) {
    const auto view = StunView::parse(message.payload);
    CHECK(view);
    const auto number = view->find_u32(StunAttribute::kConnectionId);
    if (number) numbers_.push_back(*number);
    if (view->message_class() == StunClass::kIndication) {
      CHECK(view->method() == StunMethod::kConnectionAttempt && number);
      return;
    }
    const unsigned code = view->error_code().value_or(0);
    if (code == 401 || code == 438) nonce_ = as_text(view->find(StunAttribute::kNonce).value());
    if (view->method() == StunMethod::kConnect && (code == 0 || code == 447)) {
      CHECK((code == 0) == number.has_value());
      ++answered_;
    }
  }

  void request(size_t client, StunMethod method) {
    Data buffer(1024);
    std::array<uint8_t, 12> id{};
    store_u64(id.data() + 4, ++transaction_count_);
    StunBuilder builder(buffer, StunClass::kRequest, method, id);
    const uint8_t shape = script_.next();
    switch (method) {
      case StunMethod::kAllocate:
        builder.add_u32(StunAttribute::kRequestedTransport, (shape % 8 == 0 ? 17u : 6u) << 24);
        if (shape % 16 == 9) builder.add_u32(StunAttribute::kRequestedAddressFamily, 2u << 24);
        if (shape % 16 == 10) builder.add(StunAttribute::kDontFragment, Bytes());
        break;
      case StunMethod::kConnectionBind:
        if (!numbers_.empty()) {
          builder.add_u32(StunAttribute::kConnectionId, numbers_[shape % numbers_.size()]);
        }
        break;
      case StunMethod::kRefresh:
        if (shape % 4 == 0) builder.add_u32(StunAttribute::kLifetime, 0);
        break;
      case StunMethod::kBinding:
      case StunMethod::kSend:
      case StunMethod::kData:
      case StunMethod::kCreatePermission:
      case StunMethod::kChannelBind:
      case StunMethod::kConnect:
      case StunMethod::kConnectionAttempt:
        builder.add_u32(StunAttribute::kChannelNumber, 0x40000000);
        builder.add_xor_address(StunAttribute::kXorPeerAddress,
                                kPeers[shape % kPeers.size()].endpoint);
    }
    const std::string user = script_.below(8) == 0 ? "bob" : "alice";
    builder.add(StunAttribute::kUsername, as_bytes(user));
    builder.add(StunAttribute::kRealm, as_bytes("roost"));
    builder.add(StunAttribute::kNonce, as_bytes(nonce_));
    builder.add_integrity(md5(as_bytes(user + ":roost:" + user[0])));
    const Data bytes(builder.finish().begin(), builder.finish().end());
    asking_ = client;
    const MessageArrived message{
        streams_[client], Transport::kTcp, {{kOurV4, 3478}, 0}, endpoint("192.0.2.1:1000"), bytes};
    step([&](Outbox& out) { server_.step(now(), message, out); });
  }

  void arrive() {
    if (relays_.empty()) return;
    const auto relay =
        std::next(relays_.begin(), static_cast<ptrdiff_t>(script_.below(relays_.size())));
    const Endpoint from = kPeers[script_.below(kPeers.size())].endpoint;
    arriving_at_ = relay->first;
    step([&](Outbox& out) { server_.step(now(), PeerArrived{*arriving_at_, from}, out); });
    arriving_at_.reset();
  }

  // The shell tells of a connection what there is to be told.
  void answer(size_t how) {
    if (connections_.empty()) return;
    const auto one =
        std::next(connections_.begin(), static_cast<ptrdiff_t>(script_.below(connections_.size())));
    const PeerConnectionId id = one->first;
    if (one->second.is_connecting && how == 0) {
      connections_.erase(one);
      step([&](Outbox& out) { server_.step(now(), PeerFailed{id, PeerFailure::kRefused}, out); });
    } else if (one->second.is_connecting) {
      one->second.is_connecting = false;
      step([&](Outbox& out) { server_.step(now(), PeerConnected{id}, out); });
    } else if (how == 0) {
      connections_.erase(one);
      step([&](Outbox& out) { server_.step(now(), PeerClosed{id}, out); });
    }
  }

  void offer() {
    if (connections_.empty()) return;
    const auto one =
        std::next(connections_.begin(), static_cast<ptrdiff_t>(script_.below(connections_.size())));
    if (!one->second.is_bound) return;
    room_ = {script_.next() * 100u, script_.next() * 50u};
    room_.excess_bytes = std::min(room_.excess_bytes, room_.committed_bytes);
    const PeerDataArrived input{one->first, static_cast<PeerDirection>(script_.below(2)),
                                1u + script_.next() * 32u};
    data_answers_ = 0;
    step([&](Outbox& out) { server_.step(now(), input, room_, out); });
    CHECK(data_answers_ == 1);
  }

  void end(size_t client) {
    const StreamId stream = streams_[client];
    streams_[client] = StreamId{++last_stream_};
    step([&](Outbox& out) { server_.step(now(), StreamClosed{stream, {}}, out); });
  }

  void pass(Duration duration) {
    const MonoTime end = mono_ + duration;
    while (server_.next_deadline() && *server_.next_deadline() <= end) {
      mono_ = std::max(mono_, *server_.next_deadline());
      step([&](Outbox& out) { server_.step(now(), DeadlinePassed{}, out); });
    }
    mono_ = end;
  }

  Script script_;
  uint8_t bits_;
  SeededRandom random_;
  MonoTime mono_{seconds(1'000)};
  Server server_;
  Outbox out_;
  std::string nonce_;
  std::vector<StreamId> streams_;  // That have messages, by client.
  uint64_t last_stream_;
  size_t asking_ = 0;
  std::map<RelayId, RelayProtocol> relays_;
  std::map<PeerConnectionId, Known> connections_;
  std::vector<uint32_t> numbers_;  // Every CONNECTION-ID that was ever told.
  std::optional<RelayId> arriving_at_;
  Forwarder::Room room_{};
  size_t data_answers_ = 0;
  uint64_t transaction_count_ = 0;
  uint16_t next_port_ = 50000;
  size_t asked_ = 0;     // Connects,
  size_t answered_ = 0;  // of which so many were answered,
  size_t given_up_ = 0;  // and so many ended with their allocation.
};

}  // namespace
}  // namespace roost::core::turn

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  roost::core::turn::Play(data, size).run();
  return 0;
}
