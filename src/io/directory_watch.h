// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>

#include "io/event_loop.h"
#include "io/file_descriptor.h"

namespace roost::io {

// Tells when a file of a directory has been replaced, written or removed (inotify), without ever
// looking by itself.
class DirectoryWatch {
 public:
  // `directory_fd` is open already, so that the path need not be walkable any more. `loop` outlives
  // the watch.
  DirectoryWatch(EventLoop& loop, int directory_fd, std::string file_name,
                 std::function<void()> changed);

  // Whether the system lets us watch; if not, nothing will ever be told.
  bool is_watching() const { return inotify_.is_open(); }

 private:
  void on_readable();

  std::string file_name_;
  std::function<void()> changed_;
  FileDescriptor inotify_;
  EventLoop::Watch watch_;
};

}  // namespace roost::io
