// SPDX-License-Identifier: MIT
// Goal: people read what works and what that proves; programs find the same under fixed names.
#include "app/turn_report.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace roost::app {
namespace {

using namespace std::chrono_literals;
using node::TurnProbe;
using Json = nlohmann::json;
using Outcome = node::TurnSession::Answer::Outcome;
using Step = TurnProbe::Step;

TurnProbe::StepReport step(Step step, Outcome outcome = Outcome::kSuccess, unsigned code = 0) {
  node::TurnSession::Answer answer;
  answer.outcome = outcome;
  answer.error_code = code;
  answer.took = 1500us;
  answer.request_count = 1;
  return {step, answer};
}

TurnFindings works() {
  TurnFindings findings;
  findings.uri = *StunUri::parse("turn:relay.example.org");
  findings.server = *Endpoint::parse("192.0.2.1:3478");
  findings.username = "alice";
  findings.login_source = "ROOST_PASSWORD";
  TurnProbe::Report& report = findings.report;
  for (const Step done : {Step::kBinding, Step::kAllocate, Step::kPeerBinding, Step::kPermission,
                          Step::kKnock, Step::kChannel, Step::kEcho, Step::kRelease}) {
    report.steps.push_back(step(done));
  }
  report.steps.push_back(step(Step::kGone, Outcome::kRefused, 437));
  report.is_gone = true;
  report.mapped = Endpoint::parse("198.51.100.1:1001");
  report.relayed = Endpoint::parse("192.0.2.1:50000");
  report.peer = Endpoint::parse("198.51.100.1:1002");
  report.realm = "roost";
  report.uses_sha256 = true;
  report.lifetime_seconds = 600;
  report.way = TurnProbe::Way::kDirect;
  report.echo = {10, 9, 8, 1200us, 1300us};
  report.is_reached_from_outside = true;
  return findings;
}

TurnFindings diverted() {
  TurnFindings findings = works();
  TurnProbe::Report& report = findings.report;
  report.steps[3] = step(Step::kPermission, Outcome::kRefused, 403);
  report.steps[4] = step(Step::kSecondAllocate);
  report.diverted = 3;
  report.way = TurnProbe::Way::kRelayToRelay;
  report.is_reached_from_outside = false;
  return findings;
}

TurnFindings fails() {
  TurnFindings findings = works();
  TurnProbe::Report& report = findings.report;
  report = {};
  report.steps = {step(Step::kBinding), step(Step::kAllocate, Outcome::kRefused, 401)};
  report.steps[1].answer.reason = "Un\xff";  // No UTF-8.
  report.failed = 1;
  return findings;
}

void expect_has(const std::string& text, std::string_view part) {
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(TurnReport, TellsPeopleWhatWorksAndWhatThatProves) {
  const std::string text = turn_report_text(works());
  expect_has(text,
             "turn:relay.example.org:3478 at 192.0.2.1:3478 over UDP, as \"alice\" "
             "(ROOST_PASSWORD)\n");
  expect_has(text, "  binding                 1.50 ms  the server sees us as 198.51.100.1:1001\n");
  expect_has(text, "192.0.2.1:50000 for 600 s, realm \"roost\", SHA-256\n");
  expect_has(text,
             "10 sent, 8 came back, round trip 1.20 ms at least, 1.30 ms in the middle; "
             "lost 1 to the peer, 1 back\n");
  expect_has(text, "The relay works. ");
  expect_has(text, "open to the outside");
}

TEST(TurnReport, TellsPeopleWhatIsNotProven) {
  const std::string text = turn_report_text(diverted());
  expect_has(text, "Whether the world reaches its ports is not shown");
  expect_has(text, "permission: the server refuses with error 403");
  TurnFindings inside = works();
  inside.report.is_reached_from_outside = false;
  expect_has(turn_report_text(inside),
             "whether the Internet reaches the relay's ports is not shown");
}

TEST(TurnReport, TellsPeopleWhatFailsAndWhatToDo) {
  const std::string text = turn_report_text(fails());
  expect_has(text, "The relay does not work: allocate: the server refuses with error 401");
  expect_has(text, "Most likely the user name or the password is wrong");
  expect_has(text, "What to do: compare");
  EXPECT_EQ(text.find("The relay works"), std::string::npos);
}

TEST(TurnReport, TellsProgramsTheSame) {
  const Json good = Json::parse(turn_report_json(works()));
  EXPECT_EQ(good.at("is_ok"), true);
  EXPECT_EQ(good.at("way"), "direct");
  EXPECT_EQ(good.at("is_reached_from_outside"), true);
  EXPECT_EQ(good.at("relayed_address"), "192.0.2.1:50000");
  EXPECT_EQ(good.at("echo").at("reached_peer"), 9);
  EXPECT_EQ(good.at("echo").at("round_trip_min_ms"), 1.2);
  EXPECT_EQ(good.at("is_gone"), true);
  ASSERT_EQ(good.at("steps").size(), 9u);
  for (const Json& done : good.at("steps")) EXPECT_EQ(done.at("is_ok"), true) << done;
  EXPECT_FALSE(good.contains("failure") || good.contains("why_not_direct"));

  const Json other = Json::parse(turn_report_json(diverted()));
  EXPECT_EQ(other.at("way"), "relay_to_relay");
  EXPECT_EQ(other.at("why_not_direct").at("step"), "permission");
  EXPECT_EQ(other.at("steps").at(4).at("step"), "second_allocate");

  const std::string line = turn_report_json(fails());
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  const Json bad = Json::parse(line);
  EXPECT_EQ(bad.at("is_ok"), false);
  EXPECT_EQ(bad.at("failure").at("step"), "allocate");
  EXPECT_EQ(bad.at("steps").at(1).at("error_code"), 401);
  EXPECT_FALSE(bad.contains("relayed_address") || bad.contains("echo"));
}

}  // namespace
}  // namespace roost::app
