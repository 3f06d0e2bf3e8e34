// SPDX-License-Identifier: MIT
#include "io/dtls_association.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/time.h>
#include <utility>

#include "node/dtls_framing.h"

namespace roost::io {
namespace {

struct FreeAddress {
  void operator()(BIO_ADDR* address) const { BIO_ADDR_free(address); }
};

int int_size(size_t size) {
  return static_cast<int>(std::min<size_t>(size, std::numeric_limits<int>::max()));
}

}  // namespace

DtlsAssociation::DtlsAssociation(Host& host, const Limits& limits, core::StreamId id,
                                 const core::AcceptDtls& order)
    : host_(host),
      limits_(limits),
      id_(id),
      path_{order.at, order.local, order.from},
      hello_digest_(order.hello_digest),
      hello_(order.hello.begin(), order.hello.end()),
      bio_(*this) {
  ++host_.stats().associations[static_cast<size_t>(state_)];
}

DtlsAssociation::~DtlsAssociation() {
  --host_.stats().associations[static_cast<size_t>(state_)];
}

void DtlsAssociation::begin(TlsSession session, MonoTime now) {
  enter(DtlsState::kHandshake);
  ++host_.stats().opened;
  began_at_ = now;
  session_ = std::move(session);
  const std::unique_ptr<BIO_ADDR, FreeAddress> nobody(BIO_ADDR_new());
  bio_st* const bio = session_ == nullptr || nobody == nullptr ? nullptr : bio_.make();
  const std::vector<uint8_t> hello = std::exchange(hello_, {});
  if (bio == nullptr) return end(DtlsEnd::kTlsError);
  SSL_set_bio(session_.get(), bio, bio);
  SSL_set_mtu(session_.get(), kMtu);
  bio_.put(hello);
  ERR_clear_error();
  // Puts OpenSSL where it would be had it asked for the cookie itself.
  if (DTLSv1_listen(session_.get(), nobody.get()) != 1) {
    is_broken_ = true;
    return end(DtlsEnd::kTlsError);
  }
  shake_hands(now);
  bio_.put({});
}

void DtlsAssociation::shake_hands(MonoTime now) {
  ERR_clear_error();
  const int result = SSL_do_handshake(session_.get());
  if (result == 1) {
    ++host_.stats().handshakes;
    retransmits_at_.reset();
    last_message_at_ = now;
    return enter(DtlsState::kOpen);
  }
  if (SSL_get_error(session_.get(), result) == SSL_ERROR_WANT_READ) return note_timeout(now);
  is_broken_ = true;
  end(why_handshake_failed());
}

void DtlsAssociation::note_timeout(MonoTime now) {
  timeval left{};
  retransmits_at_.reset();
  if (DTLSv1_get_timeout(session_.get(), &left) != 1) return;
  retransmits_at_ =
      now + std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
}

DtlsEnd DtlsAssociation::why_handshake_failed() const {
  const int reason = ERR_GET_REASON(ERR_peek_error());
  switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_WRONG_VERSION_NUMBER: return DtlsEnd::kOldVersion;
    case SSL_R_NO_SHARED_CIPHER: return DtlsEnd::kNoSharedCipher;
    default: break;  // Not an enum: OpenSSL's reasons, of which we tell these apart.
  }
  if (reason == SSL_AD_REASON_OFFSET + SSL_AD_CLOSE_NOTIFY) return DtlsEnd::kPeerClosed;
  return reason > SSL_AD_REASON_OFFSET ? DtlsEnd::kPeerAlert : DtlsEnd::kTlsError;
}

bool DtlsAssociation::has_client_keys() const {
  return session_ != nullptr && SSL_get_state(session_.get()) == TLS_ST_SR_CHANGE;
}

