// SPDX-License-Identifier: MIT
//
// Goal: the store in memory keeps what node/store.h promises, except that it ends with the process.
// Method: the conformance suite, and its own bound.
#include "node/memory_store.h"

#include <gtest/gtest.h>

#include "store_conformance.h"

namespace roost::node {
namespace {

constexpr uint64_t kPlenty = 16 * 1024 * 1024;

class MemoryBed final : public StoreBed {
 public:
  Store& store() override { return store_; }
  void restart() override {}
  void crash() override {}
  void fill_disk() override { store_.set_size_max(0); }
  void make_room() override { store_.set_size_max(kPlenty); }

 private:
  MemoryStore store_{kPlenty};
};

INSTANTIATE_TEST_SUITE_P(Memory, StoreConformance,
                         testing::Values([] { return std::make_unique<MemoryBed>(); }));

TEST(MemoryStore, CountsWhatItHoldsAndNotWhatItHeld) {
  MemoryStore store(10);
  const auto put = [&](std::string_view key, std::string_view value) {
    WriteBatch batch;
    batch.put(as_bytes(key), as_bytes(value));
    return store.commit(batch).has_value();
  };
  EXPECT_TRUE(put("a", "1234"));
  EXPECT_EQ(5u, store.sizes().memory_bytes);
  EXPECT_TRUE(put("a", "123"));  // Fits beside the old one.
  EXPECT_EQ(4u, store.sizes().memory_bytes);
  EXPECT_FALSE(put("a", "123456"));  // Would fit, but not beside the old one.
  EXPECT_TRUE(put("b", "12345"));
  EXPECT_EQ(10u, store.sizes().memory_bytes);
  EXPECT_FALSE(put("c", ""));

  WriteBatch removal;  // What is full can be emptied.
  removal.remove(as_bytes("a"));
  removal.remove_range(as_bytes("b"), as_bytes("c"));
  EXPECT_TRUE(store.commit(removal));
  EXPECT_EQ(0u, store.sizes().memory_bytes);
}

}  // namespace
}  // namespace roost::node
