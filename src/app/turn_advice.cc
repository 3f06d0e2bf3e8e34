// SPDX-License-Identifier: MIT
#include "app/turn_advice.h"

#include <string_view>

#include "app/quoted.h"
#include "base/check.h"
#include "base/special_purpose.h"

namespace roost::app {
namespace {

using Outcome = node::TurnSession::Answer::Outcome;
using Step = node::TurnProbe::Step;

struct KnownCode {
  unsigned code;
  std::string_view cause;
  std::string_view remedy;
};

// RFC 8656 §19 and RFC 8489 §14.8; the options are Roost's.
constexpr KnownCode kKnownCodes[] = {
    {300, "the server sends its clients to another one", "probe that one"},
    {400, "the server did not understand the request", "look at its log; is it a TURN server?"},
    {401, "the user name or the password is wrong, or has expired",
     "compare them with relay.users or relay.shared_secret; for a password that expires, the "
     "clocks of both machines too"},
    {403, "the server forbids it, by its policy",
     "look at relay.deny_peers and relay.allow_peers; a relay refuses addresses of its own "
     "network on purpose"},
    {420, "the server does not know something that a TURN server has to",
     "probe another server, or another version of this one"},
    {437, "the server knows nothing of the allocation, or has one of this address already",
     "try again in a minute; something between may change our address, such as a NAT that forgets"},
    {438, "the server calls each of its nonces stale",
     "several servers behind one address do not share their nonces: send each client to one"},
    {440, "the server has no relayed address of this family",
     "give it one (relay.addresses), or probe it over the other family"},
    {441, "the allocation belongs to another user", "try again in a minute"},
    {442, "the server does not relay UDP", "look at its configuration"},
    {443, "the peer is of another family than the relayed address",
     "probe the server over the other family"},
    {486, "this user, or this network, has as many allocations as it may",
     "wait until some end, or raise relay.allocations_per_user and relay.allocations_per_prefix"},
    {500, "the server has a problem of its own", "look at its log"},
    {508,
     "the server is full: no allocation or no port is left, or its month's donation is nearly "
     "used up",
     "raise relay.allocations, the range of relay.port_min to relay.port_max, or donate.monthly"},
};

std::string what_happened(const node::TurnSession::Answer& answer) {
  const std::string error = std::to_string(answer.error_code);
  switch (answer.outcome) {
    case Outcome::kSuccess: return "it succeeded";
    case Outcome::kRefused:
      if (answer.error_code == 0) return "the server refuses without an error code";
      return "the server refuses with error " + error +
             (answer.reason.empty() ? "" : ", " + quoted_briefly(answer.reason));
    case Outcome::kTimedOut:
      if (!answer.reason.empty()) return answer.reason;
      return "no answer to " + std::to_string(answer.request_count) +
             (answer.request_count == 1 ? " request" : " requests");
    case Outcome::kUnsigned:
      return "what answers does not prove that it knows the password" +
             (answer.error_code == 0 ? "" : "; it says error " + error);
    case Outcome::kMalformed: return answer.reason;
    case Outcome::kLost: return answer.reason;
  }
  CHECK(false);
}

TurnAdvice no_answer(Step step, StunUri::Transport transport) {
  const bool is_udp = transport == StunUri::Transport::kUdp;
  switch (step) {
    case Step::kKnock:
      return {"no packet of ours came through the relayed port",
              "a firewall before the server does not let the relay's ports in (UDP 49152 to 65535 "
              "unless told otherwise), or one before us does not let them out; or the server does "
              "not know the address that the world sees it under",
              "open relay.port_min to relay.port_max for UDP; behind a 1:1 NAT set "
              "node.external_addresses"};
    case Step::kEcho:
      return {"no packet came back through the relay",
              "a firewall stands between the relay's ports and the peer",
              "open relay.port_min to relay.port_max for UDP, in both directions"};
    case Step::kPeerBinding:
      return {"a second UDP socket of ours is not answered",
              "the server does not listen on UDP there, or a firewall stops it", "-"};
    case Step::kGone:
      return {"nothing says that the allocation is gone", "the packets were lost", "try again"};
    case Step::kBinding:
    case Step::kAllocate:
    case Step::kPermission:
    case Step::kChannel:
    case Step::kSecondAllocate:
    case Step::kSecondPermission:
    case Step::kSecondChannel:
    case Step::kSecondChannelBack:
    case Step::kRelease: break;
  }
  return {"", "nobody listens there, or a firewall stops it",
          is_udp ? "check host and port, and that UDP is let in and out; try ?transport=tcp"
                 : "check host and port; does something else than a TURN server listen there?"};
}

// Where the step says more than the code.
void refine(const node::TurnProbe::Report& report, const node::TurnProbe::StepReport& step,
            TurnAdvice& advice) {
  const unsigned code = step.answer.error_code;
  if (step.step == Step::kSecondAllocate && code == 486) {
    advice.cause = "this user may have one allocation only, and the probe needs two here";
  }
  if (step.step == Step::kPermission && code == 403) {
    advice.cause =
        "our address is of the server's own machine or network, where a relay does not "
        "send, or its owner denies it";
  }
  const bool is_second = step.step == Step::kSecondPermission ||
                         step.step == Step::kSecondChannel || step.step == Step::kSecondChannelBack;
  if (!is_second || code != 403 || !report.relayed) return;
  const std::string relayed = report.relayed->address.text();
  if (is_globally_reachable(report.relayed->address)) {
    advice.cause = "the server does not relay between relayed addresses of its own at " + relayed;
    advice.remedy = "name that address in relay.addresses, or probe it from another machine";
  } else {
    advice.cause = "its relayed addresses are at " + relayed +
                   " here, which the Internet does not reach, and a relay sends nothing there";
    advice.remedy =
        "probe it at the address that the world knows it by; behind a 1:1 NAT set "
        "node.external_addresses";
  }
}

}  // namespace

TurnAdvice advice_for(const node::TurnProbe::Report& report, size_t index,
                      StunUri::Transport transport) {
  const node::TurnProbe::StepReport& step = report.steps.at(index);
  const auto& answer = step.answer;
  TurnAdvice advice;
  switch (answer.outcome) {
    case Outcome::kSuccess:
      if (step.step == Step::kGone) {
        return {"the allocation is still there", "the server does not honour a lifetime of 0",
                "look at its log; it will end by itself"};
      }
      break;
    case Outcome::kTimedOut: advice = no_answer(step.step, transport); break;
    case Outcome::kRefused:
      advice = {"", "the server has a reason of its own", "look at its log"};
      for (const KnownCode& known : kKnownCodes) {
        if (known.code == answer.error_code) {
          advice = {"", std::string(known.cause), std::string(known.remedy)};
        }
      }
      refine(report, step, advice);
      break;
    case Outcome::kUnsigned:
      advice = {"",
                "somebody between answers in the server's place, or the server has another "
                "password for this user",
                "probe it from another network, or over turns:"};
      break;
    case Outcome::kMalformed:
      advice = {"", "it is no TURN server as RFC 8656 has it", "check host and port"};
      break;
    case Outcome::kLost:
      advice = {"", "nobody listens there, or the server closes what it does not know",
                "check host, port and transport"};
      break;
  }
  if (advice.what.empty()) advice.what = what_happened(answer);
  if (answer.alternate_server) advice.remedy += ": " + answer.alternate_server->text();
  return advice;
}

}  // namespace roost::app
