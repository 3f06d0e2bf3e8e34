// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "sim/actors/actor.h"
#include "sim/actors/credential_fetch.h"
#include "sim/actors/turn_line.h"
#include "sim/actors/turn_message.h"

namespace roost::sim::actors {

// A stranger who wants to reach hosts that know nothing of it through a relay, in the relay's name:
// gets credentials as any stranger does, allocates, and then tries everything that might pass for
// the consent of a host that says nothing, or sends back what it gets.
class ProxySeeker final : public Actor {
 public:
  struct Options {
    Endpoint server;
    core::Transport transport = core::Transport::kUdp;
    std::vector<Endpoint> victims;  // Of the server's family.
    Duration period = std::chrono::milliseconds(400);
  };

  ProxySeeker(Host& host, const Options& options);

  void on_packet(Packet packet) override;

  void stop() { clear_alarm(); }
  // It has an allocation and sends.
  uint64_t attempt_count() const { return attempt_count_; }
  // Data of its own that came back to it through the relay.
  uint64_t success_count() const { return success_count_; }

 private:
  enum class State : uint8_t { kNothing, kFetching, kAllocating, kTrying };
  enum class Trick : uint8_t {
    kData,
    kQuestionOfDns,
    kPlainBinding,      // Of no agent.
    kCheck,             // With names that an agent might have,
    kCheckTurnedRound,  // which are the other's answer if the first one is sent back;
    kBothChecks,        // the second before the first can be back,
    kSelfCheck,         // or with a name that is its own other side.
    kAnswer,            // To its own check.
    kCheckAndAnswer,    // Again, so that it may pass for the other's.
    kReplay,            // Of anything that it has sent.
    kIndication,
    kCut,  // A check, but not all of it.
  };
  static constexpr size_t kTrickCount = 12;

  void on_alarm() override;
  void begin();
  void allocate();
  void take_message(Bytes message);
  void try_one();
  void play(Trick trick);
  void send(Bytes data);

  Options options_;
  CredentialFetch fetch_;
  TurnLine line_;
  TurnCredentials credentials_;
  State state_ = State::kNothing;
  MonoTime began_at_{};
  Message request_;
  Endpoint victim_;
  Message check_;              // The last one.
  std::vector<Message> sent_;  // Some of it.
  uint64_t attempt_count_ = 0;
  uint64_t success_count_ = 0;
};

}  // namespace roost::sim::actors
