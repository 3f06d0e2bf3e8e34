// SPDX-License-Identifier: MIT
#include "wire/peer_list.h"

#include <array>

#include "base/check.h"

namespace roost::wire {

using Error = PeerListError;

std::string_view label(PeerListError error) {
  switch (error) {
    case Error::kTooLarge: return "too_large";
    case Error::kNotCanonical: return "not_canonical";
    case Error::kNoPeers: return "no_peers";
    case Error::kBadRecord: return "bad_record";
    case Error::kTooManyRecords: return "too_many_records";
  }
  return "";
}

Result<PeerListView, PeerListError> PeerListView::parse(Bytes bytes) {
  if (bytes.size() > kPeerListSizeMax) return Failure(Error::kTooLarge);
  const auto view = BencodeView::parse_canonical(bytes);
  if (!view || view->kind() != BencodeKind::kDictionary) return Failure(Error::kNotCanonical);
  const auto peers = view->find("peers");
  if (!peers || peers->kind() != BencodeKind::kList) return Failure(Error::kNoPeers);
  size_t size = 0;
  bool is_good = true;
  peers->for_each_item([&](const BencodeView& item) {
    const auto record = item.string();
    is_good = is_good && record && record->size() <= kMutableItemSizeMax;
    ++size;
  });
  if (!is_good) return Failure(Error::kBadRecord);
  if (size > kPeerListRecordsMax) return Failure(Error::kTooManyRecords);
  return PeerListView(*peers, size);
}

Bytes encode_peer_list(std::span<const MutableItem> records, MutableBytes buffer) {
  CHECK(records.size() <= kPeerListRecordsMax);
  BencodeWriter writer(buffer);
  writer.open_dictionary();
  writer.key("peers");
  writer.open_list();
  for (const MutableItem& record : records) {
    std::array<uint8_t, kSignedNodeRecordSizeMax> signed_record;
    const Bytes encoded = encode_signed_node_record(record, signed_record);
    CHECK(!encoded.empty());
    writer.string(encoded);
  }
  writer.close();
  writer.close();
  return writer.finish();
}

}  // namespace roost::wire
