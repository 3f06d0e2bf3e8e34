// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "core/turn/server.h"
#include "turn_model.h"
#include "turn_owner.h"
#include "turn_request.h"
#include "wire/channel_data.h"

namespace roost::core::turn {

// The world around the server of turn_server_fuzz.cc: its clocks and sockets, what comes out of it,
// and what the clients learn from that. After each step the table's invariants hold.
class FuzzShell {
 protected:
  FuzzShell(const uint8_t* data, size_t size)
      : script_(data, size),
        owner_(script_.next()),
        random_(5),
        server_(owner_.options(), random_, mono_) {}

  Now now() const { return {mono_, wall()}; }
  WallTime wall() const {
    return kWallTimeMin + std::chrono::floor<seconds>(mono_.time_since_epoch()) -
           std::chrono::hours(1000);
  }

  // One step of the server. What comes out of it is sorted into replies_, deliveries_ and sent_.
  template <typename Step>
  void step(Step take_step) {
    out_.clear();
    take_step(out_);
    server_.check_invariants();
    CHECK(out_.actions().size() <= Outbox::kActionsPerStepMax && out_.has_room());
    for (const Action& action : out_.actions()) {
      if (const auto* datagram = std::get_if<SendDatagram>(&action)) {
        Data bytes(datagram->head.begin(), datagram->head.end());
        bytes.insert(bytes.end(), datagram->payload.begin(), datagram->payload.end());
        const size_t client = client_at(datagram->to);
        CHECK(clients_[client].local.endpoint == datagram->local.endpoint);
        sort_in(client, bytes);
      } else if (const auto* message = std::get_if<SendMessage>(&action)) {
        const size_t client = client_of(message->stream);
        sort_in(client, {message->payload.begin(), message->payload.end()});
        CHECK(message->may_be_dropped == (replies_.empty()));
      } else if (const auto* from_relay = std::get_if<SendFromRelay>(&action)) {
        CHECK(sockets_.contains(from_relay->relay));
        sent_.push_back(*from_relay);
        sent_data_.assign(from_relay->payload.begin(), from_relay->payload.end());
      } else if (const auto* open = std::get_if<OpenRelay>(&action)) {
        CHECK(relays_seen_.insert(open->relay).second);
        pending_.push_back(*open);
      } else {
        close(std::get<CloseRelay>(action).relay);
      }
    }
  }

  size_t client_at(const Endpoint& address) const {
    for (size_t i = 0; i < 4; ++i) {
      if (clients_[i].address == address) return i;
    }
    CHECK(false);
    return 0;
  }
  size_t client_of(StreamId stream) const {
    for (size_t i = 4; i < clients_.size(); ++i) {
      if (clients_[i].stream == stream) return i;
    }
    CHECK(false);
    return 0;
  }

  void sort_in(size_t client, const Data& bytes) {
    CHECK(!bytes.empty());
    if (bytes[0] >= 0x40) {
      const auto parsed = wire::parse_channel_data(bytes);
      CHECK(parsed);
      const size_t padded = (4 + parsed->data.size() + 3) / 4 * 4;
      CHECK(bytes.size() == (client < 4 ? 4 + parsed->data.size() : padded));
      deliveries_.push_back(
          {client, {}, parsed->channel, {parsed->data.begin(), parsed->data.end()}});
      return;
    }
    const auto view = wire::StunView::parse(bytes);
    CHECK(view);
    if (view->message_class() == wire::StunClass::kIndication) {
      CHECK(view->method() == wire::StunMethod::kData);
      const Bytes data = view->find(wire::StunAttribute::kData).value();
      deliveries_.push_back({client,
                             view->find_xor_address(wire::StunAttribute::kXorPeerAddress).value(),
                             {},
                             {data.begin(), data.end()}});
      return;
    }
    replies_.push_back({client, bytes});
    if (view->method() == wire::StunMethod::kAllocate &&
        view->message_class() == wire::StunClass::kSuccess) {
      learn_allocation(client, *view);
    }
  }

  void close(RelayId relay) {
    const auto found = sockets_.find(relay);
    CHECK(found != sockets_.end());
    for (Client& client : clients_) {
      if (!client.grant) continue;
      auto& local = client.grant->local[static_cast<size_t>(AllocationTable::family_of(relay))];
      if (local == found->second) local.reset();
      if (!client.grant->local[0] && !client.grant->local[1]) client.grant.reset();
    }
    sockets_.erase(found);
    closed_.push_back(relay);
  }

  void pass(Duration duration) {
    const MonoTime end = mono_ + duration;
    while (server_.next_deadline() && *server_.next_deadline() <= end) {
      mono_ = std::max(mono_, *server_.next_deadline());
      begin();
      step([&](Outbox& out) { server_.step(now(), DeadlinePassed{}, out); });
      CHECK(replies_.empty() && deliveries_.empty() && sent_.empty());
    }
    mono_ = end;
    for (size_t i = 0; i < clients_.size(); ++i) {
      const auto& grant = clients_[i].grant;
      if (!grant) continue;
      CHECK(grant->expires_at > mono_);
      CHECK(owner_.vouches_for(last_user_[i], wall()) &&
            grant->payer == owner_.payer_of(last_user_[i]));
    }
  }

