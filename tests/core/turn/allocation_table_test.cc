// SPDX-License-Identifier: MIT
//
// Goal: the table keeps its bounds, gives everything back, and never takes one flow's allocation,
// permission, channel or relayed address for another's.
// Method: each bound to its edge; what is late or expired; then random operations against a naive
// model of std::map, with the table's own check after each.
#include "core/turn/allocation_table.h"

#include <map>
#include <set>
#include <tuple>

#include "base/random.h"
#include "turn/turn_client.h"

namespace roost::core::turn {
namespace {

using Full = AllocationTable::Full;
using RelayState = Allocation::Relay::State;

constexpr SipHashKey kSecret{9, 8, 7};
constexpr MonoTime kStart{seconds(1'000)};

AllocationTable::Options small_options() {
  return {.allocations = 8,
          .allocations_per_class = {0, 8, 6, 2},
          .allocations_per_user = {0, 4, 4, 4},
          .allocations_per_prefix = 3,
          .permissions_per_allocation = 5,
          .channels_per_allocation = 3};
}

// The n-th client, each in a prefix of its own.
Flow flow(uint32_t n, uint32_t prefix) {
  Flow result;
  result.local = {kServerV4, 0};
  result.client = {IpAddress::v4(0x5a000000 + (prefix << 8) + n), 4000};
  return result;
}
Flow flow(uint32_t n) {
  return flow(1, n);
}

Authenticator::Proof proof(uint64_t user, Payer payer = Payer::kFriend) {
  Authenticator::Proof result;
  result.user = user;
  result.payer = payer;
  return result;
}

Allocation& made(AllocationTable& table, const Flow& of, uint64_t user = 1) {
  const auto created = table.create(of, proof(user));
  EXPECT_TRUE(created);
  return **created;
}

// ---- Bounds.

TEST(AllocationTable, RefusesEachBoundAtItsEdgeAndCountsIt) {
  struct Row {
    Full expect;
    uint32_t allowed;
    uint64_t (*user)(uint32_t);
    uint32_t (*prefix)(uint32_t);
  };
  const Row kRows[] = {
      {Full::kAllocations, 8, [](uint32_t i) { return uint64_t{i}; }, [](uint32_t i) { return i; }},
      {Full::kUser, 4, [](uint32_t) { return uint64_t{1}; }, [](uint32_t i) { return i; }},
      {Full::kPrefix, 3, [](uint32_t i) { return uint64_t{i}; }, [](uint32_t) { return 5u; }},
  };
  for (const Row& row : kRows) {
    AllocationTable table(small_options(), kSecret);
    std::vector<Allocation*> allocations;
    for (uint32_t i = 0; i < row.allowed; ++i) {
      allocations.push_back(&made(table, flow(i, row.prefix(i)), row.user(i)));
    }
    for (uint32_t i = row.allowed; i < row.allowed + 3; ++i) {
      const auto refused = table.create(flow(i, row.prefix(i)), proof(row.user(i)));
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error(), row.expect);
    }
    EXPECT_EQ(table.refusals(Payer::kFriend, row.expect), 3u);
    table.check_invariants();
    // One that goes makes room for one that comes, as often as one likes.
    for (int round = 0; round < 20; ++round) {
      table.erase(*allocations.back());
      allocations.back() =
          &made(table, flow(row.allowed, row.prefix(row.allowed)), row.user(row.allowed));
      EXPECT_FALSE(table.create(flow(99, row.prefix(99)), proof(row.user(99))));
    }
    for (Allocation* const allocation : allocations) table.erase(*allocation);
    EXPECT_EQ(table.size(), 0u);
    EXPECT_EQ(table.count(Payer::kFriend), 0u);
    table.check_invariants();
    // Nothing of the counts is left.
    for (uint32_t i = 0; i < row.allowed; ++i) made(table, flow(i, row.prefix(i)), row.user(i));
  }
}

TEST(AllocationTable, CountsByClassOfPeople) {
  AllocationTable table(small_options(), kSecret);
  Allocation& first = **table.create(flow(1), proof(1, Payer::kFriend));
  ASSERT_TRUE(table.create(flow(2), proof(2, Payer::kStranger)));
  ASSERT_TRUE(table.create(flow(3), proof(3, Payer::kStranger)));
  EXPECT_EQ(table.count(Payer::kFriend), 1u);
  EXPECT_EQ(table.count(Payer::kStranger), 2u);
  EXPECT_EQ(table.count(Payer::kFriendOfFriend), 0u);
  // A class has a bound of its own.
  EXPECT_EQ(table.create(flow(4), proof(4, Payer::kStranger)).error(), Full::kClass);
  EXPECT_EQ(table.refusals(Payer::kStranger, Full::kClass), 1u);
  EXPECT_EQ(table.refusals(Payer::kFriend, Full::kClass), 0u);
  table.erase(first);
  EXPECT_EQ(table.count(Payer::kFriend), 0u);
  EXPECT_EQ(table.size(), 2u);
}

TEST(AllocationTable, TakesLowerLimitsForNewcomersAndNeverMoreThanItWasMadeFor) {
  AllocationTable table(small_options(), kSecret);
  made(table, flow(1), 1);
  made(table, flow(2), 2);
  AllocationTable::Options fewer = small_options();
  fewer.allocations = 2;
  table.set_limits(fewer);
  EXPECT_EQ(table.create(flow(3), proof(3)).error(), Full::kAllocations);
  AllocationTable::Options more = small_options();
  more.allocations = 1000;
  more.allocations_per_class = for_each_class(1000u);
  more.allocations_per_user = for_each_class(1000u);
  more.allocations_per_prefix = 1000;
  table.set_limits(more);
  for (uint32_t i = 3; i <= 8; ++i) made(table, flow(i, 0), 1);
  EXPECT_EQ(table.create(flow(9), proof(9)).error(), Full::kAllocations);
  table.check_invariants();
}

// ---- Flows.

TEST(AllocationTable, TellsFlowsApartByEveryPartOfTheFiveTuple) {
  AllocationTable table(small_options(), kSecret);
  const Flow base = flow(1);
  Allocation& allocation = made(table, base);
  EXPECT_EQ(table.find(base), &allocation);
  Flow other = base;
  other.client.port = 4001;
  EXPECT_EQ(table.find(other), nullptr);
  other = base;
  other.client.address = ip("90.0.1.2");
  EXPECT_EQ(table.find(other), nullptr);
  other = base;
  other.local.endpoint.port = 3479;
  EXPECT_EQ(table.find(other), nullptr);
  other = base;
  other.local.endpoint.address = ip("5.5.5.6");
  EXPECT_EQ(table.find(other), nullptr);
  other = base;
  other.socket = 1;
  EXPECT_EQ(table.find(other), nullptr);
  other = base;
  other.transport = Transport::kTcp;
  EXPECT_EQ(table.find(other), nullptr);
  // The same address in its mapped spelling is the same.
  other = base;
  other.client.address = IpAddress::v6(base.client.address.v6_bytes());
  EXPECT_EQ(table.find(other), &allocation);
}

TEST(AllocationTable, KnowsAStreamByItsNumberAlone) {
  AllocationTable table(small_options(), kSecret);
  Flow stream = flow(1);
  stream.transport = Transport::kTls;
  stream.stream = StreamId{77};
  Allocation& allocation = made(table, stream);
  EXPECT_EQ(table.find_stream(StreamId{77}), &allocation);
  EXPECT_EQ(table.find_stream(StreamId{78}), nullptr);
  EXPECT_EQ(table.find_stream(StreamId{0}), nullptr);
  EXPECT_EQ(table.find(flow(1)), nullptr);
  table.erase(allocation);
  EXPECT_EQ(table.find_stream(StreamId{77}), nullptr);
}

// ---- Relayed addresses.

TEST(AllocationTable, DoesNotKnowWhatIsLateForAnEarlierUserOfASlot) {
  AllocationTable table(small_options(), kSecret);
  std::set<RelayId> seen;
  for (int round = 0; round < 50; ++round) {
    Allocation& allocation = made(table, flow(1));
    for (const Family family : {Family::kV4, Family::kV6}) {
      const RelayId relay = AllocationTable::relay_id(allocation, family);
      EXPECT_TRUE(seen.insert(relay).second) << "a number was used twice";
      EXPECT_EQ(AllocationTable::family_of(relay), family);
      EXPECT_EQ(table.find(relay), &allocation);
    }
    for (const RelayId relay : seen) {
      const auto found = table.find(relay);
      EXPECT_TRUE(found == nullptr || AllocationTable::relay_id(*found, Family::kV4) == relay ||
                  AllocationTable::relay_id(*found, Family::kV6) == relay);
    }
    table.erase(allocation);
    for (const RelayId relay : seen) EXPECT_EQ(table.find(relay), nullptr);
  }
  EXPECT_EQ(table.find(RelayId{~uint64_t{0}}), nullptr);
  EXPECT_EQ(table.find(RelayId{0}), nullptr);
}

TEST(AllocationTable, FindsARelayedAddressAsBoundAndAsTheWorldSeesIt) {
  AllocationTable table(small_options(), kSecret);
  Allocation& allocation = made(table, flow(1));
  const Endpoint bound = endpoint("10.0.0.5:50000");
  const Endpoint seen = endpoint("9.9.9.9:50000");
  EXPECT_EQ(table.find_relayed(bound), nullptr);
  table.open_relay(allocation, Family::kV4, bound, seen);
  EXPECT_EQ(table.find_relayed(bound), &allocation);
  EXPECT_EQ(table.find_relayed(seen), &allocation);
  for (const char* other :
       {"10.0.0.5:50001", "9.9.9.9:50001", "10.0.0.6:50000", "[::1]:50000", "[::a00:5]:50000"}) {
    EXPECT_EQ(table.find_relayed(endpoint(other)), nullptr) << other;
  }
  // The other family has its own ports.
  Allocation& other = made(table, flow(2));
  table.open_relay(other, Family::kV6, endpoint("[2a00::5]:50000"), endpoint("[2a00::5]:50000"));
  EXPECT_EQ(table.find_relayed(bound), &allocation);
  EXPECT_EQ(table.find_relayed(endpoint("[2a00::5]:50000")), &other);
  table.check_invariants();
  table.close_relay(allocation, Family::kV4);
  EXPECT_EQ(table.find_relayed(bound), nullptr);
  EXPECT_EQ(table.find_relayed(seen), nullptr);
  EXPECT_FALSE(allocation.has(Family::kV4));
  table.erase(other);
  EXPECT_EQ(table.find_relayed(endpoint("[2a00::5]:50000")), nullptr);
  table.check_invariants();
}

// ---- Reservations.

struct Reserved {
  AllocationTable table{small_options(), kSecret};
  Allocation& owner = made(table, flow(1, 7), 1);
  Allocation& reserved = **table.reserve(owner, 0x1122334455667788);
};

TEST(AllocationTable, LetsOnlyTheSameUserOfTheSamePrefixClaimWhatIsReserved) {
  {
    Reserved given;
    EXPECT_EQ(given.table.claim(given.reserved.reservation_token + (uint64_t{1} << 24), flow(2, 7),
                                proof(1)),
              nullptr);
    EXPECT_EQ(given.table.claim(0, flow(2, 7), proof(1)), nullptr);
    EXPECT_EQ(given.table.claim(given.reserved.reservation_token, flow(2, 7), proof(2)), nullptr);
    EXPECT_EQ(given.table.claim(given.reserved.reservation_token, flow(2, 8), proof(1)), nullptr);
    given.table.check_invariants();
    Allocation* const claimed =
        given.table.claim(given.reserved.reservation_token, flow(2, 7), proof(1));
    ASSERT_EQ(claimed, &given.reserved);
    EXPECT_EQ(claimed->state, Allocation::State::kOpening);
    EXPECT_EQ(given.table.find(flow(2, 7)), claimed);
    EXPECT_EQ(given.table.size(), 2u);
    // Once.
    EXPECT_EQ(given.table.claim(given.reserved.reservation_token, flow(3, 7), proof(1)), nullptr);
    given.table.check_invariants();
    given.table.erase(*claimed);
    given.table.erase(given.owner);
    EXPECT_EQ(given.table.size(), 0u);
    given.table.check_invariants();
  }
  {
    Reserved given;
    given.table.erase(given.reserved);  // Expired.
    EXPECT_EQ(given.table.claim(given.reserved.reservation_token, flow(2, 7), proof(1)), nullptr);
  }
}

TEST(AllocationTable, KeepsTheSocketOfAReservationWhenItIsClaimed) {
  Reserved given;
  const Endpoint local = endpoint("5.5.5.5:50001");
  given.table.open_relay(given.reserved, Family::kV4, local, local);
  const RelayId relay = AllocationTable::relay_id(given.reserved, Family::kV4);
  Allocation* const claimed =
      given.table.claim(given.reserved.reservation_token, flow(2, 7), proof(1));
  ASSERT_NE(claimed, nullptr);
  EXPECT_EQ(AllocationTable::relay_id(*claimed, Family::kV4), relay);
  EXPECT_EQ(given.table.find(relay), claimed);
  EXPECT_EQ(given.table.find_relayed(local), claimed);
  EXPECT_TRUE(claimed->has(Family::kV4));
}

TEST(AllocationTable, CountsAReservationLikeAnAllocation) {
  AllocationTable table(small_options(), kSecret);
  Allocation& first = made(table, flow(1, 7), 1);
  ASSERT_TRUE(table.reserve(first, 1));
  ASSERT_TRUE(table.reserve(first, 2));
  EXPECT_EQ(table.reserve(first, 3).error(), Full::kPrefix);
  Allocation& second = made(table, flow(1, 8), 1);
  EXPECT_EQ(table.reserve(second, 4).error(), Full::kUser);
  table.check_invariants();
}

// ---- Permissions and channels.

Endpoint peer_number(uint32_t n) {
  return {IpAddress::v4(0x08080000 + n), 9000};
}

TEST(AllocationTable, HoldsSoManyPermissionsAndRefreshesWithoutRoom) {
  AllocationTable table(small_options(), kSecret);
  Allocation& allocation = made(table, flow(1));
  const MonoTime soon = kStart + minutes(5);
  for (uint32_t i = 0; i < 5; ++i) {
    EXPECT_TRUE(table.permit(kStart, allocation, peer_number(i).address, soon));
  }
  EXPECT_FALSE(table.permit(kStart, allocation, peer_number(5).address, soon));
  EXPECT_FALSE(table.is_permitted(kStart, allocation, peer_number(5).address));
  EXPECT_EQ(table.refusals(Payer::kFriend, Full::kPermissions), 1u);
  EXPECT_TRUE(table.permit(kStart, allocation, peer_number(3).address, soon + minutes(5)));
  // Until the moment when it expires, and not in it.
  EXPECT_TRUE(table.is_permitted(soon - Duration(1), allocation, peer_number(0).address));
  EXPECT_FALSE(table.is_permitted(soon, allocation, peer_number(0).address));
  EXPECT_TRUE(table.is_permitted(soon, allocation, peer_number(3).address));
  // Then there is room: for four, since one was refreshed.
  for (uint32_t i = 10; i < 14; ++i) {
    EXPECT_TRUE(table.permit(soon, allocation, peer_number(i).address, soon + minutes(5)));
  }
  EXPECT_FALSE(table.permit(soon, allocation, peer_number(14).address, soon + minutes(5)));
  table.check_invariants();
}

TEST(AllocationTable, GivesOneAllocationsPermissionsToNobodyElse) {
  AllocationTable table(small_options(), kSecret);
  Allocation& one = made(table, flow(1));
  Allocation& other = made(table, flow(2));
  EXPECT_TRUE(table.permit(kStart, one, kPeer.address, kStart + minutes(5)));
  EXPECT_TRUE(table.bind_channel(kStart, one, 0x4000, kPeer, kStart + minutes(5)));
  EXPECT_FALSE(table.is_permitted(kStart, other, kPeer.address));
  EXPECT_EQ(table.find_channel(kStart, other, 0x4000), nullptr);
  EXPECT_EQ(table.find_channel(kStart, other, kPeer), nullptr);
  // Nor to the next user of the slot.
  table.erase(one);
  Allocation& next = made(table, flow(3));
  ASSERT_EQ(&next, &one);
  EXPECT_FALSE(table.is_permitted(kStart, next, kPeer.address));
  EXPECT_EQ(table.find_channel(kStart, next, 0x4000), nullptr);
}

TEST(AllocationTable, BindsChannelsUntilTheyExpire) {
  AllocationTable table(small_options(), kSecret);
  Allocation& allocation = made(table, flow(1));
  const MonoTime end = kStart + minutes(10);
  for (uint16_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(table.bind_channel(kStart, allocation, 0x4000 + i, peer_number(i), end));
  }
  EXPECT_FALSE(table.bind_channel(kStart, allocation, 0x4003, peer_number(3), end));
  EXPECT_EQ(table.refusals(Payer::kFriend, Full::kChannels), 1u);
  const Channel* const found = table.find_channel(kStart, allocation, peer_number(1));
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->number, 0x4001);
  EXPECT_EQ(table.find_channel(kStart, allocation, uint16_t{0x4001}), found);
  // By address and port.
  Endpoint other_port = peer_number(1);
  ++other_port.port;
  EXPECT_EQ(table.find_channel(kStart, allocation, other_port), nullptr);
  EXPECT_NE(table.find_channel(end - Duration(1), allocation, uint16_t{0x4001}), nullptr);
  EXPECT_EQ(table.find_channel(end, allocation, uint16_t{0x4001}), nullptr);
  EXPECT_EQ(table.find_channel(end, allocation, peer_number(1)), nullptr);
  // An expired number is free for another peer, and there is room again.
  EXPECT_TRUE(table.bind_channel(end, allocation, 0x4001, peer_number(9), end + minutes(10)));
  EXPECT_EQ(table.find_channel(end, allocation, uint16_t{0x4001})->peer, peer_number(9));
  table.check_invariants();
}

TEST(AllocationTable, KeepsForEachWhatItMayHaveHoweverGreedyOthersAre) {
  AllocationTable::Options options = small_options();
  options.allocations = 4;
  options.permissions_per_allocation = 20;
  options.channels_per_allocation = 10;
  AllocationTable table(options, kSecret);
  const MonoTime end = kStart + minutes(5);
  for (int round = 0; round < 3; ++round) {
    for (uint16_t i = 1; i <= 4; ++i) {
      Allocation& greedy = made(table, flow(i), i);
      uint32_t permitted = 0;
      while (table.permit(kStart, greedy, peer_number(permitted).address, end)) ++permitted;
      EXPECT_EQ(permitted, 20u);
      uint16_t bound = 0;
      while (table.bind_channel(kStart, greedy, 0x4000 + bound, peer_number(bound), end)) ++bound;
      EXPECT_EQ(bound, 10u);
    }
    table.check_invariants();
    for (uint16_t i = 1; i <= 4; ++i) table.erase(*table.find(flow(i)));
    table.check_invariants();
  }
}

TEST(AllocationTable, TakesLittleMoreMemoryThanItSays) {
  AllocationTable::Options one;
  one.allocations = 1;
  AllocationTable::Options many = one;
  many.allocations = 1000;
  EXPECT_LT(AllocationTable::bytes_for(one), AllocationTable::bytes_for(many));
  EXPECT_GE(AllocationTable::bytes_for(many),
            1000 * (sizeof(Allocation) + 16 * sizeof(Permission) + 16 * sizeof(Channel)));
}

TEST(AllocationTable, NamesEachBoundOnce) {
  std::set<std::string_view> labels;
  for (size_t i = 0; i < AllocationTable::kFullCount; ++i) {
    EXPECT_TRUE(labels.insert(label(static_cast<Full>(i))).second);
  }
  EXPECT_FALSE(labels.contains(""));
}

// ---- Everything, against a naive model.

struct Model {
  struct Entry {
    Allocation* allocation;
    uint64_t user;
    uint32_t prefix;
    std::map<IpAddress, MonoTime> permissions;
    std::map<uint16_t, std::pair<Endpoint, MonoTime>> channels;
    std::optional<Endpoint> local;
    std::optional<MonoTime> deadline;
  };
  std::map<uint32_t, Entry> by_client;  // The number of flow(); its prefix is number / 4.

