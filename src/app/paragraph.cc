// SPDX-License-Identifier: MIT
#include "app/paragraph.h"

#include <algorithm>

namespace roost::app {

std::string paragraph(std::string_view text, std::string_view margin, size_t columns) {
  std::string out;
  size_t line_size = 0;  // Of the line being filled; 0 before its first word.
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (line_size != 0 && line_size + 1 + word.size() <= columns) {
      out += ' ';
      ++line_size;
    } else {
      if (line_size != 0) out += '\n';
      out += margin;
      line_size = margin.size();
    }
    out += word;
    line_size += word.size();
  }
  if (line_size != 0) out += '\n';
  return out;
}

}  // namespace roost::app
