// SPDX-License-Identifier: MIT
//
// Goal: whoever may have credentials gets some that work, with the node's addresses as the asker
// knows them; whoever may not is told why, in JSON; and nothing that a client writes comes back
// unchecked.
// Method: a service with two grants; each outcome by its reply, its header fields and its counter.
#include "core/turn/credential_service.h"

#include <gtest/gtest.h>
#include <set>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/text.h"

namespace roost::core::turn {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using Outcome = CredentialService::Outcome;

constexpr SipHashKey kSecret{7, 8, 9};
const Minter kMinter(Minter::Secret{1});
const Endpoint kClient{IpAddress::v4(0xc0000207), 5000};

// The value of a member, as text: of JSON as flat as ours.
std::string member(const std::string& json, std::string_view name) {
  const std::string key = '"' + std::string(name) + "\":";
  const size_t at = json.find(key);
  if (at == json.npos) return "";
  std::string_view rest = std::string_view(json).substr(at + key.size());
  const char end = rest.front() == '"' ? '"' : rest.front() == '[' ? ']' : ',';
  if (end != ',') rest.remove_prefix(1);
  return std::string(rest.substr(0, rest.find_first_of(end == ',' ? ",}" : std::string{end})));
}

struct Answer {
  uint16_t status;
  std::string body;
  std::string headers;

  bool has_header(std::string_view line) const {
    return ("\r\n" + headers + "\r\n").find("\r\n" + std::string(line) + "\r\n") !=
           std::string::npos;
  }
};

class CredentialServiceTest : public testing::Test {
 protected:
  CredentialServiceTest() {
    Grant grant;
    grant.token_hash = sha256(as_bytes("token"));
    grant.id = load_u64(grant.token_hash.data());
    Grant used_up;
    used_up.token_hash = sha256(as_bytes("used up"));
    used_up.id = load_u64(used_up.token_hash.data());
    used_up.bytes_max = used_up.relayed_bytes = 100;
    grants_.set({grant, used_up});
    request_.authorization = "Bearer token";
  }

  void set_options(const CredentialService::Options& options) { service_.reload(options, kMinter); }
  void set_expiry(WallTime expires_at) {
    std::vector<Grant> grants = grants_.all();
    for (Grant& grant : grants) grant.expires_at = expires_at;
    grants_.set(grants);
  }

  Answer ask() {
    core::Outbox out;
    const HttpReply reply =
        service_.answer(now_, request_, {grants_, is_accepting_, strangers_percent_}, out);
    EXPECT_EQ(reply.request, request_.request);
    EXPECT_TRUE(out.actions().empty());
    Answer answer{reply.status, std::string(as_text(reply.body)), std::string(reply.header_lines)};
    // One JSON object in a line, whatever was asked.
    if (!answer.body.empty()) {
      EXPECT_EQ(reply.content_type, "application/json");
      EXPECT_EQ(answer.body.front(), '{');
      EXPECT_EQ(answer.body.substr(answer.body.size() - 2), "}\n");
      EXPECT_EQ(std::count(answer.body.begin(), answer.body.end(), '"') % 2, 0);
    }
    return answer;
  }
  Answer ask_with_token(std::string_view authorization) {
    request_.authorization = authorization;
    return ask();
  }
  Answer ask_as_stranger(std::string_view query = {}) {
    request_.authorization = {};
    request_.query = query;
    return ask();
  }

  // Whether it changed by one, and no other did.
  template <typename Act>
  void expect_counted(Outcome expected, Act act) {
    std::array<uint64_t, CredentialService::kOutcomeCount> before;
    for (size_t i = 0; i < before.size(); ++i) before[i] = service_.count(Outcome(i));
    act();
    for (size_t i = 0; i < before.size(); ++i) {
      EXPECT_EQ(service_.count(Outcome(i)) - before[i], Outcome(i) == expected ? 1u : 0u)
          << label(Outcome(i));
    }
  }
  void expect_refused(uint16_t status, Outcome outcome, Answer* answer = nullptr) {
    expect_counted(outcome, [&] {
      const Answer got = ask();
      EXPECT_EQ(got.status, status);
      EXPECT_NE(member(got.body, "error"), "");
      EXPECT_EQ(member(got.body, "password"), "");
      if (answer != nullptr) *answer = got;
    });
  }

