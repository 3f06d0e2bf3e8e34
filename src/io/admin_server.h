// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/action.h"
#include "io/acceptor.h"
#include "io/buffered_stream.h"
#include "io/deadline_sweep.h"
#include "io/deferred_call.h"
#include "io/event_loop.h"
#include "io/file_descriptor.h"
#include "io/http_connection.h"
#include "io/slot_table.h"

namespace roost::io {

// What the admin listener shows, composed at the moment of asking.
class AdminPages {
 public:
  virtual ~AdminPages() = default;
  virtual std::string metrics() = 0;      // Prometheus text format 0.0.4.
  virtual std::string status_json() = 0;  // One JSON object,
  virtual std::string peers_json() = 0;   // and another.
  // Sentences; none when the node serves.
  virtual std::vector<std::string> not_ready_because() = 0;
};

// Whether a Host field names this machine by number or as "localhost", with or without a port.
//
// A page on another site can make its own name point at 127.0.0.1 and then read our answers as if
// they were its own (DNS rebinding); its name in the Host field gives it away.
bool is_local_host_field(std::string_view host);

// GET and HEAD for the owner and the owner's tools, over HTTP on loopback or a UNIX socket:
//
//   /metrics   /healthz   /readyz   /status.json   /peers.json   and / which lists them
//
// Its connections are few and are not counted against the donation. No page of another site may
// read what is here: no CORS, and no foreign Host.
class AdminServer {
 public:
  struct Limits {
    // Pages are tens of kilobytes and are handed over whole.
    BufferedStream::Limits buffers = {.output_bytes_max = 1024 * 1024, .output_bytes_low = 0};
    HttpConnection::Limits http = {.request = {.body_bytes_max = 0}};
    uint32_t connection_count_max = 16;  // A scraper, a dashboard, a health check, and some spare.
    Duration tick = std::chrono::seconds(1);
  };

  // `listener` listens on loopback or at a path. `loop` and `pages` outlive the server.
  AdminServer(EventLoop& loop, FileDescriptor listener, AdminPages& pages, const Limits& limits);
  AdminServer(EventLoop& loop, FileDescriptor listener, AdminPages& pages)
      : AdminServer(loop, std::move(listener), pages, Limits()) {}
  ~AdminServer();

  // Closes the listener and all connections.
  void stop();

  size_t connection_count() const { return connections_.size(); }

 private:
  class Connection;

  void on_accept(FileDescriptor fd);
  void on_ended(uint64_t number);
  void destroy_ended();

  EventLoop& loop_;
  AdminPages& pages_;
  Limits limits_;
  bool is_on_network_;  // A UNIX socket is out of reach of any page.
  HttpConnection::Stats stats_;
  DeadlineSweep deadlines_;
  DeferredCall destroy_;
  SlotTable<Connection> connections_;
  std::vector<uint64_t> ended_;
  std::optional<Acceptor> acceptor_;  // Empty once stopped.
};

}  // namespace roost::io