  size_t count_user(uint64_t user) const {
    return static_cast<size_t>(
        std::count_if(by_client.begin(), by_client.end(),
                      [&](const auto& entry) { return entry.second.user == user; }));
  }
  size_t count_prefix(uint32_t prefix) const {
    return static_cast<size_t>(
        std::count_if(by_client.begin(), by_client.end(),
                      [&](const auto& entry) { return entry.second.prefix == prefix; }));
  }
};

template <typename Map>
void forget_expired(Map& map, MonoTime now) {
  std::erase_if(map, [&](const auto& entry) {
    if constexpr (std::is_same_v<std::decay_t<decltype(entry.second)>, MonoTime>) {
      return entry.second <= now;
    } else {
      return entry.second.second <= now;
    }
  });
}

void play(uint64_t seed) {
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  SeededRandom random(seed);
  const AllocationTable::Options options = small_options();
  AllocationTable table(options, kSecret);
  Model model;
  MonoTime now = kStart;
  const auto client_flow = [](uint32_t number) { return flow(number % 4, number / 4); };
  for (int step = 0; step < 1'500; ++step) {
    now += seconds(random.below(20));
    const auto number = static_cast<uint32_t>(random.below(20));
    const auto found = model.by_client.find(number);
    Allocation* const allocation = table.find(client_flow(number));
    ASSERT_EQ(allocation, found == model.by_client.end() ? nullptr : found->second.allocation);
    const Endpoint peer = peer_number(static_cast<uint32_t>(random.below(8)));
    const MonoTime end = now + seconds(1 + random.below(300));
    if (allocation == nullptr) {
      const uint64_t user = random.below(3);
      const auto created = table.create(client_flow(number), proof(user));
      const bool is_full = model.by_client.size() == options.allocations;
      const bool user_full = model.count_user(user) == options.allocations_per_user[1];
      const bool prefix_full = model.count_prefix(number / 4) == options.allocations_per_prefix;
      ASSERT_EQ(created.has_value(), !is_full && !user_full && !prefix_full);
      if (created) {
        model.by_client[number] = {*created, user, number / 4, {}, {}, {}, {}};
      } else {
        ASSERT_EQ(created.error(), is_full     ? Full::kAllocations
                                   : user_full ? Full::kUser
                                               : Full::kPrefix);
      }
      table.check_invariants();
      continue;
    }
    Model::Entry& entry = found->second;
    forget_expired(entry.permissions, now);
    forget_expired(entry.channels, now);
    switch (random.below(8)) {
      case 0:
        table.erase(*allocation);
        model.by_client.erase(found);
        break;
      case 1:
      case 2: {
        const bool fits = entry.permissions.contains(peer.address) ||
                          entry.permissions.size() < options.permissions_per_allocation;
        ASSERT_EQ(table.permit(now, *allocation, peer.address, end), fits);
        if (fits) entry.permissions[peer.address] = end;
        break;
      }
      case 3:
      case 4: {
        const auto channel = static_cast<uint16_t>(0x4000 + random.below(5));
        const Channel* const of_number = table.find_channel(now, *allocation, channel);
        const Channel* const of_peer = table.find_channel(now, *allocation, peer);
        ASSERT_EQ(of_number != nullptr, entry.channels.contains(channel));
        if (of_number != of_peer) break;  // Bound otherwise: the caller's to refuse.
        const bool fits =
            of_number != nullptr || entry.channels.size() < options.channels_per_allocation;
        ASSERT_EQ(table.bind_channel(now, *allocation, channel, peer, end), fits);
        if (fits) entry.channels[channel] = {peer, end};
        break;
      }
      case 5:
        if (entry.local) {
          table.close_relay(*allocation, Family::kV4);
          entry.local.reset();
        } else {
          entry.local = Endpoint{kServerV4.address, static_cast<uint16_t>(50'000 + number)};
          table.open_relay(*allocation, Family::kV4, *entry.local, *entry.local);
        }
        break;
      case 6:
        table.set_deadline(*allocation, end);
        entry.deadline = end;
        break;
      case 7:
        while (Allocation* const due = table.pop_due(now)) {
          const auto owner = std::find_if(
              model.by_client.begin(), model.by_client.end(),
              [&](const auto& candidate) { return candidate.second.allocation == due; });
          ASSERT_NE(owner, model.by_client.end());
          ASSERT_TRUE(owner->second.deadline && *owner->second.deadline <= now);
          owner->second.deadline.reset();
        }
        for (const auto& [client, other] : model.by_client) {
          ASSERT_FALSE(other.deadline && *other.deadline <= now);
        }
        break;
    }
    table.check_invariants();
    ASSERT_EQ(table.size(), model.by_client.size());
    for (const auto& [client, other] : model.by_client) {
      for (uint32_t p = 0; p < 8; ++p) {
        const auto permission = other.permissions.find(peer_number(p).address);
        ASSERT_EQ(table.is_permitted(now, *other.allocation, peer_number(p).address),
                  permission != other.permissions.end() && permission->second > now);
      }
      for (uint16_t channel = 0x4000; channel < 0x4005; ++channel) {
        const Channel* const bound = table.find_channel(now, *other.allocation, channel);
        const auto expected = other.channels.find(channel);
        ASSERT_EQ(bound != nullptr,
                  expected != other.channels.end() && expected->second.second > now);
        if (bound != nullptr) {
          ASSERT_EQ(bound->peer, expected->second.first);
        }
      }
      const Endpoint local{kServerV4.address, static_cast<uint16_t>(50'000 + client)};
      ASSERT_EQ(table.find_relayed(local), other.local ? other.allocation : nullptr);
    }
  }
}

TEST(AllocationTable, AgreesWithANaiveModelWhateverIsDoneToIt) {
  for (uint64_t seed = 1; seed <= 30; ++seed) play(seed);
}

}  // namespace
}  // namespace roost::core::turn