  // How a stranger makes the effort rise: many prefixes.
  void make_busy() {
    for (uint32_t i = 0; i <= Work::kAskersPerWindow; ++i) {
      request_.from.address = IpAddress::v4(0x0b000000 | i << 8);
      EXPECT_EQ(ask_as_stranger().status, 200);
    }
    request_.from = kClient;
    now_.mono += Work::kWindow;
  }
  std::string solve(const Answer& answer) const {
    const std::string challenge = member(answer.body, "challenge");
    const unsigned effort = static_cast<unsigned>(std::stoul(member(answer.body, "effort")));
    for (uint64_t number = 0;; ++number) {
      const std::string text = challenge + '.' + std::to_string(number);
      if (load_u32(sha256(as_bytes(text)).data()) >> (32 - effort) == 0) return "work=" + text;
    }
  }

  static CredentialService::Options options() {
    CredentialService::Options options;
    options.serves_strangers = true;
    options.port = 3479;
    return options;
  }

  Now now_{MonoTime(hours(1000)), kWallTimeMin + hours(24)};
  Grants grants_;
  bool is_accepting_ = true;
  unsigned strangers_percent_ = 0;
  HttpRequestArrived request_{RequestId{5}, kClient, HttpMethod::kGet,     "/v1/turn",
                              {},           {},      "relay.example:8443", {}};
  CredentialService service_{options(), kMinter, kSecret, now_.mono};
};

TEST_F(CredentialServiceTest, GivesTheHolderOfAGrantCredentialsForIt) {
  expect_counted(Outcome::kGranted, [&] {
    const Answer answer = ask();
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.has_header("Cache-Control: no-store"));
    const std::string name = member(answer.body, "username");
    const auto claim = Minter::parse(name);
    ASSERT_TRUE(claim) << answer.body;
    EXPECT_FALSE(claim->holder.is_stranger);
    EXPECT_EQ(claim->holder.id, grants_.find_by_token("token")->id);
    EXPECT_EQ(claim->expires_at, *now_.wall + hours(24));
    EXPECT_EQ(member(answer.body, "password"), kMinter.password(name));
    EXPECT_EQ(member(answer.body, "ttl"), "86400");
    // The port is ours: the one in Host may be a proxy's.
    EXPECT_EQ(
        member(answer.body, "uris"),
        "\"turn:relay.example:3479?transport=udp\",\"turn:relay.example:3479?transport=tcp\"");
  });
}

TEST_F(CredentialServiceTest, GivesNoTwoAskersTheSameName) {
  std::set<std::string> names;
  for (int i = 0; i < 10; ++i) names.insert(member(ask().body, "username"));
  for (int i = 0; i < 10; ++i) names.insert(member(ask_as_stranger().body, "username"));
  EXPECT_EQ(names.size(), 20u);
}

TEST_F(CredentialServiceTest, OffersTlsWhereThereIsACertificateToCheck) {
  CredentialService::Options with_certificate = options();
  with_certificate.has_certificate = true;
  set_options(with_certificate);
  EXPECT_NE(ask().body.find(",\"turns:relay.example:3479?transport=tcp\"]"), std::string::npos);
}

TEST_F(CredentialServiceTest, GivesNothingThatOutlivesTheGrant) {
  set_expiry(*now_.wall + minutes(5));
  const Answer answer = ask();
  EXPECT_EQ(member(answer.body, "ttl"), "300");
  EXPECT_EQ(Minter::parse(member(answer.body, "username"))->expires_at, *now_.wall + minutes(5));
  set_expiry(WallTime::max());
  EXPECT_EQ(member(ask().body, "ttl"), "86400");
}

TEST_F(CredentialServiceTest, RefusesATokenThatIsNoneOrNoLonger) {
  for (const std::string_view authorization :
       {"Bearer other", "Bearer TOKEN", "Bearer token2", "Bearer token ", "Bearer tok en"}) {
    request_.authorization = authorization;
    Answer answer;
    expect_refused(401, Outcome::kBadToken, &answer);
    EXPECT_TRUE(answer.has_header("WWW-Authenticate: Bearer error=\"invalid_token\""));
  }
  request_.authorization = "Bearer used up";
  expect_refused(403, Outcome::kBadToken);
  request_.authorization = "Bearer token";
  set_expiry(*now_.wall);
  expect_refused(401, Outcome::kBadToken);
  grants_.set({});
  expect_refused(401, Outcome::kBadToken);
}

TEST_F(CredentialServiceTest, ReadsTheSchemeInEitherCase) {
  for (const std::string_view authorization :
       {"bearer token", "BEARER token", "bEaReR token", "Bearer   token"}) {
    EXPECT_EQ(ask_with_token(authorization).status, 200) << authorization;
  }
  for (const std::string_view authorization : {"Bearer", "Bearertoken", "Basic dG9rZW46", "token",
                                               "Bearer\ttoken", "Digest token", "Bear"}) {
    request_.authorization = authorization;
    Answer answer;
    expect_refused(401, Outcome::kBadRequest, &answer);
    EXPECT_TRUE(answer.has_header("WWW-Authenticate: Bearer"));
  }
}

