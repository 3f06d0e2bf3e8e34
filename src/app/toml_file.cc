// SPDX-License-Identifier: MIT
#include "app/toml_file.h"

#include <algorithm>
#include <stdexcept>

// toml++ takes some malformed texts for impossible: it asserts, or runs into undefined behaviour.
// Here they become exceptions, which parse_toml() catches like those that it throws by itself.
namespace roost::app {
[[noreturn]] static void refuse_toml() {
  throw std::logic_error("is not TOML");
}
}  // namespace roost::app
#undef NDEBUG
#define TOML_ASSERT(expression) ((expression) ? static_cast<void>(0) : ::roost::app::refuse_toml())
#include <toml++/impl/preprocessor.h>
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE ::roost::app::refuse_toml()
#include <toml++/toml.h>

#include "app/quoted.h"

namespace roost::app {
namespace {

TomlPlace place(const toml::source_region& source) {
  return {source.begin.line, source.begin.column};
}

std::string_view what(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table: return "a table";
    case toml::node_type::array: return "a list";
    case toml::node_type::floating_point: return "a number with a fraction";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time: return "a date or time";
    case toml::node_type::none:
    case toml::node_type::string:
    case toml::node_type::integer:
    case toml::node_type::boolean: break;
  }
  return "a value";
}

TomlValue scalar(const toml::node& node) {
  TomlValue value{place(node.source()), TomlOther{what(node)}};
  if (const auto* const text = node.as_string()) value.data = text->get();
  if (const auto* const integer = node.as_integer()) value.data = integer->get();
  if (const auto* const boolean = node.as_boolean()) value.data = boolean->get();
  return value;
}

TomlValue value_of(const toml::node& node) {
  const toml::array* const array = node.as_array();
  if (array == nullptr) return scalar(node);
  if (array->is_array_of_tables()) {
    return {place(node.source()), TomlOther{"a list of tables"}};
  }
  std::vector<TomlValue> elements;
  for (const toml::node& element : *array) elements.push_back(scalar(element));
  return {place(node.source()), std::move(elements)};
}

TomlEntry entry(const toml::key& key, const toml::node& node) {
  return {std::string(key.str()), place(key.source()), value_of(node)};
}

TomlFile file_of(const toml::table& root) {
  TomlFile file;
  for (auto&& [key, node] : root) {
    const toml::table* const table = node.as_table();
    if (table == nullptr) {
      file.outside.push_back(entry(key, node));
      continue;
    }
    TomlSection section{std::string(key.str()), place(key.source()), {}};
    for (auto&& [name, value] : *table) section.entries.push_back(entry(name, value));
    file.sections.push_back(std::move(section));
  }
  return file;
}

std::string on_one_line(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return line;
}

}  // namespace

std::string shown(const TomlValue& value) {
  struct Show {
    std::string operator()(const TomlOther& other) const { return std::string(other.what); }
    std::string operator()(bool boolean) const { return boolean ? "true" : "false"; }
    std::string operator()(int64_t integer) const { return std::to_string(integer); }
    std::string operator()(const std::string& text) const { return quoted_briefly(text); }
    std::string operator()(const std::vector<TomlValue>&) const { return "a list"; }
  };
  return std::visit(Show(), value.data);
}

Result<TomlFile, TomlError> parse_toml(std::string_view text) {
  if (std::count(text.begin(), text.end(), '.') > ptrdiff_t{kTomlDotCountMax}) {
    return Failure(TomlError{{}, "has more dots than any configuration needs"});
  }
  try {
    return file_of(toml::parse(text));
  } catch (const toml::parse_error& error) {
    return Failure(TomlError{place(error.source()), on_one_line(error.description())});
  } catch (const std::logic_error& error) {  // refuse_toml() knows no place.
    return Failure(TomlError{{}, error.what()});
  }
}

}  // namespace roost::app
