// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "sim/actors/actor.h"
#include "sim/actors/credential_fetch.h"
#include "sim/actors/token_redeemer.h"
#include "sim/actors/turn_line.h"
#include "sim/actors/turn_message.h"
#include "sim/oracles.h"
#include "wire/stun.h"

namespace roost::sim::actors {

// Where two clients tell each other their relayed addresses: the messenger's own signalling.
struct Meeting {
  std::optional<Endpoint> relayed[2];
  std::optional<ReservationToken> tokens[2];  // That either was given last, for both to see.
  bool is_of_agents = false;  // Both check the way first, as ICE does (RFC 8445 §7).
};

// One of two friends who reach each other through relays only (RFC 8656 over UDP, TCP or TLS):
// gets credentials unless it has a password, allocates, permits the other's relayed address, asks
// "are you there?" through it until the other answers, and begins anew wherever a node has
// forgotten it. Half of the time it binds a channel.
//
//   fetching -> allocating --success--> permitting --success--> calling --answer--> resting
//      ^------------- error, or nobody answers ------------- (Refresh) checking <------'
//
// Now and then it gets new credentials while the old ones are good, and goes on with those. Who
// reserves a port does with the token what comes to mind, beside all that (TokenRedeemer).
class TurnClient final : public Actor {
 public:
  // From the first request to the other's answer. Longer than a transaction that began in a broken
  // world, on either side.
  static constexpr Duration kPatience = std::chrono::seconds(60);

  // What it allocates.
  enum class Shape : uint8_t {
    kPlain,
    kEvenPort,
    kReservesNext,
    kDual,  // An address of each family, of which it uses the server's.
  };
  static constexpr size_t kShapeCount = 4;

  struct Options {
    Endpoint server;
    // Who has no password asks for one, with the token of a grant or without.
    std::string username{};
    std::string password{};
    std::string token{};
    core::Transport transport = core::Transport::kUdp;
    size_t segment_bytes = 0;  // Of a stream; 0: each message is one.
    Shape shape = Shape::kPlain;
    size_t side = 0;  // Of the meeting, 0 or 1.
    Duration period = std::chrono::seconds(10);
    std::string name = "a client of the relay";
  };

  // All must outlive the client; `meeting` too.
  TurnClient(Host& host, const Options& options, Meeting& meeting, LivenessOracle& liveness,
             MappedAddressOracle& mapped, Verdict& verdict);

  void on_packet(Packet packet) override;

  uint64_t answer_count() const { return answer_count_; }
  uint64_t allocation_count() const { return allocation_count_; }
  const CredentialFetch& credential_fetch() const { return fetch_; }
  const TokenRedeemer& redeemer() const { return redeemer_; }

 private:
  enum class State : uint8_t {
    kFetching,
    kRenewing,
    kAllocating,
    kPermitting,
    kCalling,
    kResting,
    kChecking
  };

  void on_alarm() override;
  void begin_attempt();
  void begin_anew();
  void fetch();
  void renew();
  void take_credentials(CredentialFetch::Result result);
  void allocate();
  void permit();
  void request(State state, wire::StunMethod method);
  Message build_request(wire::StunMethod method);
  void call();
  void send_request();
  void take_message(Bytes message);
  void take_reply(const wire::StunView& reply, Bytes bytes);
  void take_success(const wire::StunView& reply, Bytes bytes);
  void take_allocation(const wire::StunView& reply, Bytes bytes);
  void use_token(const wire::StunView& reply);
  void take_error(const wire::StunView& reply);
  void take_data(const Endpoint& peer, Bytes data);
  void take_check(const wire::StunView& message);
  void send_check();
  void forget_check();
  void send_data(Bytes data);
  void again_in(Duration pause);

  Options options_;
  Meeting& meeting_;
  LivenessOracle& liveness_;
  MappedAddressOracle& mapped_;
  Verdict& verdict_;
  LivenessOracle::ClientId id_;
  bool has_password_;
  TurnCredentials credentials_;
  CredentialFetch fetch_;
  TurnLine line_;
  TokenRedeemer redeemer_;
  State state_ = State::kResting;
  std::optional<Endpoint> relayed_;
  std::optional<Endpoint> permitted_;  // The other's relayed address, as we permitted it.
  bool uses_channel_ = false;
  bool is_checked_ = false;  // The other has answered a check,
  MonoTime checked_at_{};    // of late.
  Message check_;
  MonoTime check_sent_at_{};
  MonoTime permitted_at_{};
  MonoTime attempt_began_at_{};
  wire::StunMethod method_ = wire::StunMethod::kAllocate;
  Message request_;
  unsigned sent_count_ = 0;
  Duration pause_{};
  uint64_t call_number_ = 0;
  unsigned calls_left_ = 0;
  uint64_t answer_count_ = 0;
  uint64_t allocation_count_ = 0;
};

}  // namespace roost::sim::actors
