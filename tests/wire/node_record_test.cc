// SPDX-License-Identifier: MIT
//
// Goal: what a node says about itself arrives as it was meant, today's reader copes with tomorrow's
// record, and nothing hostile gets past.
// Method: the worked example of docs/protocol/node-record.md byte for byte (it was made by another
// implementation); tables of records and verdicts.
#include "wire/node_record.h"

#include <gtest/gtest.h>
#include <set>
#include <string>
#include <vector>

#include "base/text.h"
#include "wire/mutable_item.h"

namespace roost::wire {
namespace {

// The example: 203.0.113.7 and 2001:db8::7, port 3478, on all three transports. Signed by the key
// of RFC 8032 §7.1, test 1, at 2026-01-01 00:00:00.
constexpr std::string_view kAddressesHex =
    "6c"
    "363a"
    "cb0071070d96"
    "31383a"
    "20010db80000000000000000000000070d96"
    "65";
constexpr std::string_view kKeyHex =
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
constexpr std::string_view kSignatureHex =
    "ccf30d7be30911989584f564de0241328bc58e536f4f0070b1a579aa40185ad9"
    "0358fda000ce25f5e92888fef8d072663dac10d1139eae0cf04a0e217db4dc09";
constexpr int64_t kSeq = 1767225600;

std::string bytes_of(std::string_view hex) {
  return std::string(as_text(from_hex(hex).value()));
}

std::string example() {
  const std::string addresses = bytes_of(kAddressesHex);
  return "d1:ci2e1:pi1e1:r9:supernode1:sl4:stune3:tcp" + addresses + "3:tls" + addresses + "3:udp" +
         addresses + "1:v11:roost/0.1.0e";
}

NodeRecord example_record() {
  NodeRecord record;
  record.role = NodeRole::kSupernode;
  record.capacity_class = 2;
  record.offer(NodeService::kStun);
  for (NodeAddresses* addresses : {&record.udp, &record.tcp, &record.tls}) {
    EXPECT_TRUE(addresses->add(Endpoint::parse("203.0.113.7:3478").value()));
    EXPECT_TRUE(addresses->add(Endpoint::parse("[2001:db8::7]:3478").value()));
  }
  EXPECT_TRUE(record.software.assign("roost/0.1.0"));
  return record;
}

NodeRecord largest_record() {
  NodeRecord record;
  record.protocol_version = UINT16_MAX;
  record.role = NodeRole::kSupernode;
  record.capacity_class = kCapacityClassMax;
  for (size_t i = 0; i < kNodeServiceCount; ++i) record.offer(static_cast<NodeService>(i));
  for (size_t i = 0; i < kNodeRecordAddressesMax; ++i) {
    const Endpoint endpoint{IpAddress(0x20010db8'00000000, i), 65535};
    EXPECT_TRUE(record.udp.add(endpoint) && record.tcp.add(endpoint) && record.tls.add(endpoint));
  }
  EXPECT_TRUE(record.software.assign(std::string(kNodeRecordSoftwareSizeMax, '~')));
  return record;
}

std::string encoded(const NodeRecord& record) {
  std::array<uint8_t, kNodeRecordSizeMax> buffer;
  return std::string(as_text(encode(record, buffer)));
}

TEST(NodeRecord, TheExampleInTheDocumentIsWhatWeWriteAndRead) {
  EXPECT_EQ(encoded(example_record()), example());
  const auto parsed = parse_node_record(as_bytes(example()));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, example_record());
}

TEST(NodeRecord, TheSignedExampleInTheDocumentVerifies) {
  const std::string body = "d1:k32:" + bytes_of(kKeyHex) +
                           "3:seqi1767225600e3:sig64:" + bytes_of(kSignatureHex) + "1:v" +
                           example() + "e";
  EXPECT_EQ(body.size(), 296u);
  const auto item = parse_signed_node_record(as_bytes(body));
  ASSERT_TRUE(item);
  EXPECT_TRUE(signature_matches(*item));
  EXPECT_EQ(item->seq, kSeq);
  EXPECT_EQ(*parse_node_record(item->value), example_record());

  const std::string seed =
      bytes_of("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
  const SigningKey key{SigningKey::Seed(as_bytes(seed).first<32>())};
  const std::string value = example();
  std::array<uint8_t, kSignedNodeRecordSizeMax> buffer;
  const MutableItem signed_item = sign_node_record(key, kSeq, as_bytes(value));
  EXPECT_EQ(as_text(encode_signed_node_record(signed_item, buffer)), body);
}

TEST(NodeRecord, IsSignedUnderASaltThatNobodyNeedsToSay) {
  const SigningKey key{SigningKey::Seed()};
  const std::string value = encoded(largest_record());
  const std::string padded = "d1:pi1e1:z985:" + std::string(985, 'z') + "e";
  for (const std::string& record : {value, padded}) {
    std::array<uint8_t, kSignedNodeRecordSizeMax> buffer;
    const MutableItem item = sign_node_record(key, INT64_MAX, as_bytes(record));
    const std::string bytes(as_text(encode_signed_node_record(item, buffer)));
    ASSERT_FALSE(bytes.empty());
    EXPECT_EQ(bytes.find("salt"), std::string::npos);
    EXPECT_TRUE(signature_matches(*parse_signed_node_record(as_bytes(bytes))));
    EXPECT_FALSE(signature_matches(*parse_mutable_item(as_bytes(bytes))))
        << "what the key signs without the salt is something else";
  }
  EXPECT_EQ(padded.size(), kNodeRecordSizeMax);

  // A salt that is said anyway is read over, like any other key.
  std::array<uint8_t, kMutableItemSizeMax> buffer;
  MutableItem item = sign_node_record(key, kSeq, as_bytes(value));
  item.salt = as_bytes("pkarr");
  const std::string bytes(as_text(encode(item, buffer)));
  EXPECT_TRUE(signature_matches(*parse_signed_node_record(as_bytes(bytes))));

  const MutableItem other = sign_mutable_item(key, kSeq, {}, as_bytes(value));
  std::array<uint8_t, kSignedNodeRecordSizeMax> unsalted;
  EXPECT_FALSE(
      signature_matches(*parse_signed_node_record(encode_signed_node_record(other, unsalted))));
}

TEST(NodeRecord, EveryRecordSurvivesTheJourney) {
  const NodeRecord rows[] = {NodeRecord(), example_record(), largest_record()};
  for (const NodeRecord& record : rows) {
    const std::string bytes = encoded(record);
    ASSERT_FALSE(bytes.empty());
    const auto parsed = parse_node_record(as_bytes(bytes));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(*parsed, record);
    for (size_t size = 0; size < bytes.size(); ++size) {
      std::vector<uint8_t> too_small(size);
      EXPECT_TRUE(encode(record, too_small).empty());
    }
  }
}

TEST(NodeRecord, ReadsWhatTomorrowsNodesWriteAndRefusesNonsense) {
  const auto entries = [](size_t count) {
    std::string list = "l";
    for (size_t i = 0; i < count; ++i) list += "6:\xc6\x33\x64\x01\x0d\x96";
    return list + "e";
  };
  const auto with = [](std::string_view rest) { return "d1:pi1e" + std::string(rest) + "e"; };
  struct Row {
    std::string given;
    std::string_view expect;
  };
  const Row rows[] = {
      {"d1:pi1ee", "accepted"},
      {"d1:pi65535ee", "accepted"},
      {"d1:ai1e1:pi1e1:z5:threee", "accepted"},
      {with("1:sl4:stun4:turn6:futuree"), "accepted"},
      {with("1:r8:watchman"), "accepted"},
      {"d1:ci7e1:pi1ee", "accepted"},
      {with("3:tcple"), "accepted"},
      {with("3:udp" + entries(8)), "accepted"},
      {with("1:v32:" + std::string(32, 'v')), "accepted"},

      {with("1:z"
            "980:" +
            std::string(980, 'z')),
       "accepted"},
      {with("1:z"
            "990:" +
            std::string(990, 'z')),
       "too_large"},

      {"", "not_canonical"},
      {"i1e", "not_canonical"},
      {"l1:pi1ee", "not_canonical"},
      {"d1:pi1e", "not_canonical"},
      {"d1:r4:leaf1:pi1ee", "not_canonical"},
      {"d1:pi1e1:pi1ee", "not_canonical"},
      {"d1:pi01ee", "not_canonical"},

      {"de", "bad_protocol_version"},
      {"d1:p1:1e", "bad_protocol_version"},
      {"d1:pi0ee", "bad_protocol_version"},
      {"d1:pi-1ee", "bad_protocol_version"},
      {"d1:pi65536ee", "bad_protocol_version"},

      {with("1:ri1e"), "bad_role"},
      {"d1:c1:21:pi1ee", "bad_capacity_class"},
      {"d1:ci-1e1:pi1ee", "bad_capacity_class"},
      {with("1:s4:stun"), "bad_services"},
      {with("1:sli1ee"), "bad_services"},
      {with("1:sl4:stunlee"), "bad_services"},

      {with("3:tcpi1e"), "bad_addresses"},
      {with("3:tcpd1:ai1ee"), "bad_addresses"},
      {with("3:tcp6:\xc6\x33\x64\x01\x0d\x96"), "bad_addresses"},
      {with("3:tcpli1ee"), "bad_addresses"},
      {with("3:tcpl0:e"), "bad_addresses"},
      {with("3:tcpl7:\xc6\x33\x64\x01\x0d\x96\x96"
            "e"),
       "bad_addresses"},
      {with("3:tls" + entries(9)), "bad_addresses"},
      {with("3:udpl" + bytes_of("363ac00002010000") + "e"), "bad_addresses"},  // Port 0.
      {with("3:udpl" + bytes_of("363a000000000d96") + "e"), "bad_addresses"},  // 0.0.0.0
      {with("3:udpl" + bytes_of("31383a000000000000000000000000000000000d96") + "e"),
       "bad_addresses"},  // ::
      {with("3:udpl" + bytes_of("31383a00000000000000000000ffffc00002010d96") + "e"),
       "bad_addresses"},  // ::ffff:192.0.2.1

      {with("1:vi1e"), "bad_software"},
      {with("1:v33:" + std::string(33, 'v')), "bad_software"},
      {with("1:v3:a\nb"), "bad_software"},
      {with("1:v3:a\x7f"
            "b"),
       "bad_software"},
      {with("1:v2:\xc3\xa9"), "bad_software"},
  };
  for (const Row& row : rows) {
    const auto parsed = parse_node_record(as_bytes(row.given));
    EXPECT_EQ(parsed ? "accepted" : label(parsed.error()), row.expect) << row.given;
  }
}

TEST(NodeRecord, WhatIsNotKnownIsReadAsTheLeastThatItCanMean) {
  const auto parsed =
      parse_node_record(as_bytes("d1:ci7e1:pi9e1:r8:watchman1:sl6:future4:stun4:stune3:zzzi1ee"));
  ASSERT_TRUE(parsed);
  NodeRecord expected;
  expected.protocol_version = 9;
  expected.role = NodeRole::kLeaf;
  expected.capacity_class = kCapacityClassMax;
  expected.offer(NodeService::kStun);
  EXPECT_EQ(*parsed, expected);
  EXPECT_EQ(*parse_node_record(as_bytes("d1:pi1ee")), NodeRecord());
}

TEST(NodeRecord, PrivateAddressesAreReadForTheSakeOfLans) {
  NodeRecord record;
  for (const std::string_view text : {"10.0.0.1:3478", "127.0.0.1:1", "[fe80::1]:3478"}) {
    EXPECT_TRUE(record.udp.add(Endpoint::parse(text).value())) << text;
  }
  const std::string bytes = encoded(record);
  EXPECT_EQ(*parse_node_record(as_bytes(bytes)), record);
}

TEST(NodeAddresses, RefusesWhatNamesNobodyAndWhatIsTooMany) {
  NodeAddresses addresses;
  for (const Endpoint& nobody : {Endpoint{IpAddress::v4(0), 3478}, Endpoint{IpAddress(), 3478},
                                 Endpoint{IpAddress::v4(0xc0000201), 0}}) {
    EXPECT_FALSE(addresses.add(nobody));
  }
  EXPECT_TRUE(addresses.endpoints().empty());
  for (uint16_t port = 1; port <= kNodeRecordAddressesMax; ++port) {
    EXPECT_TRUE(addresses.add({IpAddress::v4(0xc0000201), port}));
  }
  EXPECT_FALSE(addresses.add({IpAddress::v4(0xc0000201), 9}));
  ASSERT_EQ(addresses.endpoints().size(), kNodeRecordAddressesMax);
  EXPECT_EQ(addresses.endpoints().back().port, kNodeRecordAddressesMax);
}

TEST(NodeSoftware, IsShortAndPrintable) {
  NodeSoftware software;
  EXPECT_EQ(software.text(), "");
  EXPECT_TRUE(software.assign("a longer name than the next"));
  EXPECT_TRUE(software.assign("roost/0.1.0 ~"));
  EXPECT_FALSE(software.assign(std::string(33, 'x')));
  EXPECT_FALSE(software.assign("tab\t"));
  EXPECT_FALSE(software.assign(std::string_view("\0", 1)));
  EXPECT_FALSE(software.assign("\xc3\xa9"));
  EXPECT_EQ(software.text(), "roost/0.1.0 ~");
  NodeSoftware same;
  EXPECT_TRUE(same.assign("roost/0.1.0 ~"));
  EXPECT_EQ(software, same);  // Nothing of the longer name is left.
}

TEST(NodeRecord, CapacityClassesAreTheDecadesOfTheBandwidth) {
  struct Row {
    uint64_t bits_per_second;
    uint8_t expect;
  };
  constexpr Row kRows[] = {
      {0, 0},          {999'992, 0},     {1'000'000, 1},      {9'999'992, 1},  {10'000'000, 2},
      {99'999'992, 2}, {100'000'000, 3}, {10'000'000'000, 3}, {UINT64_MAX, 3},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(capacity_class(row.bits_per_second / 8), row.expect) << row.bits_per_second;
  }
}

TEST(NodeRecordDeathTest, EncodingWhatIsOutOfBoundsIsAMistakeOfOurs) {
  std::array<uint8_t, kNodeRecordSizeMax> buffer;
  NodeRecord no_version;
  no_version.protocol_version = 0;
  EXPECT_DEATH((void)encode(no_version, buffer), "broken invariant");
  NodeRecord no_class;
  no_class.capacity_class = kCapacityClassMax + 1;
  EXPECT_DEATH((void)encode(no_class, buffer), "broken invariant");
}

TEST(NodeRecord, EveryEnumeratorHasALabelOfItsOwn) {
  std::set<std::string_view> errors;
  for (size_t i = 0; i < kNodeRecordErrorCount; ++i) {
    errors.insert(label(static_cast<NodeRecordError>(i)));
  }
  EXPECT_EQ(errors.size(), kNodeRecordErrorCount);
  std::set<std::string_view> roles;
  for (size_t i = 0; i < kNodeRoleCount; ++i) roles.insert(label(static_cast<NodeRole>(i)));
  EXPECT_EQ(roles.size(), kNodeRoleCount);
  std::set<std::string_view> services;
  for (size_t i = 0; i < kNodeServiceCount; ++i) {
    services.insert(label(static_cast<NodeService>(i)));
  }
  EXPECT_EQ(services.size(), kNodeServiceCount);
  EXPECT_FALSE(errors.contains("") || roles.contains("") || services.contains(""));
}

}  // namespace
}  // namespace roost::wire
