// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/time.h"
#include "core/action.h"
#include "node/config.h"
#include "sim/verdict.h"

namespace roost::sim {

// What must hold whatever happens, judged from outside the code under test: from what went in and
// what came out, with arithmetic and decoders of the oracles' own. Each is fed by the shell of a
// node or by the clients, and reports to a Verdict, which outlives it.

// Nobody is hit by our datagrams who did not ask for them, or harder than he asked.
//
//   - a datagram leaves only in answer to a datagram, one at most, from an address of ours, to the
//     address and port that asked, and of at most kRatioMax times its bytes; or, where the answer
//     to an Allocate waits for a socket, in the step that brings it;
//   - on a stream, a message leaves only in answer to a message of that stream, one at most; or,
//     where the answer to a Connect waits for the peer, in the step that brings or gives up that;
//     or in the step that takes a peer on who has connected to the relayed address of that stream.
//
// What is relayed on somebody's account is RelayOracle's matter, what begins like a message of the
// DHT is DhtOracle's, and a bare Binding request is FinderOracle's.
class ReplyOracle {
 public:
  static constexpr size_t kRatioMax = 3;

  ReplyOracle(Verdict& verdict, std::vector<IpAddress> own_addresses)
      : verdict_(verdict), own_addresses_(std::move(own_addresses)) {}

  // One step: what went in, and what came out.
  void check(MonoTime at, const core::Input& input, std::span<const core::Action> actions);
  // The node is gone, and whoever waits for a socket waits in vain.
  void forget();

 private:
  struct Waiting {
    Endpoint from;
    core::StreamId stream{};
    size_t bytes = 0;
  };
  // The streams that have to be told something about peers.
  std::multiset<core::StreamId> due(const core::Input& input,
                                    std::span<const core::Action> actions);
  void note(const std::optional<Waiting>& cause, const core::Action& action);
  void check_datagram(MonoTime at, const Waiting* cause, const core::SendDatagram& send);

  Verdict& verdict_;
  std::vector<IpAddress> own_addresses_;
  std::map<core::RelayId, Waiting> waiting_;  // For the socket, by whose Allocate it was ordered.
  std::map<core::PeerConnectionId, core::StreamId> connecting_;  // Whose Connect waits.
  std::map<core::RelayId, core::StreamId> owners_;               // Of relayed addresses of streams.
};

// Streams and requests have one end each, and there are never more of them than the bounds allow.
//
//   - a stream is refused in the step that opened it, or is open until it is closed, once; or it is
//     refused in a step that brought a message of its own, instead of an answer;
//   - each HTTP request gets one reply, in the step that brought it;
//   - never more open streams in all or of one prefix than allowed, and the node's own count of
//     them is ours.
class StreamOracle {
 public:
  StreamOracle(Verdict& verdict, const node::Config& config);

  void check(MonoTime at, const core::Input& input, std::span<const core::Action> actions,
             uint32_t node_open_count);
  // The owner has changed the bounds: streams that are open may stay.
  void set_bounds(const node::Config& config);
  // The node is gone, and all its streams with it.
  void forget();

  size_t open_count() const { return open_.size(); }

 private:
  void check_opened(MonoTime at, const core::StreamOpened& input, bool is_refused);

  Verdict& verdict_;
  uint32_t connections_max_;
  uint32_t connections_per_prefix_max_;
  std::map<core::StreamId, Prefix> open_;
  std::set<core::StreamId> seen_;
  std::set<core::StreamId> asked_;  // Of the open ones, those that a message came in on.
  std::map<Prefix, uint32_t> by_prefix_;
};

// Every message that comes in is counted once: as dropped, malformed, ignored or answered.
class AccountOracle {
 public:
  explicit AccountOracle(Verdict& verdict) : verdict_(verdict) {}

  // `before` and `after` are the sums of all those counters around one step.
  void check(MonoTime at, const core::Input& input, uint64_t before, uint64_t after);

