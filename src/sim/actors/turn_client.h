// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/actors/actor.h"
#include "sim/actors/transaction.h"
#include "sim/oracles.h"
#include "wire/stun.h"

namespace roost::sim::actors {

// Where two clients tell each other their relayed addresses: the messenger's own signalling.
struct Meeting {
  std::optional<Endpoint> relayed[2];
};

// One of two friends who reach each other through relays only (RFC 8656 over UDP): allocates,
// permits the other's relayed address, asks "are you there?" through it until the other answers,
// and begins anew wherever a node has forgotten it. Half of the time it binds a channel.
//
//   allocating --success--> permitting --success--> calling --answer--> resting -> checking
//        ^------ error, or nobody answers ------------------------------------------'  (Refresh)
class TurnClient final : public Actor {
 public:
  // From the first request to the other's answer. Longer than a transaction that began in a broken
  // world, on either side.
  static constexpr Duration kPatience = std::chrono::seconds(60);

  struct Options {
    Endpoint server;
    std::string username;
    std::string password;
    size_t side = 0;  // Of the meeting, 0 or 1.
    Duration period = std::chrono::seconds(10);
    std::string name = "a client of the relay";
  };

  // All must outlive the client; `meeting` too.
  TurnClient(Host& host, const Options& options, Meeting& meeting, LivenessOracle& liveness,
             MappedAddressOracle& mapped, Verdict& verdict);

  void on_packet(Packet packet) override;

  uint64_t answer_count() const { return answer_count_; }

 private:
  enum class State : uint8_t { kAllocating, kPermitting, kCalling, kResting, kChecking };

  void on_alarm() override;
  void begin_attempt();
  void allocate();
  void permit();
  void request(State state, wire::StunMethod method);
  void call();
  void send_request();
  void take_reply(const wire::StunView& reply, Bytes bytes);
  void take_success(const wire::StunView& reply, Bytes bytes);
  void take_error(const wire::StunView& reply);
  void take_data(const Endpoint& peer, Bytes data);
  void send_data(std::string_view text);
  void again_in(Duration pause);

  Options options_;
  Meeting& meeting_;
  LivenessOracle& liveness_;
  MappedAddressOracle& mapped_;
  Verdict& verdict_;
  LivenessOracle::ClientId id_;
  State state_ = State::kResting;
  Endpoint local_;
  std::string realm_;
  std::string nonce_;
  std::optional<Endpoint> relayed_;
  std::optional<Endpoint> permitted_;  // The other's relayed address, as we permitted it.
  bool uses_channel_ = false;
  MonoTime permitted_at_{};
  MonoTime attempt_began_at_{};
  wire::StunMethod method_ = wire::StunMethod::kAllocate;
  std::vector<uint8_t> request_;
  unsigned sent_count_ = 0;
  Duration pause_{};
  uint64_t call_number_ = 0;
  unsigned calls_left_ = 0;
  uint64_t answer_count_ = 0;
};

}  // namespace roost::sim::actors
