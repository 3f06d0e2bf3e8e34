// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/random.h"
#include "base/time.h"
#include "node/echo_train.h"
#include "node/turn_session.h"

namespace roost::node {

// An operator's check of a TURN server from end to end (RFC 8656), without I/O: it allocates, sends
// packets to itself through the relay, and gives back what it took.
//
//   binding -> allocate -> peer binding -> permission -> knock -> channel -> echo -> release ->
//   gone
//                              |  the server forbids our address, or nothing comes through
//                              +-> second allocate -> both channels -> echo -> release -> gone
//
// The peer is a plain UDP socket of ours: it knocks at the relayed address, which tells the client
// in a Data indication from where it is seen, behind whatever NAT; then packets go from the client
// by the channel to the peer, and back. Where that cannot be, a second allocation is the peer:
// then the relay is shown to relay, but not that the world reaches its ports.
//
// A failure is told with its step, and what was allocated is given back nevertheless. Everything is
// over after kDurationMax, whatever the server does.
class TurnProbe {
 public:
  static constexpr Duration kStepsDurationMax = std::chrono::seconds(13);
  static constexpr Duration kDurationMax = std::chrono::seconds(15);  // With the giving back.

  struct Options {
    Endpoint server;
    bool is_reliable = false;  // TCP or TLS.
    LongTermCredential::Login login;
    Duration timeout = std::chrono::seconds(3);  // Of each request.
    unsigned echo_count = 10;
  };

  // What the shell holds: two connections to the server, and a UDP socket that is not connected.
  // Each is opened when something is to be sent on it.
  enum class Line : uint8_t { kClient, kPeer, kSecond };
  struct Outgoing {
    Line line;
    Endpoint to;  // Of the peer's.
    Bytes bytes;  // Valid until the next call.
  };

  enum class Step : uint8_t {
    kBinding,  // What address we have.
    kAllocate,
    kPeerBinding,  // What address the peer has.
    kPermission,   // For the peer.
    kKnock,        // The peer's packets come through the relayed address.
    kChannel,      // To the peer.
    kSecondAllocate,
    kSecondPermission,   // For the second relayed address.
    kSecondChannel,      // To it,
    kSecondChannelBack,  // and back from it.
    kEcho,
    kRelease,
    kGone,  // A request that was granted before is refused, soon.
  };

  enum class Way : uint8_t { kNone, kDirect, kRelayToRelay };

  struct StepReport {
    Step step;
    TurnSession::Answer answer;
  };
  struct Report {
    std::vector<StepReport> steps;   // In the order in which they ended.
    std::optional<size_t> failed;    // Which of them; empty: the relay works.
    std::optional<size_t> diverted;  // Which of them made a second allocation the peer.
    std::optional<Endpoint> mapped;
    std::optional<Endpoint> relayed;
    std::optional<Endpoint> peer;  // As the relay sees it; in the end of the way that was taken.
    std::string realm;
    std::string software;
    bool uses_sha256 = false;
    uint32_t lifetime_seconds = 0;
    Way way = Way::kNone;
    EchoTrain::Result echo;
    // Packets came in at the relayed port from an address on the Internet that is not the server's.
    bool is_reached_from_outside = false;
    bool is_gone = false;  // What was allocated.
  };

  // `random` must outlive the probe.
  TurnProbe(const Options& options, Random& random, MonoTime now);

  // What is to be sent now: to be called until there is nothing.
  std::optional<Outgoing> poll(MonoTime now);
  // When poll() is next worth calling; empty when all is over.
  std::optional<MonoTime> next_deadline() const;

  // What came in on a line: a datagram, or a whole message of a stream. `from` counts for the
  // peer's only.
  void take(MonoTime now, Line line, const Endpoint& from, Bytes message);
  // The line cannot be opened, or is gone.
  void lose(MonoTime now, Line line, std::string why);

  const Report& report() const { return report_; }

 private:
  enum class Phase : uint8_t { kSteps, kCleanUp, kOver };
  struct Queued {
    Line line;
    Endpoint to;
    std::vector<uint8_t> bytes;
  };

  void begin(MonoTime now, Step step);
  const std::optional<TurnSession::Answer>& answer_to_step() const;
  void end(MonoTime now, TurnSession::Answer answer);
  void record(const TurnSession::Answer& answer);
  void end_if_lost(MonoTime now, const std::string& why);
  void divert(MonoTime now);
  void fail(MonoTime now);
  void clean_up(MonoTime now);
  TurnSession& session_of(Line line);
  Line line_of(Step step) const;

  void take_relayed(MonoTime now, Line line, const Endpoint* peer, uint16_t channel, Bytes data);
  void queue_by_channel(Line line, uint16_t channel, Bytes data);
  std::optional<Outgoing> poll_knock(MonoTime now);
  std::optional<Outgoing> poll_echo(MonoTime now);

  Options options_;
  Random& random_;
  MonoTime started_at_;
  Phase phase_ = Phase::kSteps;
  Step step_ = Step::kBinding;
  MonoTime step_began_at_;
  MonoTime knocks_at_ = MonoTime::max();
  unsigned knock_count_ = 0;
  MonoTime asks_again_at_ = MonoTime::max();  // Whether it is gone.
  unsigned gone_count_ = 0;
  std::array<TurnSession, 3> sessions_;  // By Line; the peer's asks for its address only.
  std::array<bool, 3> is_lost_{};
  std::vector<uint8_t> knock_;
  std::optional<EchoTrain> train_;
  std::deque<Queued> queue_;  // At most kQueueMax.
  std::vector<uint8_t> outgoing_;
  Report report_;
};

// "second channel", as the report names it.
std::string_view label(TurnProbe::Step step);

}  // namespace roost::node
