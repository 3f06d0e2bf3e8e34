// SPDX-License-Identifier: MIT
//
// Goal: whoever answers with its own record is found, and whoever names others to us gets them one
// small packet an hour at most.
// Method: every datagram is audited as it leaves: its size against what its receiver has shown, and
// how long ago the last one went there.
#include "core/peers/finder.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "peer_node.h"
#include "wire/stun_builder.h"

namespace roost::core::peers {
namespace {

using namespace std::chrono_literals;
using Outcome = BookOutcome;

constexpr SocketId kSocket = 3;
const Endpoint kOurs = *Endpoint::parse("198.51.100.1:3478");
const Endpoint kObserved = *Endpoint::parse("203.0.113.9:4000");
const Endpoint kTheirs = *Endpoint::parse("8.8.4.4:3478");
const IpAddress kSource = *IpAddress::parse("9.9.9.9");
const wire::NodeId kOurId{0xaa};
const wire::NodeId kTheirId{0xbb};

struct Sent {
  Endpoint to{};
  bool is_binding = false;
  std::string transaction_id{};
};

class FinderTest : public testing::Test {
 protected:
  explicit FinderTest(const Finder::Options& options = default_options())
      : options_(options), finder_(options, random_, MonoTime(100h)) {
    finder_.set_homes(Finder::Home{kSocket, LocalEnd{kOurs, 0}, kOurId}, {});
  }
  ~FinderTest() override { finder_.book().check_invariants(); }

  static Finder::Options default_options() {
    Finder::Options options;
    options.network = network_infohash("test");
    return options;
  }

  Now now() const {
    return {MonoTime(100h) + passed_,
            kWall + std::chrono::duration_cast<std::chrono::seconds>(passed_)};
  }

  bool is_due() const {
    const auto deadline = finder_.next_deadline();
    return deadline && *deadline <= now().mono;
  }

  // What is sent now. Each is a question that its receiver may be asked.
  std::vector<Sent> turn() {
    std::vector<Sent> found;
    for (int steps = 0; steps == 0 || is_due(); ++steps) {
      EXPECT_LT(steps, 20) << "a deadline that does not pass";
      if (steps == 20) break;
      finder_.step(now().mono, DeadlinePassed(), out_);
      EXPECT_LE(out_.actions().size(), Outbox::kActionsPerStepMax);
      for (const Action& action : out_.actions()) {
        found.push_back(audited(std::get<SendDatagram>(action)));
      }
      out_.clear();
    }
    return found;
  }

  Sent audited(const SendDatagram& sent) {
    EXPECT_EQ(kSocket, sent.from);
    EXPECT_EQ(kOurs, sent.local.endpoint);
    if (const auto binding = wire::StunView::parse(sent.payload)) {
      EXPECT_EQ(20u, sent.payload.size());
      EXPECT_EQ(wire::StunClass::kRequest, binding->message_class());
      const auto last = last_asked_.find(sent.to.address);
      if (last != last_asked_.end()) {
        EXPECT_GE(now().mono - last->second, 1h) << sent.to.text();
      }
      last_asked_[sent.to.address] = now().mono;
      ++bindings_sent_;
      return {sent.to, true, std::string(as_text(binding->transaction_id()))};
    }
    EXPECT_TRUE(shown_.contains(sent.to)) << "more than a Binding request for a stranger";
    EXPECT_EQ(kRecordQuerySize, sent.payload.size());
    const auto message = wire::parse_krpc(sent.payload);
    EXPECT_TRUE(message && message->method == wire::KrpcMethod::kGet);
    const auto query = parse_query(*message);
    EXPECT_EQ(kOurId, query->id);
    EXPECT_EQ(network_infohash("test"), query->target);
    return {sent.to, false, std::string(as_text(message->head.transaction_id))};
  }

  bool hear_stun(Bytes message, const Endpoint& from) {
    return finder_.heard_stun(now().mono, {kSocket, LocalEnd{kOurs, 0}, from, message},
                              *wire::StunView::parse(message));
  }

  bool answer_binding(const Sent& asked, std::optional<Endpoint> from = {},
                      wire::StunClass message_class = wire::StunClass::kSuccess) {
    std::array<uint8_t, 200> buffer;
    wire::StunBuilder builder(buffer, message_class, wire::StunMethod::kBinding,
                              as_bytes(asked.transaction_id).first<12>());
    if (message_class == wire::StunClass::kSuccess) {
      builder.add_xor_address(wire::StunAttribute::kXorMappedAddress, kObserved);
    } else {
      builder.add_error_code(400, "no");
    }
    const bool is_heard = hear_stun(builder.finish(), from.value_or(asked.to));
    if (is_heard) shown_.insert(asked.to);
    return is_heard;
  }

