// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/endpoint.h"
#include "io/file_descriptor.h"

struct ssl_ctx_st;
struct ssl_st;
struct ssl_session_st;

namespace roost::io {

// A client on loopback, of OpenSSL and system calls only, that never blocks: pump() moves what can
// be moved.
class StreamClient {
 public:
  struct Tls {
    std::string protocols = {};  // ALPN, as on the wire: each name behind its length.
    int version = 0;             // The only one; 0: any.
    std::string ciphers = "DEFAULT";
    ssl_session_st* resumed = nullptr;
  };
  struct Free {
    void operator()(ssl_ctx_st* context) const;
    void operator()(ssl_st* ssl) const;
    void operator()(ssl_session_st* session) const;
  };
  using Session = std::unique_ptr<ssl_session_st, Free>;

  // `receive_buffer_bytes` 0: the kernel's own.
  explicit StreamClient(const Endpoint& server, int receive_buffer_bytes = 0);
  explicit StreamClient(FileDescriptor connected);
  ~StreamClient();

  // From now on everything goes through TLS. The handshake is done by pump().
  void start_tls(const Tls& options);

  // Queues text to be sent.
  void send(std::string_view text) { to_send_.append(text); }
  // Ends our direction once all is sent: close_notify inside TLS, then FIN.
  void finish() { finishes_ = true; }
  // FIN, whatever TLS says.
  void finish_rudely();
  void reset();  // RST.
  void pump();
  // Does not read any more.
  void stop_reading() { reads_ = false; }
  void go_on_reading() { reads_ = true; }
  void read_one_byte();  // If there is one, and outside TLS.

  const std::string& received() const { return received_; }
  bool has_ended() const { return has_ended_; }  // The server has said that nothing more comes.
  bool was_reset() const { return was_reset_; }
  bool all_is_sent() const { return to_send_.empty(); }
  Endpoint local() const;

  bool is_tls_ready() const { return is_tls_ready_; }
  bool has_tls_failed() const { return has_tls_failed_; }
  int tls_error() const { return tls_error_; }  // OpenSSL's reason.
  std::string protocol() const;                 // Chosen by ALPN.
  std::string certificate_serial() const;       // Of the server's certificate.
  uint64_t wire_bytes_received() const;         // TLS itself included.
  Session session() const;
  bool was_resumed() const;
  std::string tls_version() const;
  ssl_st* ssl() { return ssl_.get(); }

 private:
  void shake_hands();
  void send_some();
  void receive_some();
  bool fail_tls(int result);

  FileDescriptor fd_;
  std::unique_ptr<ssl_ctx_st, Free> context_;
  std::unique_ptr<ssl_st, Free> ssl_;
  std::string to_send_;
  std::string received_;
  uint64_t plain_bytes_received_ = 0;
  bool reads_ = true;
  bool finishes_ = false;
  bool has_finished_ = false;
  bool has_ended_ = false;
  bool was_reset_ = false;
  bool is_tls_ready_ = false;
  bool has_tls_failed_ = false;
  int tls_error_ = 0;
};

}  // namespace roost::io
