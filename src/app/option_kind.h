// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "app/toml_file.h"
#include "node/config.h"

namespace roost::app {

// The kinds of values that options have: how a value is read from TOML, bounded, written back and
// explained. A kind knows where in node::Config its option lives; everything here is constexpr.

// A member of a section of node::Config.
template <typename T>
struct Field {
  T& (*in)(node::Config& config);
  const T& (*of)(const node::Config& config);
};

template <auto kSection, auto kMember>
constexpr auto field() {
  using T = std::remove_reference_t<decltype(std::declval<node::Config&>().*kSection.*kMember)>;
  return Field<T>{
      [](node::Config& config) -> T& { return config.*kSection.*kMember; },
      [](const node::Config& config) -> const T& { return config.*kSection.*kMember; },
  };
}

struct Flag {
  Field<bool> field;
};

struct Count {
  Field<uint32_t> field;
  uint32_t min;
  uint32_t max;
};

struct Port {
  Field<uint16_t> field;
  uint16_t min;
};

struct Size {  // In bytes.
  Field<uint64_t> field;
  uint64_t min;
  uint64_t max;
};

struct Rate {  // In bytes per second.
  Field<uint64_t> field;
  uint64_t max;
};

struct Time {
  Field<Duration> field;
  Duration min;
  Duration max;
};

struct Text {  // Printable ASCII.
  Field<std::string> field;
  size_t size_max;
};

struct Path {
  Field<std::string> field;
};

struct Addresses {
  Field<std::vector<IpAddress>> field;
};

struct Prefixes {
  Field<std::vector<Prefix>> field;
};

// Host names or addresses with a port, such as "dht.example.org:6881".
struct Names {
  Field<std::vector<node::Config::Dht::Name>> field;
};

// `relay.users`: a table of name = "password".
struct Users {};

// An enum whose values are 0, 1, ... in the order of the names.
struct Choice {
  std::span<const std::string_view> names;
  void (*set)(node::Config& config, size_t index);
  size_t (*index)(const node::Config& config);
};

template <auto kSection, auto kMember>
constexpr Choice choice(std::span<const std::string_view> names) {
  using T = std::remove_reference_t<decltype(std::declval<node::Config&>().*kSection.*kMember)>;
  return {
      names,
      [](node::Config& config, size_t index) { config.*kSection.*kMember = static_cast<T>(index); },
      [](const node::Config& config) { return static_cast<size_t>(config.*kSection.*kMember); }};
}

// `metrics.listen`: an endpoint, "unix:" and an absolute path, or "" for nowhere.
struct AdminEndpoint {};

using OptionKind = std::variant<Flag, Count, Port, Size, Rate, Time, Text, Path, Addresses,
                                Prefixes, Names, Users, Choice, AdminEndpoint>;

inline constexpr size_t kPathSizeMax = 4095;     // PATH_MAX without the NUL.
inline constexpr size_t kUnixPathSizeMax = 107;  // sockaddr_un::sun_path without the NUL.
inline constexpr size_t kAddressCountMax = 64;   // Each of `node.listen` is two sockets.
inline constexpr size_t kPrefixCountMax = 1024;  // Looked through for each relayed packet.
inline constexpr size_t kNameCountMax = 16;
inline constexpr size_t kUserCountMax = 10'000;

struct ValueProblem {
  TomlPlace at;
  std::string text;  // What is wrong, and what would be right.
};

// Stores the value in `config`, or says all that is wrong with it and stores nothing.
std::vector<ValueProblem> read_value(const OptionKind& kind, const TomlValue& value,
                                     node::Config& config);

// The option's value in `config` as TOML; reads back as the same value.
std::string value_text(const OptionKind& kind, const node::Config& config);

void copy_value(const OptionKind& kind, const node::Config& from, node::Config& to);

// What may be written: "a rate such as "20 Mbit/s", at most "1 TiB/s"".
std::string expected(const OptionKind& kind);

}  // namespace roost::app
