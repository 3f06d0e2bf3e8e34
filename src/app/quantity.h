// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace roost::app {

// Sizes, rates and durations as people write them: a decimal number and a unit, with or without
// blanks between them.
//
//   size      B  kB MB GB TB PB (powers of 1000)  KiB MiB GiB TiB PiB (powers of 1024)
//   rate      bit/s kbit/s Mbit/s Gbit/s Tbit/s, the same as kbps ..., or a size unit and "/s"
//   duration  us ms s min h d
//
// Case is forgiven as long as it cannot mislead: "10 mB" and "10 MBIT/S" are read, "10 Mb" is not,
// since b is bits to some and bytes to others. Only 0 needs no unit. The arithmetic is exact: what
// is no whole number of bytes (bytes per second, microseconds) or exceeds 64 bits is refused.
//
// An error is a sentence: what is wrong with the text, and an example of what would be right.
Result<uint64_t, std::string> parse_size(std::string_view text);  // Bytes.
Result<uint64_t, std::string> parse_rate(std::string_view text);  // Bytes per second.
Result<Duration, std::string> parse_duration(std::string_view text);

// The text with the shortest number that means exactly this amount: "500 GB", "64 MiB", "1.5 GB".
// Rates prefer bits, as network rates are written. Parses back to the same amount.
std::string size_text(uint64_t bytes);
std::string rate_text(uint64_t bytes_per_second);
std::string duration_text(Duration duration);  // Requires that it is not negative.

}  // namespace roost::app
