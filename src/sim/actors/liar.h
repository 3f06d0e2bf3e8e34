// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <vector>

#include "sim/actors/actor.h"
#include "sim/actors/turn_client.h"
#include "sim/network.h"

namespace roost::sim::actors {

// Sends what no honest client sends: STUN with lying lengths, wrong fingerprints, a hundred
// attributes, unknown ones, answers to questions that nobody asked, requests for answers to
// elsewhere; from its own address, and in the name of others.
class Liar final : public Actor {
 public:
  enum class Lie : uint8_t {
    kTruncated,
    kTrailingBytes,
    kAttributeBeyondTheEnd,
    kTooManyAttributes,
    kWrongFingerprint,
    kUnknownAttributes,
    kSuccessResponse,
    kErrorResponse,
    kIndication,
    kUnknownMethod,
    kResponseAddress,  // RFC 3489: an answer to a third party.
    kResponsePort,     // RFC 5780: an answer to a port that did not ask.
    kPadding,          // RFC 5780: a larger answer.
    kChangeRequestOfTheWrongSize,
    kTurnAllocate,
    kDht,
    kDtls,
    kChannelData,
    kEmpty,
    kNoise,
    kPortZero,  // A request whose answer nobody could be sent.
  };
  static constexpr size_t kLieCount = 21;

  struct Options {
    std::vector<Endpoint> targets;
    // In whose name every other lie is told: those of nodes would have them talk to each other.
    std::vector<Endpoint> forged_sources;
    Duration period = std::chrono::milliseconds(50);
    // Friends whose relayed addresses are lied to as well; may be null, else outlives the liar.
    const std::deque<Meeting>* meetings = nullptr;
  };

  // `network` must outlive the liar.
  Liar(Host& host, Network& network, const Options& options);

  void on_packet(Packet packet) override;

  void stop() { clear_alarm(); }
  uint64_t answer_count() const { return answer_count_; }

 private:
  void on_alarm() override;
  Endpoint any_target();

  Network& network_;
  Options options_;
  uint16_t port_;
  uint64_t answer_count_ = 0;
};

// One datagram of that kind.
std::vector<uint8_t> tell(Liar::Lie lie, Dice& dice);

}  // namespace roost::sim::actors
