// SPDX-License-Identifier: MIT
#include "app/quoted.h"

namespace roost::app {
namespace {

constexpr size_t kBriefSizeMax = 60;  // So that a message still fits on one line or two.

void append_escaped(std::string& out, char c) {
  constexpr char kHex[] = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  if (c == '"' || c == '\\') {
    out += '\\';
    out += c;
  } else if (c == '\n') {
    out += "\\n";
  } else if (c == '\t') {
    out += "\\t";
  } else if (byte < 0x20 || byte == 0x7f) {
    out += "\\u00";
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  } else {
    out += c;
  }
}

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

}  // namespace

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) append_escaped(out, c);
  return out += '"';
}

std::string quoted_briefly(std::string_view text) {
  if (text.size() <= kBriefSizeMax) return quoted(text);
  size_t size = kBriefSizeMax;
  while (size > 0 && continues_character(text[size])) --size;
  return quoted(std::string(text.substr(0, size)) + "...");
}

}  // namespace roost::app
