// SPDX-License-Identifier: MIT
#include "core/dht/item_store.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/crypto_hash.h"

namespace roost::core::dht {
namespace {

constexpr uint32_t kCapacityMax = uint32_t{1} << 24;
constexpr size_t kSignedHeadSize = sizeof(PublicKey) + sizeof(Signature);

uint32_t blocks_for(size_t value_size, bool is_mutable) {
  const size_t size = value_size + (is_mutable ? kSignedHeadSize : 0);
  return static_cast<uint32_t>((size + ItemStore::kBlockSize - 1) / ItemStore::kBlockSize);
}

uint32_t share_for(uint32_t blocks) {
  return std::max(blocks, ItemStore::kBlocksPerItem);
}

// One item at least, however large, and however small the store.
uint32_t share_max(uint32_t capacity) {
  const uint32_t one = blocks_for(wire::kMutableItemValueSizeMax, true);
  return std::max(one, capacity * ItemStore::kBlocksPerItem / ItemStore::kSharesMin);
}

uint32_t block_count(uint32_t capacity) {
  const uint32_t one = blocks_for(wire::kMutableItemValueSizeMax, true);
  return std::max(one, capacity * ItemStore::kBlocksPerItem);
}

wire::NodeId target_of(const wire::KrpcQuery& put) {
  return put.key ? wire::mutable_item_target(*put.key, put.salt) : sha1(put.value);
}

}  // namespace

std::string_view label(PutOutcome outcome) {
  switch (outcome) {
    case PutOutcome::kStored: return "stored";
    case PutOutcome::kReplaced: return "replaced";
    case PutOutcome::kRefreshed: return "refreshed";
    case PutOutcome::kValueTooBig: return "value_too_big";
    case PutOutcome::kInvalidSignature: return "invalid_signature";
    case PutOutcome::kSaltTooBig: return "salt_too_big";
    case PutOutcome::kCasMismatch: return "cas_mismatch";
    case PutOutcome::kSequenceTooLow: return "sequence_too_low";
    case PutOutcome::kPrefixFull: return "prefix_full";
    case PutOutcome::kStoreFull: return "store_full";
  }
  return "";
}

// Takes blocks one after the other, as many as are written.
class ItemStore::BlockWriter {
 public:
  BlockWriter(ItemStore& store, uint32_t& first) : store_(store), link_(&first) {}

  void write(Bytes bytes) {
    while (!bytes.empty()) {
      if (left_.empty()) begin_block();
      const size_t taken = std::min(bytes.size(), left_.size());
      std::copy_n(bytes.begin(), taken, left_.begin());
      left_ = left_.subspan(taken);
      bytes = bytes.subspan(taken);
    }
  }

 private:
  void begin_block() {
    uint32_t number = store_.free_block_;
    if (number != 0) {
      store_.free_block_ = store_.blocks_[number].next;
    } else {
      number = ++store_.blocks_touched_;
      CHECK(number < store_.blocks_.size());
    }
    ++store_.blocks_used_;
    Block& block = store_.blocks_[number];
    block.next = 0;
    *link_ = number;
    link_ = &block.next;
    left_ = block.bytes;
  }

  ItemStore& store_;
  uint32_t* link_;
  MutableBytes left_;
};

class ItemStore::BlockReader {
 public:
  BlockReader(const ItemStore& store, uint32_t number)
      : store_(store), next_(store.items_[number].first_block) {}

  void skip(size_t size) {
    while (size > 0) size -= next(size).size();
  }
  void read(MutableBytes bytes) {
    while (!bytes.empty()) {
      const Bytes part = next(bytes.size());
      std::copy(part.begin(), part.end(), bytes.begin());
      bytes = bytes.subspan(part.size());
    }
  }
  bool equals(Bytes bytes) {
    while (!bytes.empty()) {
      const Bytes part = next(bytes.size());
      if (!same_bytes(part, bytes.first(part.size()))) return false;
      bytes = bytes.subspan(part.size());
    }
    return true;
  }

 private:
  // So many bytes at most, and one at least.
  Bytes next(size_t size_max) {
    if (left_.empty()) {
      CHECK(next_ != 0);
      left_ = store_.blocks_[next_].bytes;
      next_ = store_.blocks_[next_].next;
    }
    const Bytes part = left_.first(std::min(size_max, left_.size()));
    left_ = left_.subspan(part.size());
    return part;
  }

