// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "io/file_descriptor.h"

namespace roost::app {

// The service manager, systemd or whatever speaks its protocol (sd_notify(3), sd_listen_fds(3),
// sd_watchdog_enabled(3)). Without one each call does nothing.
//
// The protocol is a datagram and some environment variables, documented as stable, and systemd
// itself advises to speak it directly where the library is not wanted: libsystemd would bring seven
// more libraries and a megabyte of resident memory into every node, and routers do not have it.
class Supervisor {
 public:
  Supervisor();

  // The sockets that it has bound for us, non-blocking and close-on-exec. Only the first call gets
  // them.
  std::vector<io::FileDescriptor> take_sockets();

  void ready(const std::string& status);
  void reloading();
  void stopping();

  // How often feed_watchdog() must be called at least; empty when nobody watches.
  std::optional<std::chrono::microseconds> watchdog_timeout() const { return watchdog_timeout_; }
  void feed_watchdog();

 private:
  void notify(const std::string& state) const;

  std::string socket_path_;
  std::optional<std::chrono::microseconds> watchdog_timeout_;
};

}  // namespace roost::app
