// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/endpoint.h"
#include "base/time.h"
#include "core/action.h"
#include "core/dht/contact_ring.h"
#include "sim/krpc_text.h"
#include "sim/verdict.h"

namespace roost::sim {

// What a node of the DHT owes the world, judged by what comes in and goes out.
//
//   - a query has one answer at most, and it goes where the query came from;
//   - in the step of a query its address gets kRatioMax times its bytes at most, pings included,
//     unless the address has proven within kProvenFor that it receives, by answering a question or
//     by showing a token;
//   - what the node asks on its own account hits nobody hard: an address that has not answered
//     lately gets no more than kUnaskedPerHourMax questions an hour, whoever names it how often;
//   - whoever is handed out has answered a question at that address, under that ID, within
//     kFreshFor; the ID is one of those that BEP 42 gives the address, which everybody can reach;
//     and it does not say of itself that it answers nobody (BEP 43);
//   - no prefix (/24, /48) has more than kPerPrefixMax contacts in the ring.
//
// Reads datagrams with krpc_text, and shares only the ring's for_each() with what it judges.
class DhtOracle {
 public:
  static constexpr size_t kRatioMax = 3;
  static constexpr size_t kPerPrefixMax = 2;
  static constexpr Duration kFreshFor = std::chrono::hours(1);
  static constexpr Duration kProvenFor = std::chrono::minutes(30);
  // A lookup leaves out who was silent in the last 15 minutes, unless too many were to be told
  // apart; under each ID and port that is named an address is another.
  static constexpr size_t kUnaskedPerHourMax = 60;
  // Later answers are none: the node keeps no state and its cookies end by then.
  static constexpr Duration kAnswerWithin = std::chrono::minutes(1);

  explicit DhtOracle(Verdict& verdict) : verdict_(verdict) {}

  // Whether somebody is there in truth, who could be asked by whoever is sent there.
  using Truth = std::function<bool(const Endpoint&)>;
  void set_truth(Truth truth) { truth_ = std::move(truth); }

  // One step: what went in, and what came out. Datagrams that are not of the DHT are read over.
  void check(MonoTime at, const core::Input& input, std::span<const core::Action> actions);
  void check_ring(MonoTime at, const core::dht::ContactRing& ring);
  void check_ring(MonoTime at, const std::vector<IpAddress>& contacts);
  // The node is gone, with all that it has asked and proven; its contacts may be kept on disk.
  void forget();

  uint64_t handed_out() const { return handed_out_; }
  uint64_t handed_out_alive() const { return handed_out_alive_; }
  uint64_t answered() const { return answer_count_; }  // Queries.
  // Of an hour, to one address.
  size_t unasked_max() const { return unasked_max_; }

 private:
  struct Question {
    MonoTime asked_at{};
    Endpoint to{};
    std::string transaction_id{};
  };

  void hear(MonoTime at, const Endpoint& from, const KrpcText& text);
  void check_sent(MonoTime at, const core::DatagramArrived* query, const core::SendDatagram& send);
  void check_unasked(MonoTime at, const IpAddress& to);
  void check_handed_out(MonoTime at, const wire::CompactNode& node);
  bool is_proven(MonoTime at, const IpAddress& address) const;
  void expire(MonoTime at);

  Verdict& verdict_;
  Truth truth_;
  std::map<Endpoint, std::map<wire::NodeId, MonoTime>> answered_at_;  // Under which ID.
  std::map<IpAddress, MonoTime> proven_at_;
  std::set<Endpoint> read_only_;
  std::deque<Question> questions_;  // The oldest first.
  std::set<std::pair<Endpoint, std::string>> open_;
  // Which of the last tokens were sent to an address.
  std::map<IpAddress, std::deque<std::string>> tokens_;
  std::deque<std::pair<MonoTime, IpAddress>> unasked_;
  std::map<IpAddress, size_t> unasked_counts_;
  size_t unasked_max_ = 0;
  uint64_t handed_out_ = 0;
  uint64_t handed_out_alive_ = 0;
  uint64_t answer_count_ = 0;
};

}  // namespace roost::sim
