// SPDX-License-Identifier: MIT
//
// Goal: nobody is sent to an address that the public Internet does not reach, in whatever form it
// is written.
// Method: the table is compared with a snapshot of the IANA registries; the first and last address
// of every block, and their neighbours outside, are judged by a naive reader of that snapshot.
#include "base/special_purpose.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <vector>

#include "vector_file.h"

namespace roost {
namespace {

struct Row {
  Prefix prefix;
  bool is_globally_reachable;
  std::string name;
};

IpAddress address(std::string_view text) {
  return IpAddress::parse(text).value();
}

std::vector<Row> iana_registries() {
  std::vector<Row> rows;
  for (const VectorRecord& record : read_vectors("special_purpose_registry.txt")) {
    for (const auto& [block, value] : record.fields) {
      const size_t space = value.find(' ');
      const std::string reachable = value.substr(0, space);
      std::string name = value.substr(space + 1);
      std::erase(name, '"');
      rows.push_back({Prefix::parse(block).value(), reachable == "true", name});
    }
  }
  return rows;
}

// What we refuse beyond the registries: multicast, which has registries of its own, and the forms
// in which IPv6 carries IPv4.
std::vector<Row> expected_rows() {
  std::vector<Row> rows = iana_registries();
  // The IPv4-mapped block is IPv4 itself here.
  const Prefix mapped = Prefix::parse("::ffff:0:0/96").value();
  std::erase_if(rows, [&](const Row& row) { return row.prefix == mapped; });
  const auto nat64 = std::find_if(rows.begin(), rows.end(), [](const Row& row) {
    return row.prefix == Prefix::parse("64:ff9b::/96").value();
  });
  EXPECT_TRUE(nat64->is_globally_reachable);
  nat64->is_globally_reachable = false;
  for (const auto& [block, name] :
       std::map<std::string_view, std::string>{{"224.0.0.0/4", "Multicast"},
                                               {"ff00::/8", "Multicast"},
                                               {"::/96", "IPv4-Compatible (deprecated)"},
                                               {"::ffff:0:0:0/96", "IPv4-Translated (SIIT)"},
                                               {"fec0::/10", "Site-Local (deprecated)"}}) {
    rows.push_back({Prefix::parse(block).value(), false, name});
  }
  return rows;
}

// The longest of the blocks that hold the address decides; outside of them, IPv4 is reachable, and
// of IPv6 what IANA has given out: 2000::/3.
bool is_naively_reachable(const std::vector<Row>& rows, const IpAddress& given) {
  const Row* longest = nullptr;
  for (const Row& row : rows) {
    if (!row.prefix.contains(given)) continue;
    if (longest == nullptr || row.prefix.length > longest->prefix.length) longest = &row;
  }
  if (longest != nullptr) return longest->is_globally_reachable;
  return given.is_v4() || given.high() >> 61 == 1;
}

IpAddress first_of(const Prefix& block) {
  return block.base;
}

IpAddress last_of(const Prefix& block) {
  const unsigned length = block.length;
  const uint64_t high = length >= 64 ? 0 : ~uint64_t{0} >> length;
  const uint64_t low = length <= 64    ? ~uint64_t{0}
                       : length == 128 ? 0
                                       : ~uint64_t{0} >> (length - 64);
  return {block.base.high() | high, block.base.low() | low};
}

IpAddress before(const IpAddress& given) {
  return {given.high() - (given.low() == 0), given.low() - 1};
}

IpAddress behind(const IpAddress& given) {
  return {given.high() + (given.low() == ~uint64_t{0}), given.low() + 1};
}

TEST(SpecialPurpose, TableSaysWhatTheRegistriesSay) {
  const std::vector<Row> expected = expected_rows();
  size_t addresses_of_pairs = 0;
  for (const Row& row : expected) {
    const SpecialPurpose* const found = find_special_purpose(row.prefix.base);
    ASSERT_NE(found, nullptr) << row.prefix.text();
    // One row of ours may stand for a pair of addresses.
    const bool is_in_a_pair = row.prefix.length == 128 && found->prefix.length == 127;
    addresses_of_pairs += is_in_a_pair;
    const auto ours =
        std::find_if(special_purpose_registry().begin(), special_purpose_registry().end(),
                     [&](const SpecialPurpose& candidate) {
                       return candidate.prefix == (is_in_a_pair ? found->prefix : row.prefix);
                     });
    ASSERT_NE(ours, special_purpose_registry().end()) << row.prefix.text();
    EXPECT_EQ(ours->is_globally_reachable, row.is_globally_reachable) << row.prefix.text();
    EXPECT_EQ(ours->name, row.name) << row.prefix.text();
  }
  EXPECT_EQ(special_purpose_registry().size(), expected.size() - addresses_of_pairs / 2);
}

TEST(SpecialPurpose, TableHasTheMostSpecificFirst) {
  const auto rows = special_purpose_registry();
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(Prefix::of(rows[i].prefix.base, rows[i].prefix.length), rows[i].prefix);
    for (size_t earlier = 0; earlier < i; ++earlier) {
      EXPECT_FALSE(rows[earlier].prefix.contains(rows[i].prefix.base) &&
                   rows[earlier].prefix.length <= rows[i].prefix.length)
          << rows[i].prefix.text() << " is never found behind " << rows[earlier].prefix.text();
    }
  }
}

TEST(SpecialPurpose, EveryEdgeOfEveryBlockIsWhereTheRegistriesHaveIt) {
  const std::vector<Row> expected = expected_rows();
  for (const SpecialPurpose& row : special_purpose_registry()) {
    const IpAddress first = first_of(row.prefix);
    const IpAddress last = last_of(row.prefix);
    ASSERT_TRUE(row.prefix.contains(first) && row.prefix.contains(last));
    for (const IpAddress& given : {before(first), first, last, behind(last)}) {
      EXPECT_EQ(is_globally_reachable(given), is_naively_reachable(expected, given))
          << given.text() << " at the edge of " << row.prefix.text();
    }
    // What is found there is that block or a more specific one, and outside never that block.
    EXPECT_GE(find_special_purpose(first)->prefix.length, row.prefix.length);
    EXPECT_GE(find_special_purpose(last)->prefix.length, row.prefix.length);
    EXPECT_NE(find_special_purpose(before(first)), &row);
    EXPECT_NE(find_special_purpose(behind(last)), &row);
  }
}

TEST(SpecialPurpose, NeighboursOutsideABlockAreOrdinary) {
  constexpr std::string_view kReachable[] = {
      "1.0.0.0",         "9.255.255.255",   "11.0.0.0",        "100.63.255.255", "100.128.0.0",
      "126.255.255.255", "128.0.0.0",       "169.253.255.255", "169.255.0.0",    "172.15.255.255",
      "172.32.0.0",      "191.255.255.255", "192.0.0.9",       "192.0.0.10",     "192.0.1.0",
      "192.0.1.255",     "192.0.3.0",       "192.31.196.1",    "192.52.193.1",   "192.88.98.255",
      "192.88.100.0",    "192.167.255.255", "192.169.0.0",     "192.175.48.1",   "198.17.255.255",
      "198.20.0.0",      "198.51.99.255",   "198.51.101.0",    "203.0.112.255",  "203.0.114.0",
      "223.255.255.255", "8.8.8.8",         "2000::",          "2001:1::1",      "2001:1::2",
      "2001:1::3",       "2001:3::1",       "2001:4:112::1",   "2001:20::1",     "2001:30::1",
      "2001:200::",      "2001:db7::1",     "2001:db9::",      "2003::",         "2620:4f:8000::1",
      "2606:4700::1111", "3ffe:ffff::1",    "3fff:1000::",     "3fff:ffff::1",
  };
  for (const std::string_view text : kReachable) {
    EXPECT_TRUE(is_globally_reachable(address(text))) << text;
  }
}

TEST(SpecialPurpose, NothingSpecialIsReachable) {
  constexpr std::string_view kRefused[] = {
      "0.0.0.0",
      "0.0.0.1",
      "0.255.255.255",
      "10.0.0.1",
      "100.64.0.1",
      "127.0.0.1",
      "127.255.255.255",
      "169.254.169.254",
      "172.16.0.1",
      "172.31.255.255",
      "192.0.0.1",
      "192.0.0.8",
      "192.0.0.11",
      "192.0.0.170",
      "192.0.0.171",
      "192.0.2.1",
      "192.88.99.1",
      "192.88.99.2",
      "192.168.1.1",
      "198.18.0.1",
      "198.19.255.255",
      "198.51.100.1",
      "203.0.113.1",
      "224.0.0.1",
      "239.255.255.250",
      "240.0.0.1",
      "255.255.255.254",
      "255.255.255.255",
      "::",
      "::1",
      "::2",
      "100::1",
      "100:0:0:1::1",
      "100:0:0:2::1",
      "1fff:ffff::1",
      "2001::1",
      "2001:1::",
      "2001:1::4",
      "2001:2::1",
      "2001:2:1::",
      "2001:10::1",
      "2001:1ff::1",
      "2001:db8::1",
      "3fff::1",
      "4000::1",
      "5f00::1",
      "fc00::1",
      "fd00::1",
      "fe00::1",
      "fe80::1",
      "febf:ffff::1",
      "fec0::1",
      "feff::1",
      "ff02::1",
      "ff0e::1",
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
  };
  for (const std::string_view text : kRefused) {
    EXPECT_FALSE(is_globally_reachable(address(text))) << text;
  }
}

TEST(SpecialPurpose, Ipv4InsideIpv6IsNoWayRoundTheTable) {
  constexpr std::string_view kRefused[] = {
      "::ffff:127.0.0.1",    // Mapped: the same value as 127.0.0.1.
      "::ffff:7f00:1",       //
      "::ffff:10.0.0.1",     //
      "::127.0.0.1",         // Compatible, refused whatever it embeds.
      "::8.8.8.8",           //
      "::ffff:0:127.0.0.1",  // Translated (SIIT).
      "::ffff:0:8.8.8.8",    //
      "64:ff9b::7f00:1",     // NAT64, well-known prefix.
      "64:ff9b::8.8.8.8",    //
      "64:ff9b:1::7f00:1",   // NAT64, local use.
      "64:ff9b:1:ffff::1",   //
      "64:ff9b::1:0:0",      // Behind the /96, but outside of global unicast.
      "2002:7f00:1::",       // 6to4.
      "2002:808:808::1",     //
      "2001:0:7f00:1::",     // Teredo.
      "2001::80ff:fffe",     //
  };
  for (const std::string_view text : kRefused) {
    EXPECT_FALSE(is_globally_reachable(address(text))) << text;
  }
  EXPECT_TRUE(is_globally_reachable(address("::ffff:8.8.8.8")));  // Is 8.8.8.8.
}

}  // namespace
}  // namespace roost
