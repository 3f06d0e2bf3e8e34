// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "core/action.h"
#include "core/outbox.h"
#include "core/reach/gateway_epoch.h"
#include "core/reach/refusal.h"
#include "wire/nat_pmp.h"
#include "wire/pcp.h"

namespace roost::core::reach {

// Asks the gateway of one family to let strangers in to our ports: a mapping through its NAT, or,
// with IPv6, a pinhole in its firewall. By PCP (RFC 6887), and by NAT-PMP (RFC 6886) where the
// gateway speaks no PCP and is of IPv4. Each mapping is
//
//   wanted --its turn--> asked --success--> granted --from half of its life on--> renewed
//     ^                   | |                  |
//     |     kVerdictTime  | '--error-----> refused --after the error's lifetime--> asked again
//     |     no answer <---'                    |
//     '-- the gateway has begun anew, or the lease has run out --'    release() --> released
//
// and the gateway
//
//   undecided --it answers in PCP--> PCP
//       '--it complains of PCP's version, or answers NAT-PMP's, after kPcpAloneTime--> NAT-PMP
//
// Both are left when all is silent for a whole round of requests, or a lease runs out unanswered.
// What is silent is asked on, ever more rarely. One request is on its way at a time, as RFC 6886
// §3.7 asks where many hosts lost their mappings at once: the next goes when it is answered, or
// after kPatience.
//
// Only what comes from the gateway's own address and port counts, and of a mapping of PCP only what
// knows its nonce. Who can forge the gateway's address on our link may have it all asked again,
// every few seconds at most, and in NAT-PMP, which has no nonce, be believed as the gateway is.
class PortMapping {
 public:
  using Protocol = wire::PcpProtocol;

  // UDP and TCP of one port, and as many again.
  static constexpr size_t kMappingCountMax = 4;
  // By then a gateway that is there has missed two requests of PCP, and four of NAT-PMP.
  static constexpr Duration kVerdictTime = std::chrono::seconds(6);
  // Then there is little hope that it speaks PCP: RFC 6887's first retransmission.
  static constexpr Duration kPcpAloneTime = std::chrono::seconds(3);
  static constexpr Duration kPatience = std::chrono::milliseconds(250);

  // RFC 6887 §8.1.1: IRT and MRT; RAND is a tenth. It ends never.
  static constexpr Duration kPcpFirstPause = std::chrono::seconds(3);
  static constexpr Duration kPauseMax = std::chrono::seconds(1024);
  // RFC 6886 §3.1: pauses double; after the last there is no NAT-PMP, and it is tried every
  // kPauseMax.
  static constexpr Duration kNatPmpFirstPause = std::chrono::milliseconds(250);
  static constexpr unsigned kNatPmpTryCountMax = 9;

  // RFC 6886 §3.3 recommends two hours. More than a day is not believed (RFC 6887 §15), nor that an
  // error lasts for more, or less, than servers are recommended to say (§7.4).
  static constexpr Duration kLifetime = std::chrono::hours(2);
  static constexpr Duration kLifetimeMax = std::chrono::hours(24);
  static constexpr Duration kErrorTimeMax = std::chrono::minutes(30);
  static constexpr Duration kErrorTimeMin = std::chrono::seconds(30);
  static constexpr Duration kRenewalPauseMin = std::chrono::seconds(4);  // RFC 6887 §11.2.1.
  // RFC 6886 §3.7: a gateway that comes back is not asked by all at once.
  static constexpr Duration kRemakeDelayMax = std::chrono::seconds(5);
  // Whoever misses the gateway's announcement would notice at the next renewal only. So it is asked
  // for its epoch, and NAT-PMP's for the external address, which may have changed as well.
  static constexpr Duration kLookPause = std::chrono::minutes(10);
  // The version of a gateway is taken to have changed so often in a row; then it speaks none.
  static constexpr unsigned kSwitchCountMax = 2;
  // Nobody waits long for a daemon to stop.
  static constexpr unsigned kReleaseTryCountMax = 2;
  static constexpr Duration kReleasePause = std::chrono::milliseconds(250);

  struct Gateway {
    IpAddress address{};
    SocketId socket = 0;  // Where questions leave from,
    LocalEnd local{};     // and the address that strangers are to be led to, by its own port.
  };

  enum class State : uint8_t { kWanted, kAsked, kGranted, kRefused, kNoAnswer, kReleased };

  struct Mapping {
    Protocol protocol{};
    uint16_t internal_port = 0;
    State state = State::kWanted;
    // Granted: where strangers come in, and until when. The address is unspecified as long as the
    // gateway does not tell it. The port may be another than ours.
    Endpoint external{};
    MonoTime until{};
    Refusal refusal{};  // Refused.
  };

  enum class GatewayProtocol : uint8_t { kUndecided, kPcp, kNatPmp };

