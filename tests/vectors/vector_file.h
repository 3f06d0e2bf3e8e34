// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace roost {

// One record of a file in tests/vectors:
//
//   [its name]
//   field = text to the end of the line
//   other field =
//     63 6f 6e 74  # An indented line goes on with the field; what is behind a "#" is a comment.
//
// Asking for a field that is not there, or for bytes that are not hexadecimal, fails the test.
struct VectorRecord {
  std::string name;
  std::vector<std::pair<std::string, std::string>> fields;  // As they come in the file.

  bool has(const std::string& field) const;
  std::string text(const std::string& field) const;
  std::vector<uint8_t> bytes(const std::string& field) const;
};

// All records of tests/vectors/<file>; an empty or missing file fails the test.
std::vector<VectorRecord> read_vectors(const std::string& file);

}  // namespace roost
