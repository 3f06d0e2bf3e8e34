// SPDX-License-Identifier: MIT
#include "sim/actors/transfer.h"

#include <algorithm>
#include <array>

namespace roost::sim::actors {
namespace {

constexpr size_t kSegmentBytes = 1000;

}  // namespace

void Transfer::pump(Host& host, Connection& connection, size_t read_bytes_max) {
  read(host, connection, read_bytes_max);
  say(host, connection);
}

void Transfer::read(Host& host, Connection& connection, size_t bytes_max) {
  const bool is_in_header = heard_bytes_ < kHeaderBytes;
  if (!unread_.empty() && (!is_in_header || unread_.size() >= kHeaderBytes)) {
    const size_t size = std::min(unread_.size(), std::max(bytes_max, size_t{kHeaderBytes}));
    hear(host.now(), Bytes(unread_).first(size));
    unread_.erase(unread_.begin(), unread_.begin() + static_cast<ptrdiff_t>(size));
    connection.acknowledge(host, unread_.size());
  }
  if (!has_end_ || !unread_.empty() || has_heard_all_) return;
  has_heard_all_ = true;
  if (number_) oracle_.ended(host.now(), *number_, 1 - side_, heard_bytes_);
}

void Transfer::hear(MonoTime at, Bytes bytes) {
  if (heard_bytes_ == 0) {
    const TransferOracle::Number heard = load_u64(bytes.data());
    if (side_ == 0) oracle_.named(at, *number_, heard);
    number_ = heard;
    heard_bytes_ = kHeaderBytes;
    bytes = bytes.subspan(kHeaderBytes);
  }
  oracle_.received(at, *number_, 1 - side_, heard_bytes_, bytes);
  heard_bytes_ += bytes.size();
}

void Transfer::say(Host& host, Connection& connection) {
  if (!number_ || has_said_all_) return;
  while (said_bytes_ < bytes_) {
    const size_t left = std::min<size_t>(kSegmentBytes, bytes_ - said_bytes_);
    if (connection.room() < left) return;
    std::vector<uint8_t> segment(left);
    for (uint8_t& byte : segment) {
      std::array<uint8_t, kHeaderBytes> header;
      store_u64(header.data(), *number_);
      byte = said_bytes_ < kHeaderBytes ? header[said_bytes_]
                                        : TransferOracle::byte_at(*number_, side_, said_bytes_);
      ++said_bytes_;
    }
    connection.send(host, PacketKind::kData, segment);
  }
  has_said_all_ = true;
  oracle_.finished(*number_, side_, bytes_);
  connection.send(host, PacketKind::kEnd);
}

}  // namespace roost::sim::actors
