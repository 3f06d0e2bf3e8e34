// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "app/probe_connection.h"
#include "app/stun_uri.h"
#include "base/time.h"
#include "io/file_descriptor.h"
#include "node/turn_probe.h"

namespace roost::app {

// What node::TurnProbe sends and receives on: the connection to the server that it is made with, a
// second one to the same address, and a UDP socket, both opened when something is first sent there.
// What fails is told to the probe. Blocks; every call ends by its deadline.
class ProbeLines {
 public:
  // `timeout` is for the second connection.
  ProbeLines(const StunUri& uri, ProbeConnection client, Duration timeout);

  // Plays the probe to its end.
  void play(node::TurnProbe& probe);

 private:
  using Line = node::TurnProbe::Line;

  void send(const node::TurnProbe::Outgoing& outgoing, node::TurnProbe& probe);
  void send_from_peer(const node::TurnProbe::Outgoing& outgoing, node::TurnProbe& probe);
  void wait(MonoTime until) const;
  void drain(Line line, std::optional<ProbeConnection>& connection, node::TurnProbe& probe);
  void drain_peer(node::TurnProbe& probe);

  StunUri uri_;
  Duration timeout_;
  Endpoint server_;
  std::optional<ProbeConnection> client_;
  std::optional<ProbeConnection> second_;
  io::FileDescriptor peer_;
};

}  // namespace roost::app
