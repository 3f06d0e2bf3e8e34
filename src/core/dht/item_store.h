// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/address.h"
#include "base/bytes.h"
#include "base/crypto_sign.h"
#include "base/random.h"
#include "base/time.h"
#include "base/zeroed_array.h"
#include "core/dht/aged_table.h"
#include "core/dht/prefix_shares.h"
#include "wire/krpc.h"
#include "wire/mutable_item.h"
#include "wire/node_id.h"

namespace roost::core::dht {

// What became of a put. Also the label of the counter.
enum class PutOutcome : uint8_t {
  kStored,
  kReplaced,          // A mutable item, by a newer one of its key.
  kRefreshed,         // Was here already, and has its two hours again.
  kValueTooBig,       // 205
  kInvalidSignature,  // 206
  kSaltTooBig,        // 207
  kCasMismatch,       // 301
  kSequenceTooLow,    // 302; also the same number for another value.
  kPrefixFull,        // Whoever put it, or its neighbours, have their share of the store.
  kStoreFull,         // Of prefixes that hold no more than the putter's would.
};
inline constexpr size_t kPutOutcomeCount = 10;
std::string_view label(PutOutcome outcome);

// The items of BEP 44 that others have put with us: immutable ones under the SHA-1 of their value,
// mutable ones under that of their key and salt.
//
// All memory is taken in the constructor: entries, and blocks of kBlockSize bytes for what varies
// in size (the value, and the key and signature of a mutable item), as many as kBlocksPerItem for
// each entry. So a value of 40 bytes takes one block, the largest 19, and full is whatever runs out
// first: with the largest values only, the store holds half as many. 584 bytes for each of
// `capacity`. The salt is not kept: whoever asks for a target knows it.
//
// Items go after two hours, unless they are put again, by anybody; the next put removes all that
// are due, each once. Until then an item counts, as the larger part of entries and blocks that it
// takes, for the prefix that put it first, be it refreshed or replaced by whom it may; PrefixShares
// says how much that may be and, when the store is full, who gives way to whom: of kSampleSize
// items drawn at random the one whose prefix holds most, and none if all hold less than the putter
// would. So an attacker with one prefix has at most one part in kSharesMin of the store and, once
// it is full, no more than those whom he displaces; with many prefixes he has as much as as many
// others.
//
// A signature takes more time than all the rest: it is checked last, and only for what would be
// stored. Whoever sends wrong ones makes us check one for each put; how many puts a prefix may send
// is for the caller to say, who also asks for the token first.
class ItemStore {
 public:
  static constexpr Duration kLifetime = std::chrono::hours(2);  // As BEP 44 recommends.
  // So that 64 prefixes at least take part, and one can still keep 64 items of 4,096.
  static constexpr uint32_t kSharesMin = 64;
  // Of a store in which one item in five is an attacker's, 97 samples of 100 have one of those.
  static constexpr size_t kSampleSize = 16;
  // A cache line, of which a small value leaves little unused.
  static constexpr size_t kBlockSize = 60;
  // 480 bytes: most of what is seen is smaller.
  static constexpr uint32_t kBlocksPerItem = 8;

  struct Item {
    std::optional<PublicKey> key;  // These three of a mutable item.
    std::optional<Signature> signature;
    std::optional<int64_t> seq;
    Bytes value;  // In the caller's buffer.
  };

  struct Stats {
    std::array<uint64_t, kPutOutcomeCount> puts{};
    uint64_t expired = 0;
    uint64_t evicted = 0;
    uint64_t signatures_checked = 0;
  };

  // Room for `capacity` items of kBlocksPerItem blocks. Requires 0 < capacity <= 2^24. `random`
  // outlives this.
  ItemStore(uint32_t capacity, Random& random);

  // Requires what parse_query() has made of a put, and `now` not before the last one. `from` has
  // shown a token of ours.
  PutOutcome put(MonoTime now, const IpAddress& from, const wire::KrpcQuery& put);

  // The item under `target`, its value in `buffer`, which has room for kMutableItemValueSizeMax.
  std::optional<Item> get(MonoTime now, const wire::NodeId& target, MutableBytes buffer) const;

  uint32_t size() const { return items_.size(); }  // Some of them may have expired.
  uint32_t blocks_used() const { return blocks_used_; }
  const Stats& stats() const { return stats_; }
  static size_t bytes_for(uint32_t capacity);

  // Aborts unless blocks, shares and links agree. For tests.
  void check_invariants() const;

 private:
  struct Entry {
    wire::NodeId key;
    AgedLinks links;
    PrefixShares::Slot putter;
    uint32_t first_block;
    std::array<uint8_t, 8> seq;
    uint16_t value_size;
    bool is_mutable;
  };
  struct Block {
    uint32_t next;  // The first is none.
    std::array<uint8_t, kBlockSize> bytes;
  };
  // What a put would take.
  struct Claim {
    PrefixShares::Slot putter;
    uint32_t entries;  // 0 where it replaces an item.
    uint32_t blocks;   // Beyond those of the item that it replaces.
    uint32_t share;    // The same.
  };
  class BlockWriter;
  class BlockReader;

  PutOutcome judge(MonoTime now, const IpAddress& from, const wire::KrpcQuery& put);
  PutOutcome store(MonoTime now, const Claim& claim, const wire::NodeId& target,
                   const wire::KrpcQuery& put);
  void expire(MonoTime now);
  uint32_t find(const wire::NodeId& target, bool is_mutable) const;
  bool signature_matches(const wire::KrpcQuery& put);
  bool fits(const Claim& claim) const;
  uint32_t draw_victim() const;
  void remove(uint32_t number);
  void write(uint32_t number, const wire::KrpcQuery& put);
  void release_blocks(uint32_t number);
  bool has_value(uint32_t number, Bytes value) const;
  bool has_signature(uint32_t number, const Signature& signature) const;
  static uint32_t blocks_of(const Entry& entry);
  static uint32_t share_of(const Entry& entry);

  Random& random_;
  AgedTable<Entry> items_;
  ZeroedArray<Block> blocks_;
  uint32_t free_block_ = 0;
  uint32_t blocks_touched_ = 0;
  uint32_t blocks_used_ = 0;
  PrefixShares shares_;
  Stats stats_;
};

}  // namespace roost::core::dht
