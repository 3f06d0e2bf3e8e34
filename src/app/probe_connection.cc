// SPDX-License-Identifier: MIT
#include "app/probe_connection.h"

#include <algorithm>
#include <cstring>
#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include "io/clock.h"
#include "io/socket_address.h"
#include "node/stream_framing.h"

namespace roost::app {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

int milliseconds_until(MonoTime deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - io::read_clocks().mono);
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 3'600'000));
}

// Whether the socket became readable (writable) in time.
bool wait_for(int fd, short what, MonoTime deadline) {
  pollfd poll_for{fd, what, 0};
  return poll(&poll_for, 1, milliseconds_until(deadline)) > 0;
}

// An empty descriptor, with errno set, if it does not connect in time.
io::FileDescriptor connect_to(const addrinfo& address, MonoTime deadline) {
  io::FileDescriptor fd(
      socket(address.ai_family, address.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return fd;
  if (connect(fd.get(), address.ai_addr, address.ai_addrlen) == 0) return fd;
  if (errno != EINPROGRESS) return {};
  if (!wait_for(fd.get(), POLLOUT, deadline)) {
    errno = ETIMEDOUT;
    return {};
  }
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error == 0) return fd;
  errno = error;
  return {};
}

}  // namespace

struct ProbeConnection::Tls {
  struct FreeContext {
    void operator()(SSL_CTX* owned) const { SSL_CTX_free(owned); }
  };
  struct FreeSession {
    void operator()(SSL* owned) const { SSL_free(owned); }
  };
  std::unique_ptr<SSL_CTX, FreeContext> context{SSL_CTX_new(TLS_client_method())};
  std::unique_ptr<SSL, FreeSession> session;
};

Result<ProbeConnection, std::string> ProbeConnection::open(const StunUri& uri, MonoTime deadline) {
  addrinfo hints{};
  hints.ai_socktype = uri.transport == StunUri::Transport::kUdp ? SOCK_DGRAM : SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(uri.host.c_str(), std::to_string(uri.port).c_str(), &hints, &found);
  if (error != 0) return Failure("cannot resolve " + uri.host + ": " + gai_strerror(error));
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(found);

  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    io::FileDescriptor fd = connect_to(*address, deadline);
    if (!fd.is_open()) continue;
    sockaddr_storage storage{};
    std::memcpy(&storage, address->ai_addr, address->ai_addrlen);
    ProbeConnection connection(uri.transport, std::move(fd),
                               io::from_sockaddr(storage).value_or(Endpoint{}));
    if (uri.transport == StunUri::Transport::kTls) {
      const auto shaken = connection.shake_hands(deadline);
      if (!shaken) return Failure(shaken.error());
    }
    return connection;
  }
  return Failure("cannot connect to " + uri.text() + ": " + std::strerror(errno));
}

ProbeConnection::ProbeConnection(StunUri::Transport transport, io::FileDescriptor fd,
                                 const Endpoint& remote)
    : transport_(transport), fd_(std::move(fd)), remote_(remote) {}

ProbeConnection::ProbeConnection(ProbeConnection&&) noexcept = default;

ProbeConnection::~ProbeConnection() = default;

Result<Done, std::string> ProbeConnection::shake_hands(MonoTime deadline) {
  tls_ = std::make_unique<Tls>();
  tls_->session.reset(SSL_new(tls_->context.get()));
  SSL_set_fd(tls_->session.get(), fd_.get());
  for (;;) {
    const int result = SSL_connect(tls_->session.get());
    if (result == 1) return Done();
    const int wanted = SSL_get_error(tls_->session.get(), result);
    const bool wants_io = wanted == SSL_ERROR_WANT_READ || wanted == SSL_ERROR_WANT_WRITE;
    if (!wants_io) {
      const char* const reason = ERR_reason_error_string(ERR_get_error());
      return Failure("TLS with " + remote_.text() +
                     " fails: " + (reason ? reason : "the connection was closed"));
    }
    if (!wait_for(fd_.get(), wanted == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline)) {
      return Failure("TLS with " + remote_.text() + " is not answered");
    }
  }
}

Result<Done, std::string> ProbeConnection::send(Bytes message) {
  const ssize_t sent =
      tls_ ? SSL_write(tls_->session.get(), message.data(), static_cast<int>(message.size()))
           : ::send(fd_.get(), message.data(), message.size(), MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(message.size())) return Done();
  return Failure("cannot send to " + remote_.text() + ": " + std::strerror(errno));
}

Result<std::vector<uint8_t>, std::string> ProbeConnection::receive(MonoTime until) {
  uint8_t chunk[node::kStreamMessageSizeMax];
  for (;;) {
    const node::StreamFrame frame = node::next_frame(buffered_);
    if (frame.state == node::StreamFrame::State::kBroken) {
      return Failure("what " + remote_.text() + " answers is not STUN");
    }
    if (frame.state == node::StreamFrame::State::kComplete) {
      const auto end = buffered_.begin() + static_cast<ptrdiff_t>(frame.size);
      std::vector<uint8_t> message(buffered_.begin(), end);
      buffered_.erase(buffered_.begin(), end);
      return message;
    }
    const ssize_t count = read_some(chunk, until);
    if (count == 0) return std::vector<uint8_t>();
    if (count < 0) {
      return Failure(errno == ECONNREFUSED
                         ? "nobody listens at " + remote_.text()
                         : remote_.text() + " closes the connection without an answer");
    }
    // A datagram is a message by itself, whatever it holds.
    if (transport_ == StunUri::Transport::kUdp) return std::vector<uint8_t>(chunk, chunk + count);
    buffered_.insert(buffered_.end(), chunk, chunk + count);
  }
}

ssize_t ProbeConnection::read_some(MutableBytes into, MonoTime until) {
  for (;;) {
    if (tls_) {
      const int count = SSL_read(tls_->session.get(), into.data(), static_cast<int>(into.size()));
      if (count > 0) return count;
      if (SSL_get_error(tls_->session.get(), count) != SSL_ERROR_WANT_READ) return -1;
    } else {
      const ssize_t count = recv(fd_.get(), into.data(), into.size(), 0);
      if (count > 0) return count;
      if (count == 0 && transport_ == StunUri::Transport::kUdp) continue;  // An empty datagram.
      if (count == 0) errno = ECONNRESET;
      if (count == 0 || errno != EAGAIN) return -1;
    }
    if (!wait_for(fd_.get(), POLLIN, until)) return 0;
  }
}

}  // namespace roost::app
