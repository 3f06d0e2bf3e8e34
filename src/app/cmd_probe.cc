// SPDX-License-Identifier: MIT
#include "app/cmd_probe.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/probe_connection.h"
#include "app/stun_uri.h"
#include "io/clock.h"
#include "io/os_random.h"
#include "node/binding_probe.h"

namespace roost::app {
namespace {

using node::BindingProbe;

struct Outcome {
  BindingProbe::State state = BindingProbe::State::kTimedOut;
  std::optional<Endpoint> mapped;
  std::optional<Endpoint> other_address;
  unsigned error_code = 0;
  unsigned request_count = 0;
  Duration round_trip{};
};

// One Binding transaction over an open connection.
Result<Outcome, std::string> ask(ProbeConnection& connection, StunUri::Transport transport,
                                 Duration timeout) {
  io::OsRandom random;
  BindingProbe probe({.is_reliable = transport != StunUri::Transport::kUdp, .timeout = timeout},
                     random, io::read_clocks().mono);
  while (probe.state() == BindingProbe::State::kWaiting) {
    if (const auto request = probe.poll(io::read_clocks().mono)) {
      const auto sent = connection.send(*request);
      if (!sent) return Failure(sent.error());
    }
    const auto deadline = probe.next_deadline();
    if (!deadline) break;
    const auto message = connection.receive(*deadline);
    if (!message) return Failure(message.error());
    if (!message->empty()) probe.take(io::read_clocks().mono, *message);
  }
  return Outcome{probe.state(),      probe.mapped(),        probe.other_address(),
                 probe.error_code(), probe.request_count(), probe.round_trip()};
}

double milliseconds(Duration duration) {
  return static_cast<double>(duration.count()) / 1000;
}

void print(const StunUri& uri, const Endpoint& server, const Outcome& outcome, bool as_json) {
  if (as_json) {
    nlohmann::ordered_json line = {{"uri", uri.text()}, {"server", server.text()}};
    if (outcome.mapped) line["mapped_address"] = outcome.mapped->text();
    if (outcome.other_address) line["other_address"] = outcome.other_address->text();
    if (outcome.state == BindingProbe::State::kRefused) line["error_code"] = outcome.error_code;
    line["is_answered"] = outcome.state == BindingProbe::State::kAnswered;
    line["requests"] = outcome.request_count;
    line["round_trip_ms"] = milliseconds(outcome.round_trip);
    std::printf("%s\n", line.dump().c_str());
    return;
  }
  switch (outcome.state) {
    case BindingProbe::State::kAnswered:
      std::printf("%s sees us as %s, %.2f ms%s%s\n", server.text().c_str(),
                  outcome.mapped ? outcome.mapped->text().c_str() : "(no address)",
                  milliseconds(outcome.round_trip), outcome.other_address ? ", other address " : "",
                  outcome.other_address ? outcome.other_address->text().c_str() : "");
      break;
    case BindingProbe::State::kRefused:
      std::printf("%s refuses: error %u\n", server.text().c_str(), outcome.error_code);
      break;
    case BindingProbe::State::kWaiting:
    case BindingProbe::State::kTimedOut:
      std::printf("%s does not answer (%u requests sent)\n", server.text().c_str(),
                  outcome.request_count);
      break;
  }
}

}  // namespace

int run_probe(const ProbeArguments& arguments) {
  bool all_answered = true;
  for (unsigned i = 0; i < arguments.count; ++i) {
    // A connection each: the next one may be mapped to another address.
    auto connection =
        ProbeConnection::open(arguments.uri, io::read_clocks().mono + arguments.timeout);
    const auto outcome = connection ? ask(*connection, arguments.uri.transport, arguments.timeout)
                                    : Result<Outcome, std::string>(Failure(connection.error()));
    if (!outcome) {
      std::fprintf(stderr, "roost: %s\n", outcome.error().c_str());
      return kExitFailure;
    }
    print(arguments.uri, connection->remote(), *outcome, arguments.as_json);
    all_answered = all_answered && outcome->state == BindingProbe::State::kAnswered;
  }
  return all_answered ? kExitOk : kExitFailure;
}

}  // namespace roost::app
