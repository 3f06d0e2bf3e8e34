// SPDX-License-Identifier: MIT
//
// Goal: two runs that differ in anything end in different hashes.
// Method: one event, and the same with one field changed each time.
#include "sim/trace.h"

#include <gtest/gtest.h>
#include <numeric>
#include <set>
#include <vector>

namespace roost::sim {
namespace {

using namespace std::chrono_literals;

constexpr Endpoint kFrom{IpAddress::v4(0x0b000001), 5000};
constexpr Endpoint kTo{{0x2a00'0000'0000'0000, 1}, 3478};

std::vector<uint8_t> numbered(size_t size) {
  std::vector<uint8_t> bytes(size);
  std::iota(bytes.begin(), bytes.end(), uint8_t{1});
  return bytes;
}

uint64_t hash_of(const std::vector<TraceEvent>& events) {
  Trace trace;
  for (const TraceEvent& event : events) trace.add(event);
  EXPECT_EQ(trace.event_count(), events.size());
  return trace.hash();
}

TEST(Trace, HashesTheSameEventsToTheSame) {
  const auto bytes = numbered(11);
  const std::vector<TraceEvent> events = {{MonoTime(1s), TraceKind::kDatagram, kFrom, kTo, bytes},
                                          {MonoTime(2s), TraceKind::kHeal, {}, {}, {}}};
  EXPECT_EQ(hash_of(events), hash_of(events));
}

TEST(Trace, HashesEachFieldOfAnEvent) {
  const auto bytes = numbered(11);
  const TraceEvent event{MonoTime(1s), TraceKind::kDatagram, kFrom, kTo, bytes};
  std::vector<TraceEvent> others(10, event);
  others[0].at += 1us;
  others[1].kind = TraceKind::kData;
  others[2].from.port ^= 1;
  others[3].from.address = IpAddress::v4(0x0b000002);
  others[4].from.address = {1, kFrom.address.low()};
  others[5].to.port ^= 1;
  others[6].to.address = {kTo.address.high(), 2};
  others[7].to.address = {kTo.address.high() + 1, 1};
  others[8].bytes = event.bytes.first(10);
  std::swap(others[9].from, others[9].to);
  std::set<uint64_t> hashes = {hash_of({}), hash_of({event}), hash_of({event, event})};
  for (const TraceEvent& other : others) hashes.insert(hash_of({other}));
  EXPECT_EQ(hashes.size(), 3 + others.size());
}

// Those of a whole word and those of the rest alike.
TEST(Trace, HashesEachByte) {
  for (const size_t size : {1u, 7u, 8u, 9u, 16u, 21u}) {
    auto bytes = numbered(size);
    std::set<uint64_t> hashes;
    for (size_t i = 0; i < size; ++i) {
      bytes[i] ^= 0x80;
      hashes.insert(hash_of({{MonoTime(), TraceKind::kDatagram, kFrom, kTo, bytes}}));
      bytes[i] ^= 0x80;
    }
    hashes.insert(hash_of({{MonoTime(), TraceKind::kDatagram, kFrom, kTo, bytes}}));
    EXPECT_EQ(hashes.size(), size + 1);
  }
}

TEST(Trace, HashesTheOrderOfEvents) {
  const TraceEvent crash{MonoTime(1s), TraceKind::kCrash, {}, {}, {}};
  const TraceEvent split{MonoTime(1s), TraceKind::kSplit, {}, {}, {}};
  EXPECT_NE(hash_of({crash, split}), hash_of({split, crash}));
}

TEST(Trace, TellsItsListenerEachEvent) {
  Trace trace;
  trace.add({MonoTime(1s), TraceKind::kSplit, {}, {}, {}});
  std::vector<TraceKind> told;
  trace.set_listener([&](const TraceEvent& event) { told.push_back(event.kind); });
  trace.add({MonoTime(2s), TraceKind::kClock, {}, {}, {}});
  trace.add({MonoTime(3s), TraceKind::kHeal, {}, {}, {}});
  EXPECT_EQ(told, (std::vector{TraceKind::kClock, TraceKind::kHeal}));
  EXPECT_EQ(trace.event_count(), 3u);
}

TEST(Trace, IsReadable) {
  const auto short_bytes = numbered(2);
  const auto long_bytes = numbered(33);
  struct Row {
    TraceEvent event;
    std::string expect;
  };
  const Row rows[] = {
      {{MonoTime(1000042us), TraceKind::kDatagram, kFrom, kTo, short_bytes},
       "1.000042 datagram 11.0.0.1:5000 > [2a00::1]:3478 2 bytes 0102"},
      {{MonoTime(0s), TraceKind::kOpen, kFrom, kTo, {}},
       "0.000000 open 11.0.0.1:5000 > [2a00::1]:3478"},
      {{MonoTime(61s), TraceKind::kReload, kFrom, {}, {}}, "61.000000 reload 11.0.0.1:5000"},
      {{MonoTime(999ms), TraceKind::kReboot, {}, {}, {}}, "0.999000 reboot"},
      {{MonoTime(1us), TraceKind::kData, {}, {}, long_bytes},
       "0.000001 data 33 bytes 0102030405060708090a0b0c0d0e0f10"
       "1112131415161718191a1b1c1d1e1f20..."},
  };
  for (const Row& row : rows) EXPECT_EQ(text(row.event), row.expect);
}

TEST(Trace, HasAWordForEachKind) {
  std::set<std::string_view> labels;
  constexpr auto kLast = static_cast<int>(TraceKind::kHeal);
  for (int kind = 0; kind <= kLast; ++kind) labels.insert(label(static_cast<TraceKind>(kind)));
  EXPECT_EQ(labels.size(), size_t{kLast} + 1);
  EXPECT_FALSE(labels.contains(""));
}

}  // namespace
}  // namespace roost::sim
