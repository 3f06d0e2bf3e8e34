// SPDX-License-Identifier: MIT
// Goal: whatever goes wrong is told with a cause and something to do.
#include "app/turn_advice.h"

#include <gtest/gtest.h>

namespace roost::app {
namespace {

using node::TurnProbe;
using Answer = node::TurnSession::Answer;
using Outcome = Answer::Outcome;
using Step = TurnProbe::Step;
using Transport = StunUri::Transport;

TurnAdvice advice(Step step, const Answer& answer, Transport transport = Transport::kUdp) {
  TurnProbe::Report report;
  report.steps.push_back({step, answer});
  report.relayed = Endpoint::parse("127.0.0.1:50000");
  return advice_for(report, 0, transport);
}

Answer refused(unsigned code, std::string reason = "") {
  Answer answer;
  answer.outcome = Outcome::kRefused;
  answer.error_code = code;
  answer.reason = std::move(reason);
  return answer;
}

Answer with(Outcome outcome) {
  Answer answer;
  answer.outcome = outcome;
  answer.reason = outcome == Outcome::kTimedOut ? "" : "as the machine says";
  answer.request_count = 3;
  return answer;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(TurnAdvice, KnowsTheErrorCodesOfTheRfc) {
  struct Row {
    unsigned code;
    std::string_view cause;
    std::string_view remedy;
  };
  const Row rows[] = {{401, "password is wrong", "relay.users"},
                      {403, "forbids", "relay.deny_peers"},
                      {437, "knows nothing of the allocation", "try again"},
                      {438, "stale", "nonces"},
                      {440, "family", "relay.addresses"},
                      {441, "another user", "try again"},
                      {442, "UDP", "configuration"},
                      {486, "as many allocations as it may", "relay.allocations_per_user"},
                      {508, "full", "relay.allocations"}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.code);
    const TurnAdvice told = advice(Step::kAllocate, refused(row.code, "In its \x1b words"));
    EXPECT_TRUE(has(told.what, "error " + std::to_string(row.code))) << told.what;
    EXPECT_TRUE(has(told.what, "words")) << told.what;
    EXPECT_FALSE(has(told.what, "\x1b")) << "a server's words may not reach the terminal as such";
    EXPECT_TRUE(has(told.cause, row.cause)) << told.cause;
    EXPECT_TRUE(has(told.remedy, row.remedy)) << told.remedy;
  }
}

TEST(TurnAdvice, NamesTheAlternateServer) {
  Answer answer = refused(300);
  answer.alternate_server = Endpoint::parse("192.0.2.1:3478");
  EXPECT_TRUE(has(advice(Step::kAllocate, answer).remedy, "192.0.2.1:3478"));
}

TEST(TurnAdvice, SaysMoreWhereTheStepDoes) {
  EXPECT_TRUE(has(advice(Step::kSecondAllocate, refused(486)).cause, "needs two"));
  EXPECT_TRUE(has(advice(Step::kPermission, refused(403)).cause, "our address"));
  EXPECT_TRUE(has(advice(Step::kSecondPermission, refused(403)).cause, "127.0.0.1"));
  EXPECT_TRUE(has(advice(Step::kKnock, with(Outcome::kTimedOut)).remedy, "relay.port_min"));
  EXPECT_TRUE(has(advice(Step::kEcho, with(Outcome::kTimedOut)).cause, "firewall"));
  EXPECT_TRUE(has(advice(Step::kGone, with(Outcome::kSuccess)).what, "still there"));
  EXPECT_TRUE(has(advice(Step::kAllocate, with(Outcome::kTimedOut)).what, "3 requests"));
  EXPECT_TRUE(has(advice(Step::kAllocate, with(Outcome::kTimedOut)).remedy, "?transport=tcp"));
  EXPECT_FALSE(has(advice(Step::kAllocate, with(Outcome::kTimedOut), Transport::kTcp).remedy,
                   "?transport=tcp"));
}

TEST(TurnAdvice, LeavesNothingEmpty) {
  for (int step = 0; step <= static_cast<int>(Step::kGone); ++step) {
    for (const Outcome outcome : {Outcome::kRefused, Outcome::kTimedOut, Outcome::kUnsigned,
                                  Outcome::kMalformed, Outcome::kLost}) {
      const TurnAdvice told = advice(static_cast<Step>(step), with(outcome));
      EXPECT_FALSE(told.what.empty() || told.cause.empty() || told.remedy.empty())
          << step << ' ' << static_cast<int>(outcome);
    }
  }
}

}  // namespace
}  // namespace roost::app
