// SPDX-License-Identifier: MIT
//
// Goal: supernodes find each other in the DHT, believe only what they have tested, and tell others.
// Method: whole nodes in virtual time, with a network of our own between them.
#include "node/dht_service.h"

#include <gtest/gtest.h>
#include <map>
#include <memory>

#include "node/node.h"
#include "wire/peer_list.h"

namespace roost::node {
namespace {

using namespace std::chrono_literals;

Endpoint endpoint_of(size_t number) {
  return {IpAddress::v4(0x08010001 + (static_cast<uint32_t>(number) << 16)), 3478};
}

class Net {
 public:
  struct Member {
    Member(size_t number, const Endpoint& there, const Config& config, const Now& now)
        : endpoint(there),
          random(number + 1),
          key(seed_of(number)),
          node(config, {there}, key, random, now) {}
    static SigningKey::Seed seed_of(size_t number) {
      SigningKey::Seed seed;
      seed.mutable_bytes()[0] = static_cast<uint8_t>(number + 1);
      return seed;
    }
    Endpoint endpoint;
    SeededRandom random;
    SigningKey key;
    Node node;
  };

  size_t add(RoleChoice role) {
    const size_t number = members.size();
    members.push_back(make(number, endpoint_of(number), role));
    return number;
  }
  // It starts anew somewhere else, with the key that it has.
  void move(size_t number, const Endpoint& there) {
    members[number] = make(number, there, RoleChoice::kSupernode);
  }

  void run(Duration time) {
    const MonoTime end = now.mono + time;
    while (true) {
      MonoTime next = queue_.empty() ? end : queue_.begin()->first;
      size_t due = members.size();
      for (size_t i = 0; i < members.size(); ++i) {
        const auto deadline = members[i]->node.next_deadline();
        if (!deadline || *deadline > next || (*deadline == next && due < members.size())) continue;
        due = i;
        next = *deadline;
      }
      if (next >= end) break;
      pass(std::max(Duration(), next - now.mono));
      if (due < members.size()) {
        step(due, core::DeadlinePassed());
      } else {
        deliver();
      }
    }
    pass(end - now.mono);
    for (const auto& member : members) member->node.check_invariants();
  }

  std::string get(size_t number, std::string_view path) {
    core::Outbox out;
    members[number]->node.step(
        now,
        core::HttpRequestArrived{
            core::RequestId{1}, endpoint_of(200), core::HttpMethod::kGet, path, {}},
        out);
    const auto& reply = std::get<core::HttpReply>(out.actions().back());
    EXPECT_EQ(200, reply.status);
    return std::string(as_text(reply.body));
  }

  std::vector<std::unique_ptr<Member>> members;
  Now now{MonoTime(1h), kWallTimeMin + 1h};

  std::optional<Endpoint> does_not_announce;  // Its announcements are lost on the way.

 private:
  std::unique_ptr<Member> make(size_t number, const Endpoint& there, RoleChoice role) const {
    Config config;
    config.node.listen = {there.address};
    config.node.external_addresses = {there.address};
    config.node.role = role;
    config.relay.enabled = false;
    config.donate.memory_bytes = 256 << 20;
    config.dht.memory_percent = 1;
    return std::make_unique<Member>(number, there, config, now);
  }

  struct Packet {
    Endpoint from;
    Endpoint to;
    std::string payload;
  };

  void pass(Duration time) {
    now.mono += time;
    now.wall = kWallTimeMin + 1h +
               std::chrono::duration_cast<std::chrono::seconds>(now.mono - MonoTime(1h));
  }

  template <typename Input>
  void step(size_t number, const Input& input) {
    core::Outbox out;
    members[number]->node.step(now, input, out);
    const std::vector<core::Action> actions(out.actions().begin(), out.actions().end());
    for (const core::Action& action : actions) {
      if (std::holds_alternative<core::ResolveNames>(action)) {
        const Endpoint names[] = {endpoint_of(0)};
        step(number, core::NamesResolved{names});
      } else if (const auto* const read = std::get_if<core::ReadRange>(&action)) {
        step(number, core::RangeRead{read->id, {}, true, core::StoreError::kAbsent});
      } else if (const auto* const sent = std::get_if<core::SendDatagram>(&action)) {
        const Endpoint& from = members[number]->endpoint;
        std::string payload(as_text(sent->payload));
        const bool is_announcement = payload.find("announce_peer") != std::string::npos;
        if (is_announcement && from == does_not_announce) continue;
        queue_.emplace(now.mono + 20ms, Packet{from, sent->to, std::move(payload)});
      }
    }
  }

