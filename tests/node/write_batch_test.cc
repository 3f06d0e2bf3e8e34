// SPDX-License-Identifier: MIT
//
// Goal: a batch says what was put into it, in that order, and never exceeds its bounds.
// Method: batches written out as text.
#include "node/write_batch.h"

#include <gtest/gtest.h>
#include <string>

namespace roost::node {
namespace {

std::string text_of(const WriteBatch& batch) {
  std::string text;
  batch.for_each([&](const WriteBatch::Change& change) {
    switch (change.kind) {
      case WriteBatch::Kind::kPut:
        text.append(as_text(change.key)).append("=").append(as_text(change.value)).append(" ");
        return;
      case WriteBatch::Kind::kRemove:
        text.append("-").append(as_text(change.key)).append(" ");
        return;
      case WriteBatch::Kind::kRemoveRange:
        text.append("-").append(as_text(change.key)).append("..");
        text.append(as_text(change.value)).append(" ");
        return;
    }
  });
  return text;
}

TEST(WriteBatch, SaysWhatWasPutIntoIt) {
  WriteBatch batch;
  EXPECT_TRUE(batch.is_empty());
  EXPECT_EQ("", text_of(batch));
  batch.put(as_bytes("a"), as_bytes("one"));
  batch.remove(as_bytes("bb"));
  batch.remove_range(as_bytes("c"), as_bytes("d"));
  batch.remove_range({}, {});
  batch.put(as_bytes("e"), {});
  EXPECT_FALSE(batch.is_empty());
  EXPECT_EQ("a=one -bb -c..d -.. e= ", text_of(batch));
  EXPECT_EQ(5 * WriteBatch::kOverhead + 9, batch.size());

  WriteBatch other;
  other.put(as_bytes("f"), as_bytes("2"));
  batch.append(other);
  EXPECT_EQ("a=one -bb -c..d -.. e= f=2 ", text_of(batch));

  WriteBatch again;
  batch.for_each([&](const WriteBatch::Change& change) { again.add(change); });
  EXPECT_EQ(text_of(batch), text_of(again));
  batch.clear();
  EXPECT_TRUE(batch.is_empty());
}

TEST(WriteBatch, TakesTheLargestKeyAndValue) {
  const std::string key(kStoreKeySizeMax, 'k');
  const std::string value(kStoreValueSizeMax, 'v');
  WriteBatch batch;
  batch.put(as_bytes(key), as_bytes(value));
  EXPECT_EQ(key + '=' + value + ' ', text_of(batch));
}

TEST(WriteBatch, KnowsWhatStillFitsIn) {
  const std::string value(kStoreValueSizeMax, 'v');
  WriteBatch batch;
  for (int i = 0; i < 3; ++i) batch.put(as_bytes("k"), as_bytes(value));
  EXPECT_TRUE(batch.has_room_for(1, kStoreValueSizeMax - 4 * 8));
  EXPECT_FALSE(batch.has_room_for(1, kStoreValueSizeMax - 4 * 8 + 1));
  WriteBatch other;
  other.put(as_bytes("k"), as_bytes(value));
  EXPECT_FALSE(batch.has_room_for(other));
  EXPECT_DEATH(batch.append(other), "");
}

TEST(WriteBatch, RefusesKeysAndValuesBeyondTheirBounds) {
  const std::string long_key(kStoreKeySizeMax + 1, 'k');
  const std::string large(kStoreValueSizeMax + 1, 'v');
  WriteBatch batch;
  EXPECT_DEATH(batch.put({}, {}), "");
  EXPECT_DEATH(batch.put(as_bytes(long_key), {}), "");
  EXPECT_DEATH(batch.put(as_bytes("k"), as_bytes(large)), "");
  EXPECT_DEATH(batch.remove({}), "");
  EXPECT_DEATH(batch.remove(as_bytes(long_key)), "");
  batch.remove_range(as_bytes(long_key), as_bytes(long_key));  // An end lies behind a key.
  EXPECT_DEATH(batch.remove_range(as_bytes(long_key + 'k'), {}), "");
  EXPECT_DEATH(batch.remove_range({}, as_bytes(long_key + 'k')), "");
}

}  // namespace
}  // namespace roost::node
