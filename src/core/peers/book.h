// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bounded_map.h"
#include "base/crypto_hash.h"
#include "base/crypto_sign.h"
#include "base/deadline_heap.h"
#include "base/endpoint.h"
#include "base/random.h"
#include "base/time.h"
#include "base/zeroed_array.h"
#include "wire/node_record.h"
#include "wire/peer_list.h"

namespace roost::core::peers {

// What became of an address or a record. Also the label of the counter.
enum class BookOutcome : uint8_t {
  kAdded,    // It is in the new table.
  kRenewed,  // What is known of a node has become more, or newer.
  kKnown,
  kTried,       // It has answered, and has a place in the tried table.
  kChallenges,  // It has answered; whoever has the place in question is asked first.
  kSpare,       // It has answered; all places that it might have are held by nodes that do, too.
  // Refused from here on.
  kUnreachable,  // No address of it may be asked, or can be.
  kBadRecord,
  kBadSignature,
  kOlder,
  kFromTheFuture,
  kStale,          // From the node itself, which would have signed anew.
  kNotASupernode,  // Nor does it stay, if it was one.
  kOurs,
  kAddressTaken,  // By another node, as far as is known; a test shows whose it is.
  kElsewhere,     // The record does not name the address that it was fetched from.
  kSourceFull,    // As many are new that were heard of in that network.
  kFull,
  kGone,  // Answers, but was given up in the meantime.
};
inline constexpr size_t kBookOutcomeCount = 19;
std::string_view label(BookOutcome outcome);

// The supernodes that this node knows, after the model of Bitcoin's addrman.
//
//   heard of  -> new --answers--> tried --silent for a day, while others answer--> forgotten
//                 '--silent three times--> forgotten
//
// Both tables consist of buckets, of a fixed size, and a secret key (SipHash) says which of them an
// entry belongs to. In the new table that depends on the group (/16, /32) of whoever told of it:
// all that one group tells meets in kNewBucketsPerSource buckets, and has kPerSourceInBucketMax
// places in each. In the tried table it depends on the group of the node's own address, which has
// kTriedBucketsPerGroup buckets; a prefix (/24, /48) has kTriedPerPrefixMax places in all.
//
// Nobody who answers is displaced by a newcomer. In the new table gives way who has failed a test,
// may not be asked yet, or is a spare one; in the tried table the one that has been silent for
// longest is asked once more, and gives way if it is silent then, too. Failures of tried nodes
// count only if another node has answered in between: when our own line is dead, nobody is
// forgotten.
//
// A key has at most one entry, and so has an address. A record is kept with its signature, as it is
// passed on; of equal keys the higher sequence number counts. What an attacker gains at most: with
// one network, 16 of 256 places of the new table; in the tried table, as many as he has prefixes
// with nodes that really answer, twice, and 16 of 256 for each /16; and he displaces nobody who
// answers.
class Book {
 public:
  static constexpr size_t kBucketSize = 8;
  static constexpr size_t kNewBucketsPerSource = 4;
  static constexpr size_t kPerSourceInBucketMax = 4;  // Half, so that one alone fills no bucket.
  static constexpr size_t kTriedBucketsPerGroup = 2;
  static constexpr size_t kTriedPerPrefixMax = 2;  // So that a neighbour does not depend on one.

  static constexpr uint8_t kNewFailuresMax = 3;
  static constexpr uint8_t kTriedFailuresMax = 24;  // A day.
  static constexpr uint8_t kLostAfter = 2;
  // Tests of an entry are so far apart, and up to so much more.
  static constexpr Duration kTestEvery = std::chrono::hours(1);
  static constexpr Duration kTestJitter = std::chrono::minutes(15);
  // Who has answered within that time keeps its place without being asked.
  static constexpr Duration kSafeFor = std::chrono::hours(4);

  // docs/protocol/node-record.md.
  static constexpr std::chrono::minutes kAheadMax{10};
  // A node signs at least once an hour while it is asked.
  static constexpr std::chrono::hours kBehindMax{2};

