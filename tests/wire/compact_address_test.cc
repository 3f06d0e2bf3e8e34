// SPDX-License-Identifier: MIT
//
// Goal: addresses and nodes are read as BitTorrent clients write them, and written as they read
// them.
#include "wire/compact_address.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace roost::wire {
namespace {

TEST(CompactAddress, IsWrittenAsAddressAndPort) {
  struct Row {
    std::string_view endpoint;
    std::string_view hex;
  };
  const Row kRows[] = {
      {"192.0.2.1:6881", "c00002011ae1"},
      {"255.255.255.255:65535", "ffffffffffff"},
      {"[2001:db8::1]:6881", "20010db80000000000000000000000011ae1"},
  };
  for (const Row& row : kRows) {
    const Endpoint endpoint = *Endpoint::parse(row.endpoint);
    std::array<uint8_t, kCompactV6Size> buffer;
    Writer writer(buffer);
    write_compact(writer, endpoint);
    EXPECT_EQ(row.hex, to_hex(writer.written()));
    EXPECT_EQ(compact_size(endpoint.address), writer.size());
    EXPECT_EQ(endpoint, read_compact(writer.written()));
  }
}

TEST(CompactAddress, OfAnotherSizeOrFormIsRefused) {
  const std::array<uint8_t, 19> bytes{};
  for (size_t size = 0; size <= bytes.size(); ++size) {
    EXPECT_EQ(size == 6 || size == 18, read_compact(Bytes(bytes).first(size)).has_value()) << size;
  }
  EXPECT_FALSE(read_compact(*from_hex("00000000000000000000ffffc00002011ae1")))
      << "an IPv4 address has one form";
}

TEST(CompactAddress, NodesAreReadOneByOne) {
  const CompactNode first{NodeId{1}, *Endpoint::parse("192.0.2.1:1")};
  const CompactNode second{NodeId{2}, *Endpoint::parse("192.0.2.2:2")};
  std::array<uint8_t, 3 * kCompactNodeV4Size> buffer;
  Writer writer(buffer);
  write_compact(writer, first);
  write_compact(writer, second);
  writer.u8(7);  // Not a whole one.
  std::vector<CompactNode> found;
  for_each_compact_node(writer.written(), kCompactNodeV4Size,
                        [&](const CompactNode& node) { found.push_back(node); });
  EXPECT_EQ((std::vector{first, second}), found);
}

}  // namespace
}  // namespace roost::wire