 private:
  Verdict& verdict_;
};

// The donation. In any span of time at most `rate` times its length and one burst are sent; in a
// month of UTC at most `monthly`, crashes or not: after one the node believes that it has sent as
// much as it has or up to kAheadBytesMax more, and never less.
//
// What is sent in words of refusal over HTTP (429, 503) is counted, but may exceed the bounds by
// its own size: saying "full" costs bytes. So may the handshakes of TCP with peers, whom the kernel
// answers before anybody is asked.
class DonationOracle {
 public:
  static constexpr uint64_t kBurstBytesMin = 2048;  // What node/budget.h promises.
  static constexpr uint64_t kHeaderBytes = 28;      // So does this; on each datagram.
  static constexpr uint64_t kRefusalBytesMax = 256;
  static constexpr uint64_t kHandshakeBytes = 180;
  static constexpr uint64_t kRecordBytesMax = 1400;
  static constexpr uint64_t kAheadBytesMax = 20'000'000;

  struct Month {
    int64_t number = 0;  // 12 × year + month - 1; 0 while no clock was ever known.
    uint64_t bytes = 0;
    friend bool operator==(const Month&, const Month&) = default;
  };

  DonationOracle(Verdict& verdict, const node::Config::Donate& donate);

  // All times are those of the node's own clocks. One step: what is paid for when it is ordered.
  void check(const Now& now, const core::Input& input, std::span<const core::Action> actions);
  // What is paid for when it is written.
  void sent(const Now& now, uint64_t bytes);
  void sent_refusal(const Now& now, uint64_t bytes);
  void sent_handshake(const Now& now) { sent_refusal(now, kHandshakeBytes); }
  // So is a record of a DTLS association, in the step that tells the node of it, with so much of an
  // answer in it. What DTLS adds to that and to what is relayed, handshakes and heads of records,
  // may exceed the bounds by its own size, of at most kRecordBytesMax at a time.
  void will_write(uint64_t answer_bytes) { answers_.push_back(answer_bytes); }
  // After each step: what the node itself says it has sent this month.
  void check_month(const Now& now, const Month& claimed);

  // The burst begins anew, and nothing else.
  void crashed();
  // What the node goes on with after a crash; from there on its belief is what counts.
  void restored(const Now& now, const Month& claimed);
  void set_donation(const node::Config::Donate& donate);

  const Month& month() const { return month_; }

 private:
  void check_action(const Now& now, const core::Action& action);
  void wrote(const Now& now, uint64_t bytes);
  void exceed(const Now& now, uint64_t bytes);
  int64_t month_number_at(WallTime wall);
  void turn_the_month(const Now& now);

  Verdict& verdict_;
  node::Config::Donate donate_;
  uint64_t level_ = 0;  // Millionths of bytes sent and not yet earned again.
  MonoTime level_at_{};
  Month month_;
  uint64_t refusal_bytes_ = 0;    // Of the month's bytes, those that may exceed its bound.
  uint64_t prepaid_bytes_ = 0;    // Of associations, and not written yet.
  std::deque<uint64_t> answers_;  // In each record that the node will be told of.
  int64_t day_ = -1;              // The last one whose month was looked up,
  int64_t month_of_day_ = 0;      // and its month.
};

// What a STUN server says about a client's address is true.
class MappedAddressOracle {
 public:
  explicit MappedAddressOracle(Verdict& verdict) : verdict_(verdict) {}

  // `truth` is what the model of the network says, empty if it has forgotten meanwhile. Reads the
  // reply with a decoder of its own.
  void check(MonoTime at, Bytes reply, const std::optional<Endpoint>& truth);

  uint64_t checked() const { return checked_; }

 private:
  Verdict& verdict_;
  uint64_t checked_ = 0;
};

// Once the world is healed every honest client gets what it asks for, as fast as its protocol
// promises: each attempt that began since then succeeds, and each client made one.
class LivenessOracle {
 public:
  explicit LivenessOracle(Verdict& verdict) : verdict_(verdict) {}

  using ClientId = size_t;
  ClientId add_client(std::string name);

  void succeeded(ClientId client, MonoTime began_at);
  void failed(ClientId client, MonoTime began_at, MonoTime at);

  // From now on attempts must succeed.
  void begin(MonoTime at) { healed_at_ = at; }
  // Requires begin().
  void end(MonoTime at);

  uint64_t successes() const { return successes_; }
  uint64_t failures() const { return failures_; }  // Those before begin() included.

 private:
  struct Client {
    std::string name;
    uint64_t successes_since_healed = 0;
  };

  Verdict& verdict_;
  std::optional<MonoTime> healed_at_;
  std::vector<Client> clients_;
  uint64_t successes_ = 0;
  uint64_t failures_ = 0;
};

}  // namespace roost::sim
