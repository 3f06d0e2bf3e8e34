// SPDX-License-Identifier: MIT
//
// Goal: a search asks as many as it may, and leaves what it has to leave with the nearest, under
// their tokens.
#include "core/dht/search.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace roost::core::dht {
namespace {

SigningKey make_key() {
  SigningKey::Seed seed;
  seed.mutable_bytes()[0] = 7;
  return SigningKey(seed);
}

using namespace std::chrono_literals;
using wire::KrpcMethod;

constexpr uint32_t kNodes = 12;

Endpoint endpoint_of(uint32_t number) {
  return {IpAddress::v4(0x08080001 + (number << 8)), 6881};
}
wire::NodeId id_of(uint32_t number) {
  return {static_cast<uint8_t>(number)};
}

// Nodes that answer everything, and know the next two.
class SearchTest : public testing::Test {
 protected:
  void run(SearchPurpose purpose, const wire::MutableItem* item = nullptr) {
    Search search({.purpose = purpose,
                   .lookup = {.target = wire::NodeId{0x00}, .takes_special_purpose = true}},
                  random_);
    search.learn(now_, {id_of(1), endpoint_of(1)});
    for (int turn = 0; turn < 200 && !search.is_done(now_); ++turn) {
      Search::Sender sender{.home = home_, .port = 3478, .item = item, .rate = rate_};
      Outbox out;
      EXPECT_LE(search.step(now_, sender, 2, out), 2u);
      EXPECT_LE(out.actions().size(), 2u);
      for (const Action& action : out.actions()) {
        answer(search, std::get<SendDatagram>(action));
      }
    }
    EXPECT_TRUE(search.is_done(now_));
    delivered_ = search.delivered();
  }

  void answer(Search& search, const SendDatagram& sent) {
    const auto message = wire::parse_krpc(sent.payload);
    ASSERT_TRUE(message);
    const auto query = parse_query(*message);
    ASSERT_TRUE(query);
    const uint32_t number = (sent.to.address.v4_value() - 0x08080001) >> 8;
    if (query->method == KrpcMethod::kAnnouncePeer || query->method == KrpcMethod::kPut) {
      EXPECT_EQ("token" + std::to_string(number), as_text(query->token));
      EXPECT_FALSE(search.is_done(now_) && delivered_ > 0);
      deliveries_.emplace_back(sent.payload.begin(), sent.payload.end());
      return;
    }
    asked_.push_back(query->method);
    std::array<uint8_t, 2 * wire::kCompactNodeV4Size> nodes;
    Writer writer(nodes);
    for (uint32_t next = number + 1; next <= std::min(number + 2, kNodes); ++next) {
      wire::write_compact(writer, wire::CompactNode{id_of(next), endpoint_of(next)});
    }
    const std::string token = "token" + std::to_string(number);
    wire::KrpcResponse response{.id = id_of(number)};
    response.nodes = writer.written();
    if (number != 3) response.token = as_bytes(token);
    EXPECT_TRUE(search.answered(now_, sent.to, *message, response));
  }

  SeededRandom random_{1};
  MonoTime now_{1h};
  QueryRate rate_;
  Home home_{0, {}, wire::NodeId{0x77}};
  std::vector<KrpcMethod> asked_;
  std::vector<std::string> deliveries_;
  size_t delivered_ = 0;
};

TEST_F(SearchTest, LooksForNeighboursAndLeavesNothing) {
  run(SearchPurpose::kNeighbours);
  EXPECT_GE(asked_.size(), 8u);
  EXPECT_EQ(asked_.size(), rate_.asked_count());
  for (const KrpcMethod method : asked_) EXPECT_EQ(KrpcMethod::kFindNode, method);
  EXPECT_TRUE(deliveries_.empty());
}

TEST_F(SearchTest, AnnouncesUnderTheTokensThatItWasGiven) {
  run(SearchPurpose::kAnnounce);
  EXPECT_EQ(KrpcMethod::kGetPeers, asked_.front());
  ASSERT_EQ(7u, deliveries_.size()) << "one of the eight has given no token";
  const auto message = wire::parse_krpc(as_bytes(deliveries_[0]));
  const auto query = parse_query(*message);
  EXPECT_EQ(KrpcMethod::kAnnouncePeer, query->method);
  EXPECT_TRUE(query->has_implied_port);
}

TEST_F(SearchTest, PutsItsItem) {
  const SigningKey key = make_key();
  const wire::MutableItem item = wire::sign_mutable_item(key, 5, as_bytes("s"), as_bytes("2:hi"));
  run(SearchPurpose::kPublish, &item);
  EXPECT_EQ(KrpcMethod::kGet, asked_.front());
  ASSERT_EQ(7u, deliveries_.size());
  const auto query = parse_query(*wire::parse_krpc(as_bytes(deliveries_[0])));
  EXPECT_EQ(KrpcMethod::kPut, query->method);
  EXPECT_EQ("2:hi", as_text(query->value));
  EXPECT_EQ("s", as_text(query->salt));
  EXPECT_EQ(5, query->seq);
  EXPECT_EQ(key.public_key(), query->key);
}

}  // namespace
}  // namespace roost::core::dht