  bool hear_krpc(Bytes payload, const Endpoint& from) {
    return finder_.heard_answer(now(), {kSocket, LocalEnd{kOurs, 0}, from, payload},
                                *wire::parse_krpc(payload));
  }

  bool answer_fetch(const Sent& asked, const std::optional<wire::MutableItem>& record,
                    std::optional<Endpoint> from = {}) {
    wire::KrpcResponse response;
    response.id = kTheirId;
    if (record) response = record_answer(kTheirId, *record);
    std::vector<uint8_t> buffer(wire::kKrpcSizeMax);
    const wire::KrpcHead head{.transaction_id = as_bytes(asked.transaction_id)};
    const Bytes payload = encode(head, response, buffer);
    EXPECT_LE(payload.size(), 3 * kRecordQuerySize);
    return hear_krpc(payload, from.value_or(asked.to));
  }

  wire::MutableItem fresh(PeerNode& node) { return node.record(*now().wall); }
  Outcome hear(const Endpoint& address) { return finder_.hear(now(), address, kSource); }

  // Until the query for the record of the one node that is asked.
  Sent bind() {
    const auto asked = turn();
    EXPECT_EQ(1u, asked.size());
    EXPECT_TRUE(asked.at(0).is_binding);
    EXPECT_TRUE(answer_binding(asked.at(0)));
    EXPECT_TRUE(is_due());
    const auto fetched = turn();
    EXPECT_EQ(1u, fetched.size());
    EXPECT_FALSE(fetched.at(0).is_binding);
    return fetched.at(0);
  }

