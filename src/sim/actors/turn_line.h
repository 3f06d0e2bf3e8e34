// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "core/action.h"
#include "sim/actors/dtls_end.h"
#include "sim/connection.h"
#include "sim/host.h"

namespace roost::sim::actors {

// A client's way to its TURN server: datagrams over UDP or DTLS, or the messages of a stream, on
// which ChannelData is padded to four bytes (RFC 8656 §12.5) and TLS is one byte in front. Who
// speaks DTLS leaves without a word now and then, and may come back from the same port.
class TurnLine {
 public:
  struct Options {
    Endpoint server;
    core::Transport transport = core::Transport::kUdp;
    // How what is sent on a stream is cut into segments; 0: not at all.
    size_t segment_bytes = 0;
  };

  // `host` must outlive the line. Closed at first.
  TurnLine(Host& host, const Options& options) : host_(host), options_(options) {}

  // From a new port, on a new stream or association. What was open is closed.
  void open();
  void close();
  // Without a word to the other side.
  void forget();
  bool is_stream() const { return core::is_byte_stream(options_.transport); }
  const Endpoint& local() const { return local_; }
  // As whom the server sees us, if the network remembers.
  std::optional<Endpoint> seen_as() const;

  // One message, without padding. On a stream that is being opened it waits.
  void send(Bytes message);

  enum class Found { kNothing, kMessage, kEnd, kBroken };
  // Whether the packet was for this line; then next() says what it brought.
  bool take(const Packet& packet);
  // kMessage: it is in message(), with its padding. kEnd: the other side has closed the stream or
  // association, or it is stuck behind a segment that is lost. kBroken: what came on it is no
  // message.
  Found next();
  Bytes message() const { return message_; }

 private:
  void send_data(Bytes bytes);
  Found next_datagram();
  Found cut();

  Host& host_;
  Options options_;
  Endpoint local_;
  std::deque<std::vector<uint8_t>> datagrams_;
  std::optional<Connection> connection_;
  std::optional<DtlsEnd> dtls_;
  bool is_established_ = false;
  std::vector<uint8_t> unsent_;
  std::vector<uint8_t> received_;
  std::vector<uint8_t> message_;
};

}  // namespace roost::sim::actors
