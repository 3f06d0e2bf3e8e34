// SPDX-License-Identifier: MIT
#include "app/cmd_status.h"

#include <nlohmann/json.hpp>

#include "app/admin_client.h"
#include "app/config_file.h"
#include "app/quantity.h"

namespace roost::app {
namespace {

using Json = nlohmann::ordered_json;

// One "name   value" line.
void row(std::string& table, std::string_view name, const std::string& value) {
  constexpr size_t kNameWidth = 19;
  table.append(name).append(name.size() < kNameWidth ? kNameWidth - name.size() : 1, ' ');
  table.append(value).append("\n");
}

std::string joined(const Json& list, std::string_view separator = ", ") {
  std::string text;
  for (const Json& item : list) {
    if (!text.empty()) text += separator;
    text += item.get<std::string>();
  }
  return text;
}

std::string duration(int64_t seconds) {
  const int64_t days = seconds / 86400;
  const int64_t hours = seconds / 3600 % 24;
  const int64_t minutes = seconds / 60 % 60;
  if (days > 0) return std::to_string(days) + " d " + std::to_string(hours) + " h";
  if (hours > 0) return std::to_string(hours) + " h " + std::to_string(minutes) + " min";
  if (minutes > 0) return std::to_string(minutes) + " min " + std::to_string(seconds % 60) + " s";
  return std::to_string(seconds) + " s";
}

// "12.3 GB", for reading at a glance.
std::string approximate_size(uint64_t bytes) {
  constexpr std::string_view kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  size_t unit = 0;
  uint64_t tenths = 0;
  while (bytes >= 1000) {
    tenths = bytes % 1000 / 100;
    bytes /= 1000;
    ++unit;
  }
  std::string text = std::to_string(bytes);
  if (unit > 0) text += '.' + std::to_string(tenths);
  return text.append(" ").append(kUnits[unit]);
}

// "12.3 GB of 500 GB", where 0 is no limit.
std::string share(uint64_t used, uint64_t bound) {
  return approximate_size(used) + (bound == 0 ? ", no limit" : " of " + size_text(bound));
}

// "udp 12, tcp 0, tls 3", or only what is not zero.
std::string counts(const Json& object, bool with_zeros) {
  std::string text;
  for (const auto& [name, count] : object.items()) {
    if (!with_zeros && count.get<uint64_t>() == 0) continue;
    if (!text.empty()) text += ", ";
    text += name + ' ' + std::to_string(count.get<uint64_t>());
  }
  return text.empty() ? "none" : text;
}

// "friend 1.2 GB, friend_of_friend 0 B, stranger 0 B".
std::string sizes(const Json& object) {
  std::string text;
  for (const auto& [name, bytes] : object.items()) {
    text.append(text.empty() ? "" : ", ").append(name).append(" ");
    text += approximate_size(bytes.get<uint64_t>());
  }
  return text;
}

uint64_t total(const Json& object) {
  uint64_t sum = 0;
  for (const auto& [name, count] : object.items()) sum += count.get<uint64_t>();
  return sum;
}

void add_month(std::string& table, const Json& donation) {
  const auto bound = donation.at("monthly_bytes_max").get<uint64_t>();
  const Json& month = donation.at("month");
  row(table, "given this month", share(donation.at("month_sent_bytes").get<uint64_t>(), bound));
  std::string left;
  if (bound != 0) {
    const auto bytes = month.at("left_bytes").get<uint64_t>();
    const double percent = 100 * static_cast<double>(bytes) / static_cast<double>(bound);
    left = approximate_size(bytes) + " (" + std::to_string(static_cast<int>(percent)) + " %), ";
  }
  left += month.at("left_seconds").is_null() ? "the clock is not set"
                                             : duration(month.at("left_seconds").get<int64_t>());
  row(table, "left", left);
  std::string forecast = "not known in the first hour";
  if (!month.at("forecast_bytes").is_null()) {
    forecast = approximate_size(month.at("forecast_bytes").get<uint64_t>()) + " this month";
  }
  const auto state = month.at("state").get<std::string>();
  if (state == "young" && !month.at("used_up_in_seconds").is_null()) {
    forecast += ", used up in " + duration(month.at("used_up_in_seconds").get<int64_t>());
  } else if (state == "soft_limit") {
    forecast += "; nearly used up: nothing new is begun (donate.monthly)";
  } else if (state == "used_up") {
    forecast += "; used up: silent until the month turns (donate.monthly)";
  }
  row(table, "forecast", forecast);
}

void add_relay(std::string& table, const Json& relay) {
  if (!relay.at("is_enabled").get<bool>()) return row(table, "relay", "off");
  const bool is_accepting = relay.at("is_accepting").get<bool>();
  row(table, "relay",
      std::to_string(total(relay.at("allocations"))) + " of " +
          std::to_string(relay.at("allocations_max").get<uint64_t>()) + " allocations (" +
          counts(relay.at("allocations"), true) + ")" +
          (is_accepting ? "" : "; takes on no more this month (donate.monthly)"));
  const auto bytes = relay.at("allocation_bytes_max").get<uint64_t>();
  const auto rate = relay.at("allocation_bytes_per_second_max").get<uint64_t>();
  row(table, "  limits",
      std::to_string(relay.at("allocations_per_user_max").get<uint64_t>()) + " a user, " +
          std::to_string(relay.at("allocations_per_prefix_max").get<uint64_t>()) +
          " a prefix; each " + (rate == 0 ? "at any rate" : rate_text(rate)) + ", " +
          (bytes == 0 ? "no limit" : size_text(bytes)));
  row(table, "  relayed", sizes(relay.at("relayed_bytes")));
  row(table, "  refused", counts(relay.at("refused"), false));
  row(table, "  dropped", counts(relay.at("dropped_packets"), false));
  row(table, "  not paid for", counts(relay.at("donation_refused_packets"), false));
}

void add_dht(std::string& table, const Json& dht) {
  if (!dht.at("is_enabled").get<bool>()) return row(table, "dht", "off");
  row(table, "dht",
      std::to_string(dht.at("queries").get<uint64_t>()) + " queries, " +
          std::to_string(dht.at("items").get<uint64_t>()) + " items");
  for (const auto& [family, of_family] : dht.at("families").items()) {
    std::string line = std::to_string(of_family.at("contacts").get<uint64_t>()) + " of " +
                       std::to_string(of_family.at("contacts_max").get<uint64_t>()) +
                       " contacts, " +
                       std::to_string(of_family.at("routing_table_nodes").get<uint64_t>()) +
                       " in the routing table";
    const Json& address = of_family.at("external_address");
    if (!address.is_null()) line += ", seen at " + address.get<std::string>();
    const Json& answered = of_family.at("answered_percent");
    if (!answered.is_null()) {
      line += ", " + std::to_string(answered.get<uint64_t>()) + " % of our questions answered";
    }
    if (of_family.at("is_ignored").get<bool>()) line += ": WE ARE BEING IGNORED";
    row(table, "  " + family, line);
  }
}

void add_store(std::string& table, const Json& store) {
  if (!store.at("is_enabled").get<bool>()) return row(table, "store", "off");
  row(table, "store",
      approximate_size(store.at("disk_bytes").get<uint64_t>()) + " on disk, " +
          std::to_string(store.at("commits").get<uint64_t>()) + " commits, " +
          std::to_string(store.at("waiting").get<uint64_t>()) +
          " waiting; failed: " + counts(store.at("failures"), false));
}

std::string table_of(const Json& status) {
  std::string table;
  row(table, "node", status.at("node_id").get<std::string>());
  row(table, "software", status.at("software").get<std::string>());
  row(table, "role", status.at("role").get<std::string>());
  row(table, "ready",
      status.at("is_ready").get<bool>() ? "yes"
                                        : "no: " + joined(status.at("not_ready_because"), "; "));
  if (!status.at("unsaved").empty()) {
    row(table, "not saved", joined(status.at("unsaved")) + "; the log says why");
  }
  row(table, "up for", duration(status.at("uptime_seconds").get<int64_t>()));
  row(table, "udp", joined(status.at("listens").at("udp")));
  row(table, "tcp, tls, http", joined(status.at("listens").at("tcp")));
  if (!status.at("external_addresses").empty()) {
    row(table, "external", joined(status.at("external_addresses")));
  }
  const Json& donation = status.at("donation");
  add_month(table, donation);
  row(table, "given since start", approximate_size(donation.at("sent_bytes").get<uint64_t>()));
  row(table, "connections",
      std::to_string(donation.at("connections").get<uint64_t>()) + " of " +
          std::to_string(donation.at("connections_max").get<uint64_t>()));
  const Json& stun = status.at("stun");
  row(table, "stun",
      stun.at("is_enabled").get<bool>() ? "requests: " + counts(stun.at("requests"), true) : "off");
  add_relay(table, status.at("relay"));
  add_dht(table, status.at("dht"));
  add_store(table, status.at("store"));
  row(table, "dropped", counts(status.at("dropped_messages"), false));
  return table;
}

}  // namespace

Answer show_status(const StatusArguments& arguments) {
  const auto file = load_config(arguments.config_path);
  if (!file) return {kExitUsage, text_of(file.error())};
  const auto page = fetch_admin_page(file->config.metrics, "/status.json");
  if (!page) return {kExitFailure, "roost: " + page.error() + '\n'};
  if (arguments.as_json) return {kExitOk, *page};
  const Json status = Json::parse(*page, nullptr, /*allow_exceptions=*/false);
  if (status.is_discarded()) {
    return {kExitFailure, "roost: what the daemon answers is not a status\n"};
  }
  try {
    return {kExitOk, table_of(status)};
  } catch (const Json::exception&) {  // Another version's status: show it as it is.
    return {kExitOk, *page};
  }
}

}  // namespace roost::app