  void begin() {
    replies_.clear();
    deliveries_.clear();
    sent_.clear();
  }

  void deliver(size_t client, const Data& bytes) {
    const Client& from = clients_[client];
    begin();
    const bool is_udp = from.transport == Transport::kUdp;
    const DatagramArrived datagram{1, from.local, from.address, bytes};
    const MessageArrived message{from.stream, from.transport, from.local, from.address, bytes};
    step([&](Outbox& out) {  // As a node does it.
      if (Server::may_be_relayed(bytes) &&
          (is_udp ? server_.relay(now(), datagram, out) : server_.relay(now(), message, out))) {
        return;
      }
      is_udp ? server_.step(now(), datagram, out) : server_.step(now(), message, out);
    });
  }

  void answer_one(bool is_opened) {
    if (pending_.empty()) return;
    const OpenRelay open = pending_.front();
    pending_.pop_front();
    std::vector<RelayId> relays = {open.relay};
    if (open.port == OpenRelay::Port::kEvenAndNext) relays.insert(relays.begin(), open.next);
    // The one above first, so that all is known when the Allocate is answered.
    if (open.port != OpenRelay::Port::kAny) next_port_ += next_port_ & 1;
    const uint16_t port = next_port_;
    next_port_ = static_cast<uint16_t>(next_port_ + relays.size());
    for (size_t i = 0; i < relays.size(); ++i) {
      begin();
      const Endpoint local{open.address, static_cast<uint16_t>(port + relays.size() - 1 - i)};
      if (is_opened) sockets_[relays[i]] = local;
      step([&](Outbox& out) {
        if (is_opened) {
          server_.step(now(), RelayOpened{relays[i], local}, out);
        } else {
          server_.step(now(), RelayRefused{relays[i]}, out);
        }
      });
      CHECK(deliveries_.empty() && sent_.empty() && replies_.size() <= 1);
    }
  }

  void close_stream() {
    const size_t client = 4 + script_.below(2);
    begin();
    step([&](Outbox& out) { server_.step(now(), StreamClosed{clients_[client].stream, {}}, out); });
    CHECK(replies_.empty() && deliveries_.empty() && sent_.empty());
    CHECK(!clients_[client].grant);
    clients_[client].stream = StreamId{++last_stream_};
    clients_[client].last_allocate.clear();
  }

  // The model learns from the reply alone what was granted, and of whom from the last request.
  void learn_allocation(size_t number, const wire::StunView& reply) {
    Client& client = clients_[number];
    Client::Grant grant;
    grant.expires_at = mono_ + seconds(reply.find_u32(wire::StunAttribute::kLifetime).value());
    reply.for_each_attribute([&](const wire::StunView::Attribute& attribute) {
      if (attribute.type != wire::StunAttribute::kXorRelayedAddress) return;
      const Endpoint advertised = *reply.read_xor_address(attribute.value);
      Endpoint local = advertised;
      if (owner_.has_external() && local.address == kExternal) local.address = kOurV4;
      const auto family = static_cast<size_t>(family_of(local.address));
      CHECK(!grant.local[family] && is_open(local));
      grant.local[family] = local;
      grant.advertised[family] = advertised;
    });
    CHECK(grant.local[0] || grant.local[1]);
    if (const auto token = reply.find(wire::StunAttribute::kReservationToken)) {
      tokens_.push_back({token->begin(), token->end()});
    }
    if (client.grant) {  // Said again: the same, for what is left of its time.
      CHECK(client.grant->local == grant.local);
      return;
    }
    grant.payer = owner_.payer_of(last_user_[number]);
    client.grant = grant;
  }

  bool is_open(const Endpoint& local) const {
    return std::any_of(sockets_.begin(), sockets_.end(),
                       [&](const auto& socket) { return socket.second == local; });
  }

  Script script_;
  Owner owner_;
  SeededRandom random_;
  MonoTime mono_{std::chrono::hours(1000)};
  Server server_;
  Outbox out_;
  std::vector<Client> clients_ = make_clients();
  std::map<size_t, std::string> last_user_;
  uint64_t last_stream_ = 100;
  uint16_t next_port_ = 50'000;
  std::map<RelayId, Endpoint> sockets_;
  std::vector<RelayId> closed_;
  std::set<RelayId> relays_seen_;
  std::deque<OpenRelay> pending_;
  std::vector<Data> tokens_;
  std::vector<std::pair<size_t, Data>> replies_;
  std::vector<Delivery> deliveries_;
  std::vector<SendFromRelay> sent_;  // Their payloads are gone,
  Data sent_data_;                   // but for that of the last.
};

}  // namespace roost::core::turn
