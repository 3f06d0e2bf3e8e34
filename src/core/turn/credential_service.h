// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/crypto_hash.h"
#include "base/time.h"
#include "core/action.h"
#include "core/outbox.h"
#include "core/turn/grants.h"
#include "core/turn/minter.h"
#include "core/turn/work.h"

namespace roost::core::turn {

// GET /v1/turn: credentials for the relay, in the JSON of draft-uberti-behave-turn-rest.
//
//   Authorization: Bearer TOKEN   the holder of a grant
//   ?work=CHALLENGE.TEXT          a stranger who has solved a challenge, or
//   neither                       who gets credentials at rest, and a challenge under load
//
// Nothing is kept about what was given out: see Minter and Work. docs/protocol/turn-credentials.md
// has the wire.
class CredentialService {
 public:
  struct Options {
    bool serves_strangers = false;
    unsigned work_min = 0;
    Duration lifetime = std::chrono::hours(24);  // Of a grant's holder's credentials.
    Duration stranger_lifetime = std::chrono::minutes(30);
    uint16_t port = 3478;
    bool has_certificate = false;  // One that clients can check: turns: is offered too.
    std::string host;              // For clients that do not say how they call us.
  };

  enum class Outcome : uint8_t {  // Also the label of the counter.
    kGranted,
    kStranger,
    kChallenged,  // A stranger, who has to work first.
    kBadToken,    // Unknown, revoked, expired or used up.
    kBadWork,
    kNoStrangers,
    kNotNow,  // The month is nearly over, or the clock is not set.
    kBadRequest,
  };
  static constexpr size_t kOutcomeCount = 8;

  CredentialService(const Options& options, const Minter& minter, const SipHashKey& secret,
                    MonoTime now);
  void reload(const Options& options, const Minter& minter);

  // What a node knows when somebody asks.
  struct State {
    const Grants& grants;
    bool is_accepting;
    unsigned strangers_percent;  // Of what strangers may have at a time, what they have.
  };
  HttpReply answer(const Now& now, const HttpRequestArrived& request, const State& state,
                   Outbox& out);

  unsigned effort() const { return work_.effort(); }
  uint64_t count(Outcome outcome) const { return counts_[static_cast<size_t>(outcome)]; }

 private:
  HttpReply answer_holder(const Now& now, const HttpRequestArrived& request, const State& state,
                          std::string_view token, Outbox& out);
  HttpReply answer_stranger(const Now& now, const HttpRequestArrived& request, const State& state,
                            Outbox& out);
  HttpReply give(const Now& now, const HttpRequestArrived& request, const Minter::Holder& holder,
                 Duration lifetime, Outcome outcome, Outbox& out);
  HttpReply refuse(const HttpRequestArrived& request, Outcome outcome, uint16_t status,
                   std::string_view error, std::string_view header_lines, Outbox& out);

  Options options_;
  Minter minter_;
  SipHashKey secret_;
  Work work_;
  uint64_t nonce_count_ = 0;
  std::array<uint64_t, kOutcomeCount> counts_{};
};

std::string_view label(CredentialService::Outcome outcome);

}  // namespace roost::core::turn
