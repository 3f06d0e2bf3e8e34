// SPDX-License-Identifier: MIT
// Any text: reading it must not crash, and what is accepted must, when it is written, read back as
// the same amount. Any eight bytes: so must the number that they are.
#include "app/quantity.h"

#include <cstring>

#include "base/check.h"

using namespace roost;
using namespace roost::app;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto bytes = parse_size(text)) CHECK(*parse_size(size_text(*bytes)) == *bytes);
  if (const auto rate = parse_rate(text)) CHECK(*parse_rate(rate_text(*rate)) == *rate);
  if (const auto duration = parse_duration(text)) {
    CHECK(*parse_duration(duration_text(*duration)) == *duration);
  }

  uint64_t amount = 0;
  if (size != sizeof(amount)) return 0;
  std::memcpy(&amount, data, sizeof(amount));
  CHECK(*parse_size(size_text(amount)) == amount);
  CHECK(*parse_rate(rate_text(amount)) == amount);
  const Duration duration(static_cast<int64_t>(amount >> 1));
  CHECK(*parse_duration(duration_text(duration)) == duration);
  return 0;
}
