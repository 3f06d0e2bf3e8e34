// SPDX-License-Identifier: MIT
#include "sim/actors/dtls_end.h"

#include <utility>

namespace roost::sim::actors {

DtlsEnd::DtlsEnd(Host& host, const Endpoint& local, const Endpoint& server)
    : host_(host),
      local_(local),
      server_(server),
      random_(host.dice().random().bytes<std::tuple_size_v<HelloRandom>>()) {
  shake_hands();
}

void DtlsEnd::send(Bytes message) {
  if (state_ == State::kEnded) return;
  if (state_ == State::kOpen) return say(DtlsPart::kMessage, message);
  waiting_.assign(message.begin(), message.end());
  if (host_.now() >= said_at_ + kRepeatPause) shake_hands();
}

std::optional<Bytes> DtlsEnd::take(Bytes datagram) {
  const auto record = DtlsRecord::read(datagram);
  if (!record) return {};
  const bool has_key = state_ == State::kFinishing || state_ == State::kOpen;
  const bool is_ours = has_key && record->key == key_;
  switch (record->part) {
    case DtlsPart::kClientHello:
    case DtlsPart::kKeyExchange: return {};
    case DtlsPart::kHelloVerifyRequest: {
      // A second one may bring a cookie that is good for longer.
      const bool is_new = !same_bytes(cookie_, record->payload);
      if (has_key || !is_new || state_ == State::kEnded) return {};
      cookie_.assign(record->payload.begin(), record->payload.end());
      state_ = State::kProving;
      shake_hands();
      return {};
    }
    case DtlsPart::kCertificate:
      if (state_ == State::kProving) {
        key_ = record->key;
        state_ = State::kFinishing;
      } else if (!is_ours || state_ != State::kFinishing) {
        return {};
      }
      shake_hands();
      return {};
    case DtlsPart::kFinished:
      if (!is_ours || state_ != State::kFinishing) return {};
      state_ = State::kOpen;
      if (!waiting_.empty()) say(DtlsPart::kMessage, std::exchange(waiting_, {}));
      return {};
    case DtlsPart::kMessage:
      if (!is_ours || state_ != State::kOpen || !taken_.take(record->sequence)) return {};
      return record->payload;
    case DtlsPart::kCloseNotify:
      if (is_ours) state_ = State::kEnded;
      return {};
  }
  return {};
}

void DtlsEnd::close() {
  if (state_ == State::kOpen) say(DtlsPart::kCloseNotify);
  state_ = State::kEnded;
}

// What is next, or the same again.
void DtlsEnd::shake_hands() {
  switch (state_) {
    case State::kAsking:
    case State::kProving: return say_hello();
    case State::kFinishing: return say(DtlsPart::kKeyExchange);
    case State::kOpen:
    case State::kEnded: return;
  }
}

void DtlsEnd::say_hello() {
  said_at_ = host_.now();
  host_.send_datagram(local_, server_, client_hello(random_, cookie_));
}

void DtlsEnd::say(DtlsPart part, Bytes payload) {
  said_at_ = host_.now();
  host_.send_datagram(local_, server_, dtls_record(part, sent_count_++, key_, payload));
}

}  // namespace roost::sim::actors
