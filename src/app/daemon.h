// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/grant_keeper.h"
#include "app/log.h"
#include "app/month_keeper.h"
#include "app/node_pages.h"
#include "app/open_sockets.h"
#include "app/supervisor.h"
#include "base/crypto_sign.h"
#include "base/result.h"
#include "io/address_watcher.h"
#include "io/admin_server.h"
#include "io/disk_thread.h"
#include "io/driver.h"
#include "io/dtls_server.h"
#include "io/event_loop.h"
#include "io/name_resolver.h"
#include "io/os_random.h"
#include "io/state_dir.h"
#include "io/stream_server.h"
#include "io/tls.h"
#include "node/node.h"

namespace roost::app {

// The daemon put together: state directory, sockets, node, driver, stream and DTLS servers, admin
// listener.
//
//   start() --run()--> serving --SIGTERM, SIGINT--> keeping what it knows --> stopped
//                      serving --SIGHUP--> serving, with what could be reloaded
//                      serving --an address comes or goes--> serving, with those there are
//
// Binding and reading the owner's certificate come first, as whoever started us; then privileges
// are dropped; whatever listens to strangers begins after that.
class Daemon {
 public:
  // What start() has collected when nothing can fail any more.
  struct Parts {
    node::Config config;
    std::optional<std::string> config_path;
    io::StateDir state_dir;
    OpenSockets sockets;
    io::TlsContext tls;
    SigningKey key;
    std::unique_ptr<node::Store> store;  // None without an engine.
    bool finds_relay_addresses;          // The owner names none.
  };

  // Ready to run, or a sentence for the operator. `config` is complete: its state_dir is not empty.
  // `config_path` is what SIGHUP loads again. `log` and `supervisor` must outlive the daemon.
  static Result<std::unique_ptr<Daemon>, std::string> start(node::Config config,
                                                            std::optional<std::string> config_path,
                                                            StderrLog& log, Supervisor& supervisor);

  Daemon(Parts parts, StderrLog& log, Supervisor& supervisor);

  // Serves until told to stop.
  void run();

 private:
  // How often renewed certificates are looked for, and the file with the month's count.
  static constexpr Duration kHousekeepingPeriod = std::chrono::minutes(1);
  // Of the second within which it stops. The rest is for the disk to end what it has begun.
  static constexpr Duration kKeepForMax = std::chrono::milliseconds(500);

  void announce() const;
  void reload();
  void keep_house();
  void watch_addresses();
  // Tells the node and the log, if the interfaces have other addresses than last time.
  void look_at_addresses();
  void stop(std::string_view why);
  void end();
  std::string status_line() const;

  StderrLog& log_;
  Supervisor& supervisor_;
  const node::Config config_at_start_;
  node::Config config_;
  std::optional<std::string> config_path_;
  io::StateDir state_dir_;
  io::TlsContext tls_;
  SigningKey key_;
  bool finds_relay_addresses_;
  io::OsRandom random_;
  MonoTime started_at_;
  std::vector<Endpoint> udp_endpoints_;
  std::vector<Endpoint> tcp_endpoints_;
  io::EventLoop loop_;
  node::Node node_;
  MonthKeeper month_keeper_;
  io::RelaySockets relays_;
  io::NameResolver resolver_;
  io::Driver driver_;
  GrantKeeper grant_keeper_;
  io::StreamServer streams_;
  io::DtlsServer dtls_;
  io::PeerConnections peers_;
  NodePages pages_;
  std::optional<io::DiskThread> disk_;
  std::optional<io::AdminServer> admin_;
  std::optional<io::AddressWatcher> address_watcher_;  // Empty where a sandbox forbids it.
  std::vector<io::EventLoop::Watch> watches_;
  bool is_stopping_ = false;
};

}  // namespace roost::app
