// SPDX-License-Identifier: MIT
//
// Goal: nobody gets further than a small question without a cookie, and a cookie is good for one
// address, one offer and a minute. Method: ClientHellos made byte by byte, a clock of our own.
#include "core/dtls/cookie_exchange.h"

#include <gtest/gtest.h>
#include <numeric>

#include "raw_dtls.h"

namespace roost::core::dtls {
namespace {

using namespace std::chrono_literals;
using Outcome = CookieExchange::Outcome;

const Endpoint kClient{IpAddress::v4(0x07070707), 4000};
const LocalEnd kLocal{{IpAddress::v4(0x05050505), 3478}, 3};

class Exchange {
 public:
  std::span<const Action> step(const std::string& datagram, const Endpoint& from = kClient,
                               const LocalEnd& local = kLocal, SocketId at = 2) {
    datagram_ = datagram;
    out_.clear();
    core_.step(now, {at, local, from, as_bytes(datagram_)}, out_);
    return out_.actions();
  }
  // The cookie that a ClientHello draws; empty if it draws anything else.
  std::string cookie_for(const RawHello& hello, const Endpoint& from = kClient) {
    const auto actions = step(raw_client_hello(hello), from);
    if (actions.size() != 1) return {};
    const auto* const send = std::get_if<SendDatagram>(&actions[0]);
    return send == nullptr ? std::string() : raw_cookie_of(std::string(as_text(send->payload)));
  }
  bool is_accepted(const RawHello& hello, const Endpoint& from = kClient,
                   const LocalEnd& local = kLocal, SocketId at = 2) {
    const auto actions = step(raw_client_hello(hello), from, local, at);
    return actions.size() == 1 && std::holds_alternative<AcceptDtls>(actions[0]);
  }
  uint64_t count(Outcome outcome) const { return core_.stats()[static_cast<size_t>(outcome)]; }

  MonoTime now{1000h};

