// SPDX-License-Identifier: MIT
//
// Goal: items are kept and replaced as BEP 44 says, and nobody takes more of the store than his
// share. Method: BEP 44's test vectors; puts in sequence as tables; random puts against a map; an
// attacker with one prefix, and one with many.
#include "core/dht/item_store.h"

#include <gtest/gtest.h>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/text.h"

namespace roost::core::dht {
namespace {

using namespace std::chrono_literals;
using wire::KrpcQuery;

constexpr MonoTime kStart{1h};

template <typename Array>
Array array_from_hex(std::string_view hex) {
  const auto bytes = from_hex(hex).value();
  Array array;
  EXPECT_EQ(bytes.size(), array.size());
  std::copy_n(bytes.begin(), array.size(), array.begin());
  return array;
}

SigningKey signing_key(uint8_t first) {
  SigningKey::Seed seed;
  seed.mutable_bytes()[0] = first;
  return SigningKey(seed);
}

// A bencoded string of so many bytes in all, at least 12, that begins with the number.
std::string string_of(size_t size, uint32_t number = 0) {
  std::string text = std::to_string(number) + ".";
  text.resize(size - (size < 13 ? 2 : size < 103 ? 3 : size < 1004 ? 4 : 5), 'x');
  return std::to_string(text.size()) + ":" + text;
}

// A put whose bytes are its own.
struct Put {
  std::string value;
  std::string salt{};
  std::optional<PublicKey> key{};
  std::optional<Signature> signature{};
  std::optional<int64_t> seq{};
  std::optional<int64_t> cas{};

  KrpcQuery query() const {
    KrpcQuery query;
    query.method = wire::KrpcMethod::kPut;
    query.value = as_bytes(value);
    query.salt = as_bytes(salt);
    query.key = key;
    query.signature = signature;
    query.seq = seq;
    query.cas = cas;
    return query;
  }
  wire::NodeId target() const {
    if (!key) return sha1(as_bytes(value));
    return sha1(as_bytes(std::string(as_text(*key)) + salt));
  }
};

Put signed_put(const SigningKey& key, int64_t seq, std::string value, std::string salt = "") {
  const auto item = wire::sign_mutable_item(key, seq, as_bytes(salt), as_bytes(value));
  return {std::move(value), std::move(salt), item.key, item.signature, seq};
}

IpAddress v4(uint32_t prefix, uint8_t host = 1) {
  return IpAddress::v4(prefix << 8 | host);
}

struct Fixture {
  explicit Fixture(uint32_t capacity = 1024) : random(1), store(capacity, random) {}

  std::string_view put(const Put& put, const IpAddress& from = v4(1), MonoTime now = kStart) {
    return label(store.put(now, from, put.query()));
  }
  std::optional<ItemStore::Item> get(const Put& put, MonoTime now = kStart) {
    return store.get(now, put.target(), buffer);
  }
  // Empty when it is not there.
  std::string value_of(const Put& put, MonoTime now = kStart) {
    const auto item = get(put, now);
    return item ? std::string(as_text(item->value)) : "";
  }

