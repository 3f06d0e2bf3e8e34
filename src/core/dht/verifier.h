// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/random.h"
#include "base/time.h"
#include "base/token_bucket.h"
#include "core/action.h"
#include "core/dht/candidates.h"
#include "core/dht/contact_ring.h"
#include "core/dht/handout_quality.h"
#include "core/dht/own_query.h"
#include "core/dht/ping_cookie.h"
#include "core/dht/proven_addresses.h"
#include "core/outbox.h"
#include "wire/krpc.h"

namespace roost::core::dht {

// Finds out which nodes of the DHT are alive, and keeps them to be handed out.
//
//   a query from an unknown address   -> ping (proof): does it receive there?
//   its answer                        -> proven for half an hour, and a candidate
//   a candidate, 15 minutes silent    -> ping (admission): can everybody reach it?
//   its answer, with an ID that BEP 42 gives its address -> a contact
//   a contact, every half hour        -> ping (verify); two without an answer, and it is gone
//
// Whoever is silent is given up only while others answer: where nobody does, it is our own line
// that is dead, or the donation that is used up. One contact is tried now and then until one
// answers.
//
// Read-only nodes (BEP 43) and addresses that the Internet cannot reach go no further than being
// proven. Pings leave no state behind (PingCookies). One ping is sent for a query, up to
// kProofsPerSecond, and counts for what may be sent to an address that has proven nothing; all
// others are paced.
class Verifier {
 public:
  struct Options {
    ContactRing::Options contacts;
    uint32_t candidates = 4096;
    uint32_t proven_addresses = 16384;
    // Of candidates, contacts and samples together.
    uint64_t pings_per_second = 20;
    // Lets loopback and private addresses in, whatever their IDs: for tests and networks apart.
    bool takes_special_purpose = false;
  };

  // As long as a family has fewer contacts, whoever answers a lookup is one at once.
  static constexpr size_t kContactsMin = 64;

  // Our own line is dead when nobody has answered for so long though all contacts were asked in
  // turn: so many of them at least, and that many are enough.
  static constexpr Duration kSilenceMin = std::chrono::seconds(10);
  static constexpr uint64_t kInARowMin = 8;
  static constexpr uint64_t kInARowMax = 40;
  // Answers that are no further apart show that the line was good in between.
  static constexpr Duration kQuietMax = std::chrono::minutes(1);
  // How often one is tried while it is dead: at first, and at last.
  static constexpr Duration kTryAgainMin = std::chrono::seconds(1);
  static constexpr Duration kTryAgainMax = std::chrono::minutes(1);

  struct Stats {
    std::array<uint64_t, kPingPurposeCount> pings{};
    std::array<uint64_t, kPingPurposeCount> answers{};
    std::array<uint64_t, Candidates::kOutcomeCount> candidates{};
    std::array<uint64_t, kContactAdmissionCount> admissions{};
    uint64_t refused_special_purpose = 0;  // Candidates, by their address,
    uint64_t refused_id = 0;               // and by their ID.
  };

  // Pings that let addresses prove themselves, at most. While more ask, chance picks who is asked
  // back, and the others get more nodes instead. A ping costs as much as an answer, and what comes
  // of a hundredth of these fills both tables within half an hour.
  static constexpr uint64_t kProofsPerSecond = 1000;

  // The bytes of a ping at most, which count for what an unproven address may be sent.
  static constexpr size_t kPingSize = sizeof("d1:ad2:id20:e1:q4:ping2:roi1e1:t8:1:v4:1:y1:qe") - 1 +
                                      20 + PingCookies::kSize + kVersion.size();

  // `random` is asked during construction only.
  Verifier(const Options& options, Random& random, MonoTime now);

  // Without a home nothing is asked in that family.
  void set_home(Family family, const std::optional<Home>& home);
  // Whether our pings say that we answer nobody (BEP 43).
  void set_read_only(bool is_read_only) { is_read_only_ = is_read_only; }

