// SPDX-License-Identifier: MIT
#include "base/special_purpose.h"

namespace roost {
namespace {

constexpr Prefix v4(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint8_t length) {
  return {IpAddress::v4(a << 24 | b << 16 | c << 8 | d), static_cast<uint8_t>(96 + length)};
}

constexpr Prefix v6(uint64_t high, uint64_t low, uint8_t length) {
  return {{high, low}, length};
}

// The registries as of July 2026, most specific first. Where they say "N/A" the block is not
// reachable.
constexpr SpecialPurpose kRegistry[] = {
    // clang-format off
    {v4(0, 0, 0, 0, 32),       false, "This host on this network"},
    {v4(192, 0, 0, 8, 32),     false, "IPv4 dummy address"},
    {v4(192, 0, 0, 9, 32),     true,  "Port Control Protocol Anycast"},
    {v4(192, 0, 0, 10, 32),    true,  "Traversal Using Relays around NAT Anycast"},
    {v4(192, 88, 99, 2, 32),   false, "6a44-relay anycast address"},
    {v4(192, 0, 0, 170, 31),   false, "NAT64/DNS64 Discovery"},
    {v4(255, 255, 255, 255, 32), false, "Limited Broadcast"},
    {v4(192, 0, 0, 0, 29),     false, "IPv4 Service Continuity Prefix"},
    {v4(192, 0, 0, 0, 24),     false, "IETF Protocol Assignments"},
    {v4(192, 0, 2, 0, 24),     false, "Documentation (TEST-NET-1)"},
    {v4(192, 31, 196, 0, 24),  true,  "AS112-v4"},
    {v4(192, 52, 193, 0, 24),  true,  "AMT"},
    {v4(192, 88, 99, 0, 24),   false, "Deprecated (6to4 Relay Anycast)"},
    {v4(192, 175, 48, 0, 24),  true,  "Direct Delegation AS112 Service"},
    {v4(198, 51, 100, 0, 24),  false, "Documentation (TEST-NET-2)"},
    {v4(203, 0, 113, 0, 24),   false, "Documentation (TEST-NET-3)"},
    {v4(169, 254, 0, 0, 16),   false, "Link Local"},
    {v4(192, 168, 0, 0, 16),   false, "Private-Use"},
    {v4(198, 18, 0, 0, 15),    false, "Benchmarking"},
    {v4(172, 16, 0, 0, 12),    false, "Private-Use"},
    {v4(100, 64, 0, 0, 10),    false, "Shared Address Space"},
    {v4(0, 0, 0, 0, 8),        false, "This network"},
    {v4(10, 0, 0, 0, 8),       false, "Private-Use"},
    {v4(127, 0, 0, 0, 8),      false, "Loopback"},
    {v4(224, 0, 0, 0, 4),      false, "Multicast"},
    {v4(240, 0, 0, 0, 4),      false, "Reserved"},

    {v6(0, 0, 128),                            false, "Unspecified Address"},
    {v6(0, 1, 128),                            false, "Loopback Address"},
    {v6(0x2001'0001'0000'0000, 1, 128),        true,  "Port Control Protocol Anycast"},
    {v6(0x2001'0001'0000'0000, 2, 128),        true,  "Traversal Using Relays around NAT Anycast"},
    {v6(0x2001'0001'0000'0000, 3, 128), true, "DNS-SD Service Registration Protocol Anycast"},
    {v6(0x0064'ff9b'0000'0000, 0, 96),         false, "IPv4-IPv6 Translat."},
    {v6(0, 0, 96),                             false, "IPv4-Compatible (deprecated)"},
    {v6(0, 0xffff'0000'0000'0000, 96),         false, "IPv4-Translated (SIIT)"},
    {v6(0x0100'0000'0000'0000, 0, 64),         false, "Discard-Only Address Block"},
    {v6(0x0100'0000'0000'0001, 0, 64),         false, "Dummy IPv6 Prefix"},
    {v6(0x0064'ff9b'0001'0000, 0, 48),         false, "IPv4-IPv6 Translat."},
    {v6(0x2001'0002'0000'0000, 0, 48),         false, "Benchmarking"},
    {v6(0x2001'0004'0112'0000, 0, 48),         true,  "AS112-v6"},
    {v6(0x2620'004f'8000'0000, 0, 48),         true,  "Direct Delegation AS112 Service"},
    {v6(0x2001'0000'0000'0000, 0, 32),         false, "TEREDO"},
    {v6(0x2001'0003'0000'0000, 0, 32),         true,  "AMT"},
    {v6(0x2001'0db8'0000'0000, 0, 32),         false, "Documentation"},
    {v6(0x2001'0010'0000'0000, 0, 28),         false, "Deprecated (previously ORCHID)"},
    {v6(0x2001'0020'0000'0000, 0, 28),         true,  "ORCHIDv2"},
    {v6(0x2001'0030'0000'0000, 0, 28), true, "Drone Remote ID Protocol Entity Tags (DETs) Prefix"},
    {v6(0x2001'0000'0000'0000, 0, 23),         false, "IETF Protocol Assignments"},
    {v6(0x3fff'0000'0000'0000, 0, 20),         false, "Documentation"},
    {v6(0x2002'0000'0000'0000, 0, 16),         false, "6to4"},
    {v6(0x5f00'0000'0000'0000, 0, 16),         false, "Segment Routing (SRv6) SIDs"},
    {v6(0xfe80'0000'0000'0000, 0, 10),         false, "Link-Local Unicast"},
    {v6(0xfec0'0000'0000'0000, 0, 10),         false, "Site-Local (deprecated)"},
    {v6(0xff00'0000'0000'0000, 0, 8),          false, "Multicast"},
    {v6(0xfc00'0000'0000'0000, 0, 7),          false, "Unique-Local"},
    // clang-format on
};

// What IANA has given out as global unicast. What lies outside is reserved by the IETF.
constexpr Prefix kGlobalUnicastV6 = v6(0x2000'0000'0000'0000, 0, 3);

}  // namespace

std::span<const SpecialPurpose> special_purpose_registry() {
  return kRegistry;
}

const SpecialPurpose* find_special_purpose(const IpAddress& address) {
  for (const SpecialPurpose& row : kRegistry) {
    if (row.prefix.contains(address)) return &row;
  }
  return nullptr;
}

bool is_globally_reachable(const IpAddress& address) {
  if (const SpecialPurpose* row = find_special_purpose(address)) return row->is_globally_reachable;
  return address.is_v4() || kGlobalUnicastV6.contains(address);
}

}  // namespace roost