  SeededRandom random;
  ItemStore store;
  std::array<uint8_t, wire::kMutableItemValueSizeMax> buffer;
};

TEST(ItemStore, KeepsTheTestVectorsOfBep44) {
  const auto key =
      array_from_hex<PublicKey>("77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548");
  struct Row {
    std::string salt;
    std::string_view signature;
    std::string_view target;
  };
  const Row rows[] = {
      {"",
       "305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff"
       "1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01",
       "4a533d47ec9c7d95b1ad75f576cffc641853b750"},
      {"foobar",
       "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17d"
       "df9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08",
       "411eba73b6f087ca51a3795d9c8c938d365e32c1"},
  };
  Fixture f;
  for (const Row& row : rows) {
    const Put put{"12:Hello World!", row.salt, key, array_from_hex<Signature>(row.signature), 1};
    EXPECT_EQ(f.put(put), "stored");
    const auto item = f.store.get(kStart, array_from_hex<wire::NodeId>(row.target), f.buffer);
    ASSERT_TRUE(item);
    EXPECT_EQ(as_text(item->value), "12:Hello World!");
    EXPECT_EQ(item->key, put.key);
    EXPECT_EQ(item->signature, put.signature);
    EXPECT_EQ(item->seq, 1);
  }
  EXPECT_EQ(f.put({"12:Hello World!"}), "stored");
  const auto item = f.store.get(
      kStart, array_from_hex<wire::NodeId>("e5f96f6f38320f0f33959cb4d3d656452117aadb"), f.buffer);
  ASSERT_TRUE(item);
  EXPECT_EQ(as_text(item->value), "12:Hello World!");
  EXPECT_FALSE(item->key || item->signature || item->seq);
  EXPECT_EQ(f.store.size(), 3u);
  f.store.check_invariants();
}

TEST(ItemStore, TakesPutsInTheOrderOfTheirNumbers) {
  const SigningKey key = signing_key(1);
  const auto with_cas = [](Put put, int64_t cas) {
    put.cas = cas;
    return put;
  };
  const auto spoilt = [](Put put) {
    (*put.signature)[0] ^= 1;
    return put;
  };
  const std::string largest = string_of(1000);
  struct Row {
    Put put;
    std::string_view expect;
    std::string_view value;  // Afterwards.
  };
  const Row rows[] = {
      {spoilt(signed_put(key, 5, "1:a")), "invalid_signature", ""},
      {with_cas(signed_put(key, 5, "1:a"), 4), "stored", "1:a"},  // There is nothing to compare.
      {signed_put(key, 5, "1:a"), "refreshed", "1:a"},
      {spoilt(signed_put(key, 5, "1:a")), "invalid_signature", "1:a"},
      {signed_put(key, 5, "1:b"), "sequence_too_low", "1:a"},
      {signed_put(key, 4, "1:a"), "sequence_too_low", "1:a"},
      {signed_put(key, 4, "1:b"), "sequence_too_low", "1:a"},
      {spoilt(signed_put(key, 6, "1:b")), "invalid_signature", "1:a"},
      {signed_put(key, 6, "1:b"), "replaced", "1:b"},
      {with_cas(signed_put(key, 7, "1:c"), 5), "cas_mismatch", "1:b"},
      {with_cas(signed_put(key, 7, "1:c"), 7), "cas_mismatch", "1:b"},
      {with_cas(signed_put(key, 7, "1:c"), 6), "replaced", "1:c"},
      {with_cas(signed_put(key, 7, "1:c"), 6), "cas_mismatch", "1:c"},  // It came twice.
      {with_cas(signed_put(key, 6, "1:d"), 7), "sequence_too_low", "1:c"},
      {with_cas(signed_put(key, 7, "1:c"), 7), "refreshed", "1:c"},
      {signed_put(key, INT64_MAX, largest), "replaced", largest},
      {signed_put(key, INT64_MAX, "1:e"), "sequence_too_low", largest},
  };
  Fixture f;
  for (const Row& row : rows) {
    SCOPED_TRACE(testing::Message() << *row.put.seq << " " << row.put.value.substr(0, 10));
    EXPECT_EQ(f.put(row.put), row.expect);
    EXPECT_EQ(f.value_of(row.put), row.value);
    f.store.check_invariants();
  }
  // Another salt is another item.
  const Put salted = signed_put(key, 1, "1:z", "salt");
  EXPECT_EQ(f.put(salted), "stored");
  EXPECT_EQ(f.value_of(salted), "1:z");
  EXPECT_EQ(f.store.size(), 2u);
}

TEST(ItemStore, RefusesWhatIsTooLarge) {
  const SigningKey key = signing_key(1);
  Fixture f;
  EXPECT_EQ(f.put({string_of(1000)}), "stored");
  EXPECT_EQ(f.put({string_of(1001)}), "value_too_big");
  Put put = signed_put(key, 1, string_of(1000), std::string(64, 's'));
  EXPECT_EQ(f.put(put), "stored");
  EXPECT_EQ(f.value_of(put), string_of(1000));
  put.salt += "s";
  EXPECT_EQ(f.put(put), "salt_too_big");
  put.value = string_of(1001);
  EXPECT_EQ(f.put(put), "value_too_big");
  EXPECT_EQ(f.store.stats().signatures_checked, 1u);
  EXPECT_EQ(f.store.blocks_used(), 17u + 19u);
}

TEST(ItemStore, KeepsAValueOfAnySizeWhole) {
  const SigningKey key = signing_key(1);
  Fixture f;
  int64_t seq = 0;
  for (size_t size = 13; size <= 1000; size += 7) {
    const Put put = signed_put(key, ++seq, string_of(size, static_cast<uint32_t>(size)));
    f.put(put);
    ASSERT_EQ(f.value_of(put), put.value);
    ASSERT_EQ(f.get(put)->signature, put.signature);
  }
  f.store.check_invariants();
}

TEST(ItemStore, ForgetsAfterTwoHoursWithoutAPut) {
  Fixture f;
  const Put kept{"4:kept"};
  const Put lost{"4:lost"};
  const Put mine = signed_put(signing_key(1), 5, "1:a");
  for (const Put& put : {kept, lost, mine}) EXPECT_EQ(f.put(put), "stored");
  EXPECT_EQ(f.put(kept, v4(9), kStart + 1h), "refreshed");  // Anybody may.
  EXPECT_EQ(f.value_of(lost, kStart + 2h - 1s), "4:lost");
  EXPECT_EQ(f.value_of(lost, kStart + 2h), "");
  EXPECT_EQ(f.value_of(kept, kStart + 2h), "4:kept");
  EXPECT_EQ(f.store.size(), 3u);
  // What is gone has no number any more.
  EXPECT_EQ(f.put(signed_put(signing_key(1), 3, "1:b"), v4(1), kStart + 2h), "stored");
  EXPECT_EQ(f.store.size(), 2u);
  EXPECT_EQ(f.store.stats().expired, 2u);
  EXPECT_EQ(f.value_of(kept, kStart + 3h), "");
  f.store.check_invariants();
}

TEST(ItemStore, ChecksSignaturesLastAndOnlyOfWhatWouldBeStored) {
  const SigningKey key = signing_key(1);
  Fixture f(64);
  EXPECT_EQ(f.put(signed_put(key, 5, "1:a")), "stored");
  const auto checked = [&] { return f.store.stats().signatures_checked; };
  EXPECT_EQ(checked(), 1u);
  f.put(signed_put(key, 5, "1:a"));  // The same bytes.
  f.put(signed_put(key, 5, "1:b"));
  f.put(signed_put(key, 4, "1:a"));
  Put cas = signed_put(key, 6, "1:b");
  cas.cas = 3;
  f.put(cas);
  EXPECT_EQ(checked(), 1u);
  // A full share, and a full store.
  for (uint32_t i = 0; f.put({string_of(400, i)}) != "prefix_full"; ++i) continue;
  EXPECT_EQ(f.put(signed_put(signing_key(2), 1, "1:a")), "prefix_full");
  for (uint32_t i = 0; f.store.size() < 64; ++i) f.put({string_of(20, i)}, v4(100 + i));
  uint64_t refused = 0;
  for (uint32_t prefix = 1000; prefix < 1100; ++prefix) {
    const uint64_t before = checked();
    if (f.put(signed_put(signing_key(static_cast<uint8_t>(prefix)), 1, "1:a"), v4(prefix)) !=
        "store_full")
      continue;
    EXPECT_EQ(checked(), before);
    ++refused;
  }
  EXPECT_GT(refused, 0u);
}

// A mutable item and an immutable one under the same target: key and salt read like a value.
TEST(ItemStore, TellsApartTheTwoKindsUnderOneTarget) {
  Fixture f;
  const Put text{"29:abcdefghijklmnopqrstuvwxyz012"};
  ASSERT_EQ(text.value.size(), sizeof(PublicKey));
  PublicKey key;
  std::copy_n(as_bytes(text.value).begin(), key.size(), key.begin());
  const Put forged{"1:a", "", key, Signature{}, 1};
  ASSERT_EQ(text.target(), forged.target());
  EXPECT_EQ(f.put(text), "stored");
  EXPECT_EQ(f.put(forged), "invalid_signature");  // And not compared with what is no number.
  EXPECT_EQ(f.value_of(text), text.value);
}

TEST(ItemStore, AnItemThatGrowsFindsRoomOrStaysAsItWas) {
  Fixture f(64);  // 512 blocks.
  const SigningKey key = signing_key(1);
  const auto grown = [&](int64_t seq, size_t size) {
    return signed_put(key, seq, string_of(size));
  };
  const Put small = grown(1, 13);
  EXPECT_EQ(f.put(small), "stored");
  uint32_t prefix = 100;  // Those that meet another on both counters are passed over.
  for (uint32_t i = 0; i < 30; ++i) {
    while (f.put({string_of(1000, i)}, v4(prefix++)) != "stored") continue;
  }
  EXPECT_EQ(f.store.blocks_used(), 2 + 30 * 17u);
  // The others hold 17 each at most.
  EXPECT_EQ(f.put(grown(2, 1000)), "store_full");
  EXPECT_EQ(f.value_of(small), small.value);
  EXPECT_EQ(f.put(grown(2, 500)), "replaced");
  EXPECT_EQ(f.value_of(small), string_of(500));
  EXPECT_EQ(f.store.stats().evicted, 1u);
  f.store.check_invariants();
  // Beyond the share of the prefix, which has 19 here.
  EXPECT_EQ(f.put({"1:a"}), "stored");
  EXPECT_EQ(f.put({"1:b"}), "prefix_full");
  EXPECT_EQ(f.put(grown(3, 1000)), "prefix_full");
  EXPECT_EQ(f.value_of(small), string_of(500));
  EXPECT_EQ(f.put(grown(3, 13)), "replaced");
  EXPECT_EQ(f.value_of(small), small.value);
  f.store.check_invariants();
}

// Puts at random; as long as nobody is refused for want of room, the store is a map.
TEST(ItemStore, BehavesAsAMapWhileThereIsRoom) {
  struct Kept {
    Put put;
    MonoTime renewed;
  };
  SeededRandom random(7);
  Fixture f(4096);
  std::map<wire::NodeId, Kept> model;
  MonoTime now = kStart;
  for (int step = 0; step < 4'000; ++step) {
    now += std::chrono::seconds(random.below(120));
    std::erase_if(model, [&](const auto& entry) { return now - entry.second.renewed >= 2h; });
    const auto number = static_cast<uint32_t>(random.below(60));
    const auto size = 13 + random.below(200);
    const Put put = random.below(2) == 0
                        ? Put{string_of(20 + number, number)}
                        : signed_put(signing_key(static_cast<uint8_t>(number % 30)),
                                     static_cast<int64_t>(random.below(20)),
                                     string_of(size, static_cast<uint32_t>(random.below(2))));
    std::string_view expect = "stored";
    const auto found = model.find(put.target());
    if (found != model.end()) {
      const Put& there = found->second.put;
      if (!put.key || (put.seq == there.seq && put.value == there.value)) {
        expect = "refreshed";
      } else {
        expect = *put.seq > *there.seq ? "replaced" : "sequence_too_low";
      }
    }
    if (expect != "sequence_too_low") model[put.target()] = {put, now};
    ASSERT_EQ(f.put(put, v4(number), now), expect) << step;
    ASSERT_EQ(f.store.size(), model.size());
    if (step % 64 != 0) continue;
    f.store.check_invariants();
    for (const auto& [target, kept] : model) ASSERT_EQ(f.value_of(kept.put, now), kept.put.value);
  }
}

TEST(ItemStore, StaysWithinItsBoundsUnderRandomPuts) {
  SeededRandom random(3);
  Fixture f(32);
  std::map<wire::NodeId, std::string> ever;
  MonoTime now = kStart;
  for (int step = 0; step < 20'000; ++step) {
    now += std::chrono::milliseconds(random.below(30'000));
    const Put put{string_of(13 + random.below(980), static_cast<uint32_t>(random.below(500)))};
    f.put(put, v4(static_cast<uint32_t>(random.below(100))), now);
    ever[put.target()] = put.value;
    ASSERT_LE(f.store.size(), 32u);
    ASSERT_LE(f.store.blocks_used(), 32 * ItemStore::kBlocksPerItem);
    if (step % 100 == 0) f.store.check_invariants();
  }
  size_t found = 0;
  for (const auto& [target, value] : ever) {
    const auto item = f.store.get(now, target, f.buffer);
    if (!item) continue;
    ++found;
    EXPECT_EQ(as_text(item->value), value);
  }
  EXPECT_GT(found, 10u);
  const ItemStore::Stats& stats = f.store.stats();
  EXPECT_EQ(f.store.size(),
            stats.puts[static_cast<size_t>(PutOutcome::kStored)] - stats.expired - stats.evicted);
  EXPECT_GT(stats.evicted, 100u);
}

constexpr uint32_t kCapacity = 1024;

// How many of the items that `count` prefixes have put, so many each, are still here.
uint32_t survivors(Fixture& f, uint32_t count, uint32_t each) {
  uint32_t left = 0;
  for (uint32_t i = 0; i < count * each; ++i) left += f.value_of({string_of(20, i)}) != "";
  return left;
}

TEST(ItemStore, AnAttackerInOnePrefixDisplacesNobodyWhoHasLess) {
  Fixture f;
  // 512 others with two items each fill the store, but for those who meet on one counter.
  for (uint32_t i = 0; i < kCapacity; ++i) {
    ASSERT_EQ(f.put({string_of(20, i)}, v4(1000 + i / 2)), "stored");
  }
  for (uint32_t i = 0; i < 20'000; ++i) {
    f.put({string_of(20, 1'000'000 + i)}, v4(7, static_cast<uint8_t>(i)));
  }
  // He has as much as the others at most, and so they have lost no more.
  EXPECT_GE(survivors(f, 512, 2), kCapacity - 8);
  f.store.check_invariants();
}

TEST(ItemStore, AnAttackerInOnePrefixHasNoMoreThanItsShareOfAnEmptyStore) {
  Fixture f;
  for (uint32_t i = 0; i < 20'000; ++i) {
    f.put({string_of(20, 1'000'000 + i)}, v4(7, static_cast<uint8_t>(i)));
  }
  EXPECT_EQ(f.store.size(), kCapacity / ItemStore::kSharesMin);
  EXPECT_EQ(f.store.stats().puts[static_cast<size_t>(PutOutcome::kPrefixFull)],
            20'000 - kCapacity / ItemStore::kSharesMin);
}

TEST(ItemStore, AnAttackerWithManyPrefixesGivesWayToThoseWhoHoldLess) {
  Fixture f;
  // A hundred prefixes fill the store, and go on all the time.
  const auto attack = [&](uint32_t round) {
    for (uint32_t i = 0; i < 2'000; ++i) {
      f.put({string_of(20, 1'000'000 + round * 2'000 + i)}, v4(5000 + i % 100));
    }
  };
  attack(0);
  EXPECT_EQ(f.store.size(), kCapacity);
  uint32_t refused = 0;
  for (uint32_t i = 0; i < 400; ++i) {  // Two each.
    refused += f.put({string_of(20, i)}, v4(1000 + i / 2)) != "stored";
    if (i % 50 == 0) attack(1 + i / 50);
  }
  for (uint32_t round = 10; round < 20; ++round) attack(round);
  // One in a hundred meets two of his counters.
  EXPECT_LE(refused, 10u);
  EXPECT_GE(survivors(f, 200, 2), 390u);
  f.store.check_invariants();
}

TEST(ItemStore, TellsHowMuchMemoryItTakes) {
  EXPECT_EQ((ItemStore::bytes_for(2'000'000) - ItemStore::bytes_for(1'000'000)) / 1'000'000, 584u);
  EXPECT_LE(ItemStore::bytes_for(4096), 4096 * 585u);
}

TEST(ItemStore, EveryOutcomeHasALabelOfItsOwn) {
  std::set<std::string_view> labels;
  for (size_t i = 0; i < kPutOutcomeCount; ++i) labels.insert(label(static_cast<PutOutcome>(i)));
  EXPECT_EQ(labels.size(), kPutOutcomeCount);
  EXPECT_FALSE(labels.contains(""));
}

}  // namespace
}  // namespace roost::core::dht
