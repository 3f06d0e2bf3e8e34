// SPDX-License-Identifier: MIT
#include "io/http_lines.h"

namespace roost::io {
namespace {

bool is_control(uint8_t byte) {
  return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

}  // namespace

HttpLines::Verdict HttpLines::take(uint8_t byte) {
  switch (state_) {
    case State::kAtStart:
      if (byte == '\r') {
        state_ = State::kAfterBlankCr;
        return Verdict::kInLine;
      }
      if (byte == ' ' || byte == '\t') return Verdict::kBad;  // The line before goes on (obs-fold).
      state_ = State::kInLine;
      return is_control(byte) ? Verdict::kBad : Verdict::kInLine;
    case State::kInLine:
      if (byte == '\r') {
        state_ = State::kAfterCr;
        return Verdict::kInLine;
      }
      return is_control(byte) ? Verdict::kBad : Verdict::kInLine;
    case State::kAfterCr:
      state_ = State::kAtStart;
      return byte == '\n' ? Verdict::kLineEnds : Verdict::kBad;
    case State::kAtBlankEnd:
      state_ = State::kAfterBlankCr;
      return byte == '\r' ? Verdict::kInLine : Verdict::kBad;
    case State::kAfterBlankCr:
      state_ = State::kAtStart;
      return byte == '\n' ? Verdict::kBlankLineEnds : Verdict::kBad;
  }
  return Verdict::kBad;
}

}  // namespace roost::io
