// SPDX-License-Identifier: MIT
#include "app/cmd_grant.h"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/config_file.h"
#include "app/grant_file.h"
#include "app/quantity.h"
#include "app/quoted.h"
#include "base/text.h"
#include "io/clock.h"
#include "io/os_random.h"
#include "io/state_dir.h"

namespace roost::app {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kTokenBytes = 16;

Answer failure(const std::string& text) {
  return {kExitFailure, "roost: " + text + '\n'};
}

std::string date_text(const std::optional<WallTime>& time) {
  if (!time) return "never";
  const time_t seconds = time->time_since_epoch().count();
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts);
  return text;
}

// Where the node of this machine has its state: as it was told, as the service manager's unit has
// it, or where it goes by default.
std::string state_dir_of(const GrantArguments& arguments, const node::Config& config) {
  if (arguments.state_dir) return *arguments.state_dir;
  if (!config.node.state_dir.empty()) return config.node.state_dir;
  constexpr const char* kOfTheService = "/var/lib/roost";
  std::error_code error;
  return std::filesystem::is_directory(kOfTheService, error) ? kOfTheService : "./var";
}

// The grants, or why they cannot be read: then nothing may be written either.
Result<std::vector<NamedGrant>, std::string> read_grants(const io::StateDir& state_dir) {
  const auto file = state_dir.read(kGrantFile, kGrantFileSizeMax);
  if (!file) return Failure(file.error());
  if (!*file) return std::vector<NamedGrant>();
  auto grants = parse_grants(as_text(**file));
  if (grants) return grants;
  return Failure(state_dir.path() + '/' + std::string(kGrantFile) +
                 " is damaged: " + grants.error() + "; restore it from a backup, or remove it");
}

Answer add(const GrantArguments& arguments, const node::Config& config,
           const io::StateDir& state_dir, std::vector<NamedGrant> grants) {
  const bool is_known = std::any_of(grants.begin(), grants.end(), [&](const NamedGrant& grant) {
    return grant.name == arguments.name;
  });
  if (is_known) {
    return failure(quoted_briefly(arguments.name) +
                   " has a grant already; revoke it first, or choose another name");
  }
  if (grants.size() >= node::Grants::kCountMax) {
    return failure("there are " + std::to_string(grants.size()) +
                   " grants already, which is as many as are kept; revoke one first");
  }
  const auto now = io::read_clocks().wall;
  if (arguments.lifetime && !now) {
    return failure("the clock is not set, so nobody can say when that will be");
  }
  std::array<uint8_t, kTokenBytes> secret;
  io::OsRandom().fill(secret);
  const std::string token = to_base64url(secret);
  NamedGrant grant;
  grant.name = arguments.name;
  grant.token_hash = sha256(as_bytes(token));
  grant.payer = arguments.payer;
  grant.bytes_max = arguments.bytes_max;
  grant.made_at = now;
  if (arguments.lifetime) {
    grant.expires_at = *now + std::chrono::floor<std::chrono::seconds>(*arguments.lifetime);
  }
  grants.push_back(grant);
  const auto written = state_dir.write(kGrantFile, as_bytes(grants_text(grants)), true);
  if (!written) return failure(written.error());
  const std::string where =
      config.node.external_addresses.empty()
          ? "HOST:" + std::to_string(config.node.port)
          : Endpoint{config.node.external_addresses.front(), config.node.port}.text();
  // Nobody but the owner vouches for a certificate that the node has made.
  const std::string_view check = config.tls.certificate.empty() ? "-k " : "";
  std::string text = token + "\n\nThis is " + grant.name +
                     "'s token; it is shown only now. Try it with\n\n  curl " + std::string(check) +
                     "-H 'Authorization: Bearer " + token + "' https://" + where + "/v1/turn\n";
  if (!config.relay.enabled) text += "\nThe relay is off: relay.enabled is false.\n";
  return {kExitOk, text};
}

Answer list(const GrantArguments& arguments, const io::StateDir& state_dir,
            const std::vector<NamedGrant>& grants) {
  const auto file = state_dir.read(kUsedFile, kGrantFileSizeMax);
  std::map<uint64_t, uint64_t> used;
  if (file && *file) used = parse_used(as_text(**file)).value_or(used);
  const auto now = io::read_clocks().wall;
  Json array = Json::array();
  std::string table;
  for (const NamedGrant& grant : grants) {
    const uint64_t bytes = used[grant.id()];
    const bool has_expired = now && grant.grant().has_expired(*now);
    array.push_back(
        {{"id", grant.id_text()},
         {"name", grant.name},
         {"class", class_text(grant.payer)},
         {"relayed_bytes", bytes},
         {"bytes_max", grant.bytes_max},
         {"expires",
          grant.expires_at ? Json(grant.expires_at->time_since_epoch().count()) : Json()},
         {"has_expired", has_expired}});
    table.append(grant.id_text()).append("  ").append(quoted_briefly(grant.name));
    table.append("  ").append(class_text(grant.payer)).append(", relayed ");
    table.append(size_text(bytes));
    if (grant.bytes_max != 0) table.append(" of ").append(size_text(grant.bytes_max));
    table.append(has_expired ? ", expired " : ", expires ").append(date_text(grant.expires_at));
    table.append("\n");
  }
  if (arguments.as_json) {
    return {kExitOk, array.dump(2, ' ', false, Json::error_handler_t::replace) + '\n'};
  }
  return {kExitOk, table.empty() ? "no grants\n" : table};
}

Answer revoke(const GrantArguments& arguments, const io::StateDir& state_dir,
              std::vector<NamedGrant> grants) {
  const auto is_it = [&](const NamedGrant& grant) {
    return grant.name == arguments.name || grant.id_text() == arguments.name;
  };
  const auto found = std::find_if(grants.begin(), grants.end(), is_it);
  if (found == grants.end()) {
    return failure("no grant is called " + quoted_briefly(arguments.name) +
                   "; \"roost grant list\" names them");
  }
  if (std::find_if(found + 1, grants.end(), is_it) != grants.end()) {
    return failure("more than one grant is called " + quoted_briefly(arguments.name) +
                   "; revoke each by its id, which \"roost grant list\" shows");
  }
  const std::string text = "revoked " + found->id_text() + ", " + found->name + '\n';
  grants.erase(found);
  const auto written = state_dir.write(kGrantFile, as_bytes(grants_text(grants)), true);
  if (!written) return failure(written.error());
  return {kExitOk, text};
}

}  // namespace

Answer change_grants(const GrantArguments& arguments) {
  const auto file = load_config(arguments.config_path);
  if (!file) return {kExitUsage, text_of(file.error())};
  const auto state_dir = io::StateDir::attach(state_dir_of(arguments, file->config));
  if (!state_dir) return failure(state_dir.error());
  auto grants = read_grants(*state_dir);
  if (!grants) return failure(grants.error());
  switch (arguments.what) {
    case GrantArguments::What::kAdd:
      return add(arguments, file->config, *state_dir, *std::move(grants));
    case GrantArguments::What::kList: return list(arguments, *state_dir, *grants);
    case GrantArguments::What::kRevoke: return revoke(arguments, *state_dir, *std::move(grants));
  }
  return failure("");
}

}  // namespace roost::app
