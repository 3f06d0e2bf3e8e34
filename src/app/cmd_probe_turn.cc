// SPDX-License-Identifier: MIT
#include "app/cmd_probe_turn.h"

#include <algorithm>
#include <utility>

#include "app/answer.h"
#include "app/probe_connection.h"
#include "app/probe_lines.h"
#include "app/turn_login.h"
#include "app/turn_report.h"
#include "io/clock.h"
#include "io/machine_addresses.h"
#include "io/os_random.h"
#include "node/turn_probe.h"

namespace roost::app {
namespace {

// For a connection, whatever the answers to requests may take.
constexpr Duration kConnectMax = std::chrono::seconds(4);

constexpr Prefix kLoopbackV4 = {IpAddress::v4(0x7f000000), 104};  // 127.0.0.0/8.

bool is_loopback(const IpAddress& address) {
  return kLoopbackV4.contains(address) || address == IpAddress(0, 1);
}

// Empty where they cannot be read: then no address is taken for one of ours.
std::vector<io::InterfaceAddress> our_addresses() {
  auto found = io::interface_addresses();
  return found ? *std::move(found) : std::vector<io::InterfaceAddress>();
}

bool is_on_this_machine(const IpAddress& address) {
  if (is_loopback(address)) return true;
  const auto ours = our_addresses();
  return std::any_of(ours.begin(), ours.end(), [&](const io::InterfaceAddress& interface) {
    return interface.address == address;
  });
}

// Of that family, where the Internet reaches this machine.
std::optional<IpAddress> public_address(bool is_v4) {
  for (const IpAddress& address : io::public_addresses(our_addresses())) {
    if (address.is_v4() == is_v4) return address;
  }
  return {};
}

int fail(int exit_code, const std::string& sentence) {
  return print({exit_code, "roost: probe: " + sentence + '\n'});
}

// One run of the probe over an open connection.
node::TurnProbe::Report probe(const ProbeArguments& arguments, const TurnLogin& login,
                              ProbeConnection connection) {
  io::OsRandom random;
  node::TurnProbe::Options options;
  options.server = connection.remote();
  options.is_reliable = arguments.uri.transport != StunUri::Transport::kUdp;
  options.login = {login.username, login.password};
  options.timeout = arguments.timeout;
  options.echo_count = arguments.count;
  node::TurnProbe machine(options, random, io::read_clocks().mono);
  ProbeLines lines(arguments.uri, std::move(connection), std::min(arguments.timeout, kConnectMax));
  lines.play(machine);
  return machine.report();
}

Result<ProbeConnection, std::string> open(const ProbeArguments& arguments) {
  return ProbeConnection::open(arguments.uri,
                               io::read_clocks().mono + std::min(arguments.timeout, kConnectMax));
}

// Whether relaying failed because the relayed addresses are of the loopback interface, where a
// client of this machine got them and where no relay may send.
bool is_stuck_on_loopback(const node::TurnProbe::Report& report) {
  return report.failed && report.steps[*report.failed].answer.error_code == 403 && report.relayed &&
         is_loopback(report.relayed->address);
}

}  // namespace

int run_turn_probe(const ProbeArguments& asked) {
  ProbeArguments arguments = asked;
  auto connection = open(arguments);
  if (!connection) return fail(kExitFailure, connection.error());
  Endpoint server = connection->remote();
  const auto login =
      find_turn_login(arguments.login, is_on_this_machine(server.address), io::read_clocks().wall);
  if (!login) return fail(kExitUsage, login.error());

  auto report = probe(arguments, *login, std::move(*connection));
  const auto elsewhere = public_address(server.address.is_v4());
  if (is_stuck_on_loopback(report) && elsewhere) {
    arguments.uri.host = elsewhere->text();
    auto again = open(arguments);
    if (again) {
      server = again->remote();
      report = probe(arguments, *login, std::move(*again));
    }
  }
  const TurnFindings findings{asked.uri, server, login->username, login->source, report};
  // What does not work is a finding too, and no message about the program.
  const int written =
      print({kExitOk, arguments.as_json ? turn_report_json(findings) : turn_report_text(findings)});
  return report.failed ? kExitFailure : written;
}

}  // namespace roost::app
