// SPDX-License-Identifier: MIT
#include "node/store_page.h"

#include "base/check.h"

namespace roost::node {
namespace {

constexpr size_t kHeadSize = 6;

}  // namespace

StorePage::StorePage(const Limits& limits) : limits_(limits) {
  CHECK(limits.count_max > 0 && limits.size_max > 0 && limits.size_max <= kSizeMax);
}

bool StorePage::add(Bytes key, Bytes value) {
  const size_t size = key.size() + value.size();
  if (count_ > 0 && (count_ == limits_.count_max || size_ + size > limits_.size_max)) {
    is_cut_ = true;
    return false;
  }
  last_at_ = bytes_.size();
  uint8_t head[kHeadSize];
  store_u16(head, static_cast<uint16_t>(key.size()));
  store_u32(head + 2, static_cast<uint32_t>(value.size()));
  bytes_.insert(bytes_.end(), head, head + sizeof head);
  bytes_.insert(bytes_.end(), key.begin(), key.end());
  bytes_.insert(bytes_.end(), value.begin(), value.end());
  ++count_;
  size_ += size;
  return true;
}

std::vector<uint8_t> StorePage::next_from() const {
  CHECK(count_ > 0);
  Bytes rest = Bytes(bytes_).subspan(last_at_);
  const Bytes key = take_first(rest).key;
  std::vector<uint8_t> behind(key.begin(), key.end());
  behind.push_back(0);  // The least string above the key.
  return behind;
}

std::vector<core::StoreEntry> StorePage::entries() const {
  std::vector<core::StoreEntry> entries;
  entries.reserve(count_);
  for_each([&](Bytes key, Bytes value) { entries.push_back({key, value}); });
  return entries;
}

core::StoreEntry StorePage::take_first(Bytes& rest) {
  const size_t key_size = load_u16(&rest[0]);
  const size_t value_size = load_u32(&rest[2]);
  const core::StoreEntry entry = {rest.subspan(kHeadSize, key_size),
                                  rest.subspan(kHeadSize + key_size, value_size)};
  rest = rest.subspan(kHeadSize + key_size + value_size);
  return entry;
}

}  // namespace roost::node
