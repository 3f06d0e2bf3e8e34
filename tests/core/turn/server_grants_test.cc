// SPDX-License-Identifier: MIT
//
// Goal: whoever has a grant gets what it promises, as long as it does and not a moment longer; and
// strangers get what is left, within their bounds and towards nobody who has not asked for it.
// Method: clients with minted credentials at a whole server, while the owner changes his mind and
// time passes.
#include "core/turn/minter.h"
#include "core/turn/server.h"
#include "raw_stun.h"
#include "turn/turn_client.h"

namespace roost::core::turn {
namespace {

using std::chrono::hours;

constexpr uint64_t kGrantId = 0x1122334455667788;
constexpr uint64_t kOtherId = 0x99;
constexpr uint64_t kStrangerId = 0x5555;
constexpr auto kStrangers = static_cast<size_t>(Payer::kStranger);

Minter::Secret secret() {
  return {42};
}

Server::Options options() {
  Server::Options options = plain_options();
  options.authenticator.mint_secret = secret();
  options.authenticator.serves_strangers = true;
  options.credentials.serves_strangers = true;
  options.table.allocations_per_class = {0, 64, 64, 3};
  options.table.allocations_per_user = {0, 32, 5, 2};
  options.session_max[kStrangers] = minutes(30);
  return options;
}

Grant grant(uint64_t id = kGrantId, Payer payer = Payer::kFriend) {
  Grant made;
  made.id = id;
  made.payer = payer;
  return made;
}

Credentials credentials(const World& world, Duration valid_for, const Minter::Holder& holder,
                        uint64_t nonce = 1) {
  const auto lifetime = std::chrono::duration_cast<seconds>(valid_for);
  const auto made = Minter(secret()).mint(*world.now().wall + lifetime, holder, nonce);
  return {.username = made.username, .password = made.password};
}
Credentials of_grant(const World& world, Duration valid_for = hours(24), uint64_t id = kGrantId) {
  return credentials(world, valid_for, {false, id});
}
Credentials of_stranger(const World& world, Duration valid_for = hours(24),
                        uint64_t id = kStrangerId) {
  return credentials(world, valid_for, {true, id});
}

void set_grants(World& world, std::vector<Grant> grants) {
  world.server.set_grants(std::move(grants), world.now());
}

std::string address(int number) {
  return "7.7." + std::to_string(number / 200) + '.' + std::to_string(number % 200) + ":4000";
}

uint64_t drops(const World& world, Forwarder::Drop why) {
  uint64_t sum = 0;
  for (const auto& of_class : world.server.forwarded().drops) {
    sum += of_class[static_cast<size_t>(why)];
  }
  return sum;
}

// All four requests of a client whose nonce is good.
void expect_every_request_is_refused(Client& client) {
  for (const StunMethod method : {StunMethod::kAllocate, StunMethod::kRefresh,
                                  StunMethod::kCreatePermission, StunMethod::kChannelBind}) {
    const Reply reply = client.ask(method, {udp(), peer(kPeer), channel(0x4001)});
    EXPECT_EQ(reply.code(), 401) << static_cast<int>(method);
  }
}

// ---- Grants.

TEST(TurnGrants, GiveTheirHolderAClassAndItsBounds) {
  for (const auto& [payer, most] :
       {std::pair(Payer::kFriend, 32), std::pair(Payer::kFriendOfFriend, 5)}) {
    World world(options());
    set_grants(world, {grant(kGrantId, payer), grant(kOtherId, payer)});
    int made = 0;
    for (int i = 0; i < 40; ++i) {
      Client client(world, address(200 * i), of_grant(world));
      const Reply reply = client.allocate();
      made += reply.is_success();
      EXPECT_EQ(reply.code(), made > i ? 0 : 486);
      if (i > 0) continue;
      EXPECT_EQ(client.permit(kPeer), 0);
      client.indicate(kPeer, "not a check: a grant's holder needs no consent");
      EXPECT_EQ(world.take_peer().payer, payer);
    }
    EXPECT_EQ(made, most);
    EXPECT_EQ(world.server.table().count(payer), static_cast<uint32_t>(most));
    Client other(world, address(1), of_grant(world, hours(1), kOtherId));
    EXPECT_TRUE(other.allocate().is_success());
  }
}

TEST(TurnGrants, EndAtOnceWhenTheyAreRevoked) {
  World world(options());
  set_grants(world, {grant(), grant(kOtherId)});
  Client holder(world, address(1), of_grant(world));
  ASSERT_TRUE(holder.allocate().is_success());
  EXPECT_EQ(holder.bind(0x4001, kPeer), 0);
  Client second = Client::on_stream(world, 9, Transport::kTcp, of_grant(world));
  ASSERT_TRUE(second.allocate({even_port(true)}).is_success());
  Client other(world, address(2), of_grant(world, hours(24), kOtherId));
  ASSERT_TRUE(other.allocate().is_success());
  EXPECT_EQ(world.server.table().size(), 4u);  // One is reserved.

  set_grants(world, {grant(kOtherId)});
  expect_every_request_is_refused(holder);  // Even before the deadline.
  world.pass(Duration());
  EXPECT_EQ(world.server.table().size(), 1u);
  EXPECT_EQ(world.sockets.size(), 1u);
  holder.send_channel_data(0x4001, "x");
  EXPECT_TRUE(world.is_silent());
  expect_every_request_is_refused(holder);
  EXPECT_EQ(other.refresh({}).code(), 0);
}

TEST(TurnGrants, EndTheAllocationsThatAreStillOpening) {
  World world(options());
  set_grants(world, {grant()});
  Client holder(world, address(1), of_grant(world));
  holder.get_nonce();
  world.opens[0] = World::Opens::kHeldBack;
  EXPECT_FALSE(holder.allocate().is_there());
  set_grants(world, {});
  world.answer_held_back(true);  // Before the deadline has passed.
  EXPECT_EQ(Reply{world.take_client().bytes}.code(), 508);
  EXPECT_EQ(world.server.table().size(), 0u);
  EXPECT_TRUE(world.sockets.empty());
}

TEST(TurnGrants, EndWhoIsPutIntoAnotherClass) {
  World world(options());
  set_grants(world, {grant()});
  Client holder(world, address(1), of_grant(world));
  const Reply reserving = holder.allocate({even_port(true)});
  ASSERT_TRUE(reserving.is_success());
  const Data token = data_of(reserving.text(StunAttribute::kReservationToken));

  set_grants(world, {grant(kGrantId, Payer::kFriendOfFriend)});
  // What was reserved under the old class is not taken over into the new one, whose count it is not
  // part of.
  Client late(world, "7.7.0.1:4001", of_grant(world));
  EXPECT_EQ(late.allocate({raw(StunAttribute::kReservationToken, token)}).code(), 508);
  // Nor does a Refresh that comes before the deadline save what is to end.
  EXPECT_EQ(holder.refresh({}).code(), 437);
  world.pass(seconds(1));
  EXPECT_EQ(world.server.table().size(), 0u);
  for (size_t i = 0; i < kPayerCount; ++i) {
    EXPECT_EQ(world.server.table().count(static_cast<Payer>(i)), 0u);
  }
  EXPECT_TRUE(holder.allocate().is_success());
  EXPECT_EQ(world.server.table().count(Payer::kFriendOfFriend), 1u);
  // The same grants once more end nobody.
  set_grants(world, {grant(kGrantId, Payer::kFriendOfFriend)});
  world.pass(seconds(1));
  EXPECT_EQ(holder.refresh({}).code(), 0);
}

TEST(TurnGrants, AreNotTouchedByAReload) {
  World world(options());
  set_grants(world, {grant()});
  Client holder(world, address(1), of_grant(world));
  ASSERT_TRUE(holder.allocate().is_success());
  world.server.reload(options(), world.now().mono);
  world.pass(seconds(1));
  EXPECT_EQ(holder.refresh({}).code(), 0);
}

TEST(TurnGrants, AreWorthNothingWithoutAClock) {
  World world(options());
  set_grants(world, {grant()});
  Client holder(world, address(1), of_grant(world));
  ASSERT_TRUE(holder.allocate().is_success());
  world.set_wall(std::nullopt);
  expect_every_request_is_refused(holder);
}

TEST(TurnGrants, AreNotFoundUnderAnotherNodesSecret) {
  World world(options());
  set_grants(world, {grant()});
  Client forger(world, address(1), of_grant(world));
  Minter::Secret guessed = secret();
  guessed[31] = 1;
  forger.credentials.password = Minter(guessed).password(forger.credentials.username);
  EXPECT_EQ(forger.allocate().code(), 401);
}

// ---- How long.

TEST(TurnGrants, GiveNoAllocationLongerThanTheCredentialsAreValid) {
  World world(options());
  set_grants(world, {grant()});
  Client holder(world, address(1), of_grant(world, minutes(7)));
  EXPECT_EQ(holder.allocate({lifetime(3600)}).lifetime(), 420u);
  EXPECT_EQ(holder.permit(kPeer), 0);
  world.pass(minutes(2));
  EXPECT_EQ(holder.refresh({lifetime(3600)}).lifetime(), 300u);
  world.pass(minutes(5) - seconds(1));
  EXPECT_EQ(holder.refresh({}).lifetime(), 1u);
  EXPECT_EQ(world.server.table().size(), 1u);
  world.pass(seconds(1));
  EXPECT_EQ(world.server.table().size(), 0u);
  expect_every_request_is_refused(holder);
  // New ones of the same grant are the same user.
  holder.credentials = of_grant(world);
  EXPECT_EQ(holder.allocate({lifetime(3600)}).lifetime(), 3600u);
  holder.credentials = credentials(world, hours(2), {false, kGrantId}, 77);
  EXPECT_EQ(holder.refresh({}).code(), 0);
  holder.credentials = of_stranger(world);
  EXPECT_EQ(holder.refresh({}).code(), 441);
}

TEST(TurnGrants, EndWithTheirOwnTimeWhateverTheCredentialsSay) {
  World world(options());
  set_grants(world, {grant()});
  Client holder(world, address(1), of_grant(world));
  EXPECT_EQ(holder.allocate({lifetime(3600)}).lifetime(), 3600u);
  Grant shorter = grant();
  shorter.expires_at = *world.now().wall + minutes(20);
  set_grants(world, {shorter});
  EXPECT_EQ(holder.refresh({lifetime(3600)}).lifetime(), 1200u);
  // Nor does what was granted before it was made shorter still.
  shorter.expires_at = *world.now().wall + minutes(1);
  set_grants(world, {shorter});
  world.pass(minutes(1) - seconds(1));
  EXPECT_EQ(world.server.table().size(), 1u);
  world.pass(seconds(1));
  EXPECT_EQ(world.server.table().size(), 0u);
  expect_every_request_is_refused(holder);
  // Longer again: from now on.
  set_grants(world, {grant()});
  EXPECT_EQ(holder.allocate({lifetime(3600)}).lifetime(), 3600u);
}

// ---- How much.

void send_bytes(Client& client, size_t packets) {
  for (size_t i = 0; i < packets; ++i) client.indicate(kPeer, std::string(72, 'x'));  // 100 each.
}

TEST(TurnGrants, CountTheBytesOfAllTheirAllocationsTogether) {
  World world(options());
  Grant small = grant();
  small.bytes_max = 1000;
  set_grants(world, {small});
  Client first(world, address(1), of_grant(world));
  Client second(world, address(2), of_grant(world));
  for (Client* const client : {&first, &second}) {
    ASSERT_TRUE(client->allocate().is_success());
    EXPECT_EQ(client->permit(kPeer), 0);
  }
  send_bytes(first, 4);
  second.receive_from(kPeer, std::string(72, 'x'));
  EXPECT_EQ(world.server.grants().find(kGrantId)->relayed_bytes, 500u);
  // They are remembered over the allocations,
  world.to_clients.clear();
  EXPECT_EQ(first.refresh({lifetime(0)}).code(), 0);
  EXPECT_EQ(second.refresh({lifetime(0)}).code(), 0);
  EXPECT_EQ(world.server.table().size(), 0u);
  EXPECT_EQ(world.server.grants().find(kGrantId)->relayed_bytes, 500u);
  world.to_peers.clear();
  ASSERT_TRUE(first.allocate().is_success());
  EXPECT_EQ(first.permit(kPeer), 0);
  ASSERT_TRUE(second.allocate().is_success());
  EXPECT_EQ(second.permit(kPeer), 0);
  // and no more is left than what is.
  send_bytes(first, 10);
  EXPECT_EQ(world.to_peers.size(), 5u);
  EXPECT_EQ(drops(world, Forwarder::Drop::kUsedUp), 5u);
  send_bytes(second, 1);
  EXPECT_EQ(world.to_peers.size(), 5u);
  world.pass(Duration());
  EXPECT_EQ(world.server.table().size(), 0u);
  EXPECT_TRUE(world.server.grants().find(kGrantId)->is_used_up());
  EXPECT_EQ(first.allocate().code(), 486);
  // Until the owner gives more.
  small.bytes_max = 2000;
  set_grants(world, {small});
  EXPECT_EQ(world.server.grants().find(kGrantId)->relayed_bytes, 1000u);
  EXPECT_TRUE(first.allocate().is_success());
}

// Else its holder could allocate again and again for nothing.
TEST(TurnGrants, AreUsedUpByWhatIsMoreThanTheirRest) {
  World world(options());
  Grant small = grant();
  small.bytes_max = 1000;
  set_grants(world, {small});
  Client holder(world, address(1), of_grant(world));
  ASSERT_TRUE(holder.allocate().is_success());
  EXPECT_EQ(holder.permit(kPeer), 0);
  send_bytes(holder, 9);
  EXPECT_FALSE(world.server.grants().find(kGrantId)->is_used_up());
  holder.indicate(kPeer, std::string(73, 'x'));  // 101 of 100.
  EXPECT_EQ(world.to_peers.size(), 9u);
  EXPECT_EQ(drops(world, Forwarder::Drop::kUsedUp), 1u);
  EXPECT_TRUE(world.server.grants().find(kGrantId)->is_used_up());
  EXPECT_EQ(world.server.grants().find(kGrantId)->relayed_bytes, 1000u);
  world.pass(Duration());
  EXPECT_EQ(world.server.table().size(), 0u);
  EXPECT_EQ(holder.allocate().code(), 486);
  // The owner may give more, or less than was relayed already.
  small.bytes_max = 1100;
  set_grants(world, {small});
  ASSERT_TRUE(holder.allocate().is_success());
  EXPECT_EQ(holder.permit(kPeer), 0);
  small.bytes_max = 500;
  set_grants(world, {small});
  send_bytes(holder, 1);
  EXPECT_EQ(world.to_peers.size(), 9u);
  EXPECT_EQ(world.server.grants().find(kGrantId)->relayed_bytes, 1000u);
}

TEST(TurnGrants, AreNotUsedUpByWhatIsMoreThanTheAllocationsRest) {
  Server::Options bounded = options();
  bounded.forwarder.bytes_per_allocation[static_cast<size_t>(Payer::kFriend)] = 300;
  World world(bounded);
  Grant large = grant();
  large.bytes_max = 1000;
  set_grants(world, {large});
  Client holder(world, address(1), of_grant(world));
  ASSERT_TRUE(holder.allocate().is_success());
  EXPECT_EQ(holder.permit(kPeer), 0);
  send_bytes(holder, 4);
  EXPECT_EQ(drops(world, Forwarder::Drop::kUsedUp), 1u);
  world.pass(Duration());
  EXPECT_EQ(world.server.table().size(), 0u);
  EXPECT_EQ(world.server.grants().find(kGrantId)->relayed_bytes, 300u);
  EXPECT_TRUE(holder.allocate().is_success());
}

TEST(TurnGrants, CountOnWhereAnEarlierRunHasStopped) {
  World world(options());
  Grant worn = grant();
  worn.bytes_max = 1000;
  worn.relayed_bytes = 800;
  set_grants(world, {worn});
  Client holder(world, address(1), of_grant(world));
  ASSERT_TRUE(holder.allocate().is_success());
  EXPECT_EQ(holder.permit(kPeer), 0);
  send_bytes(holder, 3);
  EXPECT_EQ(world.to_peers.size(), 2u);
}

TEST(TurnGrants, TakeOverAnotherBoundWhileTheyAreUsed) {
  World world(options());
  set_grants(world, {grant()});
  Client holder(world, address(1), of_grant(world));
  ASSERT_TRUE(holder.allocate().is_success());
  EXPECT_EQ(holder.permit(kPeer), 0);
  send_bytes(holder, 5);
  Grant bounded = grant();
  bounded.bytes_max = 700;
  set_grants(world, {bounded});
  send_bytes(holder, 5);
  EXPECT_EQ(world.to_peers.size(), 7u);
  EXPECT_EQ(world.server.grants().find(kGrantId)->relayed_bytes, 700u);
}

TEST(TurnGrants, RememberTheBytesAlthoughManyOthersCameAfterwards) {
  Server::Options few = options();
  few.table.allocations = 3;
  World world(few);
  Grant small = grant();
  small.bytes_max = 1000;
  std::vector<Grant> grants = {small};
  for (uint64_t id = 1; id <= 10; ++id) grants.push_back(grant(id));
  set_grants(world, grants);
  Client holder(world, address(0), of_grant(world));
  ASSERT_TRUE(holder.allocate().is_success());
  EXPECT_EQ(holder.permit(kPeer), 0);
  send_bytes(holder, 9);
  EXPECT_EQ(holder.refresh({lifetime(0)}).code(), 0);
  for (uint64_t id = 1; id <= 10; ++id) {
    Client other(world, address(200 * static_cast<int>(id)), of_grant(world, hours(1), id));
    ASSERT_TRUE(other.allocate().is_success());
    EXPECT_EQ(other.refresh({lifetime(0)}).code(), 0);
  }
  world.to_peers.clear();
  ASSERT_TRUE(holder.allocate().is_success());
  EXPECT_EQ(holder.permit(kPeer), 0);
  send_bytes(holder, 2);
  EXPECT_EQ(world.to_peers.size(), 1u);
}

// ---- Strangers.

TEST(TurnStrangers, AreFewInAllAndFewerOfAPrefix) {
  World world(options());
  std::vector<int> codes;
  for (const uint64_t user : {1, 1, 1, 2, 2, 3}) {
    Client client(world, address(static_cast<int>(codes.size()) * 200),
                  of_stranger(world, hours(1), user));
    codes.push_back(client.allocate().code());
  }
  EXPECT_EQ(codes, (std::vector<int>{0, 0, 486, 0, 508, 508}));
  EXPECT_EQ(world.server.table().count(Payer::kStranger), 3u);
  // Which takes nothing from others.
  Client alice(world, address(2000));
  EXPECT_TRUE(alice.allocate().is_success());
}

TEST(TurnStrangers, MayGoOnSoLongWhateverTheyRefresh) {
  World world(options());
  Client stranger(world, address(1), of_stranger(world));
  EXPECT_EQ(stranger.allocate({lifetime(3600)}).lifetime(), 1800u);
  for (int i = 0; i < 29; ++i) {
    world.pass(minutes(1));
    EXPECT_EQ(stranger.refresh({lifetime(3600)}).lifetime(), 1800u - 60u * (i + 1));
  }
  world.pass(minutes(1) - Duration(1));
  EXPECT_EQ(world.server.table().size(), 1u);
  // Less than a second is nothing, and then it is over at once.
  EXPECT_EQ(stranger.refresh({lifetime(3600)}).lifetime(), 0u);
  EXPECT_EQ(world.server.table().size(), 0u);
  Client alice(world, address(2));
  EXPECT_EQ(alice.allocate({lifetime(3600)}).lifetime(), 3600u);
}

TEST(TurnStrangers, EndWhereTheOwnerServesThemNoMore) {
  World world(options());
  Client stranger(world, address(1), of_stranger(world));
  ASSERT_TRUE(stranger.allocate().is_success());
  Client alice(world, address(2));
  ASSERT_TRUE(alice.allocate().is_success());
  Server::Options closed = options();
  closed.authenticator.serves_strangers = false;
  world.server.reload(closed, world.now().mono);
  expect_every_request_is_refused(stranger);
  world.pass(Duration());
  EXPECT_EQ(world.server.table().size(), 1u);
  EXPECT_EQ(world.server.table().count(Payer::kStranger), 0u);
}

// ---- Consent, from end to end.

Data check(std::string_view name, uint8_t id) {
  Data bytes =
      wire::RawStun(0x0001).add(0x0006, data_of(name)).add_integrity(as_bytes("k")).bytes();
  bytes[19] = id;
  return bytes;
}
Data answer(uint8_t id) {
  Data bytes = wire::RawStun(0x0101).add_integrity(as_bytes("k")).bytes();
  bytes[19] = id;
  return bytes;
}

class TurnConsent : public testing::Test {
 protected:
  TurnConsent() {
    EXPECT_TRUE(stranger_.allocate().is_success());
    EXPECT_EQ(stranger_.permit(kPeer), 0);
    EXPECT_EQ(stranger_.bind(0x4001, kPeer), 0);
  }
  void send(const Data& data) { stranger_.indicate(kPeer, as_text(data)); }
  void receive(const Data& data) { stranger_.receive_from(kPeer, as_text(data)); }

