// SPDX-License-Identifier: MIT
#include "app/option_kind.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "app/quantity.h"
#include "app/quoted.h"
#include "app/spelling.h"

namespace roost::app {
namespace {

constexpr std::string_view kUnixScheme = "unix:";

template <typename... Functions>
struct Overload : Functions... {
  using Functions::operator()...;
};
template <typename... Functions>
Overload(Functions...) -> Overload<Functions...>;

using Problems = std::vector<ValueProblem>;

Problems problem(const TomlValue& value, std::string text) {
  return {{value.at, std::move(text)}};
}

// "12 is not a list; write ...".
Problems is_not(const TomlValue& value, std::string_view noun, std::string_view write) {
  return problem(value,
                 shown(value) + " is not " + std::string(noun) + "; write " + std::string(write));
}

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool has_controls(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// Reading.

Problems read(const Flag& flag, const TomlValue& value, node::Config& config) {
  const bool* const boolean = std::get_if<bool>(&value.data);
  if (boolean == nullptr) return is_not(value, "true or false", "one of those, without quotes");
  flag.field.in(config) = *boolean;
  return {};
}

std::string range(uint64_t min, uint64_t max) {
  return "a whole number from " + std::to_string(min) + " to " + std::to_string(max);
}

template <typename T>
Problems read_integer(const TomlValue& value, std::string_view noun, T min, T max, T& out) {
  const int64_t* const integer = std::get_if<int64_t>(&value.data);
  if (integer == nullptr) {
    const auto* const text = std::get_if<std::string>(&value.data);
    const bool is_quoted_number = text != nullptr && is_digits(*text);
    return is_not(value, noun,
                  is_quoted_number ? std::string("it without quotes") : range(min, max));
  }
  if (*integer < 0 || std::cmp_less(*integer, min)) {
    return problem(value, shown(value) + " is too small; write " + range(min, max));
  }
  if (std::cmp_greater(*integer, max)) {
    return problem(value, shown(value) + " is too large; write " + range(min, max));
  }
  out = static_cast<T>(*integer);
  return {};
}

Problems read(const Count& count, const TomlValue& value, node::Config& config) {
  return read_integer(value, "a whole number", count.min, count.max, count.field.in(config));
}

Problems read(const Port& port, const TomlValue& value, node::Config& config) {
  return read_integer<uint16_t>(value, "a port", port.min, UINT16_MAX, port.field.in(config));
}

struct Amount {
  std::string_view noun;
  std::string_view example;
  Result<uint64_t, std::string> (*parse)(std::string_view text);
  std::string (*text)(uint64_t amount);
  uint64_t min;
  uint64_t max;
};

Amount amount_of(const Size& size) {
  return {"a size", "\"500 GB\"", parse_size, size_text, size.min, size.max};
}

Amount amount_of(const Rate& rate) {
  return {"a rate", "\"20 Mbit/s\"", parse_rate, rate_text, 0, rate.max};
}

Problems read_amount(const Amount& amount, const TomlValue& value, uint64_t& out) {
  const auto* const text = std::get_if<std::string>(&value.data);
  const auto* const integer = std::get_if<int64_t>(&value.data);
  if (text == nullptr && integer == nullptr) {
    return is_not(value, amount.noun, "it like " + std::string(amount.example));
  }
  const auto parsed = amount.parse(text != nullptr ? *text : std::to_string(*integer));
  if (!parsed) return problem(value, parsed.error());
  if (*parsed < amount.min) {
    return problem(
        value, shown(value) + " is too small; write at least " + quoted(amount.text(amount.min)));
  }
  if (*parsed > amount.max) {
    return problem(
        value, shown(value) + " is too large; write at most " + quoted(amount.text(amount.max)));
  }
  out = *parsed;
  return {};
}

Amount amount_of(const Time& time) {
  return {"a duration",
          "\"10 min\"",
          [](std::string_view text) -> Result<uint64_t, std::string> {
            const auto parsed = parse_duration(text);
            if (!parsed) return Failure(parsed.error());
            return static_cast<uint64_t>(parsed->count());
          },
          [](uint64_t us) { return duration_text(Duration(static_cast<int64_t>(us))); },
          static_cast<uint64_t>(time.min.count()),
          static_cast<uint64_t>(time.max.count())};
}

Problems read(const Size& size, const TomlValue& value, node::Config& config) {
  return read_amount(amount_of(size), value, size.field.in(config));
}

Problems read(const Rate& rate, const TomlValue& value, node::Config& config) {
  return read_amount(amount_of(rate), value, rate.field.in(config));
}

Problems read(const Time& time, const TomlValue& value, node::Config& config) {
  uint64_t us = 0;
  Problems problems = read_amount(amount_of(time), value, us);
  if (problems.empty()) time.field.in(config) = Duration(static_cast<int64_t>(us));
  return problems;
}

Problems read(const Text& option, const TomlValue& value, node::Config& config) {
  const auto* const text = std::get_if<std::string>(&value.data);
  if (text == nullptr) return is_not(value, "a text", "it in quotes");
  if (text->size() > option.size_max) {
    return problem(value, shown(value) + " is too long; write at most " +
                              std::to_string(option.size_max) + " characters");
  }
  const bool is_printable =
      std::all_of(text->begin(), text->end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!is_printable) {
    return problem(value, shown(value) +
                              " has characters that are not printable ASCII; write "
                              "letters, digits, blanks and punctuation");
  }
  option.field.in(config) = *text;
  return {};
}

Problems read(const Path& path, const TomlValue& value, node::Config& config) {
  const auto* const text = std::get_if<std::string>(&value.data);
  if (text == nullptr) return is_not(value, "a path", "it in quotes");
  if (has_controls(*text)) return is_not(value, "a path", "it without control characters");
  if (text->size() > kPathSizeMax) {
    return problem(value, shown(value) + " is too long; write at most " +
                              std::to_string(kPathSizeMax) + " bytes");
  }
  path.field.in(config) = *text;
  return {};
}

constexpr std::string_view kAddressExample = "it like \"192.0.2.1\" or \"2001:db8::1\"";

std::optional<IpAddress> parse_address(const TomlValue& value, Problems& problems) {
  const auto* const text = std::get_if<std::string>(&value.data);
  const auto address = text == nullptr ? std::nullopt : IpAddress::parse(*text);
  if (address) return address;
  std::string_view write = kAddressExample;
  if (text != nullptr && Endpoint::parse(*text)) write = "it without a port";
  if (text != nullptr && Prefix::parse(*text)) write = "it without \"/\" and a length";
  problems.push_back(is_not(value, "an IP address", write).front());
  return {};
}

Problems read(const Addresses& option, const TomlValue& value, node::Config& config) {
  const auto* const elements = std::get_if<std::vector<TomlValue>>(&value.data);
  if (elements == nullptr) {
    const auto* const text = std::get_if<std::string>(&value.data);
    const std::string example = text != nullptr && IpAddress::parse(*text)
                                    ? '[' + quoted(*text) + ']'
                                    : "addresses like [\"192.0.2.1\", \"2001:db8::1\"]";
    return is_not(value, "a list", example);
  }
  if (elements->size() > kAddressCountMax) {
    return problem(value, "has " + std::to_string(elements->size()) + " addresses; write at most " +
                              std::to_string(kAddressCountMax));
  }
  Problems problems;
  std::vector<IpAddress> addresses;
  for (const TomlValue& element : *elements) {
    if (const auto address = parse_address(element, problems)) addresses.push_back(*address);
  }
  if (problems.empty()) option.field.in(config) = std::move(addresses);
  return problems;
}

Problems read(const Prefixes& option, const TomlValue& value, node::Config& config) {
  constexpr std::string_view kExample = "networks like [\"192.0.2.0/24\", \"2001:db8::/32\"]";
  const auto* const elements = std::get_if<std::vector<TomlValue>>(&value.data);
  if (elements == nullptr) return is_not(value, "a list", kExample);
  if (elements->size() > kPrefixCountMax) {
    return problem(value, "has " + std::to_string(elements->size()) + " networks; write at most " +
                              std::to_string(kPrefixCountMax));
  }
  Problems problems;
  std::vector<Prefix> prefixes;
  for (const TomlValue& element : *elements) {
    const auto* const text = std::get_if<std::string>(&element.data);
    const auto prefix = text == nullptr ? std::nullopt : Prefix::parse(*text);
    if (prefix) {
      prefixes.push_back(*prefix);
    } else {
      problems.push_back(
          is_not(element, "a network", "it like \"192.0.2.0/24\" or \"2001:db8::/32\"").front());
    }
  }
  if (problems.empty()) option.field.in(config) = std::move(prefixes);
  return problems;
}

constexpr size_t kHostNameSizeMax = 253;  // RFC 1035, in text form.
constexpr std::string_view kNamesExample = "names like [\"dht.example.org:6881\"]";

// "name:port", "192.0.2.1:port" or "[2001:db8::1]:port".
std::optional<node::Config::Dht::Name> parse_name(std::string_view text) {
  if (const auto endpoint = Endpoint::parse(text)) {
    if (endpoint->port == 0) return {};
    return node::Config::Dht::Name{endpoint->address.text(), endpoint->port};
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return {};
  const std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(port_text.begin(), port_text.end(), port);
  const bool is_port = error == std::errc() && end == port_text.end() && port != 0;
  const bool is_host = !host.empty() && host.size() <= kHostNameSizeMax &&
                       std::all_of(host.begin(), host.end(), [](char c) {
                         return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') ||
                                ('0' <= c && c <= '9') || c == '.' || c == '-' || c == '_';
                       });
  if (!is_port || !is_host) return {};
  return node::Config::Dht::Name{std::string(host), port};
}

Problems read(const Names& option, const TomlValue& value, node::Config& config) {
  const auto* const elements = std::get_if<std::vector<TomlValue>>(&value.data);
  if (elements == nullptr) return is_not(value, "a list", kNamesExample);
  if (elements->size() > kNameCountMax) {
    return problem(value, "has " + std::to_string(elements->size()) + " names; write at most " +
                              std::to_string(kNameCountMax));
  }
  Problems problems;
  std::vector<node::Config::Dht::Name> names;
  for (const TomlValue& element : *elements) {
    const auto* const text = std::get_if<std::string>(&element.data);
    const auto name = text == nullptr ? std::nullopt : parse_name(*text);
    if (name) {
      names.push_back(*name);
    } else {
      problems.push_back(
          is_not(element, "a name with a port", "it like \"dht.example.org:6881\"").front());
    }
  }
  if (problems.empty()) option.field.in(config) = std::move(names);
  return problems;
}

Problems read(const Users&, const TomlValue& value, node::Config& config) {
  const auto* const table = std::get_if<TomlTable>(&value.data);
  if (table == nullptr) {
    return is_not(value, "a table", "users and their passwords like { alice = \"her password\" }");
  }
  if (table->size() > kUserCountMax) {
    return problem(value, "has " + std::to_string(table->size()) + " users; write at most " +
                              std::to_string(kUserCountMax));
  }
  Problems problems;
  std::vector<node::Config::Relay::User> users;
  for (const TomlEntry& entry : *table) {
    const auto* const password = std::get_if<std::string>(&entry.value.data);
    // What is wrong with a password is said without the password.
    if (password == nullptr) {
      problems.push_back({entry.value.at, "the password of " + quoted_briefly(entry.name) +
                                              " is not a text; write it in quotes"});
    } else if (entry.name.empty() || password->empty() || has_controls(entry.name) ||
               has_controls(*password)) {
      problems.push_back({entry.value.at, "the name " + quoted_briefly(entry.name) +
                                              " or its password is empty or has control "
                                              "characters"});
    } else {
      users.push_back({entry.name, *password});
    }
  }
  if (problems.empty()) config.relay.users = std::move(users);
  return problems;
}

std::string listed(std::span<const std::string_view> names) {
  std::string list;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) list += i + 1 == names.size() ? " or " : ", ";
    list += quoted(names[i]);
  }
  return list;
}

Problems read(const Choice& choice, const TomlValue& value, node::Config& config) {
  const auto* const text = std::get_if<std::string>(&value.data);
  if (text == nullptr) return is_not(value, "one of the choices", listed(choice.names));
  const auto found = std::find(choice.names.begin(), choice.names.end(), *text);
  if (found != choice.names.end()) {
    choice.set(config, static_cast<size_t>(found - choice.names.begin()));
    return {};
  }
  Problems problems = is_not(value, "one of the choices", listed(choice.names));
  if (const auto near = nearest(*text, choice.names)) {
    problems.front().text += "; did you mean " + quoted(*near) + "?";
  }
  return problems;
}

constexpr std::string_view kAdminEndpointExample =
    "it like \"127.0.0.1:9478\", \"[::1]:9478\", \"unix:/run/roost/admin.sock\", or \"\" for none";

Problems read(const AdminEndpoint&, const TomlValue& value, node::Config& config) {
  const auto* const text = std::get_if<std::string>(&value.data);
  if (text == nullptr) {
    return is_not(value, "an address and port or a socket's path", kAdminEndpointExample);
  }
  if (text->starts_with(kUnixScheme)) {
    const std::string path = text->substr(kUnixScheme.size());
    if (!path.starts_with('/') || has_controls(path) || path.size() > kUnixPathSizeMax) {
      return is_not(value, "\"unix:\" and a path",
                    "a path that begins with \"/\" and has at most " +
                        std::to_string(kUnixPathSizeMax) + " bytes");
    }
    config.metrics.listen.reset();
    config.metrics.listen_path = path;
    return {};
  }
  const auto endpoint = text->empty() ? std::nullopt : Endpoint::parse(*text);
  if (!text->empty() && (!endpoint || endpoint->port == 0)) {
    return is_not(value, "an address and port or a socket's path", kAdminEndpointExample);
  }
  config.metrics.listen = endpoint;
  config.metrics.listen_path.clear();
  return {};
}

// Writing.

// 0 stands bare: it has no unit.
std::string amount_text(const Amount& amount, uint64_t value) {
  return value == 0 ? "0" : quoted(amount.text(value));
}

std::string addresses_text(const std::vector<IpAddress>& addresses) {
  std::string text = "[";
  for (const IpAddress& address : addresses) {
    if (text.size() > 1) text += ", ";
    text += quoted(address.text());
  }
  return text += ']';
}

std::string prefixes_text(const std::vector<Prefix>& prefixes) {
  std::string text = "[";
  for (const Prefix& prefix : prefixes) {
    if (text.size() > 1) text += ", ";
    text += quoted(prefix.text());
  }
  return text += ']';
}

std::string names_text(const std::vector<node::Config::Dht::Name>& names) {
  std::string text = "[";
  for (const node::Config::Dht::Name& name : names) {
    if (text.size() > 1) text += ", ";
    const bool is_v6 = name.host.find(':') != std::string::npos;
    text += quoted((is_v6 ? '[' + name.host + ']' : name.host) + ':' + std::to_string(name.port));
  }
  return text += ']';
}

std::string users_text(const std::vector<node::Config::Relay::User>& users) {
  std::string text = "{";
  for (const node::Config::Relay::User& user : users) {
    text.append(text.size() > 1 ? ", " : " ").append(quoted(user.name)).append(" = ");
    text += quoted(user.password);
  }
  return text += users.empty() ? "}" : " }";
}

std::string admin_endpoint_text(const node::Config::Metrics& metrics) {
  if (!metrics.listen_path.empty()) return quoted(std::string(kUnixScheme) + metrics.listen_path);
  return quoted(metrics.listen ? metrics.listen->text() : "");
}

std::string expected_amount(const Amount& amount) {
  std::string text = std::string(amount.noun) + " such as " + std::string(amount.example);
  if (amount.min > 0) text += ", at least " + quoted(amount.text(amount.min));
  return text + ", at most " + quoted(amount.text(amount.max));
}

}  // namespace

std::vector<ValueProblem> read_value(const OptionKind& kind, const TomlValue& value,
                                     node::Config& config) {
  return std::visit([&](const auto& of_kind) { return read(of_kind, value, config); }, kind);
}

std::string value_text(const OptionKind& kind, const node::Config& config) {
  const auto integer = [&](const auto& of_kind) {
    return std::to_string(of_kind.field.of(config));
  };
  const auto text = [&](const auto& of_kind) { return quoted(of_kind.field.of(config)); };
  const auto amount = [&](const auto& of_kind) {
    return amount_text(amount_of(of_kind), of_kind.field.of(config));
  };
  return std::visit(
      Overload{
          [&](const Flag& flag) { return std::string(flag.field.of(config) ? "true" : "false"); },
          [&](const Count& count) { return integer(count); },
          [&](const Port& port) { return integer(port); },
          [&](const Size& size) { return amount(size); },
          [&](const Rate& rate) { return amount(rate); },
          [&](const Time& time) { return quoted(duration_text(time.field.of(config))); },
          [&](const Text& option) { return text(option); },
          [&](const Path& path) { return text(path); },
          [&](const Addresses& addresses) { return addresses_text(addresses.field.of(config)); },
          [&](const Prefixes& prefixes) { return prefixes_text(prefixes.field.of(config)); },
          [&](const Names& names) { return names_text(names.field.of(config)); },
          [&](const Users&) { return users_text(config.relay.users); },
          [&](const Choice& choice) { return quoted(choice.names[choice.index(config)]); },
          [&](const AdminEndpoint&) { return admin_endpoint_text(config.metrics); },
      },
      kind);
}

void copy_value(const OptionKind& kind, const node::Config& from, node::Config& to) {
  std::visit(Overload{
                 [&](const Choice& choice) { choice.set(to, choice.index(from)); },
                 [&](const Users&) { to.relay.users = from.relay.users; },
                 [&](const AdminEndpoint&) {
                   to.metrics.listen = from.metrics.listen;
                   to.metrics.listen_path = from.metrics.listen_path;
                 },
                 [&](const auto& of_kind) { of_kind.field.in(to) = of_kind.field.of(from); },
             },
             kind);
}

std::string expected(const OptionKind& kind) {
  return std::visit(
      Overload{
          [](const Flag&) { return std::string("true or false"); },
          [](const Count& count) { return range(count.min, count.max); },
          [](const Port& port) { return range(port.min, UINT16_MAX); },
          [](const Size& size) { return expected_amount(amount_of(size)); },
          [](const Rate& rate) { return expected_amount(amount_of(rate)); },
          [](const Time& time) { return expected_amount(amount_of(time)); },
          [](const Text& text) {
            return "a text of at most " + std::to_string(text.size_max) + " ASCII characters";
          },
          [](const Path&) { return std::string("a path"); },
          [](const Addresses&) {
            return std::string("a list of addresses such as [\"192.0.2.1\", \"2001:db8::1\"]");
          },
          [](const Prefixes&) {
            return std::string("a list of networks such as [\"192.0.2.0/24\", \"2001:db8::/32\"]");
          },
          [](const Names&) {
            return std::string("a list of names with ports such as [\"dht.example.org:6881\"]");
          },
          [](const Users&) { return std::string("a table such as { alice = \"her password\" }"); },
          [](const Choice& choice) { return listed(choice.names); },
          [](const AdminEndpoint&) {
            return std::string(
                "\"127.0.0.1:9478\", \"[::1]:9478\", \"unix:/run/roost/admin.sock\" or \"\"");
          },
      },
      kind);
}

}  // namespace roost::app