  // A query has come that does not say that it is of a read-only node, from an address that
  // is_proven(),
  void heard_proven(MonoTime now, const Endpoint& from);
  // or from another. Returns the bytes that this has sent back there: none, or those of a ping, if
  // `may_ping`.
  size_t heard_query(MonoTime now, const Endpoint& from, bool may_ping, Outbox& out);
  // An answer or an error has come. Says which ping of ours it belongs to, if to any.
  std::optional<PingPurpose> heard_answer(MonoTime now, const DatagramArrived& input,
                                          const wire::KrpcMessage& message);
  // A node has answered a question that was no ping. It becomes a contact at once while there are
  // fewer than kContactsMin, unless it has asked us something lately: then it may be one that only
  // we can reach. Otherwise it is a candidate.
  void heard_elsewhere(MonoTime now, const wire::CompactNode& node);

  // Our questions or the answers do not get through.
  bool is_line_dead(MonoTime now, Family family) const;
  // A question of ours, be it a ping or not, has been answered.
  void line_lives(MonoTime now, Family family);
  // Whether any was since then. Whoever was asked then and is silent is to blame only if so.
  bool has_heard_since(MonoTime time, Family family) const;

  bool is_proven(MonoTime now, const IpAddress& address) const {
    return proven_.contains(now, address);
  }
  // It has shown a token that was sent there.
  void prove(MonoTime now, const IpAddress& address) { proven_.add(now, address); }

  // Contacts to be handed out: see ContactRing::take.
  size_t take(MonoTime now, Family family, std::span<wire::CompactNode> out);
  // A node that is none is handed out: it is sampled like them.
  void handed_out(MonoTime now, const Endpoint& node) { quality_.handed_out(now, node); }

  // Asks whoever is due.
  void step(MonoTime now, const DeadlinePassed& input, Outbox& out);
  std::optional<MonoTime> next_deadline() const;

  ContactRing& ring() { return ring_; }
  const ContactRing& ring() const { return ring_; }
  const HandoutQuality& quality() const { return quality_; }
  const Stats& stats() const { return stats_; }
  static uint64_t bytes_for(const Options& options);

 private:
  // How often contacts are looked through for those that are due, at most.
  static constexpr Duration kTurn = std::chrono::seconds(1);
  static constexpr TokenBucket::Options kProofPace{kProofsPerSecond, kProofsPerSecond};
  // What one step sends at most, whatever has gathered: it shares the outbox with other questions.
  static constexpr size_t kPingsPerStepMax = 20;  // Each may be joined by one that tries the line.
  static_assert(2 * kPingsPerStepMax * kPingSize <= Outbox::kBytesPerStepMax &&
                2 * kPingsPerStepMax <= Outbox::kActionsPerStepMax);

  bool is_welcome(const IpAddress& address) const;
  bool ping(MonoTime now, PingPurpose purpose, const Endpoint& to, Outbox& out);
  bool ask_next(MonoTime now, Outbox& out);
  bool try_line(MonoTime now, Family family, Outbox& out);
  bool ask_contact(MonoTime now, Family family, Outbox& out);
  void admit(MonoTime now, const wire::CompactNode& contact);

  static constexpr MonoTime kNever = MonoTime() - std::chrono::hours(24);
  struct Line {
    AnswersHeard heard{kNever, kNever};
    uint64_t unanswered = 0;  // Contacts asked since the last answer,
    MonoTime silent_since{};  // the first of them then.
    MonoTime try_at{};
    Duration try_again = kTryAgainMin;
  };

  Options options_;
  ContactRing ring_;
  Candidates candidates_;
  ProvenAddresses proven_;
  PingCookies cookies_;
  HandoutQuality quality_;
  TokenBucket::Options pace_;
  TokenBucket pings_left_;
  TokenBucket proofs_left_;
  std::array<Line, kFamilyCount> lines_;
  Duration turn_;
  MonoTime next_turn_;
  bool is_read_only_ = false;
  std::array<std::optional<Home>, kFamilyCount> homes_;
  Stats stats_;
};

}  // namespace roost::core::dht