  Finder::Options options_;
  SeededRandom random_{1};
  Duration passed_{};
  Outbox out_;
  Finder finder_;
  std::set<Endpoint> shown_;  // Who has answered a Binding request of ours.
  std::map<IpAddress, MonoTime> last_asked_;
  size_t bindings_sent_ = 0;
};

TEST_F(FinderTest, FindsANodeWhereItIsSaidToBe) {
  PeerNode node(1, kTheirs);
  EXPECT_FALSE(finder_.next_deadline());
  EXPECT_EQ(Outcome::kAdded, hear(kTheirs));
  const Sent fetch = bind();
  const auto observation = finder_.take_observation();
  ASSERT_TRUE(observation);
  EXPECT_EQ(kObserved, observation->ours);
  EXPECT_EQ(kTheirs.address, observation->by);
  EXPECT_FALSE(finder_.take_observation());

  EXPECT_TRUE(answer_fetch(fetch, fresh(node)));
  EXPECT_EQ(1u, finder_.book().tried_size());
  EXPECT_FALSE(answer_fetch(fetch, fresh(node))) << "once";
  EXPECT_GE(*finder_.next_deadline(), now().mono + 1h);
  EXPECT_EQ(1u, finder_.stats().bindings);
  EXPECT_EQ(1u, finder_.stats().fetched);
  EXPECT_EQ(2u, finder_.stats().answers);
}

TEST_F(FinderTest, TestsRecordsThatOthersTellLikeAddresses) {
  PeerNode node(1, kTheirs);
  EXPECT_EQ(Outcome::kAdded, finder_.hear(now(), fresh(node), kSource));
  passed_ += 1s;
  EXPECT_TRUE(answer_fetch(bind(), fresh(node)));
  EXPECT_EQ(1u, finder_.book().tried_size());
}

TEST_F(FinderTest, AsksAgainEveryHour) {
  PeerNode node(1, kTheirs);
  hear(kTheirs);
  answer_fetch(bind(), fresh(node));
  for (int test = 0; test < 5; ++test) {
    const MonoTime before = now().mono;
    passed_ = *finder_.next_deadline() - MonoTime(100h);
    EXPECT_GE(now().mono, before + 1h);
    EXPECT_LE(now().mono, before + 75min);
    EXPECT_TRUE(answer_fetch(bind(), fresh(node)));
  }
  EXPECT_EQ(6u, bindings_sent_);
}

TEST_F(FinderTest, SendsTheSilentOneSmallPacketAnHour) {
  hear(kTheirs);
  EXPECT_EQ(1u, turn().size());
  for (int second = 0; second < 4 * 3600; ++second) {
    passed_ += 1s;
    for (const Sent& sent : turn()) EXPECT_TRUE(sent.is_binding);
  }
  EXPECT_EQ(3u, bindings_sent_);
  EXPECT_EQ(0u, finder_.book().new_size());
  EXPECT_FALSE(finder_.next_deadline());

  // Told again at once, it is asked no sooner.
  for (int minute = 0; minute < 600; ++minute) {
    passed_ += 1min;
    hear(kTheirs);
    turn();
  }
  EXPECT_LE(bindings_sent_, 3u + 10);
}

TEST_F(FinderTest, BelievesNobodyElse) {
  hear(kTheirs);
  const auto asked = turn();
  ASSERT_EQ(1u, asked.size());
  const Endpoint other_port{kTheirs.address, 3479};
  EXPECT_FALSE(answer_binding(asked[0], other_port));
  EXPECT_FALSE(answer_binding(asked[0], Endpoint{spread(1), 3478}));
  Sent forged = asked[0];
  forged.transaction_id[11] ^= 1;
  EXPECT_FALSE(answer_binding(forged));
  EXPECT_FALSE(answer_binding(asked[0], {}, wire::StunClass::kRequest));
  EXPECT_FALSE(answer_binding(asked[0], {}, wire::StunClass::kIndication));
  EXPECT_FALSE(finder_.take_observation());
  // The same ID in an answer to something else, and in one of RFC 3489.
  std::array<uint8_t, 20> other{0x01, 0x03, 0, 0, 0x21, 0x12, 0xa4, 0x42};
  std::copy(asked[0].transaction_id.begin(), asked[0].transaction_id.end(), other.begin() + 8);
  EXPECT_FALSE(hear_stun(other, kTheirs));
  other = {0x01, 0x01, 0, 0, 1, 2, 3, 4};
  std::copy(asked[0].transaction_id.begin(), asked[0].transaction_id.end(), other.begin() + 8);
  EXPECT_FALSE(hear_stun(other, kTheirs));

  EXPECT_TRUE(answer_binding(asked[0]));
  EXPECT_FALSE(answer_binding(asked[0])) << "twice";
  const auto fetch = turn();
  ASSERT_EQ(1u, fetch.size());
  PeerNode node(1, kTheirs);
  EXPECT_NE(asked[0].transaction_id, fetch[0].transaction_id);
  EXPECT_FALSE(answer_fetch(asked[0], fresh(node)));
  EXPECT_FALSE(answer_fetch(fetch[0], fresh(node), other_port));
  forged = fetch[0];
  forged.transaction_id[0] ^= 1;
  EXPECT_FALSE(answer_fetch(forged, fresh(node)));
  EXPECT_EQ(0u, finder_.book().tried_size());
  EXPECT_TRUE(answer_fetch(fetch[0], fresh(node)));
  EXPECT_EQ(1u, finder_.book().tried_size());
}

TEST_F(FinderTest, AnErrorIsNoAnswer) {
  hear(kTheirs);
  EXPECT_TRUE(answer_binding(turn().at(0), {}, wire::StunClass::kError));
  EXPECT_TRUE(turn().empty());
  EXPECT_EQ(1u, finder_.stats().errors);
  EXPECT_EQ(1u, finder_.book().new_size());
}

TEST_F(FinderTest, RecordsAreJudgedByTheBook) {
  PeerNode node(1, kTheirs);
  PeerNode elsewhere(2, {spread(2), 3478});
  hear(kTheirs);
  EXPECT_TRUE(answer_fetch(bind(), fresh(elsewhere)));
  passed_ += 80min;
  wire::MutableItem forged = fresh(node);
  forged.key = elsewhere.key();
  EXPECT_TRUE(answer_fetch(bind(), forged));
  EXPECT_EQ(0u, finder_.book().tried_size());
  const auto& outcomes = finder_.book().stats().outcomes;
  EXPECT_EQ(1u, outcomes[static_cast<size_t>(Outcome::kElsewhere)]);
  EXPECT_EQ(1u, outcomes[static_cast<size_t>(Outcome::kBadSignature)]);
}

TEST_F(FinderTest, AsksOnceMoreForARecordThatDoesNotCome) {
  PeerNode node(1, kTheirs);
  hear(kTheirs);
  const Sent first = bind();
  passed_ += 2s - 1us;
  EXPECT_TRUE(turn().empty());
  passed_ += 1us;
  const auto second = turn();
  ASSERT_EQ(1u, second.size());
  EXPECT_FALSE(second[0].is_binding);
  EXPECT_EQ(first.transaction_id, second[0].transaction_id) << "late answers count";
  passed_ += 3s;
  EXPECT_TRUE(turn().empty()) << "and no more";
  EXPECT_FALSE(answer_fetch(first, fresh(node))) << "too late";
  EXPECT_EQ(1u, finder_.stats().silent);
  EXPECT_EQ(2u, finder_.stats().fetches);
}

TEST_F(FinderTest, AsksOnceMoreWhoeverAnswersWithoutARecordAtFirst) {
  PeerNode node(1, kTheirs);
  hear(kTheirs);
  const Sent first = bind();
  EXPECT_TRUE(answer_fetch(first, {})) << "it has to ask us first whether we receive";
  EXPECT_TRUE(answer_fetch(first, {})) << "a copy";
  EXPECT_TRUE(turn().empty());
  passed_ += 2s;
  const auto second = turn();
  ASSERT_EQ(1u, second.size());
  EXPECT_TRUE(answer_fetch(second[0], fresh(node)));
  EXPECT_EQ(1u, finder_.book().tried_size());

  // And whoever has none at all is asked no third time.
  passed_ += 80min;
  EXPECT_TRUE(answer_fetch(bind(), {}));
  passed_ += 2s;
  const auto again = turn();
  ASSERT_EQ(1u, again.size());
  EXPECT_TRUE(answer_fetch(again[0], {}));
  passed_ += 10s;
  EXPECT_TRUE(turn().empty());
  EXPECT_EQ(1u, finder_.stats().errors);
}

// ---- What others may cause.

TEST_F(FinderTest, NobodyIsKnockedAtHoweverOftenHeIsNamed) {
  // A /24, each address of it under many ports, by many.
  size_t packets = 0;
  for (uint32_t second = 0; second < 7200; ++second) {
    passed_ += 1s;
    for (uint32_t i = 0; i < 10; ++i) {
      const uint32_t n = second * 10 + i;
      const Endpoint victim{IpAddress::v4(0x2d000000 + n % 256), static_cast<uint16_t>(1 + n)};
      (void)finder_.hear(now(), victim, spread(n % 500));
    }
    packets += turn().size();
  }
  EXPECT_GT(packets, 0u);
  EXPECT_LE(packets, 121u) << "one a minute for the whole prefix";
  EXPECT_EQ(packets, finder_.stats().bindings);
  EXPECT_GT(finder_.stats().held_back_prefix, 0u);
}

TEST_F(FinderTest, APrefixThatRestsKeepsNobodyElseOut) {
  // A /24, named from a hundred networks: its addresses may be asked one a minute.
  for (uint32_t i = 0; i < 20000; ++i) {
    const Endpoint victim{IpAddress::v4(0x2d000000 + i % 256), static_cast<uint16_t>(1 + i)};
    (void)finder_.hear(now(), victim, spread(1000 + i % 100));
  }
  EXPECT_GT(finder_.book().new_size(), 200u);
  turn();
  passed_ += 1s;
  turn();
  for (uint32_t i = 0; i < 20; ++i) {
    EXPECT_EQ(Outcome::kAdded, finder_.hear(now(), Endpoint{spread(i), 3478}, spread(2000 + i)));
  }
  std::set<Endpoint> asked;
  for (int second = 0; second < 60; ++second) {
    passed_ += 1s;
    for (const Sent& sent : turn()) asked.insert(sent.to);
  }
  EXPECT_GE(asked.size(), 20u) << "and they are asked at once";
}

TEST_F(FinderTest, SpecialPurposeAddressesAreNeverAsked) {
  for (const std::string_view text : {"127.0.0.1:3478", "10.1.1.1:3478", "224.0.0.251:5353",
                                      "169.254.1.1:1", "192.0.2.1:3478", "255.255.255.255:1"}) {
    EXPECT_EQ(Outcome::kUnreachable, hear(*Endpoint::parse(text)));
  }
  passed_ += 1h;
  EXPECT_TRUE(turn().empty());
}

TEST_F(FinderTest, WithoutAHomeNobodyIsAsked) {
  EXPECT_EQ(Outcome::kUnreachable, hear(*Endpoint::parse("[2600::1]:3478")));
  hear(kTheirs);
  finder_.set_homes({}, {});
  for (int minute = 0; minute < 60; ++minute) {
    passed_ += 1min;
    EXPECT_TRUE(turn().empty());
  }
  EXPECT_GT(finder_.stats().held_back_unreachable, 0u);
  finder_.set_homes(Finder::Home{kSocket, LocalEnd{kOurs, 0}, kOurId}, {});
  passed_ += 5min;
  EXPECT_EQ(1u, turn().size()) << "it was not forgotten";
}

TEST_F(FinderTest, LosingItsHomeEndsATest) {
  hear(kTheirs);
  ASSERT_TRUE(answer_binding(turn().at(0)));
  finder_.set_homes({}, {});
  EXPECT_TRUE(turn().empty());
  EXPECT_EQ(1u, finder_.book().new_size());
}

TEST_F(FinderTest, FewAreAskedAtATimeAndInASecond) {
  for (uint32_t i = 0; i < 200; ++i) {
    (void)finder_.hear(now(), Endpoint{spread(i), 3478}, spread(1000 + i));
  }
  std::vector<size_t> sent;
  for (int second = 0; second < 100; ++second) {
    sent.push_back(turn().size());
    passed_ += 1s;
  }
  for (const size_t count : sent) EXPECT_LE(count, 1u);
  EXPECT_GE(bindings_sent_, 99u);
}

class FastFinderTest : public FinderTest {
 protected:
  FastFinderTest() : FinderTest(options()) {}
  static Finder::Options options() {
    Finder::Options options = default_options();
    options.tests_per_second = 100;
    options.in_flight = 12;
    options.book.takes_special_purpose = true;
    options.prefix_rest = 0s;
    return options;
  }
};

TEST_F(FastFinderTest, NoMoreThanSoManyAnswersAreAwaited) {
  for (uint32_t i = 0; i < 50; ++i) {
    (void)finder_.hear(now(), Endpoint{spread(i), 3478}, spread(1000 + i));
  }
  EXPECT_EQ(12u, turn().size());
  EXPECT_TRUE(turn().empty());
  EXPECT_EQ(now().mono + 3s, finder_.next_deadline());
  passed_ += 3s;
  EXPECT_EQ(12u, turn().size());
}

TEST_F(FastFinderTest, AStepSendsNoMoreThanItMay) {
  // All answers at once, so that all records are to be fetched at once.
  for (uint32_t i = 0; i < 50; ++i) {
    (void)finder_.hear(now(), Endpoint{spread(i), 3478}, spread(1000 + i));
  }
  for (const Sent& sent : turn()) EXPECT_TRUE(answer_binding(sent));
  finder_.step(now().mono, DeadlinePassed(), out_);
  size_t bytes = 0;
  for (const Action& action : out_.actions())
    bytes += std::get<SendDatagram>(action).payload.size();
  EXPECT_EQ(Finder::kFetchesPerStepMax * kRecordQuerySize, bytes);
  EXPECT_LE(bytes, Outbox::kBytesPerStepMax);
  EXPECT_TRUE(is_due());
  out_.clear();
  EXPECT_EQ(12u - Finder::kFetchesPerStepMax, turn().size());
}

TEST_F(FastFinderTest, LoopbackIsAskedWhereThatIsAllowed) {
  EXPECT_EQ(Outcome::kAdded, hear(*Endpoint::parse("127.0.0.2:3478")));
  EXPECT_EQ(Outcome::kAdded, hear(*Endpoint::parse("127.0.0.3:3478")));
  EXPECT_EQ(2u, turn().size());
}

// A day among nodes of which a third is dead, and a third repeats what others have signed.
TEST_F(FinderTest, FindsAllThatLiveAndNobodyElse) {
  std::map<Endpoint, std::unique_ptr<PeerNode>> nodes;
  for (uint32_t i = 0; i < 60; ++i) {
    const Endpoint at{spread(i), 3478};
    nodes[at] = std::make_unique<PeerNode>(i, at);
    (void)hear(at);
  }
  const auto kind_of = [](const Endpoint& at) { return (at.address.v4_value() >> 16) % 3; };
  PeerNode& copied = *nodes.at({spread(0), 3478});
  for (int second = 0; second < 6 * 3600; second += 5) {
    passed_ += 5s;
    for (uint32_t told = 0; second % 600 == 0 && told < 60; ++told) {
      (void)finder_.hear(now(), Endpoint{spread(told), 3478}, spread(100 + told));
    }
    for (const Sent& sent : turn()) {
      if (kind_of(sent.to) == kind_of({spread(1), 1})) continue;
      if (sent.is_binding) {
        EXPECT_TRUE(answer_binding(sent));
        continue;
      }
      const bool is_honest = kind_of(sent.to) == kind_of({spread(0), 1});
      EXPECT_TRUE(answer_fetch(sent, fresh(is_honest ? *nodes.at(sent.to) : copied)));
    }
  }
  std::set<Endpoint> tried;
  finder_.book().for_each(now().mono, [&](const Book::Known& known) {
    if (known.is_tried) tried.insert(known.address);
  });
  EXPECT_EQ(20u, tried.size());
  for (const Endpoint& at : tried) EXPECT_EQ(kind_of({spread(0), 1}), kind_of(at)) << at.text();
}

TEST(Finder, ItsMemoryIsBounded) {
  EXPECT_LT(Finder::bytes_for(Finder::Options()), 2u << 20);
}

}  // namespace
}  // namespace roost::core::peers
