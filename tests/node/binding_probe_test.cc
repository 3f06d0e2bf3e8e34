// SPDX-License-Identifier: MIT
//
// Goal: the operator's STUN client keeps the retransmission schedule of RFC 8489 §6.2.1 and takes
// nothing but the answer to its own request.
// Method: a clock of our own, and replies built by hand.
#include "node/binding_probe.h"

#include <gtest/gtest.h>

#include "wire/stun_builder.h"

namespace roost::node {
namespace {

using namespace std::chrono_literals;
using State = BindingProbe::State;
using wire::StunAttribute;
using wire::StunClass;

constexpr MonoTime kStart{1h};
constexpr Endpoint kMapped{IpAddress::v4(0xc0000201), 4242};

BindingProbe::Options udp(Duration timeout) {
  return {.is_reliable = false, .timeout = timeout};
}

// Answers `request` with whatever `add` puts into it.
template <typename Add>
std::vector<uint8_t> reply_to(Bytes request, StunClass message_class, Add add) {
  std::vector<uint8_t> buffer(200);
  wire::StunBuilder builder(buffer, message_class, *wire::StunView::parse(request));
  add(builder);
  const Bytes reply = builder.finish();
  return {reply.begin(), reply.end()};
}

std::vector<uint8_t> success(Bytes request) {
  return reply_to(request, StunClass::kSuccess, [](wire::StunBuilder& reply) {
    reply.add_xor_address(StunAttribute::kXorMappedAddress, kMapped);
  });
}

TEST(BindingProbe, RetransmitsOnTheScheduleOfTheRfc) {
  SeededRandom random(1);
  BindingProbe probe(udp(1h), random, kStart);
  for (const auto at : {0ms, 500ms, 1500ms, 3500ms, 7500ms, 15500ms, 31500ms}) {
    EXPECT_EQ(kStart + at, probe.next_deadline());
    EXPECT_FALSE(probe.poll(kStart + at - 1us));
    EXPECT_TRUE(probe.poll(kStart + at));
    EXPECT_FALSE(probe.poll(kStart + at));
  }
  EXPECT_EQ(kStart + 39500ms, probe.next_deadline());
  EXPECT_FALSE(probe.poll(kStart + 39500ms));
  EXPECT_EQ(State::kTimedOut, probe.state());
  EXPECT_FALSE(probe.next_deadline());
  EXPECT_EQ(7u, probe.request_count());
}

TEST(BindingProbe, SendsOnceOverAStream) {
  SeededRandom random(1);
  BindingProbe probe({.is_reliable = true, .timeout = 3s}, random, kStart);
  EXPECT_TRUE(probe.poll(kStart));
  EXPECT_EQ(kStart + 3s, probe.next_deadline());
  EXPECT_FALSE(probe.poll(kStart + 2s));
  EXPECT_FALSE(probe.poll(kStart + 3s));
  EXPECT_EQ(State::kTimedOut, probe.state());
}

TEST(BindingProbe, TellsTheMappedAddressAndTheTimeOfTheLastTry) {
  SeededRandom random(1);
  BindingProbe probe(udp(10s), random, kStart);
  (void)probe.poll(kStart);
  const Bytes request = *probe.poll(kStart + 500ms);
  probe.take(kStart + 512ms, success(request));
  EXPECT_EQ(State::kAnswered, probe.state());
  EXPECT_EQ(kMapped, probe.mapped());
  EXPECT_EQ(Duration(12ms), probe.round_trip());
  EXPECT_EQ(2u, probe.request_count());
}

TEST(BindingProbe, TellsTheErrorCode) {
  SeededRandom random(1);
  BindingProbe probe(udp(10s), random, kStart);
  const Bytes request = *probe.poll(kStart);
  probe.take(kStart, reply_to(request, StunClass::kError, [](wire::StunBuilder& reply) {
               reply.add_error_code(420, "Unknown Attribute");
             }));
  EXPECT_EQ(State::kRefused, probe.state());
  EXPECT_EQ(420u, probe.error_code());
}

TEST(BindingProbe, IgnoresWhatIsNotItsAnswer) {
  SeededRandom random(1);
  BindingProbe probe(udp(10s), random, kStart);
  const Bytes request = *probe.poll(kStart);
  std::vector<uint8_t> other_transaction = success(request);
  other_transaction[10] ^= 1;
  std::vector<uint8_t> truncated = success(request);
  truncated.pop_back();
  const auto indication = reply_to(request, StunClass::kIndication, [](wire::StunBuilder&) {});
  const std::vector<uint8_t> own_request(request.begin(), request.end());
  for (const auto& message : {other_transaction, truncated, indication, own_request, {}}) {
    probe.take(kStart, message);
    EXPECT_EQ(State::kWaiting, probe.state());
  }
}

}  // namespace
}  // namespace roost::node
