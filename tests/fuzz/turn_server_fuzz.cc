// SPDX-License-Identifier: MIT
//
// Any conversation of well-formed messages with a TURN server: clients over UDP and streams, with
// right and wrong credentials, peers that are allowed and forbidden, sockets that open, late or
// not, an owner who gives and revokes grants and sends strangers away, checks by which peers
// consent, and time that passes. A naive model knows what each client was granted, from the replies
// alone. After each step the table's invariants hold; data went out exactly where the model has a
// live permission or channel and the policy nothing against it, unchanged, and came in exactly from
// permitted peers, where a stranger is concerned with consent; whom nobody vouches for any more is
// not answered and has no allocation; strangers are relayed so many bytes however often they
// allocate; who has proved nothing got at most three times the bytes and caused nothing. In the
// end, when all time is over, nothing is left.
#include <algorithm>

#include "base/check.h"
#include "core/turn/server.h"
#include "turn_request.h"
#include "turn_shell.h"
#include "wire/channel_data.h"
#include "wire/stun_builder.h"

namespace roost::core::turn {
namespace {

using wire::StunAttribute;
using wire::StunBuilder;
using wire::StunClass;
using wire::StunMethod;
using wire::StunView;

class Play : private FuzzShell {
 public:
  Play(const uint8_t* data, size_t size) : FuzzShell(data, size) {}

  void run() {
    for (int step = 0; step < 200 && !script_.is_over(); ++step) act();
    while (!pending_.empty()) answer_one(false);
    pass(std::chrono::hours(2));
    CHECK(server_.table().size() == 0 && sockets_.empty());
    for (const Client& client : clients_) CHECK(!client.grant);
  }

 private:
  void act() {
    switch (script_.below(owner_.has_minted() ? 16 : 13)) {
      case 0: return allocate();
      case 1: return get_nonce(script_.below(clients_.size()));
      case 2: return refresh();
      case 3: return permit();
      case 4: return bind();
      case 5: return send_indication();
      case 6: return send_channel_data();
      case 7: return receive();
      case 8: return pass(seconds(size_t{script_.next()} * (script_.next() % 8)));
      case 9: return answer_one(script_.below(3) != 0);
      case 10: return close_stream();
      case 11: return send_garbage();
      case 12: return repeat_allocate();
      case 13: return set_grants();
      case 14: return serve_strangers();
      case 15: return ice();
    }
  }

  // ---- The owner.

  void set_grants() {
    server_.set_grants(owner_.change_grants(script_, wall()), now());
    if (script_.below(2) == 0) pass(Duration());
  }
  void serve_strangers() {
    owner_.change_strangers();
    server_.reload(owner_.options(), mono_);
    if (script_.below(2) == 0) pass(Duration());
  }

  // ---- Requests.

  template <typename AddAttributes>
  Ask make_request(StunMethod method, AddAttributes add_attributes) {
    return turn::make_request(script_, clients_, owner_, now(), ++transaction_count_, method,
                              add_attributes);
  }

  // Sends it; the reply's error code, 0 for success, -1 for none.
  int send(const Ask& ask) {
    const size_t sockets_before = relays_seen_.size();
    const uint32_t size_before = server_.table().size();
    deliver(ask.client, ask.bytes);
    CHECK(deliveries_.empty() && sent_.empty() && replies_.size() <= 1);
    if (replies_.empty()) {
      CHECK(!ask.is_right || pending_count(ask) > 0);
      return -1;
    }
    CHECK(replies_[0].first == ask.client);
    const StunView reply = *StunView::parse(replies_[0].second);
    CHECK(same_bytes(reply.cookie_and_transaction_id(), Bytes(ask.bytes).subspan(4, 16)));
    CHECK(reply.has_fingerprint() == StunView::parse(ask.bytes)->has_fingerprint());
    const int code = static_cast<int>(reply.error_code().value_or(0));
    const bool is_refused = code == 401 || code == 438;
    const bool is_signed = reply.find(StunAttribute::kMessageIntegrity) ||
                           reply.find(StunAttribute::kMessageIntegritySha256);
    CHECK(is_signed == (!is_refused && (code != 400 || is_signed)));
    if (!is_signed) {
      CHECK(is_refused || code == 400);
      CHECK(reply.bytes().size() <= 3 * ask.bytes.size());
      CHECK(relays_seen_.size() == sockets_before && server_.table().size() == size_before);
    }
    // The nonce counts in whole minutes, so that it may be taken for up to one longer.
    CHECK(!ask.is_right || is_signed);
    CHECK(ask.is_right || !is_signed || mono_ - clients_[ask.client].nonce_since <= minutes(61));
    CHECK(ask.is_vouched || !is_signed);
    return code;
  }

