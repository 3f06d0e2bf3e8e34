// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/endpoint.h"
#include "sim/connection.h"
#include "sim/host.h"

namespace roost::sim::actors {

// How a client gets credentials for the relay: GET /v1/turn with a grant's token, or as a stranger,
// who works if he is asked to. One question at a time; waiting is its user's matter.
class CredentialFetch {
 public:
  // More than that is too much for a stranger here, who comes again later.
  static constexpr unsigned kEffortMax = 16;

  struct Credentials {
    std::string username;
    std::string password;
  };
  enum class Result { kNotOurs, kPending, kGiven, kRefused };

  // `host` must outlive it. Without a token: a stranger.
  CredentialFetch(Host& host, const Endpoint& server, std::string token)
      : host_(host), server_(server), token_(std::move(token)) {}

  bool is_stranger() const { return token_.empty(); }
  void begin();
  void cancel();
  Result take(const Packet& packet);
  // The last ones that were given.
  const Credentials& credentials() const { return credentials_; }
  int last_status() const { return last_status_; }
  unsigned solved_count() const { return solved_count_; }

 private:
  void ask(std::string_view work);
  Result read(std::string_view reply);

  Host& host_;
  Endpoint server_;
  std::string token_;
  std::string request_;
  std::optional<Connection> connection_;
  Credentials credentials_;
  int last_status_ = 0;
  unsigned solved_count_ = 0;
};

}  // namespace roost::sim::actors
