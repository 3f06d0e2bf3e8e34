// SPDX-License-Identifier: MIT
#include "app/turn_login.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include "base/crypto_hash.h"
#include "base/text.h"
#include "io/file_descriptor.h"

namespace roost::app {
namespace {

using Found = Result<TurnLogin, std::string>;

constexpr std::string_view kHowToTell =
    "give --user NAME with --password-file FILE, or --secret-file FILE";

std::string name_of(const std::string& path) {
  return path == "-" ? "standard input" : path;
}

// The first line of the file, whatever ends it.
Result<std::string, std::string> read_line(const std::string& path) {
  io::FileDescriptor opened;
  int fd = STDIN_FILENO;
  if (path != "-") {
    opened = io::FileDescriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!opened.is_open()) return Failure("cannot read " + path + ": " + std::strerror(errno));
    fd = opened.get();
  }
  std::string text;
  char piece[512];
  while (text.find('\n') == std::string::npos) {
    const ssize_t got = read(fd, piece, sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failure("cannot read " + name_of(path) + ": " + std::strerror(errno));
    if (got == 0) break;
    text.append(piece, static_cast<size_t>(got));
    if (text.size() > kPasswordSizeMax) {
      return Failure(name_of(path) + " is too long for a password; is it the right file?");
    }
  }
  text.resize(std::min(text.find_first_of("\r\n"), text.size()));
  if (text.empty()) {
    return Failure(name_of(path) + " is empty; its first line is to be the password");
  }
  return text;
}

// draft-uberti-behave-turn-rest, as coturn has it.
Found make_ephemeral(const std::string& secret, const std::string& name,
                     std::optional<WallTime> now, std::string source) {
  if (!now) {
    return Failure(
        std::string("the clock of this machine is not set, and a password that expires "
                    "needs the time; set it"));
  }
  const auto expiry = (*now + kEphemeralLifetime).time_since_epoch().count();
  std::string username = std::to_string(expiry) + ':' + name;
  std::string password = to_base64(hmac_sha1(as_bytes(secret), as_bytes(username)));
  return TurnLogin{std::move(username), std::move(password), std::move(source)};
}

Found read_password(const TurnLoginSources& sources) {
  if (sources.password_file) {
    auto password = read_line(*sources.password_file);
    if (!password) return Failure(password.error());
    return TurnLogin{*sources.user, std::move(*password), name_of(*sources.password_file)};
  }
  const char* const set = std::getenv(kPasswordVariable);
  if (set == nullptr || *set == '\0') {
    return Failure("the password of " + *sources.user +
                   " is missing; give --password-file FILE (\"-\" for standard input), or set " +
                   kPasswordVariable);
  }
  return TurnLogin{*sources.user, set, kPasswordVariable};
}

Found read_from_config(const std::string& path, std::optional<WallTime> now) {
  const auto file = read_config(path);
  if (!file) {
    return Failure("no credentials: " + text_of(file.error()) + "roost: " +
                   std::string(kHowToTell) + ", or run this as who may read the configuration");
  }
  const node::Config::Relay& relay = file->config.relay;
  if (!relay.enabled) return Failure("relay.enabled is false in " + path + ": it does not relay");
  if (!relay.users.empty()) {
    return TurnLogin{relay.users.front().name, relay.users.front().password,
                     "relay.users of " + path};
  }
  if (!relay.shared_secret.empty()) {
    return make_ephemeral(relay.shared_secret, "probe", now, "relay.shared_secret of " + path);
  }
  return Failure(path + " lets nobody use the relay; set relay.users or relay.shared_secret there");
}

}  // namespace

Found find_turn_login(const TurnLoginSources& sources, bool is_on_this_machine,
                      std::optional<WallTime> now, const char* config_path_default) {
  if (sources.secret_file) {
    const auto secret = read_line(*sources.secret_file);
    if (!secret) return Failure(secret.error());
    return make_ephemeral(*secret, sources.user.value_or("probe"), now,
                          name_of(*sources.secret_file));
  }
  if (sources.user) return read_password(sources);
  if (sources.config_path) return read_from_config(*sources.config_path, now);
  if (!is_on_this_machine) {
    return Failure("a TURN server wants to know who asks; " + std::string(kHowToTell) +
                   ", or --config FILE of the node");
  }
  if (access(config_path_default, F_OK) != 0 && errno == ENOENT) {
    return Failure("a TURN server wants to know who asks, and there is no " +
                   std::string(config_path_default) + " to find out; " + std::string(kHowToTell) +
                   ", or --config FILE of the node");
  }
  return read_from_config(config_path_default, now);
}

}  // namespace roost::app
