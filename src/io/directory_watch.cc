// SPDX-License-Identifier: MIT
#include "io/directory_watch.h"

#include <cstring>
#include <sys/inotify.h>
#include <unistd.h>

namespace roost::io {

DirectoryWatch::DirectoryWatch(EventLoop& loop, int directory_fd, std::string file_name,
                               std::function<void()> changed)
    : file_name_(std::move(file_name)), changed_(std::move(changed)) {
  FileDescriptor inotify(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify.is_open()) return;
  const std::string path = "/proc/self/fd/" + std::to_string(directory_fd);
  const uint32_t events = IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE | IN_DELETE | IN_ONLYDIR;
  if (inotify_add_watch(inotify.get(), path.c_str(), events) < 0) return;
  inotify_ = std::move(inotify);
  watch_ = loop.watch_readable(inotify_.get(), [this] { on_readable(); });
}

void DirectoryWatch::on_readable() {
  alignas(inotify_event) char buffer[4096];
  bool is_ours = false;
  ssize_t size = 0;
  while ((size = ::read(inotify_.get(), buffer, sizeof buffer)) > 0) {
    for (const char* at = buffer; at < buffer + size;) {
      inotify_event event;
      std::memcpy(&event, at, sizeof event);
      const char* const name = at + sizeof event;
      // An overflow may have swallowed ours.
      is_ours |= (event.mask & IN_Q_OVERFLOW) != 0 || (event.len > 0 && file_name_ == name);
      at = name + event.len;
    }
  }
  if (is_ours) changed_();
}

}  // namespace roost::io