  // How many sockets the server still waits for: while one is, an Allocate may go unanswered.
  size_t pending_count(const Ask& ask) const {
    return StunView::parse(ask.bytes)->method() == StunMethod::kAllocate ? pending_.size() : 0;
  }

  void get_nonce(size_t number) {
    Client& client = clients_[number];
    Data buffer(64);
    StunBuilder builder(buffer, StunClass::kRequest, StunMethod::kAllocate,
                        std::array<uint8_t, 12>{1});
    builder.add_u32(StunAttribute::kRequestedTransport, 17u << 24);
    const Data bytes(builder.finish().begin(), builder.finish().end());
    deliver(number, bytes);
    CHECK(replies_.size() <= 1);
    if (replies_.empty()) return;
    CHECK(replies_[0].second.size() <= 3 * bytes.size());
    const StunView reply = *StunView::parse(replies_[0].second);
    CHECK(reply.error_code() == 401u);
    client.nonce = as_text(reply.find(StunAttribute::kNonce).value());
    client.nonce_since = mono_;
  }

  void allocate() {
    const uint8_t shape = script_.next();
    const Ask ask = make_request(StunMethod::kAllocate, [&](StunBuilder& builder, size_t) {
      const auto family = [&](StunAttribute type, uint8_t value) {
        builder.add_u32(type, uint32_t{value} << 24);
      };
      if (shape % 16 != 15) builder.add_u32(StunAttribute::kRequestedTransport, 17u << 24);
      if (shape % 16 >= 8) builder.add_u32(StunAttribute::kLifetime, script_.next() * 32u);
      switch (shape / 16 % 8) {
        case 0: break;
        case 1: family(StunAttribute::kRequestedAddressFamily, 1); break;
        case 2: family(StunAttribute::kRequestedAddressFamily, 2); break;
        case 3: family(StunAttribute::kAdditionalAddressFamily, 2); break;
        case 4: builder.add(StunAttribute::kEvenPort, std::array<uint8_t, 1>{0}); break;
        case 5: builder.add(StunAttribute::kEvenPort, std::array<uint8_t, 1>{0x80}); break;
        case 6:
          if (!tokens_.empty()) {
            builder.add(StunAttribute::kReservationToken, tokens_[script_.below(tokens_.size())]);
          }
          break;
        case 7: family(StunAttribute::kAdditionalAddressFamily, script_.next()); break;
      }
    });
    Client& client = clients_[ask.client];
    const bool had_one = client.grant.has_value();
    const size_t pending_before = pending_.size();
    const int code = send(ask);
    if (had_one && ask.is_right) CHECK(code == 437);
    if (code == 0 || pending_.size() > pending_before) {  // One has begun.
      client.last_allocate = ask.bytes;
      last_user_[ask.client] = ask.user;
      if (client.grant && !had_one) client.grant->payer = owner_.payer_of(ask.user);
    }
    if (script_.below(4) != 0) answer_one(true);
  }

  void repeat_allocate() {
    const size_t number = script_.below(clients_.size());
    if (clients_[number].last_allocate.empty()) return;
    deliver(number, Data(clients_[number].last_allocate));
    CHECK(deliveries_.empty() && sent_.empty() && replies_.size() <= 1);
  }

  // Whether the request can only be answered so: 437, 441, or by what it says.
  std::optional<int> why_not_own(const Ask& ask) {
    const Client& client = clients_[ask.client];
    if (!client.grant) return 437;
    if (last_user_[ask.client] != ask.user) return 441;
    if (client.grant->payer != owner_.payer_of(ask.user)) return 437;
    return {};
  }

