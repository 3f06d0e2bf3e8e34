// SPDX-License-Identifier: MIT
#include "app/cmd_peers.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "app/admin_client.h"
#include "app/config_file.h"

namespace roost::app {
namespace {

using Json = nlohmann::ordered_json;

std::string age(const Json& seconds) {
  if (seconds.is_null()) return "never";
  const auto count = seconds.get<int64_t>();
  if (count >= 86400) return std::to_string(count / 86400) + " d";
  if (count >= 3600) return std::to_string(count / 3600) + " h";
  if (count >= 60) return std::to_string(count / 60) + " min";
  return std::to_string(count) + " s";
}

std::string listed(const Json& texts) {
  std::string text;
  for (const Json& item : texts) {
    if (!text.empty()) text += ',';
    text += item.get<std::string>();
  }
  return text;
}

using Row = std::vector<std::string>;

Row row_of(const Json& peer) {
  const Json& node_id = peer.at("node_id");
  const bool has_record = !node_id.is_null();
  std::string standing = peer.at("has_answered").get<bool>() ? "answers" : "new";
  const auto failures = peer.at("failures").get<uint64_t>();
  if (failures > 0) standing = "silent x" + std::to_string(failures);
  return {peer.at("address").get<std::string>(),
          standing,
          age(peer.at("answered_seconds_ago")),
          age(peer.at("heard_of_seconds_ago")),
          has_record ? listed(peer.at("services")) : "",
          has_record ? peer.at("software").get<std::string>() : "",
          has_record ? node_id.get<std::string>() : "(no record yet)"};
}

std::string table_of(const Json& page) {
  std::vector<Row> rows = {
      {"ADDRESS", "STANDING", "ANSWERED", "HEARD OF", "SERVICES", "SOFTWARE", "NODE"}};
  for (const Json& peer : page.at("peers")) rows.push_back(row_of(peer));
  std::stable_sort(rows.begin() + 1, rows.end(),
                   [](const Row& a, const Row& b) { return a[1] < b[1]; });
  if (rows.size() == 1) return "no other supernode is known yet\n";
  std::vector<size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string table;
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      const bool is_last = i + 1 == row.size();
      table.append(row[i]).append(is_last ? 0 : widths[i] + 2 - row[i].size(), ' ');
    }
    table += '\n';
  }
  return table;
}

}  // namespace

Answer show_peers(const PeersArguments& arguments) {
  const auto file = load_config(arguments.config_path);
  if (!file) return {kExitUsage, text_of(file.error())};
  const auto page = fetch_admin_page(file->config.metrics, "/peers.json");
  if (!page) return {kExitFailure, "roost: " + page.error() + '\n'};
  if (arguments.as_json) return {kExitOk, *page};
  const Json peers = Json::parse(*page, nullptr, /*allow_exceptions=*/false);
  if (peers.is_discarded()) {
    return {kExitFailure, "roost: what the daemon answers is not a list of peers\n"};
  }
  try {
    return {kExitOk, table_of(peers)};
  } catch (const Json::exception&) {  // Another version's page: show it as it is.
    return {kExitOk, *page};
  }
}

}  // namespace roost::app
