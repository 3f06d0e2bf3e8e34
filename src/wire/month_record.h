// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace roost::wire {

// What the node remembers across restarts about the month's traffic: a record on disk.
//
//   "RMON"   version (1)   month, 12 × year + month - 1 (4)   bytes sent (8)   CRC-32 of all (4)
//
// Big-endian. The checksum is against half-written files and worn-out flash, not against the owner.
struct MonthRecord {
  static constexpr size_t kSize = 21;

  int32_t month = 0;
  uint64_t bytes_sent = 0;

  std::array<uint8_t, kSize> encode() const;
  // Empty when the bytes are not such a record, whole and undamaged.
  static std::optional<MonthRecord> parse(Bytes bytes);

  friend bool operator==(const MonthRecord&, const MonthRecord&) = default;
};

}  // namespace roost::wire
