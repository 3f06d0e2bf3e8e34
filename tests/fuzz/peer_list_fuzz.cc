// SPDX-License-Identifier: MIT
//
// Any bytes: parsing does not crash and accepts exactly what a naive reader accepts; the records
// that it shows lie within the input, one behind the other, and those that are signed records
// survive encoding in a list of their own.
#include "wire/peer_list.h"

#include <optional>
#include <string>
#include <vector>

#include "base/check.h"

namespace roost::wire {
namespace {

std::optional<std::vector<std::string>> naive_records(Bytes bytes) {
  const auto view = BencodeView::parse_canonical(bytes);
  if (bytes.size() > 40'000 || !view || view->kind() != BencodeKind::kDictionary) return {};
  std::optional<std::vector<std::string>> records;
  bool is_good = true;
  view->for_each_entry([&](Bytes key, const BencodeView& value) {
    if (as_text(key) != "peers" || value.kind() != BencodeKind::kList) return;
    records.emplace();
    value.for_each_item([&](const BencodeView& item) {
      const auto string = item.string();
      is_good = is_good && string && string->size() <= 1214;
      if (is_good) records->emplace_back(as_text(*string));
    });
  });
  if (!is_good || !records || records->size() > 32) return {};
  return records;
}

void check(Bytes bytes) {
  const auto list = PeerListView::parse(bytes);
  const auto expected = naive_records(bytes);
  CHECK(list.has_value() == expected.has_value());
  if (!list) return;
  CHECK(list->size() == expected->size());

  std::vector<MutableItem> items;
  size_t at = 0;
  const uint8_t* behind = bytes.data();
  list->for_each([&](Bytes record) {
    CHECK(as_text(record) == expected->at(at++));
    CHECK(record.data() >= behind && record.data() + record.size() < bytes.data() + bytes.size());
    behind = record.data() + record.size();
    if (const auto item = parse_signed_node_record(record)) items.push_back(*item);
  });

  std::vector<uint8_t> buffer(kPeerListSizeMax);
  const auto again = PeerListView::parse(encode_peer_list(items, buffer));
  CHECK(again && again->size() == items.size());
  at = 0;
  again->for_each([&](Bytes record) {
    const auto item = parse_signed_node_record(record);
    CHECK(item && item->key == items[at].key && item->seq == items[at].seq);
    CHECK(same_bytes(item->value, items[at].value));
    ++at;
  });
}

}  // namespace
}  // namespace roost::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  roost::wire::check({data, size});
  return 0;
}