  void refresh() {
    const uint8_t shape = script_.next();
    const auto wanted = static_cast<uint8_t>(shape / 4 % 4);
    const Ask ask = make_request(StunMethod::kRefresh, [&](StunBuilder& builder, size_t) {
      if (shape % 4 != 3) builder.add_u32(StunAttribute::kLifetime, shape % 4 * 1000u);
      if (wanted != 0) {
        builder.add_u32(StunAttribute::kRequestedAddressFamily, uint32_t{wanted} << 24);
      }
    });
    auto expected = why_not_own(ask);
    Client& client = clients_[ask.client];
    if (!expected && wanted != 0) {
      if (wanted == 3 || !client.grant->local[wanted - 1]) expected = 443;
    }
    const int code = send(ask);
    if (!ask.is_right) return;
    CHECK(code == expected.value_or(0));
    if (code != 0) return;
    const StunView reply = *StunView::parse(replies_[0].second);
    const uint32_t lifetime = reply.find_u32(StunAttribute::kLifetime).value();
    CHECK((lifetime == 0) == (shape % 4 == 0));
    if (lifetime > 0) {
      CHECK(client.grant);
      client.grant->expires_at = mono_ + seconds(lifetime);
    } else if (wanted == 0) {
      CHECK(!client.grant);
    } else {
      CHECK(!client.grant || !client.grant->local[wanted - 1]);
    }
  }

