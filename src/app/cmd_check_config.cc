// SPDX-License-Identifier: MIT
#include "app/cmd_check_config.h"

#include "app/config_file.h"

namespace roost::app {

Answer check_config(const CheckConfigArguments& arguments) {
  const auto file = read_config(arguments.config_path);
  if (!file) return {kExitUsage, text_of(file.error())};
  const std::string count = std::to_string(file->options_set);
  const std::string_view noun = file->options_set == 1 ? " option set)\n" : " options set)\n";
  return {kExitOk, arguments.config_path + ": ok (" + count + std::string(noun)};
}

}  // namespace roost::app
