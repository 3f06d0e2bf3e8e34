// SPDX-License-Identifier: MIT
#include "node/memory_store.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace roost::node {

Result<Done, StoreFailure> MemoryStore::commit(const WriteBatch& batch) {
  uint64_t added = 0;
  batch.for_each([&](const WriteBatch::Change& change) {
    if (change.kind == WriteBatch::Kind::kPut) added += change.key.size() + change.value.size();
  });
  if (added > 0 && size_ + added > size_max_) {
    return Failure(StoreFailure{StoreError::kFull, "the store in memory is full"});
  }
  batch.for_each([&](const WriteBatch::Change& change) { apply(change); });
  return Done();
}

Result<std::optional<std::vector<uint8_t>>, StoreFailure> MemoryStore::get(Bytes key) {
  CHECK(!key.empty() && key.size() <= kStoreKeySizeMax);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::optional<std::vector<uint8_t>>();
  return std::optional(found->second);
}

Result<StorePage, StoreFailure> MemoryStore::read_range(Bytes from, Bytes to,
                                                        const StorePage::Limits& limits) {
  StorePage page(limits);
  for (auto entry = entries_.lower_bound(from); is_before(entry, to); ++entry) {
    if (!page.add(entry->first, entry->second)) break;
  }
  return page;
}

Store::Sizes MemoryStore::sizes() {
  return {.disk_bytes = 0, .memory_bytes = size_};
}

bool MemoryStore::Before::operator()(Bytes a, Bytes b) const {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
}

void MemoryStore::apply(const WriteBatch::Change& change) {
  switch (change.kind) {
    case WriteBatch::Kind::kPut: {
      const auto [entry, is_new] = entries_.try_emplace({change.key.begin(), change.key.end()});
      size_ += (is_new ? change.key.size() : 0) + change.value.size() - entry->second.size();
      entry->second.assign(change.value.begin(), change.value.end());
      return;
    }
    case WriteBatch::Kind::kRemove: {
      const auto entry = entries_.find(change.key);
      if (entry != entries_.end()) erase(entry);
      return;
    }
    case WriteBatch::Kind::kRemoveRange: {
      auto entry = entries_.lower_bound(change.key);
      while (is_before(entry, change.value)) entry = erase(entry);
      return;
    }
  }
}

MemoryStore::Entries::iterator MemoryStore::erase(Entries::iterator entry) {
  size_ -= entry->first.size() + entry->second.size();
  return entries_.erase(entry);
}

bool MemoryStore::is_before(const Entries::const_iterator& entry, Bytes to) const {
  return entry != entries_.end() && (to.empty() || Before()(entry->first, to));
}

}  // namespace roost::node
