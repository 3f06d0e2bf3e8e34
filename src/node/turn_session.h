// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/random.h"
#include "base/time.h"
#include "node/long_term_credential.h"
#include "node/retransmission.h"

namespace roost::node {

// What a TURN client asks of one server over one flow (RFC 8656 §5-§12), one request at a time,
// without I/O.
//
//   idle --start--> waiting --success, refusal, timeout, loss--> idle, with an Answer
//                   waiting --401 or 438--> waiting, with what it asks for
//
// Of a reply to a signed request only what is signed too counts; of the errors those that challenge
// (401, 438) need not be (RFC 8489 §9.2.5). Anything else is discarded, and told if nothing better
// comes: whoever forges gains that the operator reads so. Whatever belongs to no transaction of
// ours is ignored.
class TurnSession {
 public:
  // A server whose nonces are always stale is not asked for ever.
  static constexpr unsigned kChallengesPerRequestMax = 3;

  enum class Method : uint8_t { kBinding, kAllocate, kRefresh, kCreatePermission, kChannelBind };
  struct Request {
    Method method = Method::kBinding;
    bool wants_v6 = false;          // Allocate.
    uint32_t lifetime_seconds = 0;  // Refresh.
    Endpoint peer{};                // CreatePermission, of which the port is nothing; ChannelBind.
    uint16_t channel = 0;           // ChannelBind.
  };

  struct Answer {
    enum class Outcome : uint8_t {
      kSuccess,
      kRefused,    // error_code and reason say why.
      kTimedOut,   // No reply at all.
      kUnsigned,   // Replies, and none that is signed as it should be; error_code if it was one.
      kMalformed,  // The reply lacks what it must have; `reason` says what.
      kLost,       // The connection; `reason` says how.
    };
    Outcome outcome = Outcome::kTimedOut;
    unsigned error_code = 0;
    std::string reason;  // The server's words, or ours; not to be trusted with a terminal.
    std::optional<Endpoint> alternate_server;  // Of error 300 (RFC 8489 §10).
    Duration took{};                           // All of it, challenges included.
    unsigned request_count = 0;
  };

  struct Options {
    bool is_reliable = false;
    Duration timeout{};  // Of each request, challenges included.
  };

  // `random` must outlive the session.
  TurnSession(const Options& options, LongTermCredential::Login login, Random& random);

  void start(MonoTime now, const Request& request);  // Requires that it is idle.
  // The request, when it is due to be sent (again). Valid until the next call.
  std::optional<Bytes> poll(MonoTime now);
  // When poll() is next worth calling; empty while idle.
  std::optional<MonoTime> next_deadline() const;
  // A datagram, or a message of the stream, from the server.
  void take(MonoTime now, Bytes message);
  // The connection is gone, or nobody waits any longer.
  void give_up(MonoTime now, Answer::Outcome outcome, std::string reason);

  // To the last request; empty while waiting.
  const std::optional<Answer>& answer() const { return answer_; }
  bool is_waiting() const { return schedule_.has_value(); }

  // What successes have told so far.
  const std::optional<Endpoint>& mapped() const { return mapped_; }
  const std::optional<Endpoint>& relayed() const { return relayed_; }  // While there is one.
  uint32_t lifetime_seconds() const { return lifetime_seconds_; }
  const std::string& software() const { return software_; }
  const LongTermCredential& credential() const { return credential_; }

 private:
  void build(MonoTime now);
  bool is_believable(const wire::StunView& view) const;
  void take_success(MonoTime now, const wire::StunView& view);
  void take_error(MonoTime now, const wire::StunView& view);
  void answer_challenge(MonoTime now, const wire::StunView& view, unsigned code);
  void discard(MonoTime now, unsigned error_code);
  void finish(MonoTime now, Answer answer);

  Options options_;
  LongTermCredential credential_;
  Random& random_;

  Request request_;
  std::optional<Retransmission> schedule_;  // While waiting.
  MonoTime started_at_;
  MonoTime gives_up_at_;
  std::array<uint8_t, 12> transaction_id_{};
  std::vector<uint8_t> message_;
  bool is_signed_ = false;        // The message is.
  unsigned challenge_count_ = 0;  // For this request.
  unsigned request_count_ = 0;    // That earlier transactions of it sent.
  unsigned discarded_count_ = 0;  // Replies that were not signed,
  unsigned discarded_code_ = 0;   // and what the last one of them said.

  std::optional<Answer> answer_;
  std::optional<Endpoint> mapped_;
  std::optional<Endpoint> relayed_;
  uint32_t lifetime_seconds_ = 0;
  std::string software_;
};

}  // namespace roost::node
