// SPDX-License-Identifier: MIT
//
// Any address and IDs: an ID that is made for an address conforms to it (BEP 42) and keeps what is
// free; distance is an order, and agrees with the number of bits in common.
#include "wire/node_id.h"

#include <algorithm>

#include "base/check.h"
#include "base/cursor.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace roost::wire;
  roost::Reader reader(roost::Bytes(data, size));
  const roost::IpAddress address(reader.u64(), reader.u64());
  const auto a = read_node_id(reader.take(20));
  const auto b = read_node_id(reader.take(20));
  const auto target = read_node_id(reader.take(20));
  if (!a || !b || !target) return 0;

  const NodeId made = conforming_node_id(address, *a);
  CHECK(conforms(made, address));
  CHECK(std::equal(a->begin() + 3, a->end(), made.begin() + 3) && made[2] % 8 == (*a)[2] % 8);
  CHECK(conforms(*a, address) == (made == *a));

  const int order = compare_distance(*target, *a, *b);
  CHECK(order == -compare_distance(*target, *b, *a));
  CHECK((order == 0) == (*a == *b));
  if (common_bits(*target, *a) > common_bits(*target, *b)) CHECK(order < 0);
  CHECK(compare_distance(*target, *target, *a) <= 0);
  return 0;
}
