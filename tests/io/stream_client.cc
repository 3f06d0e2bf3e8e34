// SPDX-License-Identifier: MIT
#include "stream_client.h"

#include <array>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/text.h"
#include "io/socket_address.h"

namespace roost::io {

StreamClient::StreamClient(const Endpoint& server, int receive_buffer_bytes) {
  sockaddr_storage address;
  const socklen_t size = to_sockaddr(server, address);
  fd_ = FileDescriptor(socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK(fd_.is_open());
  if (receive_buffer_bytes > 0) {
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
               sizeof receive_buffer_bytes);
  }
  // On loopback the kernel completes it at once; whether it is accepted shows later.
  CHECK(connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
  fcntl(fd_.get(), F_SETFL, O_NONBLOCK);
}

StreamClient::StreamClient(FileDescriptor connected) : fd_(std::move(connected)) {}

StreamClient::~StreamClient() = default;

void StreamClient::Free::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}
void StreamClient::Free::operator()(ssl_st* ssl) const {
  SSL_free(ssl);
}
void StreamClient::Free::operator()(ssl_session_st* session) const {
  SSL_SESSION_free(session);
}

void StreamClient::start_tls(const Tls& options) {
  context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_mode(context_.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_security_level(context_.get(), 0);
  CHECK(SSL_CTX_set_cipher_list(context_.get(), options.ciphers.c_str()) == 1);
  if (options.version != 0) {
    SSL_CTX_set_min_proto_version(context_.get(), options.version);
    SSL_CTX_set_max_proto_version(context_.get(), options.version);
  }
  ssl_.reset(SSL_new(context_.get()));
  if (!options.protocols.empty()) {
    CHECK(SSL_set_alpn_protos(ssl_.get(),
                              reinterpret_cast<const unsigned char*>(options.protocols.data()),
                              static_cast<unsigned>(options.protocols.size())) == 0);
  }
  if (options.resumed != nullptr) SSL_set_session(ssl_.get(), options.resumed);
  CHECK(SSL_set_fd(ssl_.get(), fd_.get()) == 1);
  SSL_set_connect_state(ssl_.get());
}

void StreamClient::finish_rudely() {
  shutdown(fd_.get(), SHUT_WR);
}

void StreamClient::reset() {
  const linger now = {1, 0};
  setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ssl_.reset();
  fd_ = FileDescriptor();
  has_ended_ = true;
}

void StreamClient::pump() {
  if (!fd_.is_open()) return;
  if (ssl_ != nullptr && !is_tls_ready_) shake_hands();
  if (ssl_ != nullptr && !is_tls_ready_) return;
  send_some();
  if (finishes_ && to_send_.empty() && !has_finished_) {
    has_finished_ = true;
    if (ssl_ != nullptr) SSL_shutdown(ssl_.get());
    shutdown(fd_.get(), SHUT_WR);
  }
  if (reads_) receive_some();
}

void StreamClient::shake_hands() {
  if (has_tls_failed_) return;
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    is_tls_ready_ = true;
  } else {
    fail_tls(result);
  }
}

// Whether it was more than a wait.
bool StreamClient::fail_tls(int result) {
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return false;
  has_ended_ = true;
  has_tls_failed_ = error != SSL_ERROR_ZERO_RETURN;
  tls_error_ = ERR_GET_REASON(ERR_peek_last_error());
  return true;
}

void StreamClient::send_some() {
  while (!to_send_.empty()) {
    if (ssl_ != nullptr) {
      ERR_clear_error();
      const int count = SSL_write(ssl_.get(), to_send_.data(), static_cast<int>(to_send_.size()));
      if (count <= 0) {
        if (fail_tls(count)) to_send_.clear();
        return;
      }
      to_send_.erase(0, static_cast<size_t>(count));
    } else {
      const ssize_t count = ::send(fd_.get(), to_send_.data(), to_send_.size(), MSG_NOSIGNAL);
      if (count < 0) {
        if (errno != EAGAIN) to_send_.clear();
        return;
      }
      to_send_.erase(0, static_cast<size_t>(count));
    }
  }
}

void StreamClient::receive_some() {
  std::array<char, 4096> bytes;
  while (!has_ended_) {
    if (ssl_ != nullptr) {
      ERR_clear_error();
      const int count = SSL_read(ssl_.get(), bytes.data(), bytes.size());
      if (count <= 0) {
        fail_tls(count);
        return;
      }
      received_.append(bytes.data(), static_cast<size_t>(count));
    } else {
      const ssize_t count = recv(fd_.get(), bytes.data(), bytes.size(), 0);
      if (count < 0 && errno == EAGAIN) return;
      if (count <= 0) {
        has_ended_ = true;
        was_reset_ = count < 0;
        return;
      }
      plain_bytes_received_ += static_cast<uint64_t>(count);
      received_.append(bytes.data(), static_cast<size_t>(count));
    }
  }
}

void StreamClient::read_one_byte() {
  char byte;
  if (recv(fd_.get(), &byte, 1, 0) == 1) received_.push_back(byte);
}

Endpoint StreamClient::local() const {
  return bound_endpoint(fd_.get());
}

std::string StreamClient::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string StreamClient::certificate_serial() const {
  const X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
  const ASN1_INTEGER* const serial = X509_get0_serialNumber(certificate);
  return to_hex({ASN1_STRING_get0_data(serial), static_cast<size_t>(ASN1_STRING_length(serial))});
}

uint64_t StreamClient::wire_bytes_received() const {
  return ssl_ == nullptr ? plain_bytes_received_ : BIO_number_read(SSL_get_rbio(ssl_.get()));
}

StreamClient::Session StreamClient::session() const {
  return Session(SSL_get1_session(ssl_.get()));
}

bool StreamClient::was_resumed() const {
  return SSL_session_reused(ssl_.get()) == 1;
}

std::string StreamClient::tls_version() const {
  return SSL_get_version(ssl_.get());
}

}  // namespace roost::io
