// SPDX-License-Identifier: MIT
//
// Any bytes: parse() must not crash, and what it accepts is written back to the letter.
#include "wire/month_record.h"

#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto record = roost::wire::MonthRecord::parse({data, size});
  if (record) CHECK(roost::same_bytes(record->encode(), {data, size}));
  return 0;
}
