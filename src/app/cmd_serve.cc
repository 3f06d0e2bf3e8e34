// SPDX-License-Identifier: MIT
#include "app/cmd_serve.h"

#include <cstdlib>

#include "app/answer.h"
#include "app/config_file.h"
#include "app/daemon.h"
#include "app/log.h"
#include "app/supervisor.h"

namespace roost::app {
namespace {

// Where the state goes when nobody says: where the service manager has made a place, or here.
std::string state_dir_default() {
  const char* const from_supervisor = std::getenv("STATE_DIRECTORY");
  return from_supervisor != nullptr && *from_supervisor != '\0' ? from_supervisor : "./var";
}

}  // namespace

int serve(const ServeArguments& arguments) {
  auto file = load_config(arguments.config_path);
  if (!file) return print({kExitUsage, text_of(file.error())});
  node::Config& config = file->config;
  if (arguments.state_dir) config.node.state_dir = *arguments.state_dir;
  if (config.node.state_dir.empty()) config.node.state_dir = state_dir_default();

  StderrLog log(config.log);
  Supervisor supervisor;
  auto daemon = Daemon::start(config, arguments.config_path, log, supervisor);
  if (!daemon) {
    log.error(daemon.error());
    return kExitFailure;
  }
  (*daemon)->run();
  return kExitOk;
}

}  // namespace roost::app
