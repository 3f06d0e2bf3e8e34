// SPDX-License-Identifier: MIT
//
// Any bytes survive being written and read again, in each alphabet; any text that is read is the
// one that is written, but for the case of its letters.
#include "base/text.h"

#include <algorithm>

#include "base/check.h"

using namespace roost;

namespace {

struct Codec {
  std::string (*encode)(Bytes);
  std::optional<std::vector<uint8_t>> (*decode)(std::string_view);
  bool is_single_case;
};
constexpr Codec kCodecs[] = {
    {to_hex, from_hex, true},
    {to_z_base32, from_z_base32, true},
    {to_base32, from_base32, true},
    {to_base64url, from_base64url, false},
};

std::string in_lower_case(std::string text) {
  for (char& digit : text) {
    if (digit >= 'A' && digit <= 'Z') digit = static_cast<char>(digit - 'A' + 'a');
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes bytes(data, size);
  for (const Codec& codec : kCodecs) {
    const auto again = codec.decode(codec.encode(bytes));
    CHECK(again && same_bytes(*again, bytes));

    const std::string text(as_text(bytes));
    const auto decoded = codec.decode(text);
    if (!decoded) continue;
    const std::string written = codec.encode(*decoded);
    if (codec.is_single_case) {
      CHECK(in_lower_case(written) == in_lower_case(text));
    } else {
      CHECK(written == text);
    }
  }
  return 0;
}
