// SPDX-License-Identifier: MIT
#include "node/write_batch.h"

#include "base/check.h"

namespace roost::node {

void WriteBatch::put(Bytes key, Bytes value) {
  CHECK(!key.empty() && key.size() <= kStoreKeySizeMax);
  CHECK(value.size() <= kStoreValueSizeMax);
  add(Kind::kPut, key, value);
}

void WriteBatch::remove(Bytes key) {
  CHECK(!key.empty() && key.size() <= kStoreKeySizeMax);
  add(Kind::kRemove, key, {});
}

void WriteBatch::remove_range(Bytes from, Bytes to) {
  CHECK(from.size() <= kStoreKeySizeMax + 1 && to.size() <= kStoreKeySizeMax + 1);
  add(Kind::kRemoveRange, from, to);
}

void WriteBatch::add(const Change& change) {
  switch (change.kind) {
    case Kind::kPut: return put(change.key, change.value);
    case Kind::kRemove: return remove(change.key);
    case Kind::kRemoveRange: return remove_range(change.key, change.value);
  }
}

void WriteBatch::append(const WriteBatch& other) {
  CHECK(has_room_for(other));
  bytes_.insert(bytes_.end(), other.bytes_.begin(), other.bytes_.end());
}

void WriteBatch::add(Kind kind, Bytes key, Bytes value) {
  CHECK(has_room_for(key.size(), value.size()));
  uint8_t head[kOverhead];
  head[0] = static_cast<uint8_t>(kind);
  store_u16(head + 1, static_cast<uint16_t>(key.size()));
  store_u32(head + 3, static_cast<uint32_t>(value.size()));
  bytes_.insert(bytes_.end(), head, head + sizeof head);
  bytes_.insert(bytes_.end(), key.begin(), key.end());
  bytes_.insert(bytes_.end(), value.begin(), value.end());
}

WriteBatch::Change WriteBatch::take_first(Bytes& rest) {
  const auto kind = static_cast<Kind>(rest[0]);
  const size_t key_size = load_u16(&rest[1]);
  const size_t value_size = load_u32(&rest[3]);
  const Change change = {kind, rest.subspan(kOverhead, key_size),
                         rest.subspan(kOverhead + key_size, value_size)};
  rest = rest.subspan(kOverhead + key_size + value_size);
  return change;
}

}  // namespace roost::node
