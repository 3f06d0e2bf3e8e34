// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/time.h"
#include "core/action.h"
#include "io/http_parser.h"
#include "io/http_request.h"

namespace roost::io {

// One connection that speaks HTTP/1.1 (RFC 9112), as a server: bytes to requests, replies to bytes.
//
//   idle --first byte--> head --> body --> replying --reply()--> idle
//   any --error, deadline, last request--> closing
//
// One request at a time: what a client pipelines behind it waits where it is. Does no I/O; the
// owner brings bytes and time and takes bytes away, so that the public port and the admin listener
// share it.
class HttpConnection {
 public:
  struct Limits {
    HttpParser::Limits request = {};
    Duration head_time_max =
        std::chrono::seconds(10);  // From its first byte, whatever trickles in.
    Duration body_time_max = std::chrono::seconds(30);   // From the end of the head: 140 bytes/s.
    Duration reply_time_max = std::chrono::seconds(60);  // A disk that is worn out is that slow.
    Duration idle_time_max = std::chrono::seconds(60);   // Longer than a poller's usual interval.
    uint32_t request_count_max = 1000;  // Then others have a chance to get the connection.
    bool allows_all_origins = false;    // CORS: any page may read what any stranger may.
  };

  enum class End : uint8_t { kFinished, kIdle, kTooSlow, kRefused };

  struct Stats {
    uint64_t requests = 0;
    std::array<uint64_t, kHttpErrorCount> refused{};
    uint64_t too_slow = 0;
    uint64_t unanswered = 0;  // A request that we did not answer in time: a fault of ours.
  };

  class Owner {
   public:
    virtual ~Owner() = default;
    // A whole request; its views are valid during the call. reply() may be called in it or later.
    virtual void on_request(const HttpRequest& request) = 0;
    virtual void on_output(Bytes bytes) = 0;
    // Whether to go on with what was pipelined; if not, take() is called again later.
    virtual bool has_room() const = 0;
  };

  // All but `limits` outlive the connection.
  HttpConnection(const Limits& limits, Owner& owner, Stats& stats, MonoTime now);

  // Reads on and returns how much of `input` it took; the rest comes again, with more behind it.
  size_t take(Bytes input, MonoTime now);

  // Answers the request; its id is not looked at. Requires is_replying().
  void reply(const core::HttpReply& reply, MonoTime now);

  bool is_replying() const { return phase_ == Phase::kReplying; }
  // Set once nothing more is to be read: close when all output is sent.
  std::optional<End> end() const { return end_; }

  std::optional<MonoTime> deadline() const { return deadline_; }
  void on_deadline(MonoTime now);

 private:
  enum class Phase : uint8_t { kIdle, kHead, kBody, kReplying, kClosing };

  void enter(Phase phase, std::optional<MonoTime> deadline);
  void read_some(Bytes input, size_t& used, MonoTime now);
  void ask(MonoTime now);
  void prepare_for_next();
  void offer_to_continue();
  void refuse(uint16_t status, End why);
  void write(const core::HttpReply& reply, bool keeps_alive);

  Limits limits_;
  Owner& owner_;
  Stats& stats_;
  HttpParser parser_;
  Phase phase_ = Phase::kIdle;
  std::optional<MonoTime> deadline_;
  std::optional<End> end_;
  uint32_t request_count_ = 0;
  bool keeps_alive_ = false;  // These two are of the request being replied to.
  bool is_head_ = false;
  bool is_asking_ = false;
  bool has_offered_to_continue_ = false;
};

}  // namespace roost::io
