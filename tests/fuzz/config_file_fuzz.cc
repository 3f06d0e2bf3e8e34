// SPDX-License-Identifier: MIT
// Any text: reading it must not crash. Each problem is one line. What is accepted must, when it is
// printed, be accepted again and print the same.
#include "app/config_file.h"

#include <algorithm>

#include "app/config_text.h"
#include "app/options.h"
#include "app/reload_diff.h"
#include "base/check.h"

using namespace roost;
using namespace roost::app;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto file = parse_config(text, "f");
  if (!file) {
    const std::string lines = text_of(file.error());
    const auto line_count = std::count(lines.begin(), lines.end(), '\n');
    CHECK(static_cast<size_t>(line_count) == file.error().size());
    CHECK(line_count > 0);
    return 0;
  }
  CHECK(node::find_problems(file->config).empty());
  CHECK(file->options_set <= options().size());

  const std::string printed = config_text(file->config, ConfigTextStyle::kExplained);
  const auto again = parse_config(printed, "printed");
  CHECK(again);
  CHECK(config_text(again->config, ConfigTextStyle::kExplained) == printed);
  const ReloadDiff diff = diff_for_reload(file->config, file->config, again->config);
  CHECK(diff.taken_over.empty() && diff.need_restart.empty());
  return 0;
}
