// SPDX-License-Identifier: MIT
#include "io/address_watcher.h"

#include <cstring>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

namespace roost::io {

Result<FileDescriptor, std::string> AddressWatcher::open() {
  FileDescriptor socket(
      ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  sockaddr_nl groups{};
  groups.nl_family = AF_NETLINK;
  groups.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (!socket.is_open() ||
      bind(socket.get(), reinterpret_cast<const sockaddr*>(&groups), sizeof groups) != 0) {
    return Failure(std::string(std::strerror(errno)));
  }
  return socket;
}

AddressWatcher::AddressWatcher(EventLoop& loop, FileDescriptor socket,
                               std::function<void()> on_change)
    : loop_(loop), socket_(std::move(socket)), on_change_(std::move(on_change)) {
  watch_ = loop_.watch_readable(socket_.get(), [this] { on_readable(); });
  calm_ = loop_.timer([this] {
    is_due_ = false;
    on_change_();
  });
}

bool AddressWatcher::tells_of_change(Bytes messages) {
  while (!messages.empty()) {
    nlmsghdr header;
    if (messages.size() < sizeof header) return true;
    std::memcpy(&header, messages.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > messages.size()) return true;
    if (header.nlmsg_type == RTM_NEWADDR || header.nlmsg_type == RTM_DELADDR ||
        header.nlmsg_type == NLMSG_OVERRUN) {
      return true;
    }
    messages = messages.subspan(std::min<size_t>(NLMSG_ALIGN(header.nlmsg_len), messages.size()));
  }
  return false;
}

void AddressWatcher::on_readable() {
  uint8_t buffer[8192];  // As large as the kernel makes one, says netlink(7).
  bool has_changed = false;
  for (int i = 0; i < kReadsPerWakeUpMax; ++i) {
    const ssize_t size = recv(socket_.get(), buffer, sizeof buffer, MSG_TRUNC);
    if (size < 0 && errno == ENOBUFS) {
      has_changed = true;  // Some were lost; those that are there can still be read.
    } else if (size <= 0) {
      break;
    } else {
      const auto length = static_cast<size_t>(size);
      has_changed |= length > sizeof buffer || tells_of_change(Bytes(buffer, length));
    }
  }
  if (!has_changed || is_due_) return;
  is_due_ = true;
  loop_.set(calm_, kCalm);
}

}  // namespace roost::io
