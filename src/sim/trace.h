// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/time.h"

namespace roost::sim {

enum class TraceKind : uint8_t {
  kDatagram,  // Reached a host.
  kOpen,      // So did this segment of a connection.
  kData,
  kEnd,
  kWindow,
  kCrash,
  kRestart,
  kReload,
  kClock,
  kSplit,
  kReboot,  // Of a NAT, which forgets its mappings.
  kHeal,
};
std::string_view label(TraceKind kind);

struct TraceEvent {
  MonoTime at;
  TraceKind kind;
  Endpoint from;
  Endpoint to;
  Bytes bytes;
};
std::string text(const TraceEvent& event);

// What has happened in a world, as a running hash: two runs that end with the same hash were the
// same run. Not a cryptographic hash; nobody attacks it.
class Trace {
 public:
  using Listener = std::function<void(const TraceEvent&)>;

  void add(const TraceEvent& event);

  uint64_t hash() const { return hash_; }
  uint64_t event_count() const { return event_count_; }
  // Is told each event from now on.
  void set_listener(Listener listener) { listener_ = std::move(listener); }

 private:
  void mix(uint64_t word);
  void mix(const Endpoint& endpoint);

  uint64_t hash_ = 0;
  uint64_t event_count_ = 0;
  Listener listener_;
};

}  // namespace roost::sim
