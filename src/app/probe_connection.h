// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/stun_uri.h"
#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/result.h"
#include "base/time.h"
#include "io/file_descriptor.h"

namespace roost::app {

// A client's connection to a STUN server, for the operator's probe: UDP, TCP, or TLS without a
// check of the certificate (a Roost node's is self-signed; the probe asks for an address, not for
// trust). Blocks; every call ends by its deadline.
class ProbeConnection {
 public:
  // Tries the addresses of the host in the resolver's order.
  static Result<ProbeConnection, std::string> open(const StunUri& uri, MonoTime deadline);
  ProbeConnection(ProbeConnection&&) noexcept;
  ~ProbeConnection();

  const Endpoint& remote() const { return remote_; }
  // To be polled: receive() with a time that has passed takes what has come in.
  int descriptor() const { return fd_.get(); }

  Result<Done, std::string> send(Bytes message);
  // The next whole message; empty when `until` has come first.
  Result<std::vector<uint8_t>, std::string> receive(MonoTime until);

 private:
  struct Tls;

  ProbeConnection(StunUri::Transport transport, io::FileDescriptor fd, const Endpoint& remote);
  Result<Done, std::string> shake_hands(MonoTime deadline);
  // Bytes read; 0 when nothing came by `until`; -1 on an error or the end.
  ssize_t read_some(MutableBytes into, MonoTime until);

  StunUri::Transport transport_;
  io::FileDescriptor fd_;
  Endpoint remote_;
  std::unique_ptr<Tls> tls_;
  std::vector<uint8_t> buffered_;  // Of a stream: what is not yet a whole message.
};

}  // namespace roost::app
