// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/time.h"
#include "sim/dice.h"

namespace roost::sim::actors {

// How often a STUN client asks over UDP, and how long it waits.
struct Pace {
  Duration first_pause;
  Duration pause_max;
  unsigned request_count;
  Duration last_pause;

  // From the first request until the client gives up.
  Duration patience() const;
};

// RTO 500 ms, Rc 7, Rm 16 (RFC 8489 §6.2.1): requests at 0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5 s, over
// after 39.5 s.
inline constexpr Pace kRfc8489Pace = {std::chrono::milliseconds(500), std::chrono::seconds(16), 7,
                                      std::chrono::seconds(8)};
// RFC 3489 §9.3: 100 ms, doubled up to 1.6 s, nine requests.
inline constexpr Pace kRfc3489Pace = {std::chrono::milliseconds(100),
                                      std::chrono::milliseconds(1600), 9,
                                      std::chrono::milliseconds(1600)};

// What a Binding request asks for.
struct Question {
  bool is_classic = false;  // RFC 3489: no magic cookie.
  bool has_fingerprint = false;
  bool has_change_request = false;  // Clients of RFC 3489 send it even to ask for no change.
  bool changes_address = false;
  bool changes_port = false;
};

// What the answer says.
struct Answer {
  std::vector<uint8_t> bytes;
  Endpoint from;
  unsigned error_code = 0;  // 0: success.
  std::optional<Endpoint> mapped;
  std::optional<Endpoint> other;   // OTHER-ADDRESS, or CHANGED-ADDRESS.
  std::optional<Endpoint> origin;  // RESPONSE-ORIGIN, or SOURCE-ADDRESS.
};

// One STUN transaction over UDP: the request goes out again and again until it is answered or the
// pace is over.
class Transaction {
 public:
  Transaction(const Pace& pace, const Question& question, Dice& dice, MonoTime now);

  Bytes request() const { return request_; }
  MonoTime began_at() const { return began_at_; }

  // Whether the request is to be sent now.
  bool poll(MonoTime now);
  // When poll() is next worth calling.
  MonoTime next_deadline() const { return next_at_; }
  bool is_over(MonoTime now) const { return sent_count_ == pace_.request_count && now >= next_at_; }

  // The answer to this request, if `message` is it.
  std::optional<Answer> read(const Endpoint& from, Bytes message) const;

 private:
  Pace pace_;
  Duration pause_;
  MonoTime began_at_;
  MonoTime next_at_;
  unsigned sent_count_ = 0;
  std::vector<uint8_t> request_;
};

// A Binding request with a transaction ID of its own.
std::vector<uint8_t> binding_request(const Question& question, Dice& dice);
// The answer to `request`, if `message` is it.
std::optional<Answer> read_answer(Bytes request, const Endpoint& from, Bytes message);

}  // namespace roost::sim::actors