  World world_{options()};
  Client stranger_{world_, address(1), of_stranger(world_)};
};

TEST_F(TurnConsent, IsAskedForBeforeAnythingElsePasses) {
  stranger_.indicate(kPeer, "hello");
  stranger_.send_channel_data(0x4001, "hello");
  stranger_.receive_from(kPeer, "hello");
  EXPECT_TRUE(world_.is_silent());
  EXPECT_EQ(drops(world_, Forwarder::Drop::kNoConsent), 3u);
  // Of which nothing is charged.
  EXPECT_EQ(world_.server.forwarded().to_peer_bytes[kStrangers], 0u);

  const Data ours = check("peer:us", 1);
  send(ours);
  EXPECT_EQ(world_.take_peer().bytes, ours);
  receive(answer(1));
  EXPECT_EQ(wire::parse_channel_data(world_.take_client().bytes)->channel, 0x4001);
  stranger_.send_channel_data(0x4001, "hello");
  EXPECT_EQ(world_.take_peer().bytes, data_of("hello"));
  stranger_.receive_from(kPeer, "hello");
  world_.take_client();
  EXPECT_TRUE(world_.is_silent());
  // Another port of the same host has not consented.
  stranger_.receive_from({kPeer.address, 1}, "hello");
  stranger_.indicate({kPeer.address, 1}, "hello");
  EXPECT_TRUE(world_.is_silent());
}

TEST_F(TurnConsent, IsNoPermission) {
  receive(check("us:peer", 1));
  EXPECT_EQ(world_.to_clients.size(), 1u);
  world_.to_clients.clear();
  stranger_.receive_from(kOtherPeer, as_text(check("us:peer", 1)));
  EXPECT_TRUE(world_.is_silent());
  EXPECT_EQ(drops(world_, Forwarder::Drop::kNoPermission), 1u);
}

// Whether somebody's port is closed is nothing to find out for a stranger.
TEST_F(TurnConsent, IsNeededToHearOfErrors) {
  const RelayErrorArrived error{world_.relay_at(stranger_.relayed), kPeer, 3, 3, 0};
  send(check("peer:us", 1));
  world_.take_peer();
  world_.arrive_error(error);
  EXPECT_TRUE(world_.is_silent());
  receive(answer(1));
  world_.take_client();
  world_.arrive_error(error);
  EXPECT_TRUE(world_.take_client().view().find(StunAttribute::kIcmp));
}

TEST_F(TurnConsent, EndsWithTheAllocation) {
  send(check("peer:us", 1));
  receive(answer(1));
  world_.to_clients.clear();
  world_.to_peers.clear();
  EXPECT_EQ(stranger_.refresh({lifetime(0)}).code(), 0);
  ASSERT_TRUE(stranger_.allocate().is_success());  // In the same place.
  EXPECT_EQ(stranger_.permit(kPeer), 0);
  stranger_.indicate(kPeer, "hello");
  EXPECT_TRUE(world_.is_silent());
}

TEST_F(TurnConsent, LapsesAndIsCountedAsNoConsent) {
  send(check("peer:us", 1));
  receive(answer(1));
  const auto is_relayed = [&] {
    world_.to_clients.clear();
    world_.to_peers.clear();
    stranger_.send_channel_data(0x4001, "media");
    receive(data_of("media"));
    EXPECT_EQ(world_.to_peers.size(), world_.to_clients.size());
    return !world_.is_silent();
  };
  world_.pass(seconds(30));
  EXPECT_TRUE(is_relayed());
  receive(check("us:peer", 9));  // As the peer's agent goes on to check,
  world_.pass(seconds(35));
  EXPECT_TRUE(is_relayed());
  EXPECT_EQ(drops(world_, Forwarder::Drop::kNoConsent), 0u);
  world_.pass(seconds(1));  // until it is gone.
  EXPECT_FALSE(is_relayed());
  EXPECT_FALSE(is_relayed());
  EXPECT_EQ(drops(world_, Forwarder::Drop::kNoConsent), 4u);
  world_.arrive_error({world_.relay_at(stranger_.relayed), kPeer, 3, 3, 0});
  EXPECT_TRUE(world_.is_silent());
  // It comes back.
  send(check("peer:us", 2));
  receive(answer(2));
  EXPECT_TRUE(is_relayed());
}

TEST_F(TurnConsent, IsNotNeededBetweenTwoAllocationsOfTheNode) {
  Client alice(world_, address(2));
  ASSERT_TRUE(alice.allocate().is_success());
  EXPECT_EQ(alice.permit(stranger_.relayed), 0);
  EXPECT_EQ(stranger_.permit(alice.relayed), 0);
  stranger_.indicate(alice.relayed, "to alice");
  alice.expect_is_for_me(world_.take_client());
  alice.indicate(stranger_.relayed, "to the stranger");
  stranger_.expect_is_for_me(world_.take_client());
  EXPECT_EQ(drops(world_, Forwarder::Drop::kNoConsent), 0u);
}

TEST_F(TurnConsent, IsNotAskedForWhereTheOwnerDoesNotMind) {
  Server::Options open = options();
  open.forwarder.strangers_need_consent = false;
  world_.server.reload(open, world_.now().mono);
  stranger_.indicate(kPeer, "hello");
  EXPECT_EQ(world_.take_peer().bytes, data_of("hello"));
  // And is again when he does.
  world_.server.reload(options(), world_.now().mono);
  stranger_.indicate(kPeer, "hello");
  EXPECT_TRUE(world_.is_silent());
}

TEST(TurnStrangers, HaveTheirOwnBoundOfBytes) {
  Server::Options metered = options();
  metered.forwarder.strangers_need_consent = false;
  metered.forwarder.bytes_per_allocation = {0, 0, 0, 500};
  World world(metered);
  Client stranger(world, address(1), of_stranger(world));
  ASSERT_TRUE(stranger.allocate().is_success());
  EXPECT_EQ(stranger.permit(kPeer), 0);
  send_bytes(stranger, 9);
  EXPECT_EQ(world.to_peers.size(), 5u);
  world.pass(Duration());
  EXPECT_EQ(world.server.table().size(), 0u);
  Client alice(world, address(2));
  ASSERT_TRUE(alice.allocate().is_success());
  EXPECT_EQ(alice.permit(kPeer), 0);
  send_bytes(alice, 9);
  EXPECT_EQ(world.to_peers.size(), 14u);
}

// ---- GET /v1/turn.

TEST(TurnCredentials, AreGivenOutAndTakenByTheSameServer) {
  World world(options());
  Outbox out;
  const HttpRequestArrived request{
      RequestId{1}, endpoint(address(1)), HttpMethod::kGet, "/v1/turn", {}, {}, "a.example", {}};
  const HttpReply reply = world.server.answer(world.now(), request, out);
  EXPECT_EQ(reply.status, 200);
  const std::string json(as_text(reply.body));
  const auto text = [&](std::string_view key) {
    const size_t begin = json.find(key) + key.size() + 3;
    return json.substr(begin, json.find('"', begin) - begin);
  };
  Client client(world, address(1), {.username = text("username"), .password = text("password")});
  EXPECT_TRUE(client.allocate().is_success());
  EXPECT_EQ(world.server.table().count(Payer::kStranger), 1u);
}

TEST(TurnCredentials, CostWorkWhereStrangersHoldMostOfTheirPlaces) {
  World world(options());
  Outbox out;
  const HttpRequestArrived request{
      RequestId{1}, endpoint(address(1)), HttpMethod::kGet, "/v1/turn", {}, {}, "a.example", {}};
  const auto status_later = [&] {
    world.server.answer(world.now(), request, out);
    world.pass(Work::kWindow);
    return world.server.answer(world.now(), request, out).status;
  };
  std::vector<Client> clients;
  for (const uint64_t user : {1, 2, 3}) {
    EXPECT_EQ(status_later(), 200);
    clients.emplace_back(world, address(static_cast<int>(user) * 200),
                         of_stranger(world, hours(1), user));
    EXPECT_TRUE(clients.back().allocate().is_success());
  }
  EXPECT_EQ(status_later(), 401);
  EXPECT_EQ(world.server.credentials().effort(), Work::kEffortFirst);
}

// ---- TCP (RFC 6062).

TEST(TurnGrants, GiveStrangersNoTcpSinceItKnowsOfNoConsent) {
  World world(options());
  Client stranger = Client::on_stream(world, 1, Transport::kTcp, of_stranger(world));
  EXPECT_EQ(stranger.ask(StunMethod::kAllocate, {tcp()}).code(), 403);
  EXPECT_EQ(world.server.table().size(), 0u);
  set_grants(world, {grant()});
  Client holder = Client::on_stream(world, 2, Transport::kTcp, of_grant(world));
  EXPECT_TRUE(holder.ask(StunMethod::kAllocate, {tcp()}).is_success());

  Server::Options open = options();
  open.forwarder.strangers_need_consent = false;
  world.server.reload(open, world.now().mono);
  EXPECT_TRUE(stranger.ask(StunMethod::kAllocate, {tcp()}).is_success());
}

TEST(TurnGrants, PayForTcpToo) {
  World world(options());
  Grant small = grant();
  small.bytes_max = 10'000;
  set_grants(world, {small});
  Client holder = Client::on_stream(world, 1, Transport::kTcp, of_grant(world));
  const Reply reply = holder.ask(StunMethod::kAllocate, {tcp()});
  ASSERT_TRUE(reply.is_success());
  holder.relayed = reply.relayed().at(0);
  EXPECT_FALSE(holder.ask(StunMethod::kConnect, {peer(kPeer)}).is_there());
  ASSERT_EQ(world.connects.size(), 1u);
  const PeerConnectionId connection = world.connects.front().connection;
  world.connects.pop_front();
  world.happen(PeerConnected{connection});
  const auto number = world.take_client().view().find_u32(StunAttribute::kConnectionId);
  ASSERT_TRUE(number);
  Client data = Client::on_stream(world, 2, Transport::kTcp, of_grant(world));
  EXPECT_TRUE(data.ask(StunMethod::kConnectionBind, {connection_id(*number)}).is_success());

  EXPECT_EQ(world.offer(connection, PeerDirection::kToPeer, 8192), 8192u);
  EXPECT_EQ(world.server.grants().find(kGrantId)->relayed_bytes, StreamRelay::cost_of(8192));
  EXPECT_EQ(world.offer(connection, PeerDirection::kToClient, 8192), 1400u);
  EXPECT_EQ(world.offer(connection, PeerDirection::kToClient, 8192), 0u);
  world.pass(Duration());
  EXPECT_EQ(world.server.table().size(), 0u);
  // The rest, which was too little for what came, is forfeited.
  EXPECT_EQ(world.server.grants().find(kGrantId)->relayed_bytes, 10'000u);
}

}  // namespace
}  // namespace roost::core::turn
