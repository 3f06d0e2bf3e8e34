// SPDX-License-Identifier: MIT
#include "app/turn_report.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>

#include "app/quoted.h"
#include "app/turn_advice.h"

namespace roost::app {
namespace {

using Json = nlohmann::ordered_json;
using node::TurnProbe;
using Outcome = node::TurnSession::Answer::Outcome;
using Step = TurnProbe::Step;
using Way = TurnProbe::Way;

double milliseconds(Duration duration) {
  return static_cast<double>(duration.count()) / 1000;
}

std::string milliseconds_text(Duration duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f ms", milliseconds(duration));
  return text;
}

std::string_view label(StunUri::Transport transport) {
  switch (transport) {
    case StunUri::Transport::kUdp: return "UDP";
    case StunUri::Transport::kTcp: return "TCP";
    case StunUri::Transport::kTls: return "TLS";
  }
  return "";
}

// Whether it went as it should: of the last step that is a refusal.
bool is_as_wanted(const TurnProbe::Report& report, const TurnProbe::StepReport& step) {
  return step.step == Step::kGone ? report.is_gone : step.answer.outcome == Outcome::kSuccess;
}

std::string text_of(const std::optional<Endpoint>& endpoint) {
  return endpoint ? endpoint->text() : "(nothing)";
}

std::string echo_text(const node::EchoTrain::Result& echo) {
  std::string text =
      std::to_string(echo.sent) + " sent, " + std::to_string(echo.returned) + " came back";
  if (echo.returned > 0) {
    text += ", round trip " + milliseconds_text(echo.round_trip_min) + " at least, " +
            milliseconds_text(echo.round_trip_median) + " in the middle";
  }
  if (echo.returned < echo.sent) {
    text += "; lost " + std::to_string(echo.sent - echo.reached) + " to the peer, " +
            std::to_string(echo.reached - echo.returned) + " back";
  }
  return text;
}

// What a step that went well has found out.
std::string found_by(const TurnFindings& findings, const TurnProbe::StepReport& step) {
  const TurnProbe::Report& report = findings.report;
  switch (step.step) {
    case Step::kBinding: return "the server sees us as " + text_of(report.mapped);
    case Step::kAllocate:
      return text_of(report.relayed) + " for " + std::to_string(report.lifetime_seconds) + " s" +
             (report.realm.empty() ? "" : ", realm " + quoted_briefly(report.realm)) +
             (report.uses_sha256 ? ", SHA-256" : ", MD5") +
             (report.software.empty() ? "" : ", " + quoted_briefly(report.software));
    case Step::kPeerBinding: return "a second UDP socket is answered too";
    case Step::kPermission: return "for that socket to be relayed from";
    case Step::kKnock: return "its packets come through the relayed address";
    case Step::kChannel: return "to that socket";
    case Step::kSecondAllocate: return "to be the peer instead";
    case Step::kSecondPermission:
    case Step::kSecondChannel:
    case Step::kSecondChannelBack: return "";
    case Step::kEcho: return echo_text(report.echo);
    case Step::kRelease: return "given back";
    case Step::kGone: return "the server knows nothing of it any more";
  }
  return "";
}

void add_line(std::string& text, std::string_view name, const std::string& time,
              const std::string& rest) {
  constexpr size_t kNameWidth = 20;
  constexpr size_t kTimeWidth = 11;
  text.append("  ").append(name);
  text.append(kNameWidth - std::min(name.size(), kNameWidth - 1), ' ');
  text.append(kTimeWidth - std::min(time.size(), kTimeWidth), ' ').append(time);
  if (!rest.empty()) text.append("  ").append(rest);
  text += '\n';
}

// What is to be read behind all steps: what the echo proves.
std::string proof_of(const TurnProbe::Report& report) {
  switch (report.way) {
    case Way::kNone: return "";
    case Way::kDirect:
      if (report.is_reached_from_outside) {
        return "A plain UDP socket at " + text_of(report.peer) +
               " reached the relayed port and was reached from it: the relay's ports are open to "
               "the outside.";
      }
      return "A plain UDP socket at " + text_of(report.peer) +
             " reached the relayed port and was reached from it; that address is of this machine "
             "or network, so whether the Internet reaches the relay's ports is not shown.";
    case Way::kRelayToRelay:
      return "Packets went from one relayed address of the server to another: it relays. Whether "
             "the world reaches its ports is not shown; probe it from another network.";
  }
  return "";
}

std::string_view way_name(Way way) {
  switch (way) {
    case Way::kNone: return "none";
    case Way::kDirect: return "direct";
    case Way::kRelayToRelay: return "relay_to_relay";
  }
  return "";
}

Json json_of(const TurnProbe::Report& report, const TurnProbe::StepReport& step) {
  std::string name(label(step.step));
  std::replace(name.begin(), name.end(), ' ', '_');
  Json json = {{"step", name},
               {"is_ok", is_as_wanted(report, step)},
               {"took_ms", milliseconds(step.answer.took)},
               {"requests", step.answer.request_count}};
  if (step.answer.error_code != 0) json["error_code"] = step.answer.error_code;
  if (!step.answer.reason.empty()) json["reason"] = step.answer.reason;
  if (step.answer.alternate_server) {
    json["alternate_server"] = step.answer.alternate_server->text();
  }
  return json;
}

Json json_of(const TurnAdvice& advice, Step step) {
  std::string name(label(step));
  std::replace(name.begin(), name.end(), ' ', '_');
  return {{"step", name},
          {"what", advice.what},
          {"likely_cause", advice.cause},
          {"remedy", advice.remedy}};
}

}  // namespace

std::string turn_report_text(const TurnFindings& findings) {
  const TurnProbe::Report& report = findings.report;
  const StunUri::Transport transport = findings.uri.transport;
  std::string text = findings.uri.text() + " at " + findings.server.text() + " over " +
                     std::string(label(transport)) + ", as " + quoted_briefly(findings.username) +
                     " (" + findings.login_source + ")\n";
  for (size_t i = 0; i < report.steps.size(); ++i) {
    const TurnProbe::StepReport& step = report.steps[i];
    if (is_as_wanted(report, step)) {
      add_line(text, label(step.step), milliseconds_text(step.answer.took),
               found_by(findings, step));
    } else {
      add_line(text, label(step.step), "no", advice_for(report, i, transport).what);
    }
  }
  if (report.failed) {
    const TurnAdvice advice = advice_for(report, *report.failed, transport);
    text += "The relay does not work: ";
    text.append(label(report.steps[*report.failed].step)) += ": " + advice.what + ".\n";
    text += "Most likely " + advice.cause + ".\nWhat to do: " + advice.remedy + ".\n";
    return text;
  }
  text += "The relay works. " + proof_of(report) + '\n';
  if (report.diverted) {
    const TurnAdvice advice = advice_for(report, *report.diverted, transport);
    text += "A plain socket as the peer did not do: ";
    text.append(label(report.steps[*report.diverted].step)) +=
        ": " + advice.what + ". Most likely " + advice.cause + ".\n";
  }
  return text;
}

std::string turn_report_json(const TurnFindings& findings) {
  const TurnProbe::Report& report = findings.report;
  const StunUri::Transport transport = findings.uri.transport;
  Json json = {{"uri", findings.uri.text()},
               {"server", findings.server.text()},
               {"username", findings.username},
               {"is_ok", !report.failed}};
  if (report.mapped) json["mapped_address"] = report.mapped->text();
  if (report.relayed) {
    json["relayed_address"] = report.relayed->text();
    json["lifetime_seconds"] = report.lifetime_seconds;
  }
  if (!report.realm.empty()) {
    json["realm"] = report.realm;
    json["password_algorithm"] = report.uses_sha256 ? "SHA-256" : "MD5";
  }
  if (!report.software.empty()) json["software"] = report.software;
  json["way"] = way_name(report.way);
  json["is_reached_from_outside"] = report.is_reached_from_outside;
  if (report.way != Way::kNone) json["peer"] = report.peer->text();
  if (report.echo.sent > 0) {
    json["echo"] = {{"sent", report.echo.sent},
                    {"reached_peer", report.echo.reached},
                    {"returned", report.echo.returned}};
    if (report.echo.returned > 0) {
      json["echo"]["round_trip_min_ms"] = milliseconds(report.echo.round_trip_min);
      json["echo"]["round_trip_median_ms"] = milliseconds(report.echo.round_trip_median);
    }
  }
  json["is_gone"] = report.is_gone;
  json["steps"] = Json::array();
  for (const TurnProbe::StepReport& step : report.steps) {
    json["steps"].push_back(json_of(report, step));
  }
  if (report.diverted) {
    json["why_not_direct"] = json_of(advice_for(report, *report.diverted, transport),
                                     report.steps[*report.diverted].step);
  }
  if (report.failed) {
    json["failure"] =
        json_of(advice_for(report, *report.failed, transport), report.steps[*report.failed].step);
  }
  // A server's words need not be UTF-8.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace roost::app
