// SPDX-License-Identifier: MIT
// Goal: URIs of RFC 7064 and RFC 7065 are read, the forms that people write too, and others say
// what is wrong.
#include "app/stun_uri.h"

#include <gtest/gtest.h>

namespace roost::app {
namespace {

using Transport = StunUri::Transport;

TEST(StunUri, NamesAHostAPortAndATransport) {
  struct Row {
    std::string_view text;
    StunUri expect;
  };
  const Row rows[] = {
      {"stun:example.org", {"example.org", 3478, Transport::kUdp}},
      {"stun:example.org:1", {"example.org", 1, Transport::kUdp}},
      {"stun://example.org:65535", {"example.org", 65535, Transport::kUdp}},
      {"STUN:192.0.2.1:5000", {"192.0.2.1", 5000, Transport::kUdp}},
      {"stun:[2001:db8::1]", {"2001:db8::1", 3478, Transport::kUdp}},
      {"stun:[2001:db8::1]:99", {"2001:db8::1", 99, Transport::kUdp}},
      {"stuns:example.org", {"example.org", 5349, Transport::kTls}},
      {"stuns://[::1]:443", {"::1", 443, Transport::kTls}},
      {"stuns:example.org?transport=tcp", {"example.org", 5349, Transport::kTls}},
      {"stun:example.org?transport=tcp", {"example.org", 3478, Transport::kTcp}},
      {"stun:example.org:80?transport=udp", {"example.org", 80, Transport::kUdp}},
      {"stun:localhost", {"localhost", 3478, Transport::kUdp}},
      {"turn:example.org", {"example.org", 3478, Transport::kUdp, true}},
      {"turn://example.org:99", {"example.org", 99, Transport::kUdp, true}},
      {"turn:[2001:db8::1]?transport=tcp", {"2001:db8::1", 3478, Transport::kTcp, true}},
      {"turn:192.0.2.1?transport=udp", {"192.0.2.1", 3478, Transport::kUdp, true}},
      {"TURNS:example.org", {"example.org", 5349, Transport::kTls, true}},
      {"turns:[::1]:443?transport=tcp", {"::1", 443, Transport::kTls, true}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.text);
    const auto uri = StunUri::parse(row.text);
    ASSERT_TRUE(uri) << uri.error();
    EXPECT_EQ(*uri, row.expect);
    EXPECT_EQ(*StunUri::parse(uri->text()), row.expect) << uri->text();
  }
}

TEST(StunUri, ThatIsWrongSaysWhat) {
  struct Row {
    std::string_view text;
    std::string_view expect;  // A part of the message.
  };
  const Row rows[] = {
      {"", "is not a STUN or TURN URI"},
      {"example.org:3478", "is not a STUN or TURN URI"},
      {"turnip:example.org", "is not a STUN"},
      {"turns", "is not a STUN"},
      {"turns:example.org?transport=udp", "asks for TLS over UDP (DTLS), which is not supported"},
      {"turn:example.org?transport=sctp", "asks for an unknown transport"},
      {"stun", "is not a STUN or TURN URI"},
      {"stun:", "has no valid host"},
      {"stun::3478", "has no valid host"},
      {"stun:exa mple.org", "has no valid host"},
      {"stun:example.org/path", "has no valid host"},
      {"stun:example.org:", "has no valid port"},
      {"stun:example.org:0", "has no valid port"},
      {"stun:example.org:65536", "has no valid port"},
      {"stun:example.org:-1", "has no valid port"},
      {"stun:example.org:80x", "has no valid port"},
      {"stun:[2001:db8::1", "has no IPv6 address in brackets"},
      {"stun:[2001:db8::1]80", "has no IPv6 address in brackets"},
      {"stun:[example.org]", "has no IPv6 address in brackets"},
      {"stun:[192.0.2.1]", "has no IPv6 address in brackets"},
      {"stun:[", "has no IPv6 address in brackets"},
      {"stun:[]", "has no IPv6 address in brackets"},
      {"stun:2001:db8::1", "needs brackets"},
      {"stun:example.org?transport=sctp", "asks for an unknown transport"},
      {"stun:example.org?", "asks for an unknown transport"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.text);
    const auto uri = StunUri::parse(row.text);
    ASSERT_FALSE(uri) << uri->text();
    EXPECT_NE(uri.error().find(row.expect), std::string::npos) << uri.error();
  }
}

}  // namespace
}  // namespace roost::app
