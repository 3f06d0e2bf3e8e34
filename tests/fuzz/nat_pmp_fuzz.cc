// SPDX-License-Identifier: MIT
//
// Any bytes: a response is accepted exactly where a naive reader accepts it, and what was read of a
// mapping is written as the same bytes.
#include "wire/nat_pmp.h"

#include <array>

#include "base/check.h"

using namespace roost;
using namespace roost::wire;

namespace {

bool is_response(Bytes bytes) {
  if (bytes.size() < 8 || bytes.size() > 1100 || bytes[0] != 0) return false;
  const uint16_t result = load_u16(&bytes[2]);
  if (result == 1) return true;
  if (bytes[1] < 128 || bytes[1] > 130) return false;
  return result != 0 || bytes.size() >= (bytes[1] == 128 ? 12u : 16u);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes datagram(data, size);
  const auto response = parse_nat_pmp_response(datagram);
  CHECK(response.has_value() == is_response(datagram));
  if (!response) {
    CHECK(!label(response.error()).empty());
    return 0;
  }
  CHECK(!label(response->result).empty());
  if (response->epoch_seconds) CHECK(*response->epoch_seconds == load_u32(data + 4));
  if (!response->map) return 0;
  CHECK(response->opcode != NatPmpOpcode::kExternalAddress);
  std::array<uint8_t, kNatPmpMapRequestSize> buffer;
  const Bytes written = write_nat_pmp_map_request(response->opcode, *response->map, buffer);
  const size_t map_at = response->epoch_seconds ? 8 : 4;
  CHECK(same_bytes(written.subspan(4), datagram.subspan(map_at, 8)));
  return 0;
}
