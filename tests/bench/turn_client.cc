// SPDX-License-Identifier: MIT
#include "turn_client.h"

#include <algorithm>
#include <cstdio>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "host.h"
#include "wire/stun_builder.h"

namespace bench {

using roost::Bytes;
using roost::Endpoint;
using roost::wire::StunAttribute;
using roost::wire::StunBuilder;
using roost::wire::StunClass;
using roost::wire::StunMethod;
using roost::wire::StunView;

TurnClient::TurnClient(int socket, const TurnCredentials& credentials, uint32_t number)
    : socket_(socket), credentials_(&credentials), number_(number) {}

void TurnClient::allocate() {
  begin(StunMethod::kAllocate);
}

void TurnClient::permit(const Endpoint& peer) {
  peer_ = peer;
  begin(StunMethod::kCreatePermission);
}

void TurnClient::bind(uint16_t channel, const Endpoint& peer) {
  channel_ = channel;
  peer_ = peer;
  begin(StunMethod::kChannelBind);
}

void TurnClient::begin(StunMethod method) {
  method_ = method;
  progress_ = Progress::kWaiting;
  error_code_ = 0;
  tries_ = challenges_ = 0;
  ++transaction_count_;
  send_request();
}

void TurnClient::send_request() {
  // The low bits of the count make a new transaction of what a challenge has to be answered with.
  roost::store_u32(id_.data(), number_);
  roost::store_u32(id_.data() + 4, transaction_count_);
  roost::store_u32(id_.data() + 8, static_cast<uint32_t>(challenges_));
  std::array<uint8_t, kRequestSizeMax> buffer;
  StunBuilder request(buffer, StunClass::kRequest, method_, id_);
  if (method_ == StunMethod::kAllocate) {
    request.add_u32(StunAttribute::kRequestedTransport, uint32_t{IPPROTO_UDP} << 24);
  } else {
    if (method_ == StunMethod::kChannelBind) {
      request.add_u32(StunAttribute::kChannelNumber, uint32_t{channel_} << 16);
    }
    request.add_xor_address(StunAttribute::kXorPeerAddress, peer_);
  }
  if (!nonce_.empty()) {
    request.add(StunAttribute::kUsername, roost::as_bytes(credentials_->username));
    request.add(StunAttribute::kRealm, roost::as_bytes(realm_));
    request.add(StunAttribute::kNonce, nonce_);
    request.add_integrity(key_);
  }
  const Bytes message = request.finish();
  // A failure is like a loss: the request is repeated.
  if (::send(socket_, message.data(), message.size(), MSG_DONTWAIT) < 0) error_code_ = 0;
  sent_nanoseconds_ = monotonic_nanoseconds();
  ++tries_;
}

void TurnClient::repeat(int64_t now) {
  if (progress_ != Progress::kWaiting || now - sent_nanoseconds_ < kRepeatNanoseconds) return;
  if (tries_ >= kTriesMax) {
    progress_ = Progress::kRefused;
    return;
  }
  send_request();
}

void TurnClient::receive() {
  std::array<uint8_t, 2048> buffer;
  const ssize_t size = recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size <= 0) return;
  const auto view = StunView::parse(Bytes(buffer).first(static_cast<size_t>(size)));
  const bool is_answer = view && view->method() == method_ &&
                         std::equal(id_.begin(), id_.end(), view->transaction_id().begin());
  if (is_answer && progress_ == Progress::kWaiting) take(*view);
}

void TurnClient::take(const StunView& view) {
  if (view.message_class() == StunClass::kError) {
    error_code_ = view.error_code().value_or(0);
    // The second challenge in a row is a wrong password.
    const bool is_challenge = error_code_ == 401 || error_code_ == 438;
    if (is_challenge && challenges_ < 2) return take_challenge(view);
    progress_ = Progress::kRefused;
    return;
  }
  if (view.message_class() != StunClass::kSuccess || !view.integrity_matches(key_)) return;
  if (method_ == StunMethod::kAllocate) {
    const auto relayed = view.find_xor_address(StunAttribute::kXorRelayedAddress);
    if (!relayed) return;
    relayed_ = *relayed;
  }
  progress_ = Progress::kDone;
}

void TurnClient::take_challenge(const StunView& view) {
  const auto realm = view.find(StunAttribute::kRealm);
  const auto nonce = view.find(StunAttribute::kNonce);
  if (!realm || !nonce) {
    progress_ = Progress::kRefused;
    return;
  }
  realm_ = roost::as_text(*realm);
  nonce_.assign(nonce->begin(), nonce->end());
  // RFC 8489 §9.2.2.
  const std::string text = credentials_->username + ":" + realm_ + ":" + credentials_->password;
  key_ = roost::md5(roost::as_bytes(text));
  ++challenges_;
  tries_ = 0;
  send_request();
}

bool carry_out(std::span<TurnClient> clients,
               const std::function<void(size_t index, TurnClient& client)>& begin) {
  // Enough to keep the server busy, few enough for any receive buffer.
  constexpr size_t kAtATimeMax = 32;
  std::vector<size_t> active;
  std::vector<pollfd> polled;
  size_t next = 0;
  while (next < clients.size() || !active.empty()) {
    while (next < clients.size() && active.size() < kAtATimeMax) {
      begin(next, clients[next]);
      active.push_back(next++);
    }
    polled.clear();
    for (const size_t index : active) polled.push_back({clients[index].socket(), POLLIN, 0});
    poll(polled.data(), polled.size(), 0);
    const int64_t now = monotonic_nanoseconds();
    for (size_t i = 0; i < active.size(); ++i) {
      TurnClient& client = clients[active[i]];
      if (polled[i].revents != 0) client.receive();
      client.repeat(now);
      if (client.progress() != TurnClient::Progress::kRefused) continue;
      std::fprintf(stderr, "relay_load: client %zu was refused with %u\n", active[i],
                   client.error_code());
      return false;
    }
    std::erase_if(active, [&](size_t index) {
      return clients[index].progress() == TurnClient::Progress::kDone;
    });
  }
  return true;
}

}  // namespace bench
