// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "io/file_descriptor.h"
#include "io/tls.h"

namespace roost::io {

// A connected, non-blocking stream socket that speaks plainly or, from start_tls() on, TLS.
//
// Only the system calls and OpenSSL's rules; waits for nothing and buffers nothing of its own.
class StreamSocket {
 public:
  enum class Status : uint8_t {
    kDone,
    kWouldBlock,  // Try again when the socket is readable, or writable if wants_write().
    kEnded,       // The peer will send no more: FIN, or TLS close_notify.
    kReset,       // The connection is gone.
    kTlsBroken,   // The peer does not keep to TLS, or we have nothing in common.
  };
  struct Moved {
    Status status;
    size_t bytes = 0;  // At least 1 when kDone.
  };

  explicit StreamSocket(FileDescriptor fd) : fd_(std::move(fd)) {}

  int fd() const { return fd_.get(); }
  bool is_tls() const { return session_ != nullptr; }

  // The first byte that came in, left where it is. Requires !is_tls().
  Status peek(uint8_t& byte) const;
  void start_tls(TlsSession session) { session_ = std::move(session); }
  // To be called until it is done; only then read() and write().
  Status handshake();

  Moved read(MutableBytes into);
  // After kWouldBlock, the next call must begin with the same bytes.
  Moved write(Bytes bytes);
  // Tells the peer that nothing more will come. Reading goes on. After kWouldBlock, which only TLS
  // has, it is to be called again.
  Status shut_down_output();
  void close();

  // Whether what would block waits for room to write, although it may have been a read().
  bool wants_write() const { return wants_write_; }
  // Whether there is input that the kernel no longer knows about.
  bool has_hidden_input() const;
  // How many bytes went to the kernel since this was asked last, those of TLS itself included.
  uint64_t take_sent_bytes();

 private:
  Status explain_tls(int result);

  FileDescriptor fd_;
  TlsSession session_;  // Behind fd_, on which it works.
  bool wants_write_ = false;
  bool is_broken_ = false;  // OpenSSL must not be asked for anything any more.
  uint64_t sent_bytes_ = 0;
  uint64_t tls_sent_bytes_ = 0;  // Of those of the session, what was reported.
};

}  // namespace roost::io
