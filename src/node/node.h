// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/crypto_sign.h"
#include "base/random.h"
#include "base/time.h"
#include "core/action.h"
#include "core/dtls/cookie_exchange.h"
#include "core/outbox.h"
#include "core/stun/responder.h"
#include "core/turn/server.h"
#include "node/admission.h"
#include "node/budget.h"
#include "node/config.h"
#include "node/dht_service.h"
#include "node/self_record.h"

namespace roost::node {

// The whole daemon as one machine without I/O: inputs and time in, actions out.
//
// Each input is admitted (limits per prefix), told apart (wire/demux), handed to the one core that
// serves it, and what that core sends is charged to the budget. Two shells drive it: io with the
// kernel, and sim with a simulated world. All memory for strangers is taken in the constructor.
class Node {
 public:
  enum class Drop : uint8_t {  // What reached no core. Also the label of the counter.
    kAdmission,                // The prefix has used up its packets per second.
    kUnknownKind,              // The first byte is of no protocol that we know (RFC 7983).
    kNotServed,                // The protocol is known, but no service here speaks it.
    kPortZero,                 // From port 0, which nothing can be sent to.
    kDonation,                 // A message on a stream, or a connection, also a peer's, while the
                               // donation is used up.
  };
  static constexpr size_t kDropCount = 5;

  struct Stats {
    std::array<uint64_t, core::kTransportCount> received{};        // Datagrams or messages.
    std::array<uint64_t, core::kTransportCount> received_bytes{};  // Of their payload.
    uint64_t datagrams_sent = 0;                                   // UDP and DTLS.
    std::array<uint64_t, core::kTransportCount> sent_bytes{};  // Payload (UDP), or all of a stream.
    std::array<uint64_t, kDropCount> drops{};
    // Relayed, by core::Payer; streams to clients are counted above alone.
    std::array<uint64_t, core::kPayerCount> relayed_bytes{};
    std::array<uint64_t, core::kPayerCount> relayed_refused{};  // Packets, by the donation.
    std::array<uint64_t, 6> http_replies{};  // On the public port, by the status's first digit.
  };

  // `sockets` are the UDP sockets' own addresses by SocketId: those of listen_endpoints(config), as
  // bound: the ports in `config` are known by then, and find_missing_socket() finds none. `key`
  // and `random` must outlive the node.
  Node(const Config& config, const std::vector<Endpoint>& sockets, const SigningKey& key,
       Random& random, const Now& now);

  // Handles one input and appends what it causes to `out`, which has_room(). `now.mono` never goes
  // backwards.
  void step(const Now& now, const core::Input& input, core::Outbox& out);

  // When step(DeadlinePassed) is next worth calling; empty when nothing is pending. Calling it
  // early or late is harmless.
  std::optional<MonoTime> next_deadline() const;

  // Takes over what can change while running: donate, admission and relay (but for the tables'
  // sizes), role, external addresses. The rest of `config` is ignored.
  void reload(const Config& config, const Now& now);

  // The process is about to end: what is kept in the store from time to time is to be kept now, as
  // far as what was there has been read. Goes on serving. `out` has_room().
  void keep_now(const Now& now, core::Outbox& out);
  // Whether any of that is on its way.
  bool is_keeping() const { return dht_ && dht_->is_keeping(); }

  // The machine has other addresses: those of `found` (addresses, machine_addresses and _networks)
  // are in force at once. What is allocated at one that is gone ends with the next DeadlinePassed.
  void readdress(const Config::Relay& found, const Now& now);

