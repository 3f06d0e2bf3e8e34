// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/time.h"
#include "sim/dtls_record.h"
#include "sim/host.h"

namespace roost::sim::actors {

// A client's end of a DTLS association, from its first ClientHello on (sim/dtls_record.h).
//
//   asking --HelloVerifyRequest--> proving --certificate--> finishing --Finished--> open
//
// Has no alarm of its own: whoever gets no answer sends again, and then what the handshake waits
// for is repeated too.
class DtlsEnd {
 public:
  static constexpr Duration kRepeatPause = std::chrono::milliseconds(300);

  // Says hello at once. `host` must outlive it.
  DtlsEnd(Host& host, const Endpoint& local, const Endpoint& server);

  // While the handshake is on, the last message waits, and takes the place of the one before.
  void send(Bytes message);
  // What a datagram of the server's has brought: a message, which is a view of it.
  std::optional<Bytes> take(Bytes datagram);
  bool has_ended() const { return state_ == State::kEnded; }
  // Says so to the server.
  void close();

 private:
  enum class State : uint8_t { kAsking, kProving, kFinishing, kOpen, kEnded };

  void say_hello();
  void say(DtlsPart part, Bytes payload = {});
  void shake_hands();

  Host& host_;
  Endpoint local_;
  Endpoint server_;
  State state_ = State::kAsking;
  HelloRandom random_;
  std::vector<uint8_t> cookie_;
  DtlsKey key_{};
  uint64_t sent_count_ = 0;
  ReplayWindow taken_;
  MonoTime said_at_{};
  std::vector<uint8_t> waiting_;
};

}  // namespace roost::sim::actors
