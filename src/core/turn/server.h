// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/prefix_limiter.h"
#include "base/random.h"
#include "base/time.h"
#include "core/action.h"
#include "core/outbox.h"
#include "core/turn/addresses.h"
#include "core/turn/allocation_table.h"
#include "core/turn/authenticator.h"
#include "core/turn/credential_service.h"
#include "core/turn/fair_share.h"
#include "core/turn/forwarder.h"
#include "core/turn/peer_policy.h"
#include "core/turn/stream_relay.h"
#include "wire/stun.h"

namespace roost::core::turn {

// A TURN server (RFC 8656) for clients over UDP, TCP, TLS and DTLS, relaying UDP over IPv4, IPv6
// and between them, and TCP (RFC 6062) for those over TCP and TLS.
//
//   client == STUN, ChannelData == public port [ allocation ] relayed transport address == peers
//
// Until a client has shown that it receives at its address it costs no memory, and gets at most
// kUnverifiedRatioMax times the bytes that it sent, a few times a second for its prefix. What it
// may do then is bounded by AllocationTable::Options, FairShare::Options and PeerPolicy; who is
// refused gets the RFC's error code.
//
// Answers requests; Forwarder and StreamRelay relay. An allocation's sockets are the shell's: they
// are asked for by OpenRelay, and the Allocate is answered when they are there.
class Server {
 public:
  static constexpr size_t kUnverifiedRatioMax = 3;
  // Challenges (401, 438 and their like) per second of a home, and of all homes of a site: whoever
  // has a /48 is not challenged 256 times as often.
  static constexpr uint64_t kChallengesPerSecond = 10;
  static constexpr uint64_t kChallengesPerSecondOfSite = 40;
  static constexpr uint32_t kChallengedPrefixes = 4096;  // Told apart at a time.

  static constexpr Duration kLifetimeDefault = std::chrono::minutes(10);  // RFC 8656 §3.2.
  // Of a stream's: so long a client that is gone without a word keeps its place among the
  // connections (io/public_stream.h, io/dtls_association.h).
  static constexpr Duration kStreamLifetimeMax = std::chrono::minutes(10);
  static constexpr Duration kPermissionLifetime = std::chrono::minutes(5);    // §9.
  static constexpr Duration kChannelLifetime = std::chrono::minutes(10);      // §12.
  static constexpr Duration kReservationLifetime = std::chrono::seconds(30);  // §7.2.

  struct Options {
    Authenticator::Options authenticator;
    AllocationTable::Options table;
    Connections::Options connections;  // Of allocations over TCP; 0: there are none.
    Forwarder::Options forwarder;
    PeerPolicy peers;
    Duration lifetime_max = std::chrono::hours(1);
    // How long an allocation may go on in all, whatever is refreshed, by Payer. 0: no limit.
    std::array<Duration, kPayerCount> session_max{};
    // How often a stranger's account gets Forwarder::Options::stranger_bytes_per_period: once for
    // all credentials that are minted for it in so long a period. No shorter than they are valid.
    Duration stranger_period = std::chrono::hours(1);
    Addresses::Options addresses;
    CredentialService::Options credentials;
  };

  enum class Drop : uint8_t {  // Also the label of the counter.
    kMalformed,
    kNotARequest,  // A response to a question that we never asked.
    kUnknownMethod,
    kChallengeLimit,  // The prefix has been challenged often enough this second.
    kNoFlow,          // ChannelData or a Send indication without an allocation.
    kReplay,          // An Allocate while its first copy is being worked on.
  };
  static constexpr size_t kDropCount = 6;

  // STUN error codes that we send, by index.
  static constexpr std::array<unsigned, 14> kErrorCodes = {400, 401, 403, 420, 437, 438, 440,
                                                           441, 442, 443, 446, 447, 486, 508};

  struct Stats {
    // That came in over UDP or streams and were ours: relayed, answered or dropped.
    uint64_t messages = 0;
    std::array<uint64_t, 7> successes{};  // By method, in the order of method_label().
    // By Payer of who asks; kService: who has not shown who it is.
    std::array<std::array<uint64_t, kErrorCodes.size()>, kPayerCount> errors{};
    std::array<uint64_t, kDropCount> drops{};
    std::array<uint64_t, kPayerCount> allocations{};  // That were made.
    uint64_t expired = 0;
    uint64_t relay_refused = 0;                        // No port or descriptor for them.
    std::array<uint64_t, kPayerCount> refused_late{};  // Not accepting any more.
  };

  Server(const Options& options, Random& random, MonoTime now);

  Server(const Server&) = delete;  // Its parts know each other's places.
  Server& operator=(const Server&) = delete;

  // Takes over what may change while allocations live: limits (not beyond the tables' sizes),
  // shares, peers, users, addresses. Ends what was allocated to who is no user any more, and at
  // addresses that the machine has lost, at the next deadline, which is due.
  void reload(const Options& options, MonoTime now);
  // GET /v1/turn.
  HttpReply answer(const Now& now, const HttpRequestArrived& request, Outbox& out);
  // The grants that are in force from now on: who lost his, or was put into another class, is ended
  // by the next deadline, and no allocation outlives its grant.
  void set_grants(std::vector<Grant> grants, const Now& now);
  // What they have relayed is up to date.
  const Grants& grants();
  // Whether new allocations are taken on; those that there are go on either way.
  void set_accepting(bool is_accepting) { is_accepting_ = is_accepting; }

