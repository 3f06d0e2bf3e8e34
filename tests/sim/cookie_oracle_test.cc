// SPDX-License-Identifier: MIT
//
// Goal: an association that begins without the right cookie is noticed, and so is an answer to a
// hello that is more than a cookie. Method: one exchange, as it should be and with each part of it
// changed.
#include "sim/cookie_oracle.h"

#include <chrono>
#include <gtest/gtest.h>
#include <utility>
#include <vector>

#include "wire/dtls.h"

namespace roost::sim {
namespace {

using namespace std::chrono_literals;

constexpr Endpoint kNode{IpAddress::v4(0x14000101), 3478};
constexpr Endpoint kNodeToo{kNode.address, 3479};
constexpr Endpoint kClient{IpAddress::v4(0x0b000001), 5000};
constexpr Endpoint kClientOtherPort{kClient.address, 5001};
constexpr std::string_view kCookie = "8 bytes!";
constexpr HelloRandom kRandom{1, 2, 3};
constexpr HelloRandom kOtherRandom{1, 2, 4};

// The second half of an exchange.
struct Bringing {
  Endpoint to = kNode;
  Endpoint from = kClient;
  HelloRandom random = kRandom;
  std::string_view cookie = kCookie;
  Duration after = 10s;
};

class CookieOracleTest : public testing::Test {
 protected:
  static core::DatagramArrived arrived(const Endpoint& to, const Endpoint& from, Bytes bytes) {
    return {0, {to, 0}, from, bytes};
  }
  uint64_t faults() { return verdict_.count() - std::exchange(faults_before_, verdict_.count()); }

  void give(bool arrives = true, MonoTime at = MonoTime(100s)) {
    const auto hello = client_hello(kRandom, {});
    std::array<uint8_t, wire::kDtlsHelloVerifyRequestSize> buffer;
    const Bytes answer = wire::build_dtls_hello_verify_request(
        *wire::parse_dtls_client_hello(hello), as_bytes(kCookie), buffer);
    const core::Action actions[] = {core::SendDatagram{0, {kNode, 0}, kClient, answer}};
    oracle_.check(at, arrived(kNode, kClient, hello), actions);
    if (!arrives) return;
    oracle_.reached({PacketKind::kDatagram, 0, kNode, kClient, {answer.begin(), answer.end()}});
  }
  void accept(const Bringing& bringing = {}) {
    const auto hello = client_hello(bringing.random, as_bytes(bringing.cookie));
    const auto input = arrived(bringing.to, bringing.from, hello);
    const core::Action actions[] = {
        core::AcceptDtls{input.at, input.local, input.from, input.payload, 1}};
    oracle_.check(MonoTime(100s) + bringing.after, input, actions);
  }

  Verdict verdict_;
  CookieOracle oracle_{verdict_};
  uint64_t faults_before_ = 0;
};

TEST_F(CookieOracleTest, AllowsWhoBringsHisCookie) {
  give();
  accept();
  accept();  // The network may double it.
  accept({.after = CookieOracle::kCookieTimeMax});
  EXPECT_EQ(faults(), 0u) << verdict_.text();
  EXPECT_EQ(oracle_.proved_count(), 3u);
}

TEST_F(CookieOracleTest, ReportsEachCookieThatIsNotRight) {
  give();
  const Bringing rows[] = {
      {.to = kNodeToo},         {.from = kClientOtherPort},
      {.random = kOtherRandom}, {.cookie = ""},
      {.cookie = "8 Bytes!"},   {.cookie = "8 bytes"},
      {.cookie = "8 bytes!!"},  {.after = CookieOracle::kCookieTimeMax + 1us},
  };
  for (const Bringing& row : rows) {
    accept(row);
    EXPECT_EQ(faults(), 1u) << &row - rows;
  }
}

TEST_F(CookieOracleTest, ReportsACookieThatHasNotArrived) {
  give(false);
  accept();
  EXPECT_EQ(faults(), 1u);
  // Nor does it count that others see it.
  const Packet elsewhere{PacketKind::kDatagram, 0, kNode, kClientOtherPort, {}};
  oracle_.reached(elsewhere);
  accept();
  EXPECT_EQ(faults(), 1u);
  give();
  give(false);  // Asked again: it has the first one.
  accept();
  EXPECT_EQ(faults(), 0u);
}

TEST_F(CookieOracleTest, ReportsACookieOfAnEarlierLife) {
  give();
  oracle_.forget(kNode.address);
  accept();
  EXPECT_EQ(faults(), 1u);
}

TEST_F(CookieOracleTest, ForgetsWhatIsOld) {
  give();
  const auto hello = client_hello(kOtherRandom, {});
  std::array<uint8_t, wire::kDtlsHelloVerifyRequestSize> buffer;
  const Bytes answer = wire::build_dtls_hello_verify_request(*wire::parse_dtls_client_hello(hello),
                                                             as_bytes("another!"), buffer);
  const core::Action actions[] = {core::SendDatagram{0, {kNode, 0}, kClient, answer}};
  oracle_.check(MonoTime(200s), arrived(kNode, kClient, hello), actions);
  EXPECT_EQ(oracle_.cookie_count(), 1u);
}

TEST_F(CookieOracleTest, ReportsAnAssociationThatNobodyHasAskedFor) {
  give();
  const auto hello = client_hello(kRandom, as_bytes(kCookie));
  const core::Action actions[] = {core::AcceptDtls{0, {kNode, 0}, kClient, hello, 1}};
  const auto other = client_hello(kOtherRandom, as_bytes(kCookie));
  oracle_.check(MonoTime(101s), core::DeadlinePassed{}, actions);
  EXPECT_EQ(faults(), 1u);
  for (const auto& input : {arrived(kNode, kClientOtherPort, hello),
                            arrived(kNodeToo, kClient, hello), arrived(kNode, kClient, other)}) {
    oracle_.check(MonoTime(101s), input, actions);
    EXPECT_EQ(faults(), 1u);
  }
}

TEST_F(CookieOracleTest, ReportsAnswersThatAreMoreThanACookie) {
  const auto hello = client_hello(kRandom, {});
  const auto certificate = dtls_record(DtlsPart::kCertificate, 0, {});
  const auto alert = dtls_record(DtlsPart::kCloseNotify, 0, {});
  for (const auto& answer : {certificate, alert, std::vector<uint8_t>(20)}) {
    const core::Action actions[] = {core::SendDatagram{0, {kNode, 0}, kClient, answer}};
    oracle_.check(MonoTime(100s), arrived(kNode, kClient, hello), actions);
    EXPECT_EQ(faults(), 1u);
  }
  // What is not of DTLS is no matter of this oracle.
  const core::Action actions[] = {core::SendDatagram{0, {kNode, 0}, kClient, certificate}};
  oracle_.check(MonoTime(100s), arrived(kNode, kClient, std::vector<uint8_t>(20)), actions);
  EXPECT_EQ(faults(), 0u);
}

}  // namespace
}  // namespace roost::sim
