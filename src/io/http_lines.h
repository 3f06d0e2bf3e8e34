// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace roost::io {

// The lines of an HTTP message (RFC 9112 §2.2), strictly: every line ends with CR LF, neither
// stands alone, none is folded (§5.2), and there are no control characters but tabs.
//
// http-parser as Debian builds it accepts all of these, and each has been used to make a proxy and
// a server see different requests in the same bytes. So every byte that is not content passes here
// first.
class HttpLines {
 public:
  enum class Verdict : uint8_t { kInLine, kLineEnds, kBlankLineEnds, kBad };

  Verdict take(uint8_t byte);

  // Content of a chunk has just ended: nothing but CR LF may follow.
  void expect_line_end() { state_ = State::kAtBlankEnd; }

 private:
  enum class State : uint8_t {
    kAtStart,
    kInLine,
    kAfterCr,
    kAtBlankEnd,
    kAfterBlankCr,
  };

  State state_ = State::kAtStart;
};

}  // namespace roost::io
