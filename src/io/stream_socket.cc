// SPDX-License-Identifier: MIT
#include "io/stream_socket.h"

#include <algorithm>
#include <errno.h>
#include <limits>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <utility>

namespace roost::io {
namespace {

StreamSocket::Status explain_errno() {
  const bool is_blocked = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return is_blocked ? StreamSocket::Status::kWouldBlock : StreamSocket::Status::kReset;
}

int int_size(size_t size) {
  return static_cast<int>(std::min<size_t>(size, std::numeric_limits<int>::max()));
}

}  // namespace

StreamSocket::Status StreamSocket::peek(uint8_t& byte) const {
  const ssize_t count = recv(fd_.get(), &byte, 1, MSG_PEEK);
  if (count < 0) return explain_errno();
  return count == 0 ? Status::kEnded : Status::kDone;
}

StreamSocket::Status StreamSocket::handshake() {
  wants_write_ = false;
  ERR_clear_error();
  const int result = SSL_do_handshake(session_.get());
  return result == 1 ? Status::kDone : explain_tls(result);
}

StreamSocket::Moved StreamSocket::read(MutableBytes into) {
  if (session_ == nullptr) {
    const ssize_t count = recv(fd_.get(), into.data(), into.size(), 0);
    if (count < 0) return {explain_errno()};
    if (count == 0) return {Status::kEnded};
    return {Status::kDone, static_cast<size_t>(count)};
  }
  wants_write_ = false;
  ERR_clear_error();
  const int count = SSL_read(session_.get(), into.data(), int_size(into.size()));
  if (count <= 0) return {explain_tls(count)};
  return {Status::kDone, static_cast<size_t>(count)};
}

StreamSocket::Moved StreamSocket::write(Bytes bytes) {
  if (session_ == nullptr) {
    const ssize_t count = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0) return {explain_errno()};
    sent_bytes_ += static_cast<uint64_t>(count);
    return {Status::kDone, static_cast<size_t>(count)};
  }
  wants_write_ = false;
  ERR_clear_error();
  const int count = SSL_write(session_.get(), bytes.data(), int_size(bytes.size()));
  if (count <= 0) return {explain_tls(count)};
  return {Status::kDone, static_cast<size_t>(count)};
}

StreamSocket::Status StreamSocket::explain_tls(int result) {
  switch (SSL_get_error(session_.get(), result)) {
    case SSL_ERROR_WANT_READ: return Status::kWouldBlock;
    case SSL_ERROR_WANT_WRITE: wants_write_ = true; return Status::kWouldBlock;
    case SSL_ERROR_ZERO_RETURN: return Status::kEnded;
    case SSL_ERROR_SYSCALL: is_broken_ = true; return Status::kReset;
    default: is_broken_ = true; return Status::kTlsBroken;
  }
}

StreamSocket::Status StreamSocket::shut_down_output() {
  if (session_ != nullptr && !is_broken_ && SSL_is_init_finished(session_.get()) == 1) {
    ERR_clear_error();
    wants_write_ = false;
    const int result = SSL_shutdown(session_.get());  // The peer's close_notify is not waited for.
    const bool is_blocked =
        result < 0 && SSL_get_error(session_.get(), result) == SSL_ERROR_WANT_WRITE;
    if (is_blocked) return Status::kWouldBlock;
  }
  shutdown(fd_.get(), SHUT_WR);
  return Status::kDone;
}

void StreamSocket::close() {
  sent_bytes_ = take_sent_bytes();
  session_.reset();
  fd_ = FileDescriptor();
}

bool StreamSocket::has_hidden_input() const {
  return session_ != nullptr && SSL_pending(session_.get()) > 0;
}

uint64_t StreamSocket::take_sent_bytes() {
  uint64_t sent = std::exchange(sent_bytes_, 0);
  if (session_ != nullptr) {
    const uint64_t in_all = BIO_number_written(SSL_get_wbio(session_.get()));
    sent += in_all - std::exchange(tls_sent_bytes_, in_all);
  }
  return sent;
}

}  // namespace roost::io