 private:
  SeededRandom random_{1};
  CookieExchange core_{random_};
  std::string datagram_;
  Outbox out_;
};

TEST(CookieExchange, AsksWithLessThanItWasSentAndFromWhereItWasAsked) {
  Exchange exchange;
  const std::string hello = raw_client_hello();
  const auto actions = exchange.step(hello);
  ASSERT_EQ(actions.size(), 1u);
  const auto& send = std::get<SendDatagram>(actions[0]);
  EXPECT_LT(send.payload.size(), hello.size());
  EXPECT_EQ(send.to, kClient);
  EXPECT_EQ(send.from, 2);
  EXPECT_EQ(send.local.endpoint, kLocal.endpoint);
  EXPECT_EQ(send.local.interface_index, 3u);
  EXPECT_EQ(send.grade, Grade::kUnproven);
  EXPECT_EQ(send.payer, Payer::kService);
  EXPECT_EQ(exchange.count(Outcome::kAsked), 1u);
}

TEST(CookieExchange, HandsOverTheWholeClientHelloOnceItBringsTheCookie) {
  Exchange exchange;
  RawHello hello{.message_sequence = 1, .cookie = exchange.cookie_for({})};
  ASSERT_EQ(hello.cookie.size(), 8u);
  const std::string datagram = raw_client_hello(hello);
  const auto actions = exchange.step(datagram);
  ASSERT_EQ(actions.size(), 1u);
  const auto& accept = std::get<AcceptDtls>(actions[0]);
  EXPECT_EQ(as_text(accept.hello), datagram);
  EXPECT_EQ(accept.from, kClient);
  EXPECT_EQ(accept.at, 2);
  EXPECT_EQ(accept.local.endpoint, kLocal.endpoint);
  EXPECT_EQ(accept.local.interface_index, 3u);
  EXPECT_EQ(exchange.count(Outcome::kProved), 1u);

  const uint64_t digest = accept.hello_digest;
  hello.record_sequence = 9;  // A copy that was sent again.
  const auto again = exchange.step(raw_client_hello(hello));
  EXPECT_EQ(std::get<AcceptDtls>(again[0]).hello_digest, digest);
  RawHello other{.random = 0x66};
  other.cookie = exchange.cookie_for(other);
  other.message_sequence = 1;
  const auto another = exchange.step(raw_client_hello(other));
  ASSERT_EQ(another.size(), 1u);
  EXPECT_NE(std::get<AcceptDtls>(another[0]).hello_digest, digest);
}

TEST(CookieExchange, TakesACookieFromItsAddressPortSocketAndOfferOnly) {
  Exchange exchange;
  const RawHello good{.message_sequence = 1, .cookie = exchange.cookie_for({})};
  ASSERT_TRUE(exchange.is_accepted(good));
  EXPECT_FALSE(exchange.is_accepted(good, {kClient.address, 4001}));
  EXPECT_FALSE(exchange.is_accepted(good, {IpAddress::v4(0x07070708), 4000}));
  EXPECT_FALSE(exchange.is_accepted(good, {IpAddress(1, 0x07070707), 4000}));
  EXPECT_FALSE(exchange.is_accepted(good, kClient, {{kLocal.endpoint.address, 3479}, 3}));
  EXPECT_FALSE(exchange.is_accepted(good, kClient, {{IpAddress::v4(0x05050506), 3478}, 3}));
  EXPECT_FALSE(exchange.is_accepted(good, kClient, kLocal, 1));
  const auto changed = [&](auto change) {
    RawHello hello = good;
    change(hello);
    return hello;
  };
  EXPECT_FALSE(exchange.is_accepted(changed([](RawHello& h) { h.random = 1; })));
  EXPECT_FALSE(exchange.is_accepted(changed([](RawHello& h) { h.session_id = "a"; })));
  EXPECT_FALSE(exchange.is_accepted(changed([](RawHello& h) { h.suites = "\xc0\x2c"; })));
  EXPECT_FALSE(exchange.is_accepted(changed([](RawHello& h) { h.methods = "\1"; })));
  EXPECT_FALSE(exchange.is_accepted(changed([](RawHello& h) { h.cookie[7] ^= 1; })));
  EXPECT_FALSE(exchange.is_accepted(changed([](RawHello& h) { h.cookie += '\0'; })));
  EXPECT_FALSE(exchange.is_accepted(changed([](RawHello& h) { h.cookie.pop_back(); })));
  EXPECT_EQ(exchange.count(Outcome::kWrongCookie), 13u);
  // Whoever brings a wrong one is asked for the right one.
  EXPECT_EQ(exchange.cookie_for(changed([](RawHello& h) { h.cookie = "nonsense"; })), good.cookie);
}

TEST(CookieExchange, TakesACookieForHalfAMinuteAndNotForAWholeOne) {
  for (const Duration age :
       {Duration(), Duration(29s), Duration(30s), Duration(60s), Duration(2h)}) {
    for (const Duration offset : {Duration(), Duration(1s), Duration(29s)}) {
      Exchange exchange;
      exchange.now += offset;
      const std::string cookie = exchange.cookie_for({});
      exchange.now += age;
      const bool is_accepted = exchange.is_accepted({.message_sequence = 1, .cookie = cookie});
      SCOPED_TRACE(std::to_string(age.count()) + " after " + std::to_string(offset.count()));
      if (age <= Duration(30s)) {
        EXPECT_TRUE(is_accepted);
      } else {
        EXPECT_FALSE(is_accepted);
      }
    }
  }
}

TEST(CookieExchange, TakesACookieInTheSecondMessageOnly) {
  Exchange exchange;
  const std::string cookie = exchange.cookie_for({});
  for (const uint16_t sequence : std::initializer_list<uint16_t>{0, 2, 3}) {
    EXPECT_TRUE(
        exchange.step(raw_client_hello({.message_sequence = sequence, .cookie = cookie})).empty());
  }
  EXPECT_EQ(exchange.count(Outcome::kMalformed), 3u);
}

TEST(CookieExchange, AnotherProcessKnowsNothingOfItsCookies) {
  Exchange exchange;
  SeededRandom random(2);
  CookieExchange other(random);
  const std::string datagram =
      raw_client_hello({.message_sequence = 1, .cookie = exchange.cookie_for({})});
  Outbox out;
  other.step(exchange.now, {2, kLocal, kClient, as_bytes(datagram)}, out);
  EXPECT_TRUE(std::holds_alternative<SendDatagram>(out.actions()[0]));
}

TEST(CookieExchange, SaysNothingToWhatIsNoClientHelloAndCountsEachDatagramOnce) {
  Exchange exchange;
  const std::string body = raw_hello_body({});
  const std::string datagrams[] = {
      raw_dtls_record(23, 1, 5, "some old application data"),
      raw_dtls_record(22, 0, 0, raw_dtls_handshake(1, 0, body.size() + 1, 0, body)),
      raw_client_hello({.suites = ""}),
      std::string(3, '\x16'),
  };
  for (const std::string& datagram : datagrams) EXPECT_TRUE(exchange.step(datagram).empty());
  EXPECT_EQ(exchange.count(Outcome::kNoHello), 2u);
  EXPECT_EQ(exchange.count(Outcome::kFragmented), 1u);
  EXPECT_EQ(exchange.count(Outcome::kMalformed), 1u);
}

}  // namespace
}  // namespace roost::core::dtls