  // Of what is handed out: how old the last answer may be (two tests and some), how long a drawing
  // counts, which part of the tried nodes it shows at most, and how many all the same.
  static constexpr Duration kHandedOutFor = std::chrono::hours(3);
  static constexpr Duration kDrawnFor = std::chrono::hours(24);
  static constexpr size_t kDrawnPart = 4;
  static constexpr size_t kDrawnMin = 8;

  struct Options {
    uint32_t new_entries = 256;    // Rounded up to whole buckets, as is
    uint32_t tried_entries = 256;  // this. Neither is 0.
    // Lets loopback and private addresses in: for tests and networks apart.
    bool takes_special_purpose = false;
    // Whose record is not kept: our own.
    std::optional<PublicKey> own_key{};
  };

  struct Stats {
    std::array<uint64_t, kBookOutcomeCount> outcomes{};
    uint64_t forgotten_new = 0;    // They did not answer,
    uint64_t forgotten_tried = 0;  // nor did they any more,
    uint64_t evicted = 0;          // nor when asked because of a challenge.
  };

  // What is known of a node.
  struct Known {
    Endpoint address{};
    std::optional<wire::MutableItem> record{};  // Borrowed from the book; its signature is good.
    bool is_tried = false;
    uint8_t failures = 0;  // Tests in a row that it has not passed.
    Duration heard_before{};
    std::optional<Duration> asked_before{};
    std::optional<Duration> answered_before{};
  };

  // `random` is asked during construction only.
  Book(const Options& options, Random& random);

  // Which families can be asked at all; both, until told otherwise.
  void set_reach(bool reaches_v4, bool reaches_v6);

  // `source` has told of a node: only where it is, or its record. The record's signature is checked
  // here, after everything that costs less.
  BookOutcome hear(const Now& now, const Endpoint& address, const IpAddress& source);
  BookOutcome hear(const Now& now, const wire::MutableItem& record, const IpAddress& source);

  // A node that is to be tested now, and is_proven if it has answered there before. Whoever takes
  // it reports answered(), unanswered() or postpone() for its address.
  struct Question {
    Endpoint address{};
    bool is_proven = false;
  };
  std::optional<Question> next_to_test(MonoTime now);
  std::optional<MonoTime> next_deadline() const { return due_at_.next_deadline(); }
  // The record came from `asked` itself. Whatever is refused counts as a failure.
  BookOutcome answered(const Now& now, const Endpoint& asked, const wire::MutableItem& record);
  void unanswered(MonoTime now, const Endpoint& asked);
  // A tried node that has been silent kLostAfter times, twice as many, and so on, since others
  // answered: it may be elsewhere by now, as its newest record in the DHT tells. Each time once.
  std::optional<PublicKey> take_lost();
  // It may not be asked yet. Meanwhile it gives way to newcomers, unless it is tried: else whoever
  // names many addresses of one prefix would hold places for as long as that rests.
  void postpone(const Endpoint& address, MonoTime until);

  // Records to be handed out, at most one of each group, and no others for kDrawnFor however often
  // it is asked, but for those that fall silent. They are good until the book changes. Returns how
  // many.
  size_t sample(MonoTime now, std::span<wire::MutableItem> out);

  // What is worth keeping over a restart is the records of the tried nodes: when they were signed
  // tells when they answered, to the hour. Takes one back into the tried table, if there is room,
  // and it will be tested soon. The buckets are others then. Needs no reach yet.
  BookOutcome restore(const Now& now, const wire::MutableItem& record);

  // Calls `visit(const Known&)` for each, in an order that means nothing.
  template <typename Visit>
  void for_each(MonoTime now, Visit visit) const {
    for (uint32_t number = 0; number < entries_.size(); ++number) {
      if (entries_[number].address.port != 0) visit(known(now, number));
    }
  }

  size_t new_size() const { return sizes_[0]; }
  size_t tried_size() const { return sizes_[1]; }
  const Stats& stats() const { return stats_; }
  static uint64_t bytes_for(const Options& options);

