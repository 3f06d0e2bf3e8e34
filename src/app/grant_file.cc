// SPDX-License-Identifier: MIT
#include "app/grant_file.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/text.h"

namespace roost::app {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;

std::string id_text_of(uint64_t id) {
  std::array<uint8_t, 8> bytes;
  store_u64(bytes.data(), id);
  return to_hex(bytes);
}

std::optional<uint64_t> parse_id(std::string_view text) {
  const auto bytes = from_hex(text);
  if (!bytes || bytes->size() != 8) return {};
  return load_u64(bytes->data());
}

std::optional<WallTime> time_of(const Json& seconds) {
  if (seconds.is_null()) return {};
  return WallTime(std::chrono::seconds(seconds.get<int64_t>()));
}

Json json_of(const std::optional<WallTime>& time) {
  return time ? Json(time->time_since_epoch().count()) : Json();
}

// Throws where a member is missing or of another type, as Json does.
std::optional<NamedGrant> grant_of(const Json& json) {
  NamedGrant grant;
  grant.name = json.at("name").get<std::string>();
  const auto payer = parse_class(json.at("class").get<std::string>());
  const auto hash = from_hex(json.at("token_sha256").get<std::string>());
  if (!payer || !hash || hash->size() != grant.token_hash.size()) return {};
  std::copy(hash->begin(), hash->end(), grant.token_hash.begin());
  grant.payer = *payer;
  grant.bytes_max = json.at("bytes_max").get<uint64_t>();
  grant.made_at = time_of(json.at("made"));
  grant.expires_at = time_of(json.at("expires"));
  return grant;
}

// Which two have the same token, or the same id; empty if none have. They are numbered as they are
// in the file.
std::string find_twins(const std::vector<NamedGrant>& grants) {
  std::map<uint64_t, size_t> seen;
  for (size_t i = 0; i < grants.size(); ++i) {
    const auto [first, is_new] = seen.emplace(grants[i].id(), i);
    if (is_new) continue;
    const bool is_same_token = grants[first->second].token_hash == grants[i].token_hash;
    return "grants " + std::to_string(first->second + 1) + " and " + std::to_string(i + 1) +
           (is_same_token ? " have the same token" : " have the same id") + ", " +
           grants[i].id_text();
  }
  return {};
}

}  // namespace

uint64_t NamedGrant::id() const {
  return load_u64(token_hash.data());
}

std::string NamedGrant::id_text() const {
  return id_text_of(id());
}

node::Grant NamedGrant::grant() const {
  node::Grant grant;
  grant.id = id();
  grant.token_hash = token_hash;
  grant.payer = payer;
  grant.bytes_max = bytes_max;
  grant.expires_at = expires_at;
  return grant;
}

std::string_view class_text(core::Payer payer) {
  return payer == core::Payer::kFriendOfFriend ? "friend-of-friend" : "friend";
}

std::optional<core::Payer> parse_class(std::string_view text) {
  for (const core::Payer payer : {core::Payer::kFriend, core::Payer::kFriendOfFriend}) {
    if (text == class_text(payer)) return payer;
  }
  return {};
}

Result<std::vector<NamedGrant>, std::string> parse_grants(std::string_view text) {
  const Json file = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (file.is_discarded()) return Failure(std::string("it is not JSON"));
  std::vector<NamedGrant> grants;
  try {
    if (file.at("version").get<int>() != kVersion) {
      return Failure("it is of version " + file.at("version").dump() + ", and this roost knows " +
                     std::to_string(kVersion));
    }
    for (const Json& json : file.at("grants")) {
      const auto grant = grant_of(json);
      if (!grant) return Failure("grant " + std::to_string(grants.size() + 1) + " is damaged");
      grants.push_back(*grant);
    }
  } catch (const Json::exception& error) {
    return Failure("grant " + std::to_string(grants.size() + 1) + ": " + error.what());
  }
  if (grants.size() > node::Grants::kCountMax) {
    return Failure("it has " + std::to_string(grants.size()) + " grants, and at most " +
                   std::to_string(node::Grants::kCountMax) + " are kept");
  }
  const std::string twins = find_twins(grants);
  if (!twins.empty()) return Failure(twins);
  return grants;
}

std::string grants_text(const std::vector<NamedGrant>& grants) {
  Json list = Json::array();
  for (const NamedGrant& grant : grants) {
    list.push_back({{"id", grant.id_text()},
                    {"name", grant.name},
                    {"class", class_text(grant.payer)},
                    {"token_sha256", to_hex(grant.token_hash)},
                    {"bytes_max", grant.bytes_max},
                    {"made", json_of(grant.made_at)},
                    {"expires", json_of(grant.expires_at)}});
  }
  const Json file = {{"version", kVersion}, {"grants", list}};
  return file.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::optional<std::map<uint64_t, uint64_t>> parse_used(std::string_view text) {
  const Json file = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!file.is_object()) return {};
  std::map<uint64_t, uint64_t> used;
  for (const auto& [key, bytes] : file.items()) {
    const auto id = parse_id(key);
    if (id && bytes.is_number_unsigned()) used[*id] = bytes.get<uint64_t>();
  }
  return used;
}

std::string used_text(const std::map<uint64_t, uint64_t>& used) {
  Json file = Json::object();
  for (const auto& [id, bytes] : used) file[id_text_of(id)] = bytes;
  return file.dump(2) + '\n';
}

}  // namespace roost::app
