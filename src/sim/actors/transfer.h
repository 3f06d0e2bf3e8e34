// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/connection.h"
#include "sim/host.h"
#include "sim/transfer_oracle.h"

namespace roost::sim::actors {

// One end of a conversation on a relayed connection: says its number and so many bytes, then ends;
// reads the other's, as fast as its owner lets it, and tells the oracle.
class Transfer {
 public:
  static constexpr uint64_t kHeaderBytes = 8;

  // `oracle` must outlive it. Side 0 has the number, side 1 learns it by the other's header.
  Transfer(TransferOracle& oracle, size_t side, uint64_t bytes)
      : oracle_(oracle), side_(side), bytes_(bytes + kHeaderBytes) {
    if (side == 0) number_ = oracle.begin();
  }

  // What came in, and its orderly end.
  void take(Bytes bytes) { unread_.insert(unread_.end(), bytes.begin(), bytes.end()); }
  void take_end() { has_end_ = true; }
  // Reads at most so many bytes, and says what there is room for.
  void pump(Host& host, Connection& connection, size_t read_bytes_max = SIZE_MAX);

  // Its connection is given up.
  void break_off() {
    if (number_) oracle_.broken_off(*number_, side_);
  }

  bool is_over() const { return has_said_all_ && has_heard_all_; }
  uint64_t heard_bytes() const { return heard_bytes_; }

 private:
  void read(Host& host, Connection& connection, size_t bytes_max);
  void hear(MonoTime at, Bytes bytes);
  void say(Host& host, Connection& connection);

  TransferOracle& oracle_;
  size_t side_;
  uint64_t bytes_;
  std::optional<TransferOracle::Number> number_;
  std::vector<uint8_t> unread_;
  bool has_end_ = false;
  uint64_t said_bytes_ = 0;
  uint64_t heard_bytes_ = 0;
  bool has_said_all_ = false;
  bool has_heard_all_ = false;
};

}  // namespace roost::sim::actors
