// SPDX-License-Identifier: MIT
#include "io/acceptor.h"

#include <errno.h>
#include <sys/socket.h>
#include <utility>

#include "base/check.h"
#include "io/socket_address.h"

namespace roost::io {
namespace {

bool is_out_of_resources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

}  // namespace

Acceptor::Acceptor(EventLoop& loop, FileDescriptor listener, OnAccept on_accept)
    : listener_(std::move(listener)), on_accept_(std::move(on_accept)) {
  const auto on_readable = [](evutil_socket_t, short, void* self) {
    static_cast<Acceptor*>(self)->accept_some();
  };
  const auto on_pause_over = [](evutil_socket_t, short, void* self) {
    static_cast<Acceptor*>(self)->retry();
  };
  readable_.reset(event_new(loop.base(), listener_.get(), EV_READ | EV_PERSIST, on_readable, this));
  pause_over_.reset(event_new(loop.base(), -1, 0, on_pause_over, this));
  CHECK(readable_ != nullptr && pause_over_ != nullptr);
  go_on();
}

void Acceptor::retry() {
  if (!is_paused_) return;
  is_paused_ = false;
  event_del(pause_over_.get());
  go_on();
}

void Acceptor::hold() {
  is_held_ = true;
  event_del(readable_.get());
}

void Acceptor::release() {
  is_held_ = false;
  go_on();
}

void Acceptor::accept_some() {
  for (int i = 0; i < kAcceptsPerWakeUpMax && !is_held_; ++i) {
    if (!accept_one()) return;
  }
}

// Whether to try the next one.
bool Acceptor::accept_one() {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  FileDescriptor fd(accept4(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size,
                            SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (fd.is_open()) {
    on_accept_(std::move(fd), from_sockaddr(address).value_or(Endpoint{}));
    return true;
  }
  if (is_out_of_resources(errno)) {
    pause();
    return false;
  }
  // Anything but an empty backlog concerns the one connection that has failed (accept(2)).
  return errno != EAGAIN && errno != EWOULDBLOCK;
}

void Acceptor::pause() {
  is_paused_ = true;
  ++pause_count_;
  event_del(readable_.get());
  const timeval pause = {std::chrono::duration_cast<std::chrono::seconds>(kPause).count(), 0};
  CHECK(event_add(pause_over_.get(), &pause) == 0);
}

void Acceptor::go_on() {
  if (!is_held_ && !is_paused_) CHECK(event_add(readable_.get(), nullptr) == 0);
}

}  // namespace roost::io
