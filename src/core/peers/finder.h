// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/crypto_hash.h"
#include "base/random.h"
#include "base/time.h"
#include "base/token_bucket.h"
#include "core/action.h"
#include "core/outbox.h"
#include "core/peers/book.h"
#include "core/peers/record_query.h"
#include "core/peers/spacing.h"
#include "wire/krpc.h"
#include "wire/stun.h"

namespace roost::core::peers {

// Tests the nodes that the book has heard of, and those that it knows, again and again.
//
//   due --Binding request--> asked --success--> bound --get--> fetching --its record--> answered
//                              |                                 |  ^ once more, after kRepeatAfter
//                              '--silence, or an error-----------'--'--> unanswered
//
// What is sent to an address that has shown nothing is one Binding request of kRequestSize bytes:
// once in `address_rest`, and one for its prefix (/24, /48) in `prefix_rest`, whoever and however
// many name it to us, and never to a special-purpose address. The query for the record is larger
// and goes only to where a Binding request was answered, under a transaction ID that nobody can
// guess. An answer counts from the very address that was asked, and once.
class Finder {
 public:
  static constexpr size_t kRequestSize = wire::kStunHeaderSize;
  // Far round the world takes half a second; a busy node, or a packet that has to be sent by a
  // modem that sleeps, longer.
  static constexpr Duration kAnswerTimeMax = std::chrono::seconds(3);
  // By then whoever answers less to strangers has asked us in turn, and knows us.
  static constexpr Duration kRepeatAfter = std::chrono::seconds(2);
  // What may not be asked yet is looked at again so much later.
  static constexpr Duration kLookAgainAfter = std::chrono::minutes(5);
  // What one step does at most: what is left is due at once, and waits for the next.
  static constexpr size_t kFetchesPerStepMax = 4;
  static constexpr size_t kLookedAtPerStepMax = 32;

  struct Options {
    Book::Options book{};
    wire::NodeId network{};  // network_infohash().
    uint32_t in_flight = 16;
    uint64_t tests_per_second = 1;
    Duration address_rest = std::chrono::hours(1);
    Duration prefix_rest = std::chrono::minutes(1);
    // Remembered at a time: more than an hour's tests, so that none is refused for want of memory.
    uint32_t resting_addresses = 4096;
    uint32_t resting_prefixes = 256;
  };

  // Where questions to a family leave from, and under which ID in the DHT.
  struct Home {
    SocketId socket = 0;
    LocalEnd local{};
    wire::NodeId id{};
    bool is_read_only = false;  // BEP 43.
  };

  // What an answer has shown of ourselves.
  struct Observation {
    Endpoint ours{};
    IpAddress by{};
  };

  struct Stats {
    uint64_t bindings = 0;  // Sent,
    uint64_t bound = 0;     // and answered.
    uint64_t fetches = 0;   // The same, repetitions included.
    uint64_t fetched = 0;
    uint64_t silent = 0;   // Tests that failed for want of an answer,
    uint64_t errors = 0;   // or for one that was none.
    uint64_t answers = 0;  // Messages that belonged to a question, whatever they said.
    uint64_t held_back_address = 0;
    uint64_t held_back_prefix = 0;
    uint64_t held_back_unreachable = 0;  // There is no home for its family.
  };

  // `random` is asked during construction only.
  Finder(const Options& options, Random& random, MonoTime now);

  // Without a home, as in the beginning, nobody of that family is asked, nor taken into the book.
  void set_homes(const std::optional<Home>& v4, const std::optional<Home>& v6);

  // From get_peers, or whoever else has told: see Book::hear.
  BookOutcome hear(const Now& now, const Endpoint& address, const IpAddress& source) {
    return book_.hear(now, address, source);
  }
  BookOutcome hear(const Now& now, const wire::MutableItem& record, const IpAddress& source) {
    return book_.hear(now, record, source);
  }

  // A STUN response, or a KRPC answer or error, has come. False if it belongs to no question of
  // ours; what belongs to one may make next_deadline() earlier.
  bool heard_stun(MonoTime now, const DatagramArrived& input, const wire::StunView& message);
  bool heard_answer(const Now& now, const DatagramArrived& input, const wire::KrpcMessage& message);
  // Of the last Binding response, once.
  std::optional<Observation> take_observation();

  // Whether there is anything that an answer could belong to.
  bool has_open_questions() const;

  void step(MonoTime now, const DeadlinePassed& input, Outbox& out);
  std::optional<MonoTime> next_deadline() const;

  Book& book() { return book_; }
  const Book& book() const { return book_; }
  const Stats& stats() const { return stats_; }
  static uint64_t bytes_for(const Options& options);

 private:
  static_assert(kFetchesPerStepMax * kRecordQuerySize + kLookedAtPerStepMax * kRequestSize <=
                    Outbox::kBytesPerStepMax &&
                kFetchesPerStepMax + kLookedAtPerStepMax <= Outbox::kActionsPerStepMax);

  enum class State : uint8_t { kFree, kAsked, kBound, kFetching, kAgain };
  using TransactionId = std::array<uint8_t, 12>;
  struct Attempt {
    State state = State::kFree;
    bool is_repetition = false;
    Endpoint to{};
    TransactionId transaction_id{};
    MonoTime deadline{};
  };

  const std::optional<Home>& home_of(const IpAddress& address) const;
  bool may_ask(MonoTime now, const Book::Question& question);
  TransactionId next_transaction_id(const Endpoint& to);
  Attempt* find(State state, const Endpoint& from, Bytes transaction_id);
  Attempt* find_free();
  // Whether that sends a query for a record.
  bool go_on(MonoTime now, Attempt& attempt, Outbox& out);
  void ask(MonoTime now, Attempt& attempt, const Endpoint& to, Outbox& out);
  bool fetch(MonoTime now, Attempt& attempt, Outbox& out);
  void fail(MonoTime now, Attempt& attempt);
  void send(const Endpoint& to, Bytes payload, Grade grade, Outbox& out) const;

  Options options_;
  Book book_;
  SipHashKey secret_;
  Spacing addresses_;
  Spacing prefixes_;
  TokenBucket::Options pace_;
  TokenBucket tests_left_;
  std::optional<Home> v4_;
  std::optional<Home> v6_;
  std::vector<Attempt> attempts_;
  uint64_t transactions_ = 0;
  std::optional<Observation> observation_;
  Stats stats_;
};

}  // namespace roost::core::peers
