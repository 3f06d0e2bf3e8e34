// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/random.h"
#include "base/time.h"
#include "node/retransmission.h"

namespace roost::node {

// Asks a STUN server for our address: one Binding transaction of a client (RFC 8489 §6.2.1, §6.3.3)
// without I/O.
//
//   waiting --success--> answered      waiting --error response--> refused
//   waiting --last wait over--> timed out
//
// Whatever is not the answer to this transaction is ignored.
class BindingProbe {
 public:
  enum class State : uint8_t { kWaiting, kAnswered, kRefused, kTimedOut };
  using Options = Retransmission::Options;

  BindingProbe(const Options& options, Random& random, MonoTime now);

  // The request, when it is due to be sent (again). Valid while the probe lives.
  std::optional<Bytes> poll(MonoTime now);
  // When poll() is next worth calling; empty once it is over.
  std::optional<MonoTime> next_deadline() const;

  // A datagram, or a message of the stream, from the server.
  void take(MonoTime now, Bytes message);

  State state() const { return state_; }
  unsigned request_count() const { return schedule_.request_count(); }
  // Each is what the server said; round_trip() is counted from the last request.
  const std::optional<Endpoint>& mapped() const { return mapped_; }
  const std::optional<Endpoint>& other_address() const { return other_address_; }
  unsigned error_code() const { return error_code_; }  // When refused; 0 if it gave none.
  Duration round_trip() const { return round_trip_; }

 private:
  Retransmission schedule_;
  std::array<uint8_t, 12> transaction_id_;
  std::array<uint8_t, 28> request_;
  State state_ = State::kWaiting;
  std::optional<Endpoint> mapped_;
  std::optional<Endpoint> other_address_;
  unsigned error_code_ = 0;
  Duration round_trip_{};
};

}  // namespace roost::node