  Endpoint any_peer() {
    const size_t which = script_.below(kPeers.size() + clients_.size());
    if (which < kPeers.size()) return kPeers[which].endpoint;
    const auto& grant = clients_[which - kPeers.size()].grant;
    if (grant && grant->advertised[0]) return *grant->advertised[0];
    return {kOurV4, static_cast<uint16_t>(50'000 + which)};
  }
  bool is_ours(const IpAddress& address) const {
    return (address == kExternal && owner_.has_external()) || is_ours_always(address);
  }
  std::optional<int> why_not_peer(const Client::Grant& grant, const Endpoint& peer) const {
    if (!grant.local[static_cast<size_t>(family_of(peer.address))]) return 443;
    const bool is_loopback = peer.address == IpAddress(0, 1) || peer.address == kLoopbackV4;
    if ((is_ours(peer.address) && !is_loopback) || is_public(peer.address)) return {};
    return 403;
  }

  void permit() {
    std::vector<Endpoint> peers;
    for (size_t i = script_.below(4); i > 0; --i) peers.push_back(any_peer());
    const Ask ask = make_request(StunMethod::kCreatePermission, [&](StunBuilder& builder, size_t) {
      for (const Endpoint& peer : peers) {
        builder.add_xor_address(StunAttribute::kXorPeerAddress, peer);
      }
    });
    auto expected = why_not_own(ask);
    if (!expected && peers.empty()) expected = 400;
    for (const Endpoint& peer : peers) {
      if (!expected) expected = why_not_peer(*clients_[ask.client].grant, peer);
    }
    const int code = send(ask);
    if (!ask.is_right) return;
    CHECK(code == expected.value_or(0) || (!expected && code == 508));
    // All or none; and none only where they do not fit.
    CHECK(expected || (code == 0) == fit(ask.client, peers));
    if (expected || code != 0) return;
    for (const Endpoint& peer : peers) {
      clients_[ask.client].grant->permissions[peer.address] = mono_ + minutes(5);
    }
  }
  bool fit(size_t client, const std::vector<Endpoint>& peers) const {
    auto all = clients_[client].grant->permissions;
    std::erase_if(all, [&](const auto& entry) { return entry.second <= mono_; });
    for (const Endpoint& peer : peers) all[peer.address] = mono_;
    return all.size() <= 4;
  }

  void bind() {
    const auto number = static_cast<uint16_t>(0x3fff + script_.below(6));
    const Endpoint peer = any_peer();
    const Ask ask = make_request(StunMethod::kChannelBind, [&](StunBuilder& builder, size_t) {
      builder.add_u32(StunAttribute::kChannelNumber, uint32_t{number} << 16);
      builder.add_xor_address(StunAttribute::kXorPeerAddress, peer);
    });
    auto expected = why_not_own(ask);
    Client& client = clients_[ask.client];
    if (!expected && (!wire::is_channel_number(number) || peer.port == 0)) expected = 400;
    if (!expected) expected = why_not_peer(*client.grant, peer);
    if (!expected && is_ours(peer.address) && !is_relayed(peer)) expected = 403;
    if (!expected) {
      const auto of_number = client.grant->channels.find(number);
      const bool is_bound =
          of_number != client.grant->channels.end() && of_number->second.second > mono_;
      const auto of_peer = client.grant->channel_of(peer, mono_);
      if (is_bound && of_number->second.first != peer) expected = 400;
      if (of_peer && *of_peer != number) expected = 400;
    }
    const int code = send(ask);
    if (!ask.is_right) return;
    CHECK(code == expected.value_or(0) || (!expected && code == 508));
    if (expected || code != 0) return;
    CHECK(fit(ask.client, {peer}));
    client.grant->permissions[peer.address] = mono_ + minutes(5);
    client.grant->channels[number] = {peer, mono_ + minutes(10)};
  }

  // Reserved ones and those of allocations still opening included.
  bool is_relayed(const Endpoint& peer) const {
    if (is_open(peer)) return true;
    return owner_.has_external() && peer.address == kExternal && is_open({kOurV4, peer.port});
  }

  // ---- Data.

  Data any_data() {
    const uint8_t size = script_.next();
    // Now and then at the bound and just beyond it.
    if (size == 255) return Data(Forwarder::kDataSizeMax + script_.below(2), 'x');
    return script_.take(size % 16);
  }

  void send_indication() {
    const size_t number = script_.below(clients_.size());
    const Endpoint peer = any_peer();
    send_indication(number, peer, any_data());
  }
  void send_indication(size_t number, const Endpoint& peer, const Data& data) {
    Data buffer(2048);
    StunBuilder builder(buffer, StunClass::kIndication, StunMethod::kSend,
                        std::array<uint8_t, 12>{2});
    builder.add_xor_address(StunAttribute::kXorPeerAddress, peer);
    builder.add(StunAttribute::kData, data);
    const Bytes message = builder.finish();
    deliver(number, {message.begin(), message.end()});
    const auto& grant = clients_[number].grant;
    check_sent(number, peer, data, grant && grant->permits(peer.address, mono_));
  }

  void send_channel_data() {
    const size_t number = script_.below(clients_.size());
    const auto channel = static_cast<uint16_t>(0x3fff + script_.below(7));
    const Data data = any_data();
    if (channel < 0x4000) return;
    const auto header = wire::channel_data_header(channel, data.size());
    Data bytes(header.begin(), header.end());
    bytes.insert(bytes.end(), data.begin(), data.end());
    if (number >= 4) bytes.resize((bytes.size() + 3) / 4 * 4);
    deliver(number, bytes);
    const auto& grant = clients_[number].grant;
    Endpoint peer;
    bool is_bound = false;
    if (grant) {
      const auto found = grant->channels.find(channel);
      is_bound = found != grant->channels.end() && found->second.second > mono_;
      if (is_bound) peer = found->second.first;
    }
    check_sent(number, peer, data, is_bound);
  }

  // What has come of data that a client sent, which may have been lost to a limit, but for that is
  // exactly what the model says.
  void check_sent(size_t number, const Endpoint& peer, const Data& data, bool is_granted) {
    CHECK(replies_.empty());
    const auto& grant = clients_[number].grant;
    const auto family = static_cast<size_t>(family_of(peer.address));
    const bool may_go =
        is_granted && grant->local[family] && data.size() <= Forwarder::kDataSizeMax;
    const bool is_handed_over = may_go && is_relayed(peer);
    const bool may_go_out = may_go && !is_handed_over && peer.port != 0 && !is_ours(peer.address) &&
                            is_public(peer.address);
    const bool goes_out =
        may_go_out && (!needs_consent(number) ||
                       clients_[number].grant->admits_to_peer(mono_, peer, ice_message_));
    CHECK(sent_.size() <= (goes_out ? 1u : 0u));
    CHECK(owner_.is_limited() || sent_.size() == (goes_out ? 1u : 0u));
    if (!sent_.empty()) {
      count_strangers(number, data);
      CHECK(sent_[0].to == peer && sent_data_ == data);
      CHECK(sockets_.at(sent_[0].relay) == *grant->local[family]);
    }
    if (!is_handed_over) {
      CHECK(deliveries_.empty());
      return;
    }
    const Endpoint& from = *grant->advertised[family];
    check_delivered(owner_of(peer), from, data);
  }

  bool needs_consent(size_t client) const {
    return owner_.wants_consent() && clients_[client].grant->payer == Payer::kStranger;
  }

  // Whose relayed address that is.
  std::optional<size_t> owner_of(const Endpoint& relayed) const {
    const auto family = static_cast<size_t>(family_of(relayed.address));
    for (size_t i = 0; i < clients_.size(); ++i) {
      const auto& grant = clients_[i].grant;
      if (!grant || !grant->local[family]) continue;
      if (*grant->local[family] == relayed || *grant->advertised[family] == relayed) return i;
    }
    return {};
  }

  void check_delivered(std::optional<size_t> to, const Endpoint& from, const Data& data,
                       bool is_handed_over = true) {
    const bool is_permitted = to && clients_[*to].grant->permits(from.address, mono_);
    const bool is_admitted =
        is_permitted && (is_handed_over || !needs_consent(*to) ||
                         clients_[*to].grant->admits_to_client(mono_, from, ice_message_));
    const bool is_due = is_admitted && data.size() <= Forwarder::kDataSizeMax;
    CHECK(deliveries_.size() <= (is_due ? 1u : 0u));
    CHECK(owner_.is_limited() || deliveries_.size() == (is_due ? 1u : 0u));
    if (deliveries_.empty()) return;
    count_strangers(*to, data);
    const Delivery& delivery = deliveries_[0];
    CHECK(delivery.client == *to && delivery.data == data);
    CHECK(delivery.channel == clients_[*to].grant->channel_of(from, mono_));
    CHECK(delivery.channel || delivery.from == from);
  }

  // At least so much is on the account, whatever was allocated.
  void count_strangers(size_t client, const Data& data) {
    if (clients_[client].grant->payer != Payer::kStranger) return;
    stranger_bytes_ += data.size() + Forwarder::kHeaderBytes;
    CHECK(stranger_bytes_ <= owner_.stranger_bytes_max().value_or(stranger_bytes_));
  }

  // To a socket that is open, or to one that was: what has been read from it already.
  void receive() {
    const size_t which = script_.below(sockets_.size() + closed_.size() + 1);
    RelayId relay{};
    std::optional<Endpoint> local;
    if (which < sockets_.size()) {
      const auto socket = std::next(sockets_.begin(), static_cast<ptrdiff_t>(which));
      relay = socket->first;
      local = socket->second;
    } else if (which < sockets_.size() + closed_.size()) {
      relay = closed_[which - sockets_.size()];
    }
    const Endpoint from = any_peer();
    receive(relay, local, from, any_data());
  }
  void receive(RelayId relay, const std::optional<Endpoint>& local, const Endpoint& from,
               const Data& data) {
    begin();
    step([&](Outbox& out) { server_.step(now(), RelayDatagramArrived{relay, from, data}, out); });
    CHECK(replies_.empty() && sent_.empty());
    check_delivered(local ? owner_of(*local) : std::nullopt, from, data, false);
  }

  // A check or an answer, between a client and a peer, in either direction.
  void ice() {
    constexpr std::string_view kNames[] = {"a:b", "b:a", "c:a", "a:a"};
    const uint8_t shape = script_.next();
    const size_t number = script_.below(clients_.size());
    const Endpoint peer = any_peer();
    const IceMessage message{static_cast<uint8_t>(shape % 3), static_cast<uint8_t>(shape / 3 % 3),
                             std::string(kNames[shape / 9 % 4]), shape / 36 % 4 != 0};
    const Data data = message.bytes();
    ice_message_ = message;
    const auto& grant = clients_[number].grant;
    if (script_.below(2) == 0) {
      send_indication(number, peer, data);
    } else if (grant && grant->local[0]) {
      const auto socket = std::find_if(sockets_.begin(), sockets_.end(), [&](const auto& entry) {
        return entry.second == grant->local[0];
      });
      receive(socket->first, grant->local[0], peer, data);
    }
    ice_message_.reset();
  }

  void send_garbage() {
    const size_t number = script_.below(clients_.size());
    Data bytes = script_.take(1 + script_.below(40));
    bytes[0] &= 0x3f;  // Else it may be a channel that is bound.
    const uint32_t before = server_.table().size();
    const size_t size = bytes.size();
    deliver(number, bytes);
    CHECK(sent_.empty() && deliveries_.empty() && server_.table().size() == before);
    if (!replies_.empty()) CHECK(replies_[0].second.size() <= 3 * size);
  }

  std::optional<IceMessage> ice_message_;  // What is on its way, if it is one.
  uint64_t transaction_count_ = 0;
  uint64_t stranger_bytes_ = 0;
};

}  // namespace
}  // namespace roost::core::turn

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  roost::core::turn::Play(data, size).run();
  return 0;
}
