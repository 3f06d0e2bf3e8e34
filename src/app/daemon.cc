// SPDX-License-Identifier: MIT
#include "app/daemon.h"

#include <algorithm>
#include <signal.h>
#include <sys/resource.h>
#include <utility>

#include "app/config_file.h"
#include "app/privileges.h"
#include "app/quantity.h"
#include "app/reload_diff.h"
#include "app/store_opening.h"
#include "base/text.h"
#include "io/clock.h"
#include "io/machine_addresses.h"

namespace roost::app {
namespace {

std::string joined(const std::vector<std::string_view>& words) {
  std::string text;
  for (const std::string_view word : words) text.append(text.empty() ? "" : ", ").append(word);
  return text;
}

std::string joined(const std::vector<Endpoint>& endpoints) {
  std::string text;
  for (const Endpoint& endpoint : endpoints) {
    text.append(text.empty() ? "" : ", ").append(endpoint.text());
  }
  return text;
}

std::string admin_address(const node::Config::Metrics& metrics) {
  if (!metrics.listen_path.empty()) return "unix:" + metrics.listen_path;
  return metrics.listen ? "http://" + metrics.listen->text() + '/' : std::string();
}

// Each relayed address and each connection is a descriptor; the soft limit of 1,024 is there for
// programs that use select().
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// What the interfaces say, into what the relay is told.
void take_addresses(const std::vector<io::InterfaceAddress>& interfaces, bool finds_relay_addresses,
                    node::Config::Relay& relay) {
  relay.machine_addresses.clear();
  for (const io::InterfaceAddress& one : interfaces) {
    relay.machine_addresses.push_back(one.address);
  }
  relay.machine_networks = io::networks(interfaces);
  if (finds_relay_addresses) relay.addresses = io::public_addresses(interfaces, relay.addresses);
}

// The order in which the kernel tells of them means nothing.
template <typename Item>
bool are_alike(const std::vector<Item>& one, const std::vector<Item>& other) {
  return std::is_permutation(one.begin(), one.end(), other.begin(), other.end());
}

bool differ(const node::Config::Relay& one, const node::Config::Relay& other) {
  return one.addresses != other.addresses ||
         !are_alike(one.machine_addresses, other.machine_addresses) ||
         !are_alike(one.machine_networks, other.machine_networks);
}

std::vector<IpAddress> missing_in(const std::vector<IpAddress>& some,
                                  const std::vector<IpAddress>& of) {
  std::vector<IpAddress> missing;
  for (const IpAddress& address : of) {
    if (std::find(some.begin(), some.end(), address) == some.end()) missing.push_back(address);
  }
  return missing;
}

// "; new: 1.2.3.4, 1.2.3.5 and 7 more", or nothing.
std::string listed(std::string_view what, const std::vector<IpAddress>& addresses) {
  constexpr size_t kNamedMax = 4;
  std::string text;
  for (size_t i = 0; i < std::min(addresses.size(), kNamedMax); ++i) {
    text.append(i == 0 ? what : ", ").append(addresses[i].text());
  }
  if (addresses.size() > kNamedMax) {
    text += " and " + std::to_string(addresses.size() - kNamedMax) + " more";
  }
  return text;
}

}  // namespace

Result<std::unique_ptr<Daemon>, std::string> Daemon::start(node::Config config,
                                                           std::optional<std::string> config_path,
                                                           StderrLog& log, Supervisor& supervisor) {
  // A peer that closes its connection is told by an error, not by a signal.
  signal(SIGPIPE, SIG_IGN);
  auto account = account_to_become();
  if (!account) return Failure(account.error());
  std::optional<io::StateDir::Owner> owner;
  if (*account) owner = {(*account)->uid, (*account)->gid};
  auto state_dir = io::StateDir::open(config.node.state_dir, owner);
  if (!state_dir) return Failure(state_dir.error());

  std::vector<std::string> notes;
  auto sockets = open_sockets(config, supervisor, notes);
  if (!sockets) return Failure(sockets.error());
  for (const std::string& note : notes) log.info(note);
  const bool finds_relay_addresses = config.relay.addresses.empty();
  const auto interfaces = io::interface_addresses();
  if (interfaces) {
    take_addresses(*interfaces, finds_relay_addresses, config.relay);
  } else if (config.relay.enabled) {
    // It would relay to the machine itself and to its neighbours.
    return Failure("cannot find out the machine's addresses, to which nothing must be relayed: " +
                   interfaces.error() +
                   "; let it use AF_NETLINK sockets, or set relay.enabled = false");
  }
  raise_descriptor_limit();
  // From here on the port is the one that was bound, whoever chose it.
  config.node.port = sockets->udp.front().local().port;
  if (const auto missing = node::find_missing_socket(config, sockets->udp_endpoints())) {
    return Failure("stun.discovery_addresses needs a UDP socket at " + missing->text() +
                   ", and there is none");
  }
  // The owner's certificate may be readable by root only, so it is read before the drop; one of our
  // own belongs to whom we become.
  std::optional<io::TlsContext> tls;
  if (!config.tls.certificate.empty()) {
    auto loaded = io::TlsContext::from_files(config.tls.certificate, config.tls.key);
    if (!loaded) return Failure(loaded.error());
    tls = std::move(*loaded);
  }
  if (*account) {
    const auto dropped = drop_privileges(**account);
    if (!dropped) return Failure(dropped.error());
    log.info("started as root, running as " + (*account)->name);
  }
  io::OsRandom random;
  const auto seed = state_dir->load_or_make_seed(random);
  if (!seed) return Failure(seed.error());
  if (!tls) {
    auto made = io::TlsContext::self_signed(*state_dir, io::read_clocks().wall);
    if (!made) return Failure(made.error());
    tls = std::move(*made);
  }

  auto store = open_store(config.store.engine, *state_dir, log);
  if (!store) return Failure(store.error());

  return std::make_unique<Daemon>(
      Parts{std::move(config), std::move(config_path), std::move(*state_dir), std::move(*sockets),
            std::move(*tls), SigningKey(*seed), std::move(*store), finds_relay_addresses},
      log, supervisor);
}

Daemon::Daemon(Parts parts, StderrLog& log, Supervisor& supervisor)
    : log_(log),
      supervisor_(supervisor),
      config_at_start_(parts.config),
      config_(parts.config),
      config_path_(std::move(parts.config_path)),
      state_dir_(std::move(parts.state_dir)),
      tls_(std::move(parts.tls)),
      key_(std::move(parts.key)),
      finds_relay_addresses_(parts.finds_relay_addresses),
      started_at_(io::read_clocks().mono),
      udp_endpoints_(parts.sockets.udp_endpoints()),
      tcp_endpoints_(parts.sockets.tcp_endpoints()),
      node_(config_, udp_endpoints_, key_, random_, io::read_clocks()),
      month_keeper_(state_dir_, node_.budget(), log_, started_at_),
      relays_(loop_, random_,
              {.count_max = 2 * config_.relay.allocations,
               .port_min = config_.relay.port_min,
               .port_max = config_.relay.port_max}),
      resolver_(loop_),
      driver_(loop_, node_, std::move(parts.sockets.udp), log_, relays_),
      grant_keeper_(loop_, state_dir_, node_, log_, started_at_,
                    [this] { driver_.end_what_is_due(); }),
      streams_(loop_, tls_, {.limits = {}, .stream_count_max = config_.donate.connections + 1},
               [this](const core::Input& input) { driver_.turn(input); }),
      dtls_(loop_, tls_, driver_.writer(), random_,
            {.limits = {}, .association_count_max = config_.donate.connections},
            [this](const core::Input& input) { driver_.turn(input); }),
      peers_(loop_, random_,
             {.relay_count_max = 2 * config_.relay.allocations,
              .connection_count_max = config_.relay.connections,
              .port_min = config_.relay.port_min,
              .port_max = config_.relay.port_max},
             [this](const core::Input& input) { driver_.turn(input); }),
      pages_(node_, driver_, streams_, month_keeper_, grant_keeper_, udp_endpoints_, tcp_endpoints_,
             started_at_) {
  month_keeper_.restore();
  node_.budget().turn(io::read_clocks());
  if (parts.store) {  // Before anything may make the node take a step: it begins with its store.
    disk_.emplace(loop_, std::move(parts.store));
    driver_.set_disk(&*disk_);
  }
  driver_.set_keep_count([this] { month_keeper_.cover(); });
  driver_.set_resolver([this](io::Driver::NamesCallback callback) {
    std::vector<io::NameResolver::Name> names;
    for (const auto& name : config_.dht.bootstrap) names.push_back({name.host, name.port});
    resolver_.resolve(names, std::move(callback));
  });
  driver_.set_streams(&streams_);
  driver_.set_dtls(&dtls_);
  driver_.set_peers(&peers_);
  grant_keeper_.load(io::read_clocks());
  for (io::FileDescriptor& fd : parts.sockets.tcp) streams_.listen(std::move(fd));
  if (parts.sockets.admin.is_open()) {
    admin_.emplace(loop_, std::move(parts.sockets.admin), pages_);
  }
}

void Daemon::run() {
  watches_.push_back(loop_.watch_signal(SIGTERM, [this] { stop("SIGTERM"); }));
  watches_.push_back(loop_.watch_signal(SIGINT, [this] { stop("SIGINT"); }));
  watches_.push_back(loop_.watch_signal(SIGHUP, [this] { reload(); }));
  watches_.push_back(loop_.every(kHousekeepingPeriod, [this] { keep_house(); }));
  if (const auto timeout = supervisor_.watchdog_timeout()) {
    // Twice in the time that we are given, as sd_watchdog_enabled(3) recommends.
    watches_.push_back(loop_.every(*timeout / 2, [this] { supervisor_.feed_watchdog(); }));
  }
  driver_.start();
  announce();
  watch_addresses();
  supervisor_.ready(status_line());
  loop_.run();
  if (disk_) disk_->finish();
  if (node_.is_keeping()) {
    log_.info("no time was left to keep all that is known of the DHT: what was kept before counts");
  }
  month_keeper_.save_at_stop();
  grant_keeper_.save_at_stop();
}

void Daemon::announce() const {
  log_.info("roost " ROOST_VERSION ", node " + to_z_base32(key_.public_key()) + ", state in " +
            state_dir_.path());
  log_.info("serving " + status_line() + "; udp " + joined(udp_endpoints_) +
            "; tcp, tls and http " + joined(tcp_endpoints_));
  std::string plan;
  for (const node::MemoryUse& use : node::memory_plan(config_)) {
    plan.append(plan.empty() ? "" : ", ").append(use.what).append(" ").append(size_text(use.bytes));
  }
  log_.info("memory for strangers at most " +
            size_text(node::total_bytes(node::memory_plan(config_))) + " (" + plan + ")");
  const std::string admin = admin_address(config_.metrics);
  log_.info(admin.empty() ? "no admin listener: metrics.listen is empty"
                          : "status: roost status, or " + admin);
}

std::string Daemon::status_line() const {
  std::vector<std::string_view> services;
  if (config_.stun.enabled) {
    const bool discovers = !config_.stun.discovery_addresses.empty();
    services.push_back(discovers ? "stun with nat discovery" : "stun");
  }
  if (config_.relay.enabled) services.push_back("turn");
  if (config_.dht.enabled) services.push_back("dht");
  return services.empty() ? "nothing: stun.enabled, relay.enabled and dht.enabled are false"
                          : joined(services);
}

void Daemon::reload() {
  supervisor_.reloading();
  const auto file = load_config(config_path_);
  if (!file) {
    log_.error("the configuration has problems, so the old one stays in force:");
    for (const ConfigProblem& problem : file.error()) log_.error(line_of(problem));
  } else {
    node::Config next = file->config;
    // What was decided at the start, outside the file, is no change of it.
    next.node.state_dir = config_at_start_.node.state_dir;
    finds_relay_addresses_ = next.relay.addresses.empty();
    if (finds_relay_addresses_) next.relay.addresses = config_.relay.addresses;
    next.relay.machine_addresses = config_.relay.machine_addresses;
    next.relay.machine_networks = config_.relay.machine_networks;
    if (next.node.port == 0) next.node.port = config_at_start_.node.port;
    const ReloadDiff diff = diff_for_reload(config_at_start_, config_, next);
    config_ = diff.effective;
    node_.reload(config_, io::read_clocks());
    driver_.end_what_is_due();
    grant_keeper_.load(io::read_clocks());
    log_.reload(config_.log);
    log_.info("reloaded; taken over: " +
              (diff.taken_over.empty() ? "nothing changed" : joined(diff.taken_over)));
    if (!diff.need_restart.empty()) {
      log_.warn("need a restart: " + joined(diff.need_restart));
    }
  }
  look_at_addresses();
  const auto certificate = tls_.reload();
  if (!certificate) log_.error("the old certificate stays in use: " + certificate.error());
  supervisor_.ready(status_line());
}

void Daemon::watch_addresses() {
  auto socket = io::AddressWatcher::open();
  if (socket) {
    address_watcher_.emplace(loop_, std::move(*socket), [this] { look_at_addresses(); });
  } else if (config_.relay.enabled) {
    log_.warn("that the machine's addresses change is noticed a minute late: cannot watch them: " +
              socket.error());
  }
  look_at_addresses();  // What has changed since the start.
}

void Daemon::look_at_addresses() {
  const auto interfaces = io::interface_addresses();
  if (!interfaces) return;  // No descriptor left: the next change or reload will tell.
  node::Config::Relay found = config_.relay;
  take_addresses(*interfaces, finds_relay_addresses_, found);
  if (!differ(found, config_.relay)) return;
  log_.info(
      "the machine's addresses have changed" +
      listed("; new: ", missing_in(config_.relay.machine_addresses, found.machine_addresses)) +
      listed("; gone: ", missing_in(found.machine_addresses, config_.relay.machine_addresses)) +
      listed("; relayed addresses at ", found.addresses));
  config_.relay = std::move(found);
  node_.readdress(config_.relay, io::read_clocks());
  // What is allocated at an address that is gone ends before anything else is done with it.
  driver_.end_what_is_due();
}

void Daemon::keep_house() {
  const Now now = io::read_clocks();
  node_.budget().turn(now);  // Pages tell of this month even if nothing comes in.
  month_keeper_.keep_house(now.mono);
  grant_keeper_.keep_house(now);
  if (!address_watcher_) look_at_addresses();
  const auto certificate = tls_.reload_if_changed();
  if (!certificate) {
    log_.error("the old certificate stays in use: " + certificate.error());
  } else if (*certificate) {
    log_.info("took up the renewed certificate " + config_.tls.certificate);
  }
}

void Daemon::stop(std::string_view why) {
  if (is_stopping_) return end();  // Whoever asks twice is in a hurry.
  is_stopping_ = true;
  log_.info("stopping on " + std::string(why));
  supervisor_.stopping();
  pages_.set_serving(false);
  driver_.keep_now(kKeepForMax, [this] { end(); });
}

void Daemon::end() {
  streams_.stop();
  dtls_.stop();
  loop_.stop();
}

}  // namespace roost::app