void DtlsAssociation::take(Bytes datagram, MonoTime now) {
  switch (state_) {
    case DtlsState::kOpen: return bio_.put(datagram);
    case DtlsState::kOpening: return drop(DtlsDrop::kOutOfTurn);
    case DtlsState::kEnded: return drop(DtlsDrop::kEnded);
    case DtlsState::kHandshake: break;
  }
  if (handshake_datagrams_ == kHandshakeDatagramsMax) return drop(DtlsDrop::kHandshakeLimit);
  ++handshake_datagrams_;
  const size_t in_the_clear = node::usable_in_handshake(datagram, false);
  if (in_the_clear > 0) {
    bio_.put(datagram.first(in_the_clear));
    shake_hands(now);
  }
  Bytes rest = datagram.subspan(in_the_clear);
  if (state_ == DtlsState::kHandshake && has_client_keys() && !has_taken_finished_) {
    const size_t finished = node::usable_in_handshake(rest, true);
    if (finished > 0) {
      has_taken_finished_ = true;
      bio_.put(rest.first(finished));
      shake_hands(now);
      rest = rest.subspan(finished);
    }
  }
  bio_.put({});
  if (rest.empty()) return;
  if (state_ == DtlsState::kOpen) return bio_.put(rest);
  drop(DtlsDrop::kOutOfTurn);
}

std::optional<Bytes> DtlsAssociation::read(MutableBytes into, MonoTime now) {
  if (state_ != DtlsState::kOpen) return {};
  ERR_clear_error();
  const int count = SSL_read(session_.get(), into.data(), int_size(into.size()));
  if (count > 0) {
    last_message_at_ = now;
    return into.first(static_cast<size_t>(count));
  }
  switch (SSL_get_error(session_.get(), count)) {
    case SSL_ERROR_WANT_READ:
      // Forged and damaged records leave no trace. The client's own handshake messages do.
      if (SSL_in_init(session_.get()) == 1) end(DtlsEnd::kRenegotiation);
      break;
    case SSL_ERROR_ZERO_RETURN: close(DtlsEnd::kPeerClosed); break;
    default:
      is_broken_ = true;
      end(ERR_GET_REASON(ERR_peek_error()) > SSL_AD_REASON_OFFSET ? DtlsEnd::kPeerAlert
                                                                  : DtlsEnd::kTlsError);
      break;  // Not an enum: OpenSSL's.
  }
  return {};
}

void DtlsAssociation::send(Bytes message) {
  if (state_ != DtlsState::kOpen) return;
  has_answered_ = true;
  ERR_clear_error();
  if (SSL_write(session_.get(), message.data(), int_size(message.size())) > 0) return;
  is_broken_ = true;
  end(DtlsEnd::kTlsError);
}

void DtlsAssociation::close(DtlsEnd why) {
  if (state_ == DtlsState::kEnded) return;
  if (state_ == DtlsState::kOpen && !is_broken_ && why != DtlsEnd::kReplaced) {
    ERR_clear_error();
    SSL_shutdown(session_.get());  // Sends close_notify; the peer's is not waited for.
  }
  end(why);
}

void DtlsAssociation::end(DtlsEnd why) {
  ++host_.stats().ended[static_cast<size_t>(why)];
  enter(DtlsState::kEnded);
  session_.reset();
  retransmits_at_.reset();
  host_.on_ended(*this);
}

std::optional<MonoTime> DtlsAssociation::deadline() const {
  switch (state_) {
    case DtlsState::kOpening:
    case DtlsState::kEnded: break;
    case DtlsState::kHandshake: {
      const MonoTime end = began_at_ + limits_.handshake_time_max;
      return retransmits_at_ ? std::min(*retransmits_at_, end) : end;
    }
    case DtlsState::kOpen:
      return has_answered_ ? std::max(last_message_at_, kept_until_) + limits_.idle_time_max
                           : began_at_ + limits_.silent_time_max;
  }
  return {};
}

void DtlsAssociation::on_deadline(MonoTime now) {
  const auto due = deadline();
  if (!due || *due > now) return;
  if (state_ == DtlsState::kOpen) return close(DtlsEnd::kTimeoutIdle);
  if (now >= began_at_ + limits_.handshake_time_max) return end(DtlsEnd::kTimeoutHandshake);
  ERR_clear_error();
  if (DTLSv1_handle_timeout(session_.get()) < 0) {
    is_broken_ = true;
    return end(DtlsEnd::kTlsError);
  }
  note_timeout(now);
}

void DtlsAssociation::enter(DtlsState state) {
  auto& associations = host_.stats().associations;
  --associations[static_cast<size_t>(state_)];
  state_ = state;
  ++associations[static_cast<size_t>(state_)];
}

}  // namespace roost::io
