// SPDX-License-Identifier: MIT
#include "app/supervisor.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

namespace roost::app {
namespace {

constexpr int kFirstInheritedFd = 3;  // SD_LISTEN_FDS_START.

std::string_view environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

// The whole value as a number; empty if it is none.
std::optional<uint64_t> number_in(const char* name) {
  const std::string_view text = environment(name);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

// Whether a variable that names the process meant names us, or is not set.
bool is_meant_for_us(const char* pid_variable) {
  const auto pid = number_in(pid_variable);
  return environment(pid_variable).empty() || pid == static_cast<uint64_t>(getpid());
}

// RELOADING=1 must carry the time, so that systemd can match it with the READY=1 that follows.
std::string monotonic_usec() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::to_string(static_cast<int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000);
}

}  // namespace

Supervisor::Supervisor() : socket_path_(environment("NOTIFY_SOCKET")) {
  const auto timeout_us = number_in("WATCHDOG_USEC").value_or(0);
  // Beyond that it means never, and would come out negative.
  constexpr uint64_t kMax = std::chrono::microseconds::max().count();
  if (timeout_us > 0 && timeout_us <= kMax && is_meant_for_us("WATCHDOG_PID")) {
    watchdog_timeout_ = std::chrono::microseconds(timeout_us);
  }
}

std::vector<io::FileDescriptor> Supervisor::take_sockets() {
  const auto count = number_in("LISTEN_FDS");
  std::vector<io::FileDescriptor> sockets;
  // Without LISTEN_PID the variables are somebody else's, inherited by accident.
  if (!count || environment("LISTEN_PID").empty() || !is_meant_for_us("LISTEN_PID")) return sockets;
  for (uint64_t i = 0; i < *count; ++i) {
    const int fd = kFirstInheritedFd + static_cast<int>(i);
    const int flags = fcntl(fd, F_GETFL);
    if (flags < 0) break;  // There are fewer than was said.
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    sockets.emplace_back(fd);
  }
  for (const char* const name : {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}) unsetenv(name);
  return sockets;
}

void Supervisor::ready(const std::string& status) {
  notify("READY=1\nSTATUS=" + status);
}

void Supervisor::reloading() {
  notify("RELOADING=1\nMONOTONIC_USEC=" + monotonic_usec());
}

void Supervisor::stopping() {
  notify("STOPPING=1");
}

void Supervisor::feed_watchdog() {
  notify("WATCHDOG=1");
}

void Supervisor::notify(const std::string& state) const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path_.empty() || socket_path_.size() >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, socket_path_.data(), socket_path_.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';  // An abstract socket.
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_path_.size());
  const io::FileDescriptor fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return;
  // There is nobody to tell if it fails.
  (void)!sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                reinterpret_cast<const sockaddr*>(&address), size);
}

}  // namespace roost::app
