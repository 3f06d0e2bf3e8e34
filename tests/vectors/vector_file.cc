// SPDX-License-Identifier: MIT
#include "vector_file.h"

#include <algorithm>
#include <fstream>
#include <gtest/gtest.h>

#include "base/text.h"

namespace roost {
namespace {

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(' ');
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
}

void read_line(const std::string& line, std::vector<VectorRecord>& records) {
  if (line.front() == '[') {
    records.push_back({line.substr(1, line.rfind(']') - 1), {}});
    return;
  }
  ASSERT_FALSE(records.empty()) << line;
  auto& fields = records.back().fields;
  if (line.front() == ' ') {
    ASSERT_FALSE(fields.empty()) << line;
    fields.back().second += line;
    return;
  }
  const size_t equals = line.find('=');
  ASSERT_NE(equals, std::string::npos) << line;
  fields.emplace_back(trimmed(line.substr(0, equals)), trimmed(line.substr(equals + 1)));
}

}  // namespace

bool VectorRecord::has(const std::string& field) const {
  return std::any_of(fields.begin(), fields.end(),
                     [&](const auto& entry) { return entry.first == field; });
}

std::string VectorRecord::text(const std::string& field) const {
  for (const auto& [key, value] : fields) {
    if (key == field) return value;
  }
  ADD_FAILURE() << "[" << name << "] has no " << field;
  return {};
}

std::vector<uint8_t> VectorRecord::bytes(const std::string& field) const {
  std::string digits = text(field);
  std::erase(digits, ' ');
  const auto decoded = from_hex(digits);
  EXPECT_TRUE(decoded) << "[" << name << "] " << field;
  return decoded.value_or(std::vector<uint8_t>());
}

std::vector<VectorRecord> read_vectors(const std::string& file) {
  std::ifstream input(ROOST_VECTORS_DIR "/" + file);
  std::vector<VectorRecord> records;
  for (std::string line; std::getline(input, line);) {
    const std::string content = trimmed(line.substr(0, line.find('#')));
    if (!content.empty()) read_line(line.substr(0, line.find('#')), records);
  }
  EXPECT_FALSE(records.empty()) << file;
  return records;
}

}  // namespace roost
