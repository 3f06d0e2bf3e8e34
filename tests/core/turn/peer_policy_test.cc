// SPDX-License-Identifier: MIT
//
// Goal: no spelling of an address inside somebody's network gets past the policy.
// Method: every block that the Internet cannot reach times every IPv6 form that carries an IPv4
// address; the inputs with which other servers' deny lists were bypassed; the order of the lists.
#include "core/turn/peer_policy.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace roost::core::turn {
namespace {

IpAddress ip(std::string_view text) {
  const auto parsed = IpAddress::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(IpAddress());
}

std::vector<Prefix> prefixes(std::initializer_list<std::string_view> texts) {
  std::vector<Prefix> result;
  for (const std::string_view text : texts) {
    const auto parsed = Prefix::parse(text);
    EXPECT_TRUE(parsed) << text;
    result.push_back(parsed.value_or(Prefix()));
  }
  return result;
}

// An IPv6 form that carries an IPv4 address.
struct Form {
  const char* name;
  IpAddress (*embed)(uint32_t v4);
};
constexpr Form kForms[] = {
    {"compatible", [](uint32_t v4) { return IpAddress(0, v4); }},
    {"SIIT", [](uint32_t v4) { return IpAddress(0, uint64_t{0xffff0000} << 32 | v4); }},
    {"6to4", [](uint32_t v4) { return IpAddress(uint64_t{0x2002} << 48 | uint64_t{v4} << 16, 1); }},
    {"NAT64", [](uint32_t v4) { return IpAddress(0x0064ff9b'00000000, v4); }},
    {"local-use NAT64, /96", [](uint32_t v4) { return IpAddress(0x0064ff9b'00010000, v4); }},
    // RFC 6052 §2.2: in a /48 it stands around the octet that is zero.
    {"local-use NAT64, /48",
     [](uint32_t v4) {
       return IpAddress(0x0064ff9b'00010000 | v4 >> 16, uint64_t{v4 & 0xffff} << 40);
     }},
    {"Teredo server", [](uint32_t v4) { return IpAddress(0x20010000'00000000 | v4, 0); }},
    {"Teredo client", [](uint32_t v4) { return IpAddress(0x20010000'08080808, ~v4); }},
};

TEST(PeerPolicy, RefusesEverySpellingOfWhatTheInternetCannotReach) {
  constexpr std::string_view kBlocks[] = {
      "0.0.0.0",         "0.0.0.1",         "0.255.255.255",   "10.0.0.0",        "10.0.0.1",
      "10.255.255.255",  "100.64.0.0",      "100.64.0.1",      "100.127.255.255", "127.0.0.0",
      "127.0.0.1",       "127.1.2.3",       "127.255.255.255", "169.254.0.0",     "169.254.169.254",
      "169.254.255.255", "172.16.0.0",      "172.16.0.1",      "172.31.255.255",  "192.0.0.1",
      "192.0.2.0",       "192.0.2.1",       "192.168.0.0",     "192.168.1.1",     "192.168.255.255",
      "198.18.0.1",      "198.19.255.255",  "198.51.100.1",    "203.0.113.1",     "224.0.0.0",
      "224.0.0.251",     "239.255.255.250", "239.255.255.255", "240.0.0.1",       "255.255.255.254",
      "255.255.255.255",
  };
  const PeerPolicy policy;
  for (const std::string_view text : kBlocks) {
    const IpAddress plain = ip(text);
    EXPECT_FALSE(policy.permits(plain)) << text;
    // Mapped is the same value, however it is written.
    EXPECT_EQ(ip("::ffff:" + std::string(text)), plain);
    EXPECT_EQ(IpAddress::v6(plain.v6_bytes()), plain);
    for (const Form& form : kForms) {
      const IpAddress embedded = form.embed(plain.v4_value());
      EXPECT_FALSE(policy.permits(embedded)) << form.name << ' ' << text;
    }
  }
}

TEST(PeerPolicy, PermitsPublicAddressesButInNoOtherSpellingThanTheirOwn) {
  constexpr std::string_view kPublic[] = {"1.0.0.0",       "8.8.8.8",     "9.255.255.255",
                                          "11.0.0.0",      "100.63.0.1",  "100.128.0.1",
                                          "126.255.255.1", "128.0.0.1",   "172.15.255.255",
                                          "172.32.0.0",    "192.167.1.1", "223.255.255.255"};
  const PeerPolicy policy;
  for (const std::string_view text : kPublic) {
    const IpAddress plain = ip(text);
    EXPECT_TRUE(policy.permits(plain)) << text;
    EXPECT_TRUE(policy.permits(ip("::ffff:" + std::string(text)))) << text;
    for (const Form& form : kForms) {
      EXPECT_FALSE(policy.permits(form.embed(plain.v4_value()))) << form.name << ' ' << text;
    }
  }
  for (const std::string_view text : {"2606:4700::1111", "2a00:1450:4001::200e", "2003::1"}) {
    EXPECT_TRUE(policy.permits(ip(text))) << text;
  }
}

TEST(PeerPolicy, AgreesWithItselfAboutRandomAddressesInAllForms) {
  SeededRandom random(3);
  const PeerPolicy policy;
  for (int i = 0; i < 20'000; ++i) {
    const auto v4 = static_cast<uint32_t>(random.next());
    const IpAddress plain = IpAddress::v4(v4);
    ASSERT_EQ(policy.permits(IpAddress::v6(plain.v6_bytes())), policy.permits(plain));
    for (const Form& form : kForms) {
      ASSERT_FALSE(policy.permits(form.embed(v4))) << form.name << ' ' << plain.text();
    }
  }
}

TEST(PeerPolicy, RefusesWhatHasBypassedOtherServersLists) {
  constexpr std::string_view kRefused[] = {
      // Sent to as if to loopback by Linux, and forgotten by lists of 127/8 and ::1.
      "0.0.0.0", "0.1.2.3", "::", "::1", "::ffff:0.0.0.0", "::ffff:127.0.0.1", "::ffff:7f00:1",
      "0:0:0:0:0:ffff:7f00:0001", "::127.0.0.1", "::7f00:1", "::ffff:0:127.0.0.1",
      "64:ff9b::127.0.0.1", "64:ff9b:1::127.0.0.1", "2002:7f00:1::", "2002:7f00:1::1",
      "2001:0:7f00:1::", "2001::80ff:fffe",
      // Metadata services of clouds.
      "169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254",
      // What is local in IPv6.
      "fe80::1", "febf:ffff::1", "fec0::1", "fc00::1", "fdff:ffff::1", "ff02::1", "ff0e::1",
      "100::1", "2001:db8::1", "3fff::1", "5f00::1", "4000::1", "e000::1"};
  const PeerPolicy policy;
  for (const std::string_view text : kRefused) EXPECT_FALSE(policy.permits(ip(text))) << text;
}

TEST(PeerPolicy, RefusesAMappedAddressThatItsIpv4ListDenies) {
  const PeerPolicy by_v4({}, prefixes({"8.8.8.0/24"}));
  const PeerPolicy by_mapped({}, prefixes({"::ffff:8.8.8.0/120"}));
  const PeerPolicy all_v4({}, prefixes({"::ffff:0:0/96"}));
  const PeerPolicy also_all_v4({}, prefixes({"0.0.0.0/0"}));
  for (const PeerPolicy& policy : {by_v4, by_mapped, all_v4, also_all_v4}) {
    EXPECT_FALSE(policy.permits(ip("8.8.8.8")));
    EXPECT_FALSE(policy.permits(ip("::ffff:8.8.8.8")));
    EXPECT_TRUE(policy.permits(ip("2606:4700::1111")));
  }
  EXPECT_TRUE(by_v4.permits(ip("8.8.9.8")));
  EXPECT_TRUE(by_mapped.permits(ip("8.8.9.8")));
  EXPECT_FALSE(all_v4.permits(ip("8.8.9.8")));
}

TEST(PeerPolicy, ComparesIpv6RangesAsWholeNumbers) {
  // A comparison group by group would take an address for outside as soon as one of its groups is
  // smaller than the range's first, or larger than its last.
  const PeerPolicy policy({}, prefixes({"2a00:8:5::/48", "2a01:4f8::/30"}));
  struct Row {
    std::string_view given;
    bool expect;
  };
  constexpr Row kRows[] = {
      {"2a00:8:4:ffff:ffff:ffff:ffff:ffff", true},
      {"2a00:8:5::", false},
      {"2a00:8:5::1", false},
      {"2a00:8:5:0:ffff::", false},
      {"2a00:8:5:ffff::", false},
      {"2a00:8:5:8000:1:0:ffff:0", false},
      {"2a00:8:5:ffff:ffff:ffff:ffff:ffff", false},
      {"2a00:8:6::", true},
      {"2a00:7:5::1", true},
      {"2a00:9:5::1", true},
      {"2a01:8:5::1", true},
      // A border inside a group.
      {"2a01:4f7:ffff::", true},
      {"2a01:4f8::", false},
      {"2a01:4f9:0:1::", false},
      {"2a01:4fb:ffff:ffff:ffff:ffff:ffff:ffff", false},
      {"2a01:4fc::", true},
  };
  for (const Row& row : kRows) EXPECT_EQ(policy.permits(ip(row.given)), row.expect) << row.given;
}

TEST(PeerPolicy, LetsDeniedWinOverAllowedAndAllowedOverTheRegistries) {
  const PeerPolicy policy(prefixes({"10.1.0.0/16", "8.8.8.8", "fd12::/16", "127.0.0.1"}),
                          prefixes({"10.1.2.0/24", "8.8.0.0/16", "fd12:1::/32", "2606::/16"}));
  struct Row {
    std::string_view given;
    bool expect;
  };
  constexpr Row kRows[] = {
      {"10.1.1.1", true},   // Allowed, though private;
      {"10.1.2.1", false},  // denied within what is allowed;
      {"10.2.1.1", false},  // neither, and private;
      {"8.8.8.8", false},   // allowed within what is denied: denied wins all the same;
      {"8.9.8.8", true},
      {"fd12::1", true},
      {"fd12:1::1", false},
      {"fd13::1", false},
      {"2606::1", false},
      {"127.0.0.1", true},
      {"127.0.0.2", false},
      // Allowed is that one address, not what embeds it.
      {"2002:a01:101::1", false},
      {"64:ff9b::10.1.1.1", false},
  };
  for (const Row& row : kRows) EXPECT_EQ(policy.permits(ip(row.given)), row.expect) << row.given;
}

TEST(PeerPolicy, MayAllowOrDenyEverything) {
  const PeerPolicy all(prefixes({"::/0"}), {});
  const PeerPolicy none(prefixes({"::/0"}), prefixes({"::/0"}));
  for (const std::string_view text : {"0.0.0.0", "127.0.0.1", "8.8.8.8", "::", "fe80::1"}) {
    EXPECT_TRUE(all.permits(ip(text))) << text;
    EXPECT_FALSE(none.permits(ip(text))) << text;
  }
}

}  // namespace
}  // namespace roost::core::turn
