// SPDX-License-Identifier: MIT
#include <cstdio>

#include "app/answer.h"
#include "app/cmd_check_config.h"
#include "app/cmd_grant.h"
#include "app/cmd_peers.h"
#include "app/cmd_print_config.h"
#include "app/cmd_probe.h"
#include "app/cmd_probe_turn.h"
#include "app/cmd_serve.h"
#include "app/cmd_status.h"
#include "app/command_line.h"

namespace roost::app {
namespace {

int run(const Answer& answer) {
  return print(answer);
}
int run(const ServeArguments& arguments) {
  return serve(arguments);
}
int run(const StatusArguments& arguments) {
  return print(show_status(arguments));
}
int run(const PeersArguments& arguments) {
  return print(show_peers(arguments));
}
int run(const CheckConfigArguments& arguments) {
  return print(check_config(arguments));
}
int run(const PrintConfigArguments& arguments) {
  return print(print_config(arguments));
}
int run(const ProbeArguments& arguments) {
  return arguments.uri.is_turn ? run_turn_probe(arguments) : run_probe(arguments);
}
int run(const GrantArguments& arguments) {
  return print(change_grants(arguments));
}
int run(const VersionArguments&) {
  return print({kExitOk, "roost " ROOST_VERSION "\n"});
}

}  // namespace
}  // namespace roost::app

int main(int argc, char** argv) {
  return std::visit([](const auto& asked) { return roost::app::run(asked); },
                    roost::app::parse_command_line(argc, argv));
}