  Budget& budget() { return budget_; }
  const Budget& budget() const { return budget_; }
  const Config& config() const { return config_; }
  const Stats& stats() const { return stats_; }
  const core::stun::Responder::Stats& stun_stats() const { return stun_.stats(); }
  // What the owner has granted (core::turn::Grants); nothing where there is no relay.
  void set_grants(std::vector<core::turn::Grant> grants, const Now& now);
  // With what each has relayed. Null where there is no relay.
  const core::turn::Grants* grants() { return turn_ ? &turn_->grants() : nullptr; }
  const core::dtls::CookieExchange::Stats& dtls_stats() const { return dtls_.stats(); }
  // So far, of all payers, both directions.
  uint64_t relayed_packets() const { return turn_ ? turn_->relayed_packets() : 0; }
  // Null where there is no relay.
  const core::turn::Server* turn() const { return turn_ ? &*turn_ : nullptr; }
  // Null where the DHT is not served.
  core::dht::Server* dht() { return dht_ ? &dht_->server() : nullptr; }
  const core::dht::Server* dht() const { return dht_ ? &dht_->server() : nullptr; }
  // The same, and what it finds and keeps.
  DhtService* dht_service() { return dht_ ? &*dht_ : nullptr; }
  const DhtService* dht_service() const { return dht_ ? &*dht_ : nullptr; }
  const PrefixLimiter& packet_admission() const { return packet_admission_; }
  const ConnectionAdmission& connection_admission() const { return connection_admission_; }
  const PublicKey& public_key() const { return key_.public_key(); }
  Role role() const { return role_; }

  // Aborts unless the tables agree with each other. Tests call it after each step.
  void check_invariants() const;

 private:
  void handle(const Now& now, const core::DatagramArrived& input, core::Outbox& out);
  void handle(const Now& now, const core::MessageArrived& input, core::Outbox& out);
  void handle(const Now& now, const core::StreamOpened& input, core::Outbox& out);
  void handle(const Now& now, const core::StreamBytesSent& input, core::Outbox& out);
  void handle(const Now& now, const core::StreamClosed& input, core::Outbox& out);
  void handle(const Now& now, const core::HttpRequestArrived& input, core::Outbox& out);
  void handle(const Now& now, const core::RelayOpened& input, core::Outbox& out);
  void handle(const Now& now, const core::RelayRefused& input, core::Outbox& out);
  void handle(const Now& now, const core::RelayDatagramArrived& input, core::Outbox& out);
  void handle(const Now& now, const core::RelayErrorArrived& input, core::Outbox& out);
  void handle(const Now& now, const core::PeerConnected& input, core::Outbox& out);
  void handle(const Now& now, const core::PeerFailed& input, core::Outbox& out);
  void handle(const Now& now, const core::PeerArrived& input, core::Outbox& out);
  void handle(const Now& now, const core::PeerDataArrived& input, core::Outbox& out);
  void handle(const Now& now, const core::PeerClosed& input, core::Outbox& out);
  void handle(const Now& now, const core::NamesResolved& input, core::Outbox& out);
  void handle(const Now& now, const core::CommitDone& input, core::Outbox& out);
  void handle(const Now& now, const core::RangeRead& input, core::Outbox& out);
  void handle(const Now& now, const core::DeadlinePassed& input, core::Outbox& out);

  core::HttpReply answer(const Now& now, const core::HttpRequestArrived& input, core::Outbox& out);
  core::HttpReply answer_peers(const Now& now, const core::HttpRequestArrived& input);
  core::HttpReply answer_node(const Now& now, const core::HttpRequestArrived& input,
                              core::Outbox& out);
  void renew_record(const Now& now);
  void withhold_late_answers(size_t actions_before, core::Outbox& out);
  void drop(Drop why) { ++stats_.drops[static_cast<size_t>(why)]; }
  bool pay(const Now& now, const core::Action& action);
  void pay_for_peer_data(const Now& now, const core::ForwardPeerData& forward);
  bool pay_for_relay(const Now& now, core::Payer payer, core::Grade grade, size_t bytes);
  void count_received(core::Transport transport, size_t bytes);

  Config config_;
  const SigningKey& key_;
  Budget budget_;
  PrefixLimiter packet_admission_;
  PrefixLimiter stream_admission_;  // Apart from what can be forged.
  ConnectionAdmission connection_admission_;
  core::dtls::CookieExchange dtls_;
  core::stun::Responder stun_;
  std::optional<core::turn::Server> turn_;
  std::optional<DhtService> dht_;
  Role role_;
  // Relayed, paid for, and not reported as written yet: of streams of bytes, and of DTLS, whose
  // datagrams are paid for with their headers.
  uint64_t prepaid_bytes_ = 0;
  uint64_t prepaid_datagram_bytes_ = 0;
  Stats stats_;
  SelfRecord self_record_;
};

std::string_view label(Node::Drop drop);
std::string_view label(core::Transport transport);
std::string_view label(core::PeerFailure failure);
std::string_view label(core::Payer payer);

}  // namespace roost::node
