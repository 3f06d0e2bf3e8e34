// SPDX-License-Identifier: MIT
//
// Goal: connections are counted in and back, in all and per prefix.
#include "node/admission.h"

#include <gtest/gtest.h>

namespace roost::node {
namespace {

constexpr SipHashKey kSecret{1, 2, 3};

IpAddress v4(uint32_t prefix, uint8_t host) {
  return IpAddress::v4(prefix << 8 | host);
}

TEST(ConnectionAdmission, CountsPerPrefixAndInAllAndBack) {
  Config config;
  config.donate.connections = 3;
  config.admission.connections_per_prefix = 2;
  ConnectionAdmission admission(config, kSecret);
  EXPECT_FALSE(admission.open(v4(1, 0)));
  EXPECT_FALSE(admission.open(v4(1, 1)));
  EXPECT_EQ(ConnectionAdmission::Refusal::kPrefix, admission.open(v4(1, 2)));
  EXPECT_FALSE(admission.open(v4(2, 0)));
  EXPECT_EQ(ConnectionAdmission::Refusal::kTotal, admission.open(v4(3, 0)));
  admission.check_invariants();
  admission.close(v4(1, 0));
  EXPECT_FALSE(admission.open(v4(3, 0)));
  EXPECT_EQ(3u, admission.open_count());
  admission.check_invariants();
}

}  // namespace
}  // namespace roost::node
