// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "base/bytes.h"
#include "base/time.h"
#include "sim/verdict.h"

namespace roost::sim {

// Of what is said on relayed TCP connections nothing is lost, doubled, out of order, or somebody
// else's: each end says bytes that its conversation's number and its side determine, and tells here
// what has come in. Where one side has said all and ended orderly, and the other sees an orderly
// end, it has seen all.
class TransferOracle {
 public:
  using Number = uint64_t;

  explicit TransferOracle(Verdict& verdict) : verdict_(verdict) {}

  Number begin() { return ++count_; }
  // Byte `at` of what that side (0 began) says.
  static uint8_t byte_at(Number number, size_t side, uint64_t at);

  // What the other side calls the conversation that this one calls `own`.
  void named(MonoTime at, Number own, Number heard);
  // The side has said `bytes` in all, and ended.
  void finished(Number number, size_t side, uint64_t bytes);
  // It has broken off, whatever it had said: nothing is owed to the other.
  void broken_off(Number number, size_t side) { finished_.erase({number, side}); }
  // Has come in behind `offset` others from that side.
  void received(MonoTime at, Number number, size_t side, uint64_t offset, Bytes bytes);
  // So has its end, orderly.
  void ended(MonoTime at, Number number, size_t side, uint64_t bytes);

  uint64_t whole_count() const { return whole_count_; }  // That have come in, ends included.

 private:
  Verdict& verdict_;
  Number count_ = 0;
  uint64_t whole_count_ = 0;
  std::map<std::pair<Number, size_t>, uint64_t> finished_;
};

}  // namespace roost::sim
