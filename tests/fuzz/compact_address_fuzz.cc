// SPDX-License-Identifier: MIT
//
// Any bytes as a compact address and as a list of nodes: what was read is written as the same
// bytes, and a list gives at most as many nodes as it has whole entries.
#include "wire/compact_address.h"

#include <array>

#include "base/check.h"

namespace roost::wire {
namespace {

void check_address(Bytes bytes) {
  const auto endpoint = read_compact(bytes);
  if (!endpoint) return;
  std::array<uint8_t, kCompactV6Size> buffer;
  Writer writer(buffer);
  write_compact(writer, *endpoint);
  CHECK(writer.ok() && same_bytes(writer.written(), bytes));
}

void check_nodes(Bytes bytes, size_t entry_size) {
  size_t count = 0;
  for_each_compact_node(bytes, entry_size, [&](const CompactNode& node) {
    ++count;
    CHECK(20 + compact_size(node.endpoint.address) == entry_size);
  });
  CHECK(count * entry_size <= bytes.size());
  if (entry_size == kCompactNodeV4Size) CHECK(count == bytes.size() / entry_size);
}

}  // namespace
}  // namespace roost::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace roost::wire;
  check_address({data, size});
  check_nodes({data, size}, kCompactNodeV4Size);
  check_nodes({data, size}, kCompactNodeV6Size);
  return 0;
}
