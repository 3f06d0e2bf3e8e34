// SPDX-License-Identifier: MIT
#include "app/manual.h"

#include <algorithm>

#include "app/options.h"
#include "app/paragraph.h"

namespace roost::app {
namespace {

constexpr size_t kSourceColumns = 80;  // What mandoc(1) finds good style.

// Text that mdoc(7) prints as it is: no escapes, and no word that looks like a macro when it
// happens to begin a line.
std::string literal(std::string_view text) {
  std::string out;
  char before = ' ';
  for (const char c : text) {
    if (before == ' ' && (c == '.' || c == '\'')) out += "\\&";
    before = c;
    if (c == '\\') {
      out += "\\e";
    } else if (c == '"') {
      out += "\\(dq";
    } else {
      out += c;
    }
  }
  return out;
}

// Each sentence begins a line, so that the formatter knows where it ends.
std::string sentences(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t stop = std::min(text.find(". "), text.size() - 1);
    out += paragraph(literal(text.substr(0, stop + 1)), "", kSourceColumns);
    text.remove_prefix(std::min(text.size(), stop + 2));
  }
  return out;
}

std::string item(const Option& option) {
  const node::Config defaults;
  return ".It Cm " + std::string(option.name()) +
         " No = " + literal(value_text(option.kind, defaults)) + '\n' + sentences(option.meaning) +
         sentences("Write " + expected(option.kind) + '.') + sentences(reload_note(option.reload));
}

}  // namespace

std::string manual_options() {
  std::string out(kManualOptionsBegin);
  std::string_view section;
  for (const Option& option : options()) {
    if (option.section() != section) {
      if (!section.empty()) out += ".El\n";
      section = option.section();
      out.append(".Ss The [").append(section).append("] section\n.Bl -tag -width Ds\n");
    }
    out += item(option);
  }
  return out.append(".El\n").append(kManualOptionsEnd);
}

}  // namespace roost::app