  // Aborts unless tables and indices agree, and nobody has more than his places. For tests.
  void check_invariants() const;

 private:
  struct Entry {
    Endpoint address{};  // Port 0: free.
    PublicKey key{};
    Signature signature{};
    int64_t seq = 0;
    uint64_t source = 0;  // The group, in the new table.
    MonoTime heard_at{};
    std::optional<MonoTime> asked_at{};
    std::optional<MonoTime> answered_at{};
    std::optional<MonoTime> failed_at{};  // The last failure that counted.
    uint32_t challenger = 0;              // Its number, if is_challenged.
    uint16_t value_size = 0;              // 0: there is no record, and no key.
    uint8_t failures = 0;
    bool is_challenged = false;
    bool is_spare = false;
    bool is_waiting = false;
    bool is_lost = false;
    std::array<uint8_t, wire::kNodeRecordSizeMax> value{};
  };
  struct AddressBytes {
    std::array<uint8_t, 18> operator()(const Endpoint& endpoint) const;
  };
  struct KeyBytes {
    Bytes operator()(const PublicKey& key) const { return key; }
  };
  struct Numbers {  // Of the entries of a bucket.
    uint32_t first = 0;
    uint32_t end = 0;
  };

  bool is_tried(uint32_t number) const { return number >= new_places_; }
  bool is_public(const Endpoint& endpoint) const;
  bool is_welcome(const Endpoint& endpoint) const;
  uint64_t hash(char purpose, uint64_t a, uint64_t b, uint64_t c = 0) const;
  Numbers new_bucket(uint64_t source, const IpAddress& address) const;
  Numbers tried_bucket(const IpAddress& address) const;

  BookOutcome count(BookOutcome outcome);
  std::optional<BookOutcome> refuse(const Now& now, const wire::MutableItem& item,
                                    const Result<wire::NodeRecord, wire::NodeRecordError>& record,
                                    int64_t newer_than);
  BookOutcome hear_record(const Now& now, const wire::MutableItem& item, const IpAddress& source);
  BookOutcome take_answer(const Now& now, uint32_t number, const wire::MutableItem& item);
  BookOutcome take_back(const Now& now, const wire::MutableItem& item);
  std::optional<Endpoint> address_of(const wire::NodeRecord& record) const;

  Result<uint32_t, BookOutcome> find_new_place(uint64_t source, const IpAddress& address) const;
  // A free place in the tried table, or who would have to leave it.
  struct TriedPlace {
    std::optional<uint32_t> free{};
    uint32_t holder = 0;
  };
  TriedPlace find_tried_place(const IpAddress& address) const;
  BookOutcome promote(MonoTime now, uint32_t number);
  void fail(MonoTime now, uint32_t number);

  Entry& occupy(uint32_t number, const Endpoint& address, MonoTime now);
  void set_record(uint32_t number, const wire::MutableItem& item);
  void forget_record(uint32_t number);
  void vacate(uint32_t number);
  void move(uint32_t from, uint32_t to);
  void test_later(MonoTime now, uint32_t number);

  wire::MutableItem record_of(const Entry& entry) const;
  Known known(MonoTime now, uint32_t number) const;

  Options options_;
  SipHashKey secret_;
  uint32_t new_places_;
  ZeroedArray<Entry> entries_;  // The new table, then the tried one.
  BoundedMap<Endpoint, uint32_t, AddressBytes> by_address_;
  BoundedMap<PublicKey, uint32_t, KeyBytes> by_key_;
  DeadlineHeap due_at_;
  std::vector<std::pair<uint64_t, uint32_t>> drawing_;  // Room for sample().
  std::array<size_t, 2> sizes_{};
  std::array<bool, 2> reaches_{true, true};
  std::optional<MonoTime> answered_at_;  // By anybody.
  uint64_t tests_ = 0;
  Stats stats_;
};

// The block that an operator of networks has, whose nodes may all be one's: /16 of IPv4, /32 of
// IPv6.
uint64_t group_of(const IpAddress& address);

}  // namespace roost::core::peers
