// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"
#include "io/datagram_bio.h"
#include "udp_client.h"

struct ssl_ctx_st;
struct ssl_st;

namespace roost::io {

// A client of DTLS on loopback that never blocks: OpenSSL in front of a UDP socket, with the test
// between them, which may lose, keep, repeat and forge what goes through.
class DtlsClient final : private DatagramBio::Owner {
 public:
  struct Options {
    int version = 0;  // The only one; 0: DTLS 1.2.
    std::string ciphers = "DEFAULT:@SECLEVEL=0";
    long mtu = 1200;
    std::string protocols = {};  // ALPN, as on the wire: each name behind its length.
  };

  explicit DtlsClient(const Endpoint& server) : DtlsClient(server, Options()) {}
  DtlsClient(const Endpoint& server, const Options& options);
  ~DtlsClient() override;

  // What OpenSSL sends: what becomes of each datagram, numbered from 0. Empty: it is lost.
  std::function<std::string(size_t number, std::string datagram)> on_the_way;
  // Whether the server's datagram of that number gets through.
  std::function<bool(size_t number)> arrives = [](size_t) { return true; };

  // Moves whatever can be moved; begins the handshake.
  void pump();
  // A record of its own. Requires is_open().
  void send(std::string_view message);
  void send_raw(std::string_view datagram) { udp_.send(server_, datagram); }
  void close();        // close_notify.
  bool renegotiate();  // Whether OpenSSL begins to.
  void begin_anew();   // Forgets everything but the socket.
  std::string receive_raw(int patience_ms = 1000) { return udp_.receive(patience_ms).first; }

  bool is_open() const { return is_open_; }
  bool has_failed() const { return has_failed_; }
  bool has_ended() const { return has_ended_; }  // The server has said so.
  const std::vector<std::string>& sent() const { return sent_; }
  const std::vector<std::string>& received() const { return received_; }
  uint64_t wire_bytes_received() const { return wire_bytes_received_; }
  size_t datagrams_received() const { return datagrams_received_; }
  std::string protocol() const;
  Endpoint local() const { return udp_.local(); }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
    void operator()(ssl_st* ssl) const;
  };

  void on_output(Bytes datagram) override;
  void go_on();

  Options options_;
  Endpoint server_;
  UdpClient udp_;
  std::unique_ptr<ssl_ctx_st, Free> context_;
  DatagramBio bio_;
  std::unique_ptr<ssl_st, Free> ssl_;
  std::vector<std::string> sent_;      // Datagrams, whatever became of them.
  std::vector<std::string> received_;  // Messages.
  uint64_t wire_bytes_received_ = 0;
  size_t datagrams_received_ = 0;
  bool is_open_ = false;
  bool has_failed_ = false;
  bool has_ended_ = false;
};

}  // namespace roost::io
