// SPDX-License-Identifier: MIT
//
// Goal: a stranger gets its bytes and its time once, whatever it allocates and however many
// credentials it asks for, and its prefix gets them again only with the next period.
// Method: clients with minted credentials at a whole server, for hours; each byte is counted here
// too.
#include <map>

#include "core/turn/minter.h"
#include "core/turn/server.h"
#include "turn/turn_client.h"

namespace roost::core::turn {
namespace {

using std::chrono::hours;

constexpr uint64_t kStrangerId = 0x5555;
constexpr uint64_t kOtherId = 0x6666;
constexpr auto kStrangers = static_cast<size_t>(Payer::kStranger);
constexpr uint64_t kBytes = 1000;
constexpr Duration kTime = minutes(30);
const std::string kPacket(72, 'x');  // 100 with its headers.

Server::Options options() {
  Server::Options options = plain_options();
  options.authenticator.mint_secret = {42};
  options.authenticator.serves_strangers = true;
  options.table.allocations_per_user[kStrangers] = 4;
  options.session_max[kStrangers] = kTime;
  options.stranger_period = hours(1);
  options.forwarder.strangers_need_consent = false;
  options.forwarder.stranger_bytes_per_period = kBytes;
  return options;
}

// As the node gives them to who asks now.
Credentials mint(const World& world, uint64_t id = kStrangerId, uint64_t nonce = 1) {
  const auto lifetime = std::chrono::duration_cast<seconds>(kTime);
  const auto made = Minter({42}).mint(*world.now().wall + lifetime, {true, id}, nonce);
  return {.username = made.username, .password = made.password};
}

std::string address(int number) {
  return "7.7." + std::to_string(number / 200) + '.' + std::to_string(number % 200) + ":4000";
}

// How many of so many packets the client's allocation carries; 0 if it gets none.
uint64_t relay(World& world, Client& client, size_t packets) {
  client.nonce.clear();  // For whom hours have passed.
  if (!client.allocate().is_success()) return 0;
  EXPECT_EQ(client.permit(kPeer), 0);
  world.to_peers.clear();
  for (size_t i = 0; i < packets; ++i) client.indicate(kPeer, kPacket);
  return world.to_peers.size();
}

TEST(TurnStrangers, GetTheirBytesOnceForAllAllocations) {
  World world(options());
  Client first(world, address(1), mint(world));
  EXPECT_EQ(relay(world, first, 4), 4u);
  EXPECT_EQ(first.refresh({lifetime(0)}).code(), 0);
  // The same credentials, at the same place and at others, one after the other and at once.
  EXPECT_EQ(relay(world, first, 3), 3u);
  Client second(world, address(2), first.credentials);
  EXPECT_EQ(relay(world, second, 2), 2u);
  Client third(world, address(3), first.credentials);
  EXPECT_EQ(relay(world, third, 2), 1u);
  second.indicate(kPeer, kPacket);
  EXPECT_EQ(world.server.forwarded().to_peer_packets[kStrangers], 10u);
  world.pass(Duration());
  EXPECT_EQ(second.allocate().code(), 486);
  EXPECT_EQ(third.allocate().code(), 486);
  // Nor does what comes in.
  first.receive_from(kPeer, kPacket);
  EXPECT_EQ(world.server.forwarded().to_client_packets[kStrangers], 0u);
  // Others have theirs.
  Client other(world, address(4), mint(world, kOtherId));
  EXPECT_EQ(relay(world, other, 11), 10u);
}

TEST(TurnStrangers, CountBothDirections) {
  World world(options());
  Client client(world, address(1), mint(world));
  EXPECT_EQ(relay(world, client, 6), 6u);
  for (int i = 0; i < 6; ++i) client.receive_from(kPeer, kPacket);
  EXPECT_EQ(world.server.forwarded().to_client_packets[kStrangers], 4u);
}

TEST(TurnStrangers, HaveNoBoundWhereTheOwnerSetsNone) {
  Server::Options unbounded = options();
  unbounded.forwarder.stranger_bytes_per_period = 0;
  World world(unbounded);
  Client client(world, address(1), mint(world));
  EXPECT_EQ(relay(world, client, 50), 50u);
  // A bound that comes counts what was before.
  world.server.reload(options(), world.now().mono);
  client.indicate(kPeer, kPacket);
  EXPECT_EQ(world.to_peers.size(), 50u);
}

// Whoever asks anew is the same account; its bytes come back with the next period, to the full and
// no more than once, and each of its credentials is of one period, however long it waits with them.
TEST(TurnStrangers, GetThemAnewOnlyWithTheNextPeriod) {
  constexpr int kHours = 12;
  World world(options());
  std::vector<Client> clients;
  for (int i = 0; i < 4; ++i) clients.emplace_back(world, address(i), mint(world));
  std::map<std::string, uint64_t> by_credential;
  uint64_t packets = 0;
  for (int minute = 0; minute < 60 * kHours; minute += 5) {
    // New ones for one of them, old ones for the others; all of them want more than there is.
    Client& renewed = clients[static_cast<size_t>(minute / 5 % 4)];
    renewed.credentials = mint(world, kStrangerId, static_cast<uint64_t>(minute) + 10);
    for (Client& client : clients) {
      const uint64_t relayed = relay(world, client, 7);
      by_credential[client.credentials.username] += relayed;
      packets += relayed;
      world.pass(Duration());
      client.refresh({lifetime(0)});
    }
    world.pass(minutes(5));
  }
  for (const auto& [name, count] : by_credential) EXPECT_LE(count, kBytes / 100) << name;
  EXPECT_LE(packets, (kHours + 1) * kBytes / 100);
  EXPECT_GE(packets, (kHours - 1) * kBytes / 100);
}

// What was minted before stays valid for all the time by which the clock was set back, beside what
// is minted now.
TEST(TurnStrangers, GetNothingTwiceWhereTheClockIsSetBack) {
  World world(options());
  Client early(world, address(1), mint(world));
  EXPECT_EQ(relay(world, early, 11), kBytes / 100);
  for (int i = 1; i <= 5; ++i) {
    world.set_wall(*world.now().wall - hours(2));
    Client late(world, address(1 + i), mint(world, kStrangerId, static_cast<uint64_t>(i) + 1));
    for (Client* client : {&late, &early}) {
      world.pass(Duration());
      EXPECT_EQ(relay(world, *client, 11), 0u) << i;
      client->refresh({lifetime(0)});
    }
  }
  // Nor is it lost for ever: the clock was wrong before.
  for (int i = 0; i < 9; ++i) world.pass(minutes(15));
  Client renewed(world, address(9), mint(world, kStrangerId, 99));
  EXPECT_EQ(relay(world, renewed, 11), kBytes / 100);
}

TEST(TurnStrangers, GetTheirTimeOnceForAllAllocations) {
  World world(options());
  Client client(world, address(1), mint(world));
  EXPECT_EQ(client.allocate({lifetime(3600)}).lifetime(), 1800u);
  world.pass(minutes(20));
  EXPECT_EQ(client.refresh({lifetime(0)}).code(), 0);
  EXPECT_EQ(client.allocate({lifetime(3600)}).lifetime(), 600u);
  Client second(world, address(2), client.credentials);
  EXPECT_EQ(second.allocate({lifetime(3600)}).lifetime(), 600u);
  // New ones do not prolong what was made with the old ones beyond what one allocation may last.
  client.credentials = mint(world, kStrangerId, 2);
  EXPECT_EQ(client.refresh({lifetime(3600)}).lifetime(), 1800u);
  world.pass(minutes(10));
  EXPECT_EQ(client.refresh({lifetime(3600)}).lifetime(), 1200u);
  EXPECT_EQ(second.refresh({}).code(), 401);
}

// EVEN-PORT's second address is counted on the same account.
TEST(TurnStrangers, CountWhatWasReserved) {
  World world(options());
  Client client(world, address(1), mint(world));
  const Reply reserving = client.allocate({even_port(true)});
  ASSERT_TRUE(reserving.is_success());
  EXPECT_EQ(client.permit(kPeer), 0);
  for (int i = 0; i < 6; ++i) client.indicate(kPeer, kPacket);
  const Data token = data_of(reserving.text(StunAttribute::kReservationToken));
  Client second(world, "7.7.0.1:4001", client.credentials);
  ASSERT_TRUE(second.allocate({raw(StunAttribute::kReservationToken, token)}).is_success());
  EXPECT_EQ(second.permit(kPeer), 0);
  for (int i = 0; i < 6; ++i) second.indicate(kPeer, kPacket);
  EXPECT_EQ(world.server.forwarded().to_peer_packets[kStrangers], 10u);
}

}  // namespace
}  // namespace roost::core::turn
