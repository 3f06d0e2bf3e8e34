// SPDX-License-Identifier: MIT
#include "app/options.h"

#include <algorithm>

namespace roost::app {
namespace {

using node::Config;

constexpr uint64_t kMebi = uint64_t{1} << 20;
constexpr uint64_t kTebi = uint64_t{1} << 40;
constexpr uint64_t kMonthlyMax = 100 * uint64_t{1'000'000'000'000'000};  // 100 PB.

constexpr std::string_view kRoles[] = {"auto", "leaf", "supernode"};
constexpr std::string_view kLevels[] = {"debug", "info", "warn", "error"};
constexpr std::string_view kFormats[] = {"auto", "human", "journal"};

constexpr Option kOptions[] = {
    {"node.state_dir",
     "Directory of the node's key and of what must survive a restart. Empty: the directory that "
     "the "
     "service manager names, else ./var.",
     Reload::kRestart, Path{field<&Config::node, &Config::Node::state_dir>()}},
    {"node.listen", "Local addresses to listen on, for UDP and TCP.", Reload::kRestart,
     Addresses{field<&Config::node, &Config::Node::listen>()}},
    {"node.port",
     "Port to listen on, for UDP and TCP: the one to forward on a home router. 0: the system "
     "chooses.",
     Reload::kRestart, Port{field<&Config::node, &Config::Node::port>(), 0}},
    {"node.role",
     "Whether to serve the world or only your own network and friends. auto: the node finds out "
     "whether the world can reach it.",
     Reload::kTakenOver, choice<&Config::node, &Config::Node::role>(kRoles)},
    {"node.external_addresses",
     "Public addresses under which the world reaches this node, where they are not its own, as "
     "behind the address mapping of a cloud provider.",
     Reload::kTakenOver, Addresses{field<&Config::node, &Config::Node::external_addresses>()}},

    {"tls.certificate",
     "PEM file of the certificate and its chain; read again when it changes. Empty: the node makes "
     "its own, which programs do not trust by themselves.",
     Reload::kRestart, Path{field<&Config::tls, &Config::Tls::certificate>()}},
    {"tls.key", "PEM file of the certificate's private key; read again when it changes.",
     Reload::kRestart, Path{field<&Config::tls, &Config::Tls::key>()}},

    {"donate.bandwidth", "Bytes sent per second at most, headers included. 0: no limit.",
     Reload::kTakenOver,
     Rate{field<&Config::donate, &Config::Donate::bandwidth_bytes_per_second>(), kTebi}},
    {"donate.monthly",
     "Bytes sent per calendar month (UTC) at most, headers included; after that the node answers "
     "that it is full. 0: no limit.",
     Reload::kTakenOver,
     Size{field<&Config::donate, &Config::Donate::monthly_bytes>(), 0, kMonthlyMax}},
    {"donate.memory",
     "Memory that others can make the node use at most. donate.connections and admission.prefixes "
     "have to fit into it.",
     Reload::kTakenOver,
     Size{field<&Config::donate, &Config::Donate::memory_bytes>(), kMebi, kTebi}},
    {"donate.disk", "Disk space that others can make the node use at most.", Reload::kTakenOver,
     Size{field<&Config::donate, &Config::Donate::disk_bytes>(), 0, 1024 * kTebi}},
    {"donate.connections",
     "TCP and TLS connections at a time, of all peers together. Each may take 64 KiB of "
     "donate.memory.",
     Reload::kUpToStart,
     Count{field<&Config::donate, &Config::Donate::connections>(), 1, 1'000'000}},

    {"admission.packets_per_second_per_prefix",
     "Packets per second that one network prefix (/24 of IPv4, /56 of IPv6) may send without an "
     "established flow; more are dropped unread. 0: no limit.",
     Reload::kTakenOver,
     Count{field<&Config::admission, &Config::Admission::packets_per_second_per_prefix>(), 0,
           1'000'000}},
    {"admission.connections_per_prefix",
     "TCP and TLS connections at a time that one network prefix may have.", Reload::kTakenOver,
     Count{field<&Config::admission, &Config::Admission::connections_per_prefix>(), 1, 1'000'000}},
    {"admission.prefixes",
     "How many network prefixes are told apart at a time. Each takes some tens of bytes of "
     "donate.memory.",
     Reload::kRestart,
     Count{field<&Config::admission, &Config::Admission::prefixes>(), 4, 16'777'216}},

    {"stun.enabled", "Tell others which address and port they are seen from (STUN).",
     Reload::kTakenOver, Flag{field<&Config::stun, &Config::Stun::enabled>()}},
    {"stun.classic", "Answer programs that speak the old STUN of RFC 3489 too.", Reload::kRestart,
     Flag{field<&Config::stun, &Config::Stun::classic>()}},
    {"stun.software",
     "What replies say in their SOFTWARE attribute. Empty: they have none, and are smaller.",
     Reload::kRestart, Text{field<&Config::stun, &Config::Stun::software>(), 127}},
    {"stun.discovery_addresses",
     "Two local addresses of a family, to let others find out how their NAT behaves (RFC 5780). "
     "Empty: not offered.",
     Reload::kRestart, Addresses{field<&Config::stun, &Config::Stun::discovery_addresses>()}},
    {"stun.discovery_port", "The second port of NAT behaviour discovery; the first is node.port.",
     Reload::kRestart, Port{field<&Config::stun, &Config::Stun::discovery_port>(), 1}},

    {"metrics.listen",
     "Where the status page, health checks and metrics are served: a loopback address and port, or "
     "\"unix:\" and the path of a socket. Empty: nowhere.",
     Reload::kRestart, AdminEndpoint{}},
    {"metrics.allow_public",
     "Let metrics.listen be an address that other machines can reach. There is no password, so a "
     "firewall has to guard it.",
     Reload::kRestart, Flag{field<&Config::metrics, &Config::Metrics::allow_public>()}},

    {"log.level", "The least important lines to log. Only debug names addresses of peers.",
     Reload::kTakenOver, choice<&Config::log, &Config::Log::level>(kLevels)},
    {"log.format",
     "human: with time and level. journal: with the priorities that the systemd journal reads. "
     "auto: "
     "journal where it reads, else human.",
     Reload::kTakenOver, choice<&Config::log, &Config::Log::format>(kFormats)},
    {"log.lines_per_second",
     "Lines logged per second at most; those beyond it are counted and summed up in one.",
     Reload::kTakenOver, Count{field<&Config::log, &Config::Log::lines_per_second>(), 1, 10'000}},
};

}  // namespace

std::string_view reload_note(Reload reload) {
  switch (reload) {
    case Reload::kTakenOver: return "";
    case Reload::kUpToStart: return "More than at start needs a restart.";
    case Reload::kRestart: return "Another value needs a restart.";
  }
  return "";
}

std::span<const Option> options() {
  return kOptions;
}

const Option* find_option(std::string_view full_name) {
  const auto* const found =
      std::find_if(std::begin(kOptions), std::end(kOptions),
                   [&](const Option& option) { return option.full_name == full_name; });
  return found == std::end(kOptions) ? nullptr : found;
}

std::vector<std::string_view> section_names() {
  std::vector<std::string_view> names;
  for (const Option& option : kOptions) {
    if (names.empty() || names.back() != option.section()) names.push_back(option.section());
  }
  return names;
}

}  // namespace roost::app
