// SPDX-License-Identifier: MIT
//
// Any bytes: a response is accepted exactly where a naive reader accepts it, and what was read of
// MAP is written as the same bytes.
#include "wire/pcp.h"

#include <array>

#include "base/check.h"

using namespace roost;
using namespace roost::wire;

namespace {

bool is_response(Bytes bytes) {
  if (bytes.size() < 24 || bytes.size() > 1100 || bytes.size() % 4 != 0) return false;
  if (bytes[0] == 0 || bytes[1] < 128) return false;
  if (bytes[3] == 1) return true;
  if (bytes[0] != 2) return false;
  if (bytes[1] != 129) return true;
  if (bytes.size() < 60) return bytes[3] != 0;
  size_t at = 60;
  while (at < bytes.size()) at += 4 + (load_u16(&bytes[at + 2]) + 3u) / 4 * 4;
  return at == bytes.size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes datagram(data, size);
  const auto response = parse_pcp_response(datagram);
  CHECK(response.has_value() == is_response(datagram));
  if (!response) {
    CHECK(!label(response.error()).empty());
    CHECK((response.error() == PcpError::kNatPmp) == (size > 0 && data[0] == 0));
    return 0;
  }
  CHECK(response->lifetime_seconds == load_u32(data + 4));
  CHECK(response->epoch_seconds == load_u32(data + 8));
  CHECK(!label(response->result).empty());
  if (!response->map) return 0;
  std::array<uint8_t, kPcpMapRequestSize> buffer;
  const Bytes written =
      write_pcp_map(IpAddress(), response->lifetime_seconds, *response->map, buffer);
  CHECK(same_bytes(written.subspan(4, 4), datagram.subspan(4, 4)));
  CHECK(same_bytes(written.subspan(24, 13), datagram.subspan(24, 13)));
  CHECK(same_bytes(written.subspan(40, 20), datagram.subspan(40, 20)));
  return 0;
}