  struct Stats {
    uint64_t requests = 0;
    uint64_t answers = 0;    // That belonged to a request, or told that the gateway has begun anew.
    uint64_t unasked = 0;    // From the gateway, and neither.
    uint64_t strangers = 0;  // From elsewhere.
    uint64_t granted = 0;
    uint64_t refused = 0;
    uint64_t expired = 0;
    uint64_t restarts = 0;  // Of the gateway.
  };

  // `random` must outlive it.
  explicit PortMapping(Random& random) : random_(random) {}

  // From now on that port is to be mapped. Requires that there are fewer than kMappingCountMax.
  void want(MonoTime now, Protocol protocol, uint16_t port);
  // Begins anew; without a gateway, as in the beginning, nothing is sent. What another had granted
  // is left to run out: it is seldom to be reached any more.
  void set_gateway(MonoTime now, const std::optional<Gateway>& gateway);

  // A datagram from port 5351 has come, to our socket or, as an announcement, to port 5350 of
  // everybody. False if it is not for us; if it is, next_deadline() may be earlier.
  bool heard(MonoTime now, const DatagramArrived& input);

  // Gives all back. Afterwards only step() and heard() are worth calling, and that until it is
  // done, which is after kReleaseTryCountMax kReleasePauses at the latest.
  void release(MonoTime now);
  bool is_released() const;

  void step(MonoTime now, const DeadlinePassed& input, Outbox& out);
  std::optional<MonoTime> next_deadline() const;

  size_t mapping_count() const { return leases_.size(); }
  const Mapping& mapping(size_t index) const { return leases_[index].mapping; }
  GatewayProtocol gateway_protocol() const { return protocol_; }
  // What the gateway has said that the Internet sees; empty while it has said nothing.
  std::optional<IpAddress> external_address() const;
  // Whether that is an address that the Internet cannot reach: another NAT is between, the
  // provider's or a second router's, and nothing that is granted here lets anybody in.
  bool is_behind_another_nat() const;
  const Stats& stats() const { return stats_; }

 private:
  static constexpr MonoTime kNever = MonoTime::max();

  // Something that is asked until it is answered.
  struct Question {
    unsigned tries = 0;  // Since the last answer.
    Duration pause{};    // After the last one.
    MonoTime first_sent_at{};
    MonoTime sent_at{};
    MonoTime due = kNever;
  };
  struct Lease {
    Mapping mapping{};
    wire::PcpNonce nonce{};
    Question question{};
    MonoTime verdict_at = kNever;
    MonoTime granted_at{};
    Duration lifetime{};
    Endpoint suggested{};
    std::optional<Refusal> refusal_of_renewal{};
    bool is_awaited = false;  // A response.
  };

  void expire(MonoTime now, Lease& lease);
  void judge(MonoTime now, Lease& lease);
  void ask_anew(Lease& lease, MonoTime at);
  void send_map(MonoTime now, Lease& lease, Outbox& out);
  void send_look(MonoTime now, Outbox& out);
  void send_map_request(Lease& lease, Duration lifetime, Outbox& out);
  void send(Bytes payload, Outbox& out);
  void count_try(MonoTime now, Question& question);
  Duration next_pause(const Question& question, bool is_nat_pmp);
  MonoTime renewal_at(const Lease& lease);

  bool is_from_gateway(const DatagramArrived& input) const;
  bool heard_pcp(MonoTime now, const wire::PcpResponse& response);
  bool heard_nat_pmp(MonoTime now, const wire::NatPmpResponse& response);
  bool heard_other_version(MonoTime now, GatewayProtocol instead);
  void believe(MonoTime now);
  Lease* find(const wire::PcpMap& map);
  Lease* find(const wire::NatPmpResponse& response);
  void granted(MonoTime now, Lease& lease, const Endpoint& external, Duration lifetime);
  void refused(MonoTime now, Lease& lease, Refusal refusal, Duration error_time);
  void set_external_address(const IpAddress& address);

  void decide(MonoTime now, GatewayProtocol protocol);
  void forget_protocol(MonoTime now);
  void ask_at_once(MonoTime now);
  void remake(MonoTime now);
  void step_release(MonoTime now, Outbox& out);
  bool may_speak_nat_pmp() const { return gateway_->address.is_v4(); }

  Random& random_;
  std::optional<Gateway> gateway_;
  GatewayProtocol protocol_ = GatewayProtocol::kUndecided;
  GatewayEpoch epoch_;
  std::vector<Lease> leases_;
  Question look_;  // For the epoch, and NAT-PMP's external address.
  std::optional<IpAddress> nat_pmp_address_;
  MonoTime next_turn_at_{};
  MonoTime heard_at_{};
  MonoTime remake_at_{};
  unsigned switches_ = 0;
  bool is_pcp_unanswered_ = false;
  bool is_nat_pmp_unanswered_ = false;
  bool is_releasing_ = false;
  Stats stats_;
};

std::string_view label(PortMapping::State state);
std::string_view label(PortMapping::GatewayProtocol protocol);

}  // namespace roost::core::reach
