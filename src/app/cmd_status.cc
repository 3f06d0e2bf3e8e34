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

std::string table_of(const Json& status) {
  std::string table;
  row(table, "node", status.at("node_id").get<std::string>());
  row(table, "software", status.at("software").get<std::string>());
  row(table, "role", status.at("role").get<std::string>());
  row(table, "ready",
      status.at("is_ready").get<bool>() ? "yes"
                                        : "no: " + joined(status.at("not_ready_because"), "; "));
  row(table, "up for", duration(status.at("uptime_seconds").get<int64_t>()));
  row(table, "udp", joined(status.at("listens").at("udp")));
  row(table, "tcp, tls, http", joined(status.at("listens").at("tcp")));
  if (!status.at("external_addresses").empty()) {
    row(table, "external", joined(status.at("external_addresses")));
  }
  const Json& donation = status.at("donation");
  row(table, "given this month",
      share(donation.at("month_sent_bytes").get<uint64_t>(),
            donation.at("monthly_bytes_max").get<uint64_t>()));
  row(table, "given since start", approximate_size(donation.at("sent_bytes").get<uint64_t>()));
  row(table, "connections",
      std::to_string(donation.at("connections").get<uint64_t>()) + " of " +
          std::to_string(donation.at("connections_max").get<uint64_t>()));
  const Json& stun = status.at("stun");
  row(table, "stun",
      stun.at("is_enabled").get<bool>() ? "requests: " + counts(stun.at("requests"), true) : "off");
  const Json& relay = status.at("relay");
  if (!relay.at("is_enabled").get<bool>()) {
    row(table, "relay", "off");
  } else {
    uint64_t count = 0;
    for (const auto& [name, of_class] : relay.at("allocations").items()) {
      count += of_class.get<uint64_t>();
    }
    uint64_t bytes = 0;
    for (const auto& [name, of_class] : relay.at("relayed_bytes").items()) {
      bytes += of_class.get<uint64_t>();
    }
    row(table, "relay",
        std::to_string(count) + " of " +
            std::to_string(relay.at("allocations_max").get<uint64_t>()) + " allocations (" +
            counts(relay.at("allocations"), true) + "), " + approximate_size(bytes) + " relayed" +
            (relay.at("is_accepting").get<bool>()
                 ? ""
                 : "; takes on no more this month (donate.monthly)"));
  }
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
