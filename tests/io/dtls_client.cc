// SPDX-License-Identifier: MIT
#include "dtls_client.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace roost::io {

void DtlsClient::Free::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}
void DtlsClient::Free::operator()(ssl_st* ssl) const {
  SSL_free(ssl);
}

DtlsClient::DtlsClient(const Endpoint& server, const Options& options)
    : options_(options),
      server_(server),
      udp_(server.address),
      context_(SSL_CTX_new(DTLS_client_method())),
      bio_(*this) {
  const int version = options.version == 0 ? DTLS1_2_VERSION : options.version;
  EXPECT_EQ(1, SSL_CTX_set_min_proto_version(context_.get(), version));
  EXPECT_EQ(1, SSL_CTX_set_max_proto_version(context_.get(), version));
  EXPECT_EQ(1, SSL_CTX_set_cipher_list(context_.get(), options.ciphers.c_str()));
  if (!options.protocols.empty()) {
    EXPECT_EQ(
        0, SSL_CTX_set_alpn_protos(context_.get(),
                                   reinterpret_cast<const unsigned char*>(options.protocols.data()),
                                   static_cast<unsigned>(options.protocols.size())));
  }
  begin_anew();
}

DtlsClient::~DtlsClient() = default;

void DtlsClient::begin_anew() {
  ssl_.reset(SSL_new(context_.get()));
  bio_st* const bio = bio_.make();
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_options(ssl_.get(), SSL_OP_NO_QUERY_MTU);
  SSL_set_mtu(ssl_.get(), options_.mtu);
  SSL_set_connect_state(ssl_.get());
  is_open_ = has_failed_ = has_ended_ = false;
}

void DtlsClient::on_output(Bytes datagram) {
  const std::string text(as_text(datagram));
  sent_.push_back(text);
  const std::string passed = on_the_way ? on_the_way(sent_.size() - 1, text) : text;
  if (!passed.empty()) udp_.send(server_, passed);
}

void DtlsClient::pump() {
  if (!is_open_) DTLSv1_handle_timeout(ssl_.get());
  go_on();
  for (;;) {
    const std::string datagram = udp_.receive(0).first;
    if (datagram.empty()) return;
    wire_bytes_received_ += datagram.size();
    if (!arrives(datagrams_received_++)) continue;
    bio_.put(as_bytes(datagram));
    go_on();
    bio_.put({});
  }
}

void DtlsClient::go_on() {
  ERR_clear_error();
  if (has_failed_ || has_ended_) return;
  if (!is_open_) {
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) is_open_ = true;
    if (result != 1 && SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) has_failed_ = true;
  }
  while (is_open_) {
    char text[4096];
    const int count = SSL_read(ssl_.get(), text, sizeof text);
    if (count > 0) {
      received_.emplace_back(text, static_cast<size_t>(count));
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), count);
    if (error == SSL_ERROR_ZERO_RETURN) has_ended_ = true;
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_ZERO_RETURN) has_failed_ = true;
    return;
  }
}

void DtlsClient::send(std::string_view message) {
  EXPECT_EQ(static_cast<int>(message.size()),
            SSL_write(ssl_.get(), message.data(), static_cast<int>(message.size())));
}

void DtlsClient::close() {
  SSL_shutdown(ssl_.get());
}

bool DtlsClient::renegotiate() {
  is_open_ = false;
  return SSL_renegotiate(ssl_.get()) == 1;
}

std::string DtlsClient::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

}  // namespace roost::io