TEST_F(CredentialServiceTest, GivesStrangersAtRestWhatTheyAskFor) {
  expect_counted(Outcome::kStranger, [&] {
    const Answer answer = ask_as_stranger();
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.has_header("Cache-Control: no-store"));
    const auto claim = Minter::parse(member(answer.body, "username"));
    ASSERT_TRUE(claim);
    EXPECT_TRUE(claim->holder.is_stranger);
    EXPECT_EQ(claim->expires_at, *now_.wall + minutes(30));
    EXPECT_EQ(member(answer.body, "ttl"), "1800");
  });
}

TEST_F(CredentialServiceTest, TakesAPrefixForOneStranger) {
  const auto id_of = [&](const IpAddress& from) {
    request_.from.address = from;
    return Minter::parse(member(ask_as_stranger().body, "username"))->holder.id;
  };
  const uint64_t id = id_of(IpAddress::v4(0xc0000207));
  EXPECT_EQ(id_of(IpAddress::v4(0xc00002ff)), id);
  EXPECT_NE(id_of(IpAddress::v4(0xc0000307)), id);
  const uint64_t v6 = id_of(*IpAddress::parse("2001:db8:0:12::1"));
  EXPECT_EQ(id_of(*IpAddress::parse("2001:db8:0:ff::2")), v6);
  EXPECT_EQ(id_of(*IpAddress::parse("2001:db8:0:ffff::2")), v6);  // All of a /48.
  EXPECT_NE(id_of(*IpAddress::parse("2001:db8:1::1")), v6);
}

TEST_F(CredentialServiceTest, SendsStrangersAwayWhereTheyAreNotServed) {
  CredentialService::Options closed = options();
  closed.serves_strangers = false;
  set_options(closed);
  request_.authorization = {};
  for (const std::string_view query : {"", "work=x.y"}) {
    request_.query = query;
    Answer answer;
    expect_refused(401, Outcome::kNoStrangers, &answer);
    EXPECT_TRUE(answer.has_header("WWW-Authenticate: Bearer"));
  }
  EXPECT_EQ(ask_with_token("Bearer token").status, 200);
}

TEST_F(CredentialServiceTest, LetsStrangersWorkUnderLoadAndNobodyElse) {
  make_busy();
  Answer challenged;
  expect_counted(Outcome::kChallenged, [&] { challenged = ask_as_stranger(); });
  EXPECT_EQ(challenged.status, 401);
  EXPECT_EQ(service_.effort(), Work::kEffortFirst);
  EXPECT_EQ(member(challenged.body, "effort"), std::to_string(Work::kEffortFirst));
  EXPECT_TRUE(challenged.has_header("WWW-Authenticate: RoostWork"));
  EXPECT_TRUE(challenged.has_header("Cache-Control: no-store"));
  EXPECT_EQ(ask_with_token("Bearer token").status, 200);

  const std::string query = solve(challenged);
  expect_counted(Outcome::kStranger, [&] { EXPECT_EQ(ask_as_stranger(query).status, 200); });
  for (const std::string& among :
       {"a&" + query, "work&x=1&" + query + "&work=other", "&&" + query}) {
    EXPECT_EQ(ask_as_stranger(among).status, 200) << among;
  }
  request_.from.address = IpAddress::v4(0x0b000000);
  request_.query = query;
  expect_refused(403, Outcome::kBadWork);
  request_.from = kClient;
  for (const std::string& wrong : {query.substr(0, query.find('.')), std::string("work="),
                                   "work=other&" + query, query + "0", std::string("work=.")}) {
    request_.query = wrong;
    if (wrong == query + "0" && ask().status == 200) continue;  // Solves it too, by chance.
    expect_refused(403, Outcome::kBadWork);
  }
  // What is no answer is the beginning once more.
  for (const std::string_view none : {"work", "wor=1", "works=1", "WORK=1", "x"}) {
    expect_counted(Outcome::kChallenged,
                   [&] { EXPECT_EQ(ask_as_stranger(none).status, 401) << none; });
  }
  request_.query = query;
  now_.mono += Work::kChallengeLifetime + minutes(1);
  expect_refused(403, Outcome::kBadWork);
}

TEST_F(CredentialServiceTest, AsksForWorkWhereStrangersHoldNearlyAllTheyMay) {
  strangers_percent_ = 76;
  ask_as_stranger();
  now_.mono += Work::kWindow;
  EXPECT_EQ(ask_as_stranger().status, 401);
}

