// SPDX-License-Identifier: MIT
#include "app/config_text.h"

#include <string_view>

#include "app/options.h"
#include "app/paragraph.h"

namespace roost::app {
namespace {

constexpr size_t kCommentColumns = 88;

constexpr std::string_view kPreface =
    R"(# The configuration of Roost, a supernode for serverless messengers.
#
# Nothing has to be set. Every option stands here with its default: to change one, remove the "#"
# before its name. Then
#
#   roost check-config /etc/roost/roost.toml    tells everything that is wrong with the file
#   roost print-config /etc/roost/roost.toml    shows what the node will work with
#   systemctl reload roost                      takes over what can change while the node runs
#
# Sizes are written like "500 GB" or "64 MiB", rates like "20 Mbit/s" or "2.5 MB/s".
)";

std::string comment(std::string_view text) {
  return paragraph(text, "# ", kCommentColumns);
}

std::string explanation(const Option& option) {
  std::string rule = "Write " + expected(option.kind) + '.';
  if (const auto note = reload_note(option.reload); !note.empty()) rule.append(" ").append(note);
  return comment(option.meaning) + comment(rule);
}

std::string assignment(const Option& option, const node::Config& config) {
  return std::string(option.name()) + " = " + value_text(option.kind, config) + '\n';
}

// Section headers, with `write` called for each option.
template <typename Write>
std::string sections(Write write) {
  std::string out;
  std::string_view section;
  for (const Option& option : options()) {
    if (option.section() != section) {
      if (!out.empty()) out += '\n';
      section = option.section();
      out.append("[").append(section).append("]\n");
    }
    write(option, out);
  }
  return out;
}

}  // namespace

std::string config_text(const node::Config& config, ConfigTextStyle style) {
  return sections([&](const Option& option, std::string& out) {
    if (style == ConfigTextStyle::kExplained) out += '\n' + explanation(option);
    out += assignment(option, config);
  });
}

std::string sample_config_text() {
  const node::Config defaults;
  return std::string(kPreface) + '\n' + sections([&](const Option& option, std::string& out) {
           out += '\n' + explanation(option) + '#' + assignment(option, defaults);
         });
}

}  // namespace roost::app
