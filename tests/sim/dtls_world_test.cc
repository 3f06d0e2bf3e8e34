// SPDX-License-Identifier: MIT
//
// Goal: whoever speaks DTLS is served like others, whatever the network does, and what dead clients
// leave behind ends.
// Method: small worlds with clients of the relay, watched by the oracles.
#include <gtest/gtest.h>

#include "sim/actors/hello_flooder.h"
#include "sim/actors/turn_client.h"
#include "sim/world.h"

namespace roost::sim {
namespace {

using namespace std::chrono_literals;

using actors::Meeting;
using actors::TurnClient;

class DtlsWorld : public testing::Test {
 protected:
  TurnClient& add(size_t side, Duration period, core::Transport transport = core::Transport::kDtls,
                  const LinkProfile& link = kCalmLink) {
    Place place;
    place.nats = nat_chain(NatKind::kSymmetric);
    place.link = link;
    TurnClient::Options options;
    options.server = node_.endpoint(true);
    options.username = World::kFriend;
    options.password = World::kFriendsPassword;
    options.transport = transport;
    options.side = side;
    options.period = period;
    return world_.run<TurnClient>(world_.add_host(place), options, meeting_, world_.liveness(),
                                  world_.mapped_addresses(), world_.verdict());
  }
  void expect_all_is_well(Duration time) {
    world_.heal();
    world_.run_for(time);
    world_.check_liveness();
    EXPECT_TRUE(world_.verdict().holds()) << world_.verdict().text();
  }

  World world_{5};
  NodeShell& node_ = world_.add_node();
  Meeting meeting_;
};

TEST_F(DtlsWorld, KeepsAnAssociationForAsLongAsItsAllocation) {
  const Duration period = Associations::kIdleTimeMax + 5s;
  const TurnClient* clients[] = {&add(0, period), &add(1, period)};
  expect_all_is_well(3min);
  EXPECT_EQ(node_.association_count(), 2u);
  EXPECT_EQ(node_.node().connection_admission().open_count(), 2u);
  EXPECT_EQ(world_.cookies().proved_count(), 2u);
  for (const TurnClient* const client : clients) EXPECT_EQ(client->allocation_count(), 1u);
}

TEST_F(DtlsWorld, ServesOverLinesThatLoseAndDoubleAndTurnRound) {
  add(0, 4s);
  add(1, 4s, core::Transport::kUdp);
  world_.set_links(kLossyLink);
  world_.run_for(5min);
  EXPECT_GT(world_.liveness().successes(), 20u);
  expect_all_is_well(75s);
}

TEST_F(DtlsWorld, BeginsAnewWithANodeThatHasForgotten) {
  const TurnClient* clients[] = {&add(0, 4s), &add(1, 4s)};
  for (int i = 0; i < 10; ++i) {
    world_.run_for(1min);
    node_.crash();
    node_.restart();
    EXPECT_EQ(node_.association_count(), 0u);
  }
  expect_all_is_well(75s);
  for (const TurnClient* const client : clients) EXPECT_GT(client->allocation_count(), 8u);
}

TEST_F(DtlsWorld, BeginsAnewBehindANatThatHasForgotten) {
  const TurnClient& client = add(0, 4s);
  add(1, 4s, core::Transport::kTls);
  // Not more often: each time an association is left behind, of which a prefix may have eight.
  for (int i = 0; i < 6; ++i) {
    world_.run_for(2min);
    for (size_t realm = 1; realm < world_.network().realm_count(); ++realm) {
      world_.reboot_nat(static_cast<Network::RealmId>(realm));
    }
  }
  expect_all_is_well(75s);
  EXPECT_GT(client.allocation_count(), 4u);
}

TEST_F(DtlsWorld, EndsWhatDeadClientsLeaveBehind) {
  add(0, 4s);
  add(1, 4s);
  world_.run_for(1min);
  EXPECT_EQ(node_.association_count(), 2u);
  world_.abandon();
  world_.run_for(9min);
  EXPECT_EQ(node_.association_count(), 2u);  // As was granted.
  world_.check_remains();
  // Associations and allocations, the addresses of those, and streams by the node's count.
  EXPECT_EQ(world_.verdict().count(), 4u) << world_.verdict().text();
  world_.run_for(2min);
  world_.check_remains();
  EXPECT_EQ(world_.verdict().count(), 4u) << world_.verdict().text();
  EXPECT_EQ(node_.association_count(), 0u);
}

TEST_F(DtlsWorld, GivesWhoeverFloodsItWithHellosCookiesAndLittleElse) {
  add(0, 4s);
  add(1, 4s);
  actors::HelloFlooder::Options options;
  options.targets = {node_.endpoint(true), node_.endpoint(false), node_.endpoint(true, 1, 1)};
  options.packets_per_second = 50;
  const auto& flooder =
      world_.run<actors::HelloFlooder>(world_.add_host(), world_.network(), options);
  expect_all_is_well(5min);
  EXPECT_GT(flooder.cookie_count(), 500u);
  EXPECT_GT(flooder.association_count(), 10u);
  for (const auto outcome : node_.node().dtls_stats()) EXPECT_GT(outcome, 20u);
}

// Head, key and handshakes are beyond what was paid for, and are counted all the same: the oracle
// compares with the node's own count after each step.
TEST_F(DtlsWorld, KeepsToItsDonation) {
  node::Config config = node_.config();
  config.donate.bandwidth_bytes_per_second = 2'500;
  config.donate.monthly_bytes = 20'000;
  node_.reload(config);
  add(0, 4s);
  add(1, 4s);
  world_.run_for(3min);
  EXPECT_TRUE(world_.verdict().holds()) << world_.verdict().text();
  EXPECT_GT(node_.donation().month().bytes, 18'000u);
}

}  // namespace
}  // namespace roost::sim
