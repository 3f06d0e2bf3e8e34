// SPDX-License-Identifier: MIT
//
// Goal: a list of signed records arrives as it was meant, and nothing hostile gets past.
// Method: the worked example of docs/protocol/peers.md; the largest list; a table of bodies and
// verdicts.
#include "wire/peer_list.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace roost::wire {
namespace {

std::string record_of_size(size_t size) {
  const std::string frame = "d1:pi1e1:z000:e";
  const size_t padding = size - frame.size();
  return "d1:pi1e1:z" + std::to_string(padding) + ":" + std::string(padding, 'z') + "e";
}

std::string encoded(std::span<const MutableItem> records) {
  std::vector<uint8_t> buffer(kPeerListSizeMax);
  return std::string(as_text(encode_peer_list(records, buffer)));
}

TEST(PeerList, TheLargestListFitsAndIsReadAsItWasWritten) {
  const std::string value = record_of_size(kNodeRecordSizeMax);
  ASSERT_EQ(value.size(), kNodeRecordSizeMax);
  std::vector<MutableItem> records;
  for (uint8_t i = 0; i < kPeerListRecordsMax; ++i) {
    const std::array<uint8_t, 32> seed{i};
    const SigningKey key{SigningKey::Seed(seed)};
    records.push_back(sign_node_record(key, INT64_MAX, as_bytes(value)));
  }
  const std::string list = encoded(records);
  ASSERT_FALSE(list.empty());
  const auto view = PeerListView::parse(as_bytes(list));
  ASSERT_TRUE(view);
  EXPECT_EQ(view->size(), kPeerListRecordsMax);
  size_t at = 0;
  view->for_each([&](Bytes bytes) {
    const auto item = parse_signed_node_record(bytes);
    ASSERT_TRUE(item);
    EXPECT_EQ(item->key, records[at++].key) << "in order";
    EXPECT_TRUE(signature_matches(*item));
  });
  EXPECT_EQ(at, kPeerListRecordsMax);

  std::vector<uint8_t> too_small(list.size() - 1);
  EXPECT_TRUE(encode_peer_list(records, too_small).empty());
}

TEST(PeerList, MayBeEmpty) {
  EXPECT_EQ(encoded({}), "d5:peerslee");
  EXPECT_EQ(PeerListView::parse(as_bytes("d5:peerslee"))->size(), 0u);
}

TEST(PeerList, RefusesWhatIsNoListAndReadsOverWhatItDoesNotKnow) {
  const auto list_of = [](size_t count, std::string_view entry) {
    std::string list = "d5:peersl";
    for (size_t i = 0; i < count; ++i) list += entry;
    return list + "ee";
  };
  const auto entry_of = [](size_t size) {
    return std::to_string(size) + ":" + std::string(size, 'x');
  };
  struct Row {
    std::string given;
    std::string_view expect;
  };
  const Row rows[] = {
      {list_of(32, "0:"), "accepted"},
      {"d4:morei1e5:peersle5:sinceldeee", "accepted"},
      {list_of(1, entry_of(kMutableItemSizeMax)), "accepted"},
      {list_of(33, "0:"), "too_many_records"},
      {list_of(1, entry_of(kMutableItemSizeMax + 1)), "bad_record"},
      {list_of(1, "i1e"), "bad_record"},
      {list_of(1, "de"), "bad_record"},
      {list_of(30, entry_of(1200)) + std::string(4000, 'x'), "too_large"},
      {"", "not_canonical"},
      {"le", "not_canonical"},
      {"d5:peersle", "not_canonical"},
      {"d5:peerslee1:x", "not_canonical"},
      {"d5:peersle4:morei1ee", "not_canonical"},
      {"d5:peersle5:peerslee", "not_canonical"},
      {list_of(2000, "0:"), "not_canonical"},
      {"d5:peers" + std::string(100, 'l') + std::string(100, 'e') + "e", "not_canonical"},
      {"de", "no_peers"},
      {"d5:peersdee", "no_peers"},
      {"d5:peers2:lee", "no_peers"},
  };
  for (const Row& row : rows) {
    const auto parsed = PeerListView::parse(as_bytes(row.given));
    EXPECT_EQ(parsed ? "accepted" : label(parsed.error()), row.expect) << row.given;
  }
}

}  // namespace
}  // namespace roost::wire