  // A payload is never empty.
  //
  // Whether the datagram is one of a flow with an allocation that was relayed, or counted as
  // dropped: ChannelData and Send indications. Everything else is for step(), after admission.
  bool relay(const Now& now, const DatagramArrived& input, Outbox& out);
  bool relay(const Now& now, const MessageArrived& input, Outbox& out);
  // Whether a request is of a flow with an allocation, which may ask so much: then it needs no
  // other admission, and floods from its prefix do not touch it.
  bool admits(MonoTime now, const DatagramArrived& input);
  bool admits(MonoTime now, const MessageArrived& input);
  // A STUN message of a method that serves() over UDP, or a stream (an association of DTLS is one).
  void step(const Now& now, const DatagramArrived& input, Outbox& out);
  void step(const Now& now, const MessageArrived& input, Outbox& out);

  void step(const Now& now, const RelayOpened& input, Outbox& out);
  void step(const Now& now, const RelayRefused& input, Outbox& out);
  void step(const Now& now, const RelayDatagramArrived& input, Outbox& out) {
    forwarder_.take_datagram(now.mono, input, out);
  }
  void step(const Now& now, const RelayErrorArrived& input, Outbox& out) {
    forwarder_.take_error(now.mono, input, out);
  }
  void step(const Now& now, const PeerConnected& input, Outbox& out);
  void step(const Now& now, const PeerFailed& input, Outbox& out);
  void step(const Now& now, const PeerArrived& input, Outbox& out) {
    streams_.take_arrived(now.mono, input, out);
  }
  void step(const Now& now, const PeerDataArrived& input, const Forwarder::Room& room,
            Outbox& out) {
    streams_.take_data(now.mono, input, room, out);
  }
  void step(const Now&, const PeerClosed& input, Outbox&) { streams_.take_closed(input); }
  void step(const Now& now, const StreamClosed& input, Outbox& out);
  void step(const Now& now, const DeadlinePassed& input, Outbox& out);
  std::optional<MonoTime> next_deadline() const;

  // Whether that is what relay() is for, by its first bytes.
  static bool may_be_relayed(Bytes message) {
    return message.size() >= 4 && (message[0] == 0 ? message[1] == 0x16 : message[0] >> 4 == 4);
  }
  // Whether the message begins with a method of ours (RFC 8656 §17).
  static bool serves(Bytes message);

  const Stats& stats() const { return stats_; }
  size_t grant_count() const { return grants_.all().size(); }
  const CredentialService& credentials() const { return credentials_; }
  // To peers and to clients, of all classes.
  uint64_t relayed_packets() const { return forwarder_.relayed_packets(); }
  const Forwarder::Stats& forwarded() const { return forwarder_.stats(); }
  const StreamRelay& streams() const { return streams_; }
  const AllocationTable& table() const { return table_; }
  void check_invariants() const;

  static uint64_t bytes_for(const Options& options);

 private:
  struct Request;  // A request being answered: server_request.h.

  // Connections that end in one step, each with an answer; the deadline stays due for the others.
  static constexpr int kConnectionsEndedPerStepMax = 8;

  bool relay(MonoTime now, const Flow& flow, Bytes message, Outbox& out);
  bool admits(MonoTime now, const Flow& flow);
  void handle(const Now& now, const Flow& flow, const wire::StunView& view, Outbox& out);
  void allocate(const Request& request, Outbox& out);
  void refresh(const Request& request, Outbox& out);
  void create_permission(const Request& request, Outbox& out);
  void bind_channel(const Request& request, Outbox& out);
  void connect(const Request& request, Outbox& out);
  void bind_connection(const Request& request, Outbox& out);

  void challenge(const Now& now, const Flow& flow, const wire::StunView& view,
                 Authenticator::Refusal why, Outbox& out);
  void refuse(const Request& request, unsigned code, Outbox& out);
  void succeed(const Request& request, Outbox& out);
  void finish_opening(MonoTime now, Allocation& allocation, Outbox& out);
  void answer_allocate(MonoTime now, const Allocation& allocation, Outbox& out);
  // Code 0: with the CONNECTION-ID.
  void answer_connect(const Connection& connection, unsigned code, Outbox& out);
  void end_overdue_connections(MonoTime now, Outbox& out);
  void send_reply(const Flow& flow, Bytes reply, Outbox& out, Grade grade = Grade::kCommitted,
                  std::optional<Duration> granted_lifetime = {});
  void count_error(unsigned code, Payer whose);
  void end_whom_nobody_vouches_for(MonoTime now);
  void note_relayed();
  void note_relayed(const Allocation& allocation);
  bool open_account(MonoTime now, Allocation& allocation);
  void begin_period(MonoTime now, Allocation& allocation);
  Duration lifetime_for(const Request& request, const Allocation& allocation) const;
  void count_success(wire::StunMethod method);
  Allocation* find_own(const Request& request, Outbox& out);

  // 0, or the error code that says why not.
  unsigned why_not_peer(const Allocation& allocation, const IpAddress& peer) const;

  Allocation* find_reservation(const Allocation& allocation);
  void end(Allocation& allocation, Outbox& out);
  void drop(Drop why) { ++stats_.drops[static_cast<size_t>(why)]; }

  Options options_;
  const uint32_t strangers_made_for_;  // So many have room for consent.
  SipHashKey secret_;
  Grants grants_;
  Authenticator authenticator_;
  AllocationTable table_;
  Addresses addresses_;
  PeerPolicy peers_;
  Forwarder forwarder_;
  StreamRelay streams_;
  CredentialService credentials_;
  PrefixLimiter challenges_;
  PrefixLimiter site_challenges_;
  bool is_accepting_ = true;
  uint64_t reservation_count_ = 0;
  Stats stats_;
};

std::string_view label(Server::Drop drop);
// Of Stats::successes.
std::string_view method_label(size_t index);

}  // namespace roost::core::turn
