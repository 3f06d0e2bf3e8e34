// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "wire/bencode.h"
#include "wire/node_record.h"

namespace roost::wire {

// A list of signed node records: the body of GET /v1/peers (docs/protocol/peers.md), and how the
// known nodes are kept on disk.
//
//   d 5:peers l <size>:<signed record> … e e
//
// Each record is a string, so that what one of them holds is neither counted nor nested in the
// list: a reader walks over the list before it has looked into any of them, and one that is no good
// does not spoil the others. Nothing here judges a record.
inline constexpr size_t kPeerListRecordsMax = 32;
// What records of the largest size come to, and room for keys that are not known yet.
inline constexpr size_t kPeerListSizeMax = 40'000;

enum class PeerListError : uint8_t {  // Also the label of a drop counter.
  kTooLarge,
  kNotCanonical,  // Not bencoding, or keys out of order.
  kNoPeers,       // There is no such list.
  kBadRecord,     // Not a string, or longer than a signed record may be.
  kTooManyRecords,
};
inline constexpr size_t kPeerListErrorCount = 5;
std::string_view label(PeerListError error);

// A checked window onto a list that somebody else owns.
class PeerListView {
 public:
  // Other keys than "peers" are read over.
  static Result<PeerListView, PeerListError> parse(Bytes bytes);

  size_t size() const { return size_; }

  // Calls `visit(Bytes)` for each, in order: what parse_signed_node_record() is to judge.
  template <typename Visit>
  void for_each(Visit visit) const {
    peers_.for_each_item([&visit](const BencodeView& item) { visit(*item.string()); });
  }

 private:
  PeerListView(const BencodeView& peers, size_t size) : peers_(peers), size_(size) {}

  BencodeView peers_;
  size_t size_;
};

// Empty when it does not fit; kPeerListSizeMax bytes always do. Requires at most
// kPeerListRecordsMax records, which encode_signed_node_record() takes.
Bytes encode_peer_list(std::span<const MutableItem> records, MutableBytes buffer);

}  // namespace roost::wire