TEST_F(CredentialServiceTest, AsksForNoLessWorkThanTheOwnerWants) {
  CredentialService::Options dear = options();
  dear.work_min = 8;
  set_options(dear);
  const Answer challenged = ask_as_stranger();
  EXPECT_EQ(member(challenged.body, "effort"), "8");
  EXPECT_EQ(ask_as_stranger(solve(challenged)).status, 200);
}

TEST_F(CredentialServiceTest, NamesTheNodeAsTheClientDoes) {
  const std::pair<std::string_view, std::string_view> kRows[] = {
      {"a.example", "a.example"},
      {"a.example:80", "a.example"},
      {"A-1.example.:", "A-1.example."},
      {"192.0.2.1", "192.0.2.1"},
      {"192.0.2.1:3478", "192.0.2.1"},
      {"[2001:db8::1]", "[2001:db8::1]"},
      {"[2001:db8::1]:443", "[2001:db8::1]"},
  };
  for (const auto& [host, expected] : kRows) {
    request_.host = host;
    const std::string uri = "[\"turn:" + std::string(expected) + ":3479?transport=udp\",";
    EXPECT_NE(ask().body.find(uri), std::string::npos) << host;
  }
}

TEST_F(CredentialServiceTest, RepeatsNothingThatIsNoHost) {
  const std::string too_long(256, 'a');
  const std::string_view kHosts[] = {
      "",          ":3479",
      "a\"b",      "a b",
      "a\\b",      "a/b",
      "a@b",       "a,b",
      "a?b",       "a%22b",
      "\xc3\xa4",  "<a>",
      "a\tb",      "a_b",
      "[::1",      "[]",
      "[[::1]",    "[a.example]",
      "[1.2.3.4]", "[::1%eth0]",
      "[\"]",      "[::ffff:192.0.2.1]",
      "::1]",      too_long,
  };
  for (const std::string_view host : kHosts) {
    request_.host = host;
    expect_refused(400, Outcome::kBadRequest);
  }
  // Then by the address that the owner has set, if there is one.
  CredentialService::Options external = options();
  external.host = "203.0.113.7";
  set_options(external);
  for (const std::string_view host : kHosts) {
    request_.host = host;
    EXPECT_EQ(member(ask().body, "uris").substr(0, 22), "\"turn:203.0.113.7:3479") << host;
  }
}

TEST_F(CredentialServiceTest, KeepsItsWordsWithinAStepWhateverTheHost) {
  const std::string longest(255, 'a');
  request_.host = longest;
  CredentialService::Options with_certificate = options();
  with_certificate.has_certificate = true;
  set_options(with_certificate);
  const Answer answer = ask();
  EXPECT_EQ(answer.status, 200);
  EXPECT_LT(answer.body.size(), core::Outbox::kBytesPerStepMax);
}

TEST_F(CredentialServiceTest, AnswersWhatABrowserAsksBeforeItSendsAToken) {
  request_.method = HttpMethod::kOptions;
  request_.authorization = {};
  const Answer answer = ask();
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.body, "");
  EXPECT_TRUE(answer.has_header("Access-Control-Allow-Methods: GET"));
  EXPECT_TRUE(answer.has_header("Access-Control-Allow-Headers: Authorization"));
}

TEST_F(CredentialServiceTest, KnowsTheMethodsOfAThingThatIsRead) {
  request_.method = HttpMethod::kHead;
  EXPECT_EQ(ask().status, 200);
  for (const HttpMethod method :
       {HttpMethod::kPost, HttpMethod::kPut, HttpMethod::kDelete, HttpMethod::kOther}) {
    request_.method = method;
    Answer answer;
    expect_refused(405, Outcome::kBadRequest, &answer);
    EXPECT_TRUE(answer.has_header("Allow: GET, HEAD, OPTIONS"));
  }
}

TEST_F(CredentialServiceTest, GivesNothingThatCannotBeUsed) {
  is_accepting_ = false;
  Answer answer;
  expect_refused(503, Outcome::kNotNow, &answer);
  EXPECT_TRUE(answer.has_header("Retry-After: 3600"));
  is_accepting_ = true;
  now_.wall.reset();
  expect_refused(503, Outcome::kNotNow, &answer);
  EXPECT_TRUE(answer.has_header("Retry-After: 60"));
  request_.authorization = {};
  expect_refused(503, Outcome::kNotNow);
}

TEST_F(CredentialServiceTest, HasALabelForEachOutcome) {
  std::set<std::string_view> labels;
  for (size_t i = 0; i < CredentialService::kOutcomeCount; ++i) labels.insert(label(Outcome(i)));
  EXPECT_EQ(labels.size(), CredentialService::kOutcomeCount);
  EXPECT_FALSE(labels.contains(""));
}

}  // namespace
}  // namespace roost::core::turn
