// SPDX-License-Identifier: MIT
#include "sim/transfer_oracle.h"

#include <string>

namespace roost::sim {

// SplitMix64's mixing, eight bytes at a time.
uint8_t TransferOracle::byte_at(Number number, size_t side, uint64_t at) {
  uint64_t word = (number << 1 | side) * 0x9e3779b97f4a7c15 + at / 8;
  word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
  word = (word ^ word >> 27) * 0x94d049bb133111eb;
  return static_cast<uint8_t>((word ^ word >> 31) >> at % 8 * 8);
}

void TransferOracle::named(MonoTime at, Number own, Number heard) {
  if (own != heard) verdict_.fail(at, "two conversations on relayed connections mixed up");
}

void TransferOracle::finished(Number number, size_t side, uint64_t bytes) {
  finished_[{number, side}] = bytes;
}

void TransferOracle::received(MonoTime at, Number number, size_t side, uint64_t offset,
                              Bytes bytes) {
  for (const uint8_t byte : bytes) {
    if (byte == byte_at(number, side, offset++)) continue;
    return verdict_.fail(
        at, "byte " + std::to_string(offset - 1) + " of a relayed connection is not what was said");
  }
}

void TransferOracle::ended(MonoTime at, Number number, size_t side, uint64_t bytes) {
  const auto found = finished_.find({number, side});
  if (found == finished_.end()) return;  // Cut by something that is no end of it.
  if (found->second == bytes) {
    ++whole_count_;
    return;
  }
  verdict_.fail(at, std::to_string(found->second) + " bytes said on a relayed connection, and " +
                        std::to_string(bytes) + " heard");
}

}  // namespace roost::sim
