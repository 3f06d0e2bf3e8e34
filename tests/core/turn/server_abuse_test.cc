// SPDX-License-Identifier: MIT
//
// Goal: what users and strangers can take from others is what the bounds say. Method: what a
// reviewer did to the server, each once.
#include <gtest/gtest.h>

#include "base/text.h"
#include "core/turn/server.h"
#include "turn/turn_client.h"

namespace roost::core::turn {
namespace {

Credentials ephemeral(int64_t expiry, std::string_view name) {
  const std::string username = std::to_string(expiry) + ":" + std::string(name);
  return {.username = username,
          .password = to_base64(hmac_sha1(as_bytes("s3"), as_bytes(username)))};
}

constexpr int64_t kFarFuture = 4'000'000'000;

Server::Options with_secret() {
  Server::Options options = plain_options();
  options.authenticator.shared_secret = "s3";
  return options;
}

TEST(TurnAbuse, NewCredentialsAreNoNewUser) {
  Server::Options options = with_secret();
  options.table.allocations_per_user = for_each_class(1u);
  World world(options);
  int made = 0;
  for (int i = 0; i < 5; ++i) {
    Client client(world, "7.7.7.7:" + std::to_string(4000 + i), ephemeral(kFarFuture + i, "bob"));
    made += client.allocate().is_success();
  }
  EXPECT_EQ(made, 1);
  // Another name is another user, and so is a named one of the same name.
  Client carol(world, "7.7.7.7:4100", ephemeral(kFarFuture, "carol"));
  EXPECT_TRUE(carol.allocate().is_success());
  Client bob(world, "7.7.7.7:4101", kBob);
  EXPECT_TRUE(bob.allocate().is_success());
}

TEST(TurnAbuse, UsersWhomTheirSiteDoesNotNameAreNotOne) {
  Server::Options options = with_secret();
  options.table.allocations_per_user = for_each_class(1u);
  World world(options);
  for (int i = 0; i < 3; ++i) {
    const std::string username = std::to_string(kFarFuture + i);
    const std::string password = to_base64(hmac_sha1(as_bytes("s3"), as_bytes(username)));
    Client client(world, "7.7.7.7:" + std::to_string(4000 + i),
                  {.username = username, .password = password});
    EXPECT_TRUE(client.allocate().is_success());
    // Whoever else has the same credentials is the same user.
    client.endpoint.port += 100;
    EXPECT_EQ((client.get_nonce(), client.allocate().code()), 486);
  }
}

TEST(TurnAbuse, AUserMayRenewItsCredentials) {
  World world(with_secret());
  Client client(world, "7.7.7.7:4000", ephemeral(kFarFuture, "bob"));
  EXPECT_TRUE(client.allocate().is_success());
  client.credentials = ephemeral(kFarFuture + 3600, "bob");
  EXPECT_EQ(client.refresh({}).code(), 0);
  client.credentials = ephemeral(kFarFuture, "carol");
  EXPECT_EQ(client.refresh({}).code(), 441);
}

TEST(TurnAbuse, WhoIsNoUserAnyMoreIsEndedAtOnce) {
  Server::Options options = with_secret();
  options.lifetime_max = std::chrono::hours(24);
  World world(options);
  Client alice(world, "7.7.7.7:4000");
  EXPECT_TRUE(alice.allocate({lifetime(86'400)}).is_success());
  EXPECT_EQ(alice.bind(0x4001, kPeer), 0);
  Client bob(world, "7.7.7.7:4001", kBob);
  EXPECT_TRUE(bob.allocate().is_success());
  Client guest(world, "7.7.7.7:4002", ephemeral(kFarFuture, "guest"));
  EXPECT_TRUE(guest.allocate().is_success());
  Server::Options fewer = options;
  fewer.authenticator.users = {{"bob", "secret"}};
  fewer.authenticator.shared_secret.clear();
  world.server.reload(fewer, world.now().mono);
  world.pass(seconds(1));
  alice.send_channel_data(0x4001, "x");
  EXPECT_TRUE(world.is_silent());
  EXPECT_EQ(world.server.table().size(), 1u);
  bob.get_nonce();  // The old one told of what is offered no more.
  EXPECT_EQ(bob.refresh({}).code(), 0);
}

TEST(TurnAbuse, NobodyTakesTheChannelsOfOthers) {
  Server::Options options = plain_options();
  World world(options);
  for (int i = 0; i < 32; ++i) {
    Client alice(world, "7.7." + std::to_string(i) + ".7:4000");
    ASSERT_TRUE(alice.allocate().is_success());
    int bound = 0;
    while (alice.bind(static_cast<uint16_t>(0x4000 + bound),
                      {kPeer.address, static_cast<uint16_t>(1000 + bound)}) == 0) {
      ++bound;
    }
    EXPECT_EQ(bound, options.table.channels_per_allocation);
    world.pass(seconds(10));
  }
  Client bob(world, "6.6.6.6:4000", kBob);
  ASSERT_TRUE(bob.allocate().is_success());
  EXPECT_EQ(bob.bind(0x4000, kPeer), 0);
}

TEST(TurnAbuse, ChallengesToStreamsDoNotCountWhatOthersForge) {
  World world;
  for (int i = 0; i < 40; ++i) {
    Client forged(world, "7.7.7." + std::to_string(i + 1) + ":4000");
    forged.deliver(forged.naked_request(StunMethod::kAllocate, {udp()}));
  }
  world.to_clients.clear();
  Client victim = Client::on_stream(world, 9);
  EXPECT_EQ(victim.send(victim.naked_request(StunMethod::kAllocate, {udp()})).code(), 401);
}

TEST(TurnAbuse, TheNetworkThatWeAreInIsNotReached) {
  Server::Options options = plain_options();
  options.peers = PeerPolicy({}, {}, {*Prefix::parse("2a00:5::/64"), *Prefix::parse("5.5.5.0/24")});
  World world(options);
  Client client(world, "7.7.7.7:4000");
  ASSERT_TRUE(client.allocate({additional(2)}).is_success());
  // Neighbours on our links, and the router's own services.
  for (const char* const text : {"[2a00:5::6]:53", "5.5.5.6:53", "192.0.0.9:5351",
                                 "192.0.0.10:3478", "[2001:1::1]:5351", "[2001:1::3]:53"}) {
    const Endpoint peer = endpoint(text);
    EXPECT_EQ(client.permit(peer), 403) << text;
    client.indicate(peer, "x");
    EXPECT_TRUE(world.is_silent()) << text;
  }
  EXPECT_EQ(client.permit(endpoint("5.5.6.6:53")), 0);
}

TEST(TurnAbuse, NobodyIsOfferedALinkLocalAddress) {
  World world;
  for (auto& opens : world.opens) opens = World::Opens::kHeldBack;
  Client client(world, "[fe80::77]:4000");
  client.local = {endpoint("[fe80::5]:3478"), 2};
  client.get_nonce();
  client.deliver(client.request(StunMethod::kAllocate, {udp(), family(2)}));
  ASSERT_EQ(world.held_back.size(), 1u);
  EXPECT_EQ(world.held_back[0].address, kServerV6.address);
}

TEST(TurnAbuse, AClientMayAskSoMuchWhateverItsNeighboursDo) {
  World world;
  Client client(world, "7.7.7.7:4000");
  const DatagramArrived before{client.socket, client.local, client.endpoint, {}};
  EXPECT_FALSE(world.server.admits(world.now().mono, before));
  ASSERT_TRUE(client.allocate().is_success());
  int admitted = 0;
  while (world.server.admits(world.now().mono, before)) ++admitted;
  EXPECT_GE(admitted, 50);
  EXPECT_LE(admitted, 100);
  world.pass(seconds(1));
  EXPECT_TRUE(world.server.admits(world.now().mono, before));
}

}  // namespace
}  // namespace roost::core::turn