  void deliver() {
    const Packet packet = queue_.begin()->second;
    queue_.erase(queue_.begin());
    for (size_t i = 0; i < members.size(); ++i) {
      if (members[i]->endpoint != packet.to) continue;
      return step(i, core::DatagramArrived{0, core::LocalEnd{packet.to, 0}, packet.from,
                                           as_bytes(packet.payload)});
    }
  }

  std::multimap<MonoTime, Packet> queue_;
};

TEST(DhtService, SupernodesFindTestAndTellOfEachOther) {
  Net net;
  for (int i = 0; i < 12; ++i) net.add(RoleChoice::kSupernode);
  const size_t leaf = net.add(RoleChoice::kLeaf);
  net.run(40min);
  for (size_t i = 0; i < net.members.size(); ++i) {
    const DhtService& service = *net.members[i]->node.dht_service();
    EXPECT_GE(service.finder().book().tried_size(), 8u) << i;
    EXPECT_EQ(0u, service.finder().stats().errors) << i;
    service.finder().book().for_each(net.now.mono, [&](const auto& known) {
      EXPECT_NE(endpoint_of(i), known.address) << "itself";
      EXPECT_NE(endpoint_of(leaf), known.address) << "it has not announced itself";
    });
  }
  const std::string body = net.get(3, "/v1/peers");
  const auto list = wire::PeerListView::parse(as_bytes(body));
  ASSERT_TRUE(list);
  EXPECT_GE(list->size(), 2u);
  list->for_each([&](Bytes bytes) {
    const auto record = wire::parse_signed_node_record(bytes);
    ASSERT_TRUE(record);
    EXPECT_TRUE(signature_matches(*record));
    EXPECT_EQ(wire::NodeRole::kSupernode, wire::parse_node_record(record->value)->role);
  });
  EXPECT_EQ(body, net.get(3, "/v1/peers"));
}

TEST(DhtService, FindsASupernodeThatHasMovedByItsRecord) {
  Net net;
  for (int i = 0; i < 9; ++i) net.add(RoleChoice::kSupernode);
  net.run(40min);
  const auto is_known_at = [&](const Endpoint& endpoint) {
    bool is_known = false;
    net.members[3]->node.dht_service()->finder().book().for_each(
        net.now.mono,
        [&](const auto& known) { is_known |= known.address == endpoint && known.is_tried; });
    return is_known;
  };
  ASSERT_TRUE(is_known_at(endpoint_of(5)));
  net.does_not_announce = endpoint_of(100);
  net.move(5, endpoint_of(100));
  net.run(4h);
  EXPECT_FALSE(is_known_at(endpoint_of(5)));
  EXPECT_TRUE(is_known_at(endpoint_of(100)));
}

TEST(DhtService, ItsRecordFollowsTheHours) {
  Net net;
  for (int i = 0; i < 3; ++i) net.add(RoleChoice::kSupernode);
  net.run(10s);
  DhtService& service = *net.members[1]->node.dht_service();
  EXPECT_FALSE(service.is_record_due(net.now.mono));
  net.run(SelfRecord::kAgeMax + 1s);
  EXPECT_FALSE(service.is_record_due(net.now.mono)) << "it was signed anew";
}

TEST(DhtService, HearsNoBindingResponseThatItHasNotAskedFor) {
  Net net;
  net.add(RoleChoice::kSupernode);
  net.run(10s);
  std::array<uint8_t, 20> response{0x01, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42};
  DhtService& service = *net.members[0]->node.dht_service();
  EXPECT_FALSE(service.heard_stun(net.now, {0, {endpoint_of(0), 0}, endpoint_of(5), response}));
  EXPECT_FALSE(service.heard_stun(net.now, {0, {endpoint_of(0), 0}, endpoint_of(5), {}}));
}

}  // namespace
}  // namespace roost::node
