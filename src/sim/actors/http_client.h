// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "base/crypto_sign.h"
#include "sim/actors/actor.h"
#include "sim/connection.h"
#include "sim/oracles.h"
#include "sim/verdict.h"

namespace roost::sim::actors {

// An honest reader of a node's signed record: GET /v1/node, whose signature must be the node's.
class HttpClient final : public Actor {
 public:
  static constexpr Duration kPatience = std::chrono::seconds(30);

  struct Options {
    Endpoint server;
    PublicKey key;  // Whose record it must be.
    Duration period = std::chrono::seconds(20);
    std::string name = "a reader of the record";
  };

  // The oracles must outlive the client.
  HttpClient(Host& host, const Options& options, LivenessOracle& liveness, Verdict& verdict);

  void on_packet(Packet packet) override;

  // Of the last reply; 0 before the first.
  int last_status() const { return last_status_; }
  int64_t last_seq() const { return last_seq_; }  // Of the last record.
  uint64_t record_count() const { return record_count_; }

 private:
  void on_alarm() override;
  void open();
  void take(Bytes reply);
  bool check_record(Bytes body);
  void end(bool is_answered);

  Options options_;
  LivenessOracle& liveness_;
  Verdict& verdict_;
  LivenessOracle::ClientId id_;
  std::optional<Connection> connection_;
  MonoTime began_at_{};
  int last_status_ = 0;
  int64_t last_seq_ = 0;
  uint64_t record_count_ = 0;
};

}  // namespace roost::sim::actors
