// SPDX-License-Identifier: MIT
//
// Goal: what the DHT server counts is on the metrics page, under labels that stay.
#include "node/dht_metrics.h"

#include <gtest/gtest.h>

#include "base/crypto_hash.h"

namespace roost::node {
namespace {

using namespace std::chrono_literals;

const Endpoint kLocal{IpAddress::v4(0x0b000002), 3478};

std::string metrics_of(const Node& node, const Now& now) {
  std::string text;
  MetricsWriter writer(text);
  write_dht_metrics(node, now, writer);
  return text;
}

TEST(DhtMetrics, TellContactsByFamilyAndAge) {
  const SigningKey key{SigningKey::Seed{}};
  SeededRandom random(1);
  Now now{MonoTime(1h), kWallTimeMin};
  Node node(Config(), {kLocal}, key, random, now);
  for (uint32_t i = 0; i < 3; ++i) {
    const Endpoint endpoint{IpAddress::v4(0x08080404 + (i << 8)), 6881};
    (void)node.dht()->verifier().ring().admit(now.mono, {wire::NodeId{1}, endpoint});
    now.mono += 20min;
  }
  const std::string text = metrics_of(node, now);
  for (const std::string_view line : {
           "roost_dht_contacts{family=\"ipv4\",age=\"15min\"} 0\n",
           "roost_dht_contacts{family=\"ipv4\",age=\"30min\"} 1\n",
           "roost_dht_contacts{family=\"ipv4\",age=\"45min\"} 1\n",
           "roost_dht_contacts{family=\"ipv4\",age=\"older\"} 1\n",
           "roost_dht_contacts{family=\"ipv6\",age=\"older\"} 0\n",
           "roost_dht_queries_total{method=\"find_node\"} 0\n",
           "roost_dht_pings_total{purpose=\"verify\"} 0\n",
           "roost_dht_handed_out_alive_total{after=\"60min\"} 0\n",
           "roost_dht_ignored{family=\"ipv4\"} 0\n",
       }) {
    EXPECT_NE(std::string::npos, text.find(line)) << line << text;
  }
}

TEST(DhtMetrics, TellWhetherWhatWasKeptIsLoaded) {
  const SigningKey key{SigningKey::Seed{}};
  SeededRandom random(1);
  const Now now{MonoTime(1h), kWallTimeMin};
  Node node(Config(), {kLocal}, key, random, now);
  EXPECT_NE(std::string::npos, metrics_of(node, now).find("\nroost_dht_contacts_loaded 0\n"));
  core::Outbox out;
  node.step(now, core::DeadlinePassed(), out);
  for (uint64_t number = 1; number <= 2; ++number) {
    node.step(now, core::RangeRead{{core::StoreUser::kContacts, number}, {}, true, {}}, out);
  }
  EXPECT_NE(std::string::npos, metrics_of(node, now).find("\nroost_dht_contacts_loaded 1\n"));
}

TEST(DhtMetrics, AreNoneWhereThereIsNoDht) {
  const SigningKey key{SigningKey::Seed{}};
  SeededRandom random(1);
  const Now now{MonoTime(1h), kWallTimeMin};
  Config config;
  config.dht.enabled = false;
  const Node node(config, {kLocal}, key, random, now);
  EXPECT_EQ("", metrics_of(node, now));
}

}  // namespace
}  // namespace roost::node
