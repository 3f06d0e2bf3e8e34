// SPDX-License-Identifier: MIT
#include "sim/trace.h"

#include "base/text.h"

namespace roost::sim {

std::string_view label(TraceKind kind) {
  switch (kind) {
    case TraceKind::kDatagram: return "datagram";
    case TraceKind::kOpen: return "open";
    case TraceKind::kData: return "data";
    case TraceKind::kEnd: return "end";
    case TraceKind::kWindow: return "window";
    case TraceKind::kCrash: return "crash";
    case TraceKind::kRestart: return "restart";
    case TraceKind::kReload: return "reload";
    case TraceKind::kClock: return "clock";
    case TraceKind::kSplit: return "split";
    case TraceKind::kReboot: return "reboot";
    case TraceKind::kHeal: return "heal";
  }
  return "";
}

std::string text(const TraceEvent& event) {
  constexpr int64_t kMillion = 1'000'000;
  constexpr size_t kBytesShownMax = 32;
  const int64_t at_us = event.at.time_since_epoch().count();
  std::string fraction = std::to_string(at_us % kMillion);
  fraction.insert(0, 6 - fraction.size(), '0');
  std::string line = std::to_string(at_us / kMillion) + '.' + fraction + ' ';
  line.append(label(event.kind));
  if (event.from != Endpoint()) line += ' ' + event.from.text();
  if (event.to != Endpoint()) line += " > " + event.to.text();
  if (!event.bytes.empty()) {
    const bool is_long = event.bytes.size() > kBytesShownMax;
    line += ' ' + std::to_string(event.bytes.size()) + " bytes ";
    line += to_hex(is_long ? event.bytes.first(kBytesShownMax) : event.bytes);
    if (is_long) line += "...";
  }
  return line;
}

void Trace::add(const TraceEvent& event) {
  ++event_count_;
  mix(static_cast<uint64_t>(event.at.time_since_epoch().count()));
  mix(static_cast<uint64_t>(event.kind) << 32 | event.bytes.size());
  mix(event.from);
  mix(event.to);
  Bytes rest = event.bytes;
  for (; rest.size() >= 8; rest = rest.subspan(8)) mix(load_u64(rest.data()));
  for (const uint8_t byte : rest) mix(byte);
  if (listener_) listener_(event);
}

void Trace::mix(const Endpoint& endpoint) {
  mix(endpoint.address.high());
  mix(endpoint.address.low());
  mix(endpoint.port);
}

void Trace::mix(uint64_t word) {
  uint64_t mixed = (hash_ ^ word) + 0x9e3779b97f4a7c15;  // splitmix64.
  mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
  hash_ = mixed ^ mixed >> 31;
}

}  // namespace roost::sim