  const ItemStore& store_;
  uint32_t next_;
  Bytes left_;
};

ItemStore::ItemStore(uint32_t capacity, Random& random)
    : random_(random),
      items_(capacity, random.bytes<16>()),
      blocks_(size_t{block_count(capacity)} + 1),
      shares_(capacity, share_max(capacity), random.bytes<16>()) {
  CHECK(capacity <= kCapacityMax);
  static_assert(sizeof(Entry) == 60 && sizeof(Block) == 64);
}

size_t ItemStore::bytes_for(uint32_t capacity) {
  return AgedTable<Entry>::bytes_for(capacity) + PrefixShares::bytes_for(capacity) +
         (size_t{block_count(capacity)} + 1) * sizeof(Block);
}

PutOutcome ItemStore::put(MonoTime now, const IpAddress& from, const wire::KrpcQuery& put) {
  CHECK(!put.value.empty() && put.key.has_value() == put.signature.has_value() &&
        put.key.has_value() == put.seq.has_value());
  expire(now);
  const PutOutcome outcome = judge(now, from, put);
  ++stats_.puts[static_cast<size_t>(outcome)];
  return outcome;
}

PutOutcome ItemStore::judge(MonoTime now, const IpAddress& from, const wire::KrpcQuery& put) {
  const bool is_mutable = put.key.has_value();
  if (put.value.size() > wire::kMutableItemValueSizeMax) return PutOutcome::kValueTooBig;
  if (is_mutable && put.salt.size() > wire::kMutableItemSaltSizeMax) return PutOutcome::kSaltTooBig;

  const wire::NodeId target = target_of(put);
  const uint32_t number = find(target, is_mutable);
  const uint32_t blocks = blocks_for(put.value.size(), is_mutable);
  if (number == items_.kNone) {
    return store(now, {shares_.slot_of(from), 1, blocks, share_for(blocks)}, target, put);
  }
  const Entry& entry = items_[number];
  if (is_mutable) {
    const auto seq = static_cast<int64_t>(load_u64(entry.seq.data()));
    if (put.cas && *put.cas != seq) return PutOutcome::kCasMismatch;
    if (*put.seq < seq) return PutOutcome::kSequenceTooLow;
    if (*put.seq > seq) {
      const uint32_t blocks_before = blocks_of(entry);
      const uint32_t share_before = share_of(entry);
      return store(now,
                   {entry.putter, 0, blocks - std::min(blocks, blocks_before),
                    share_for(blocks) - std::min(share_for(blocks), share_before)},
                   target, put);
    }
    if (!has_value(number, put.value)) return PutOutcome::kSequenceTooLow;
    // The same bytes have been found to be right before.
    if (!has_signature(number, *put.signature) && !signature_matches(put)) {
      return PutOutcome::kInvalidSignature;
    }
  }
  items_.renew(number, now);
  return PutOutcome::kRefreshed;
}

PutOutcome ItemStore::store(MonoTime now, const Claim& claim, const wire::NodeId& target,
                            const wire::KrpcQuery& put) {
  if (!shares_.has_room(claim.putter, claim.share)) return PutOutcome::kPrefixFull;
  const auto gives_way = [&](uint32_t victim) {
    return shares_.gives_way(items_[victim].putter, claim.putter, claim.share);
  };
  uint32_t victim = fits(claim) ? items_.kNone : draw_victim();
  if (!fits(claim) && !gives_way(victim)) return PutOutcome::kStoreFull;
  if (put.key && !signature_matches(put)) return PutOutcome::kInvalidSignature;

  // Each victim frees a block at least, so this ends after as many as one value takes.
  while (!fits(claim)) {
    if (!gives_way(victim)) return PutOutcome::kStoreFull;
    remove(victim);
    ++stats_.evicted;
    victim = fits(claim) ? items_.kNone : draw_victim();
  }
  uint32_t number = find(target, put.key.has_value());
  const bool was_here = number != items_.kNone;
  if (was_here) {
    shares_.give_back(claim.putter, share_of(items_[number]));
    release_blocks(number);
    items_.renew(number, now);
  } else {
    number = items_.add(target, now);
    items_[number].putter = claim.putter;
  }
  write(number, put);
  shares_.take(claim.putter, share_of(items_[number]));
  return was_here ? PutOutcome::kReplaced : PutOutcome::kStored;
}

std::optional<ItemStore::Item> ItemStore::get(MonoTime now, const wire::NodeId& target,
                                              MutableBytes buffer) const {
  uint32_t number = items_.first_of(target);
  while (number != items_.kNone && items_.age(number, now) >= kLifetime) {
    number = items_.next_of(number);
  }
  if (number == items_.kNone) return {};
  const Entry& entry = items_[number];
  CHECK(buffer.size() >= entry.value_size);
  BlockReader reader(*this, number);
  Item item;
  if (entry.is_mutable) {
    item.seq = static_cast<int64_t>(load_u64(entry.seq.data()));
    reader.read(item.key.emplace());
    reader.read(item.signature.emplace());
  }
  const MutableBytes value = buffer.first(entry.value_size);
  reader.read(value);
  item.value = value;
  return item;
}

void ItemStore::expire(MonoTime now) {
  for (uint32_t number = items_.oldest();
       number != items_.kNone && items_.age(number, now) >= kLifetime; number = items_.oldest()) {
    remove(number);
    ++stats_.expired;
  }
}

// Of its kind: a value that reads like a key and a salt shares their target, and nothing else.
uint32_t ItemStore::find(const wire::NodeId& target, bool is_mutable) const {
  uint32_t number = items_.first_of(target);
  while (number != items_.kNone && items_[number].is_mutable != is_mutable) {
    number = items_.next_of(number);
  }
  return number;
}

bool ItemStore::signature_matches(const wire::KrpcQuery& put) {
  ++stats_.signatures_checked;
  return wire::signature_matches(
      wire::MutableItem{*put.key, *put.seq, *put.signature, put.salt, put.value});
}

bool ItemStore::fits(const Claim& claim) const {
  return items_.size() + claim.entries <= items_.capacity() &&
         blocks_used_ + claim.blocks < blocks_.size();
}

// Of a few drawn at random, the one whose prefix holds most. What is to be replaced never gives
// way, being the putter's own.
uint32_t ItemStore::draw_victim() const {
  const auto drawn = items_.draw<kSampleSize>(random_);
  return *std::max_element(drawn.begin(), drawn.end(), [this](uint32_t a, uint32_t b) {
    return shares_.claim(items_[a].putter) < shares_.claim(items_[b].putter);
  });
}

void ItemStore::remove(uint32_t number) {
  shares_.give_back(items_[number].putter, share_of(items_[number]));
  release_blocks(number);
  items_.remove(number);
}

void ItemStore::write(uint32_t number, const wire::KrpcQuery& put) {
  Entry& entry = items_[number];
  entry.value_size = static_cast<uint16_t>(put.value.size());
  entry.is_mutable = put.key.has_value();
  BlockWriter writer(*this, entry.first_block);
  if (entry.is_mutable) {
    store_u64(entry.seq.data(), static_cast<uint64_t>(*put.seq));
    writer.write(*put.key);
    writer.write(*put.signature);
  }
  writer.write(put.value);
}

void ItemStore::release_blocks(uint32_t number) {
  Entry& entry = items_[number];
  blocks_used_ -= blocks_of(entry);
  uint32_t* link = &entry.first_block;
  while (*link != 0) link = &blocks_[*link].next;
  *link = free_block_;
  free_block_ = entry.first_block;
  entry.first_block = 0;
}

bool ItemStore::has_value(uint32_t number, Bytes value) const {
  const Entry& entry = items_[number];
  BlockReader reader(*this, number);
  if (entry.is_mutable) reader.skip(kSignedHeadSize);
  return entry.value_size == value.size() && reader.equals(value);
}

bool ItemStore::has_signature(uint32_t number, const Signature& signature) const {
  BlockReader reader(*this, number);
  reader.skip(sizeof(PublicKey));
  return reader.equals(signature);
}

uint32_t ItemStore::blocks_of(const Entry& entry) {
  return blocks_for(entry.value_size, entry.is_mutable);
}

uint32_t ItemStore::share_of(const Entry& entry) {
  return share_for(blocks_of(entry));
}

void ItemStore::check_invariants() const {
  items_.check_invariants();
  uint32_t used = 0;
  PrefixShares recounted(items_.capacity(), 0, {});
  for (uint32_t number = 1; number <= items_.size(); ++number) {
    uint32_t in_chain = 0;
    for (uint32_t at = items_[number].first_block; at != 0; at = blocks_[at].next) ++in_chain;
    CHECK(in_chain == blocks_of(items_[number]));
    used += in_chain;
    recounted.take(items_[number].putter, share_of(items_[number]));
  }
  CHECK(used == blocks_used_);
  uint32_t free = 0;
  for (uint32_t at = free_block_; at != 0; at = blocks_[at].next) ++free;
  CHECK(used + free == blocks_touched_ && blocks_touched_ < blocks_.size());
  shares_.check_same(recounted);
}

}  // namespace roost::core::dht
