// SPDX-License-Identifier: MIT
#include "app/cmd_print_config.h"

#include "app/config_file.h"
#include "app/config_text.h"
#include "app/manual.h"

namespace roost::app {

Answer print_config(const PrintConfigArguments& arguments) {
  using What = PrintConfigArguments::What;
  const ConfigTextStyle style =
      arguments.is_explained ? ConfigTextStyle::kExplained : ConfigTextStyle::kBare;
  switch (arguments.what) {
    case What::kEffective: break;
    case What::kDefaults: return {kExitOk, config_text(node::Config(), style)};
    case What::kSample: return {kExitOk, sample_config_text()};
    case What::kManual: return {kExitOk, manual_options()};
  }
  const auto file = load_config(arguments.config_path);
  if (!file) return {kExitUsage, text_of(file.error())};
  return {kExitOk, config_text(file->config, style)};
}

}  // namespace roost::app
