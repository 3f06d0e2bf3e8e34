// SPDX-License-Identifier: MIT
#pragma once

#include <fcntl.h>
#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include "io/file_descriptor.h"

namespace roost::app {

// What `work` returns in a child process, where it may do what a process cannot take back: close
// descriptors of others, change its user. What it expects is compared here, since a failure noted
// in the child is lost. "killed" if the child did not come to its end, which a hanging one does
// not.
inline std::string in_child(const std::function<std::string()>& work) {
  constexpr unsigned kSecondsMax = 20;
  constexpr int kAboveAllThatWorkOpens = 200;
  int ends[2];
  EXPECT_EQ(0, pipe2(ends, O_CLOEXEC));
  const io::FileDescriptor read_end(ends[0]);
  io::FileDescriptor write_end(ends[1]);
  const pid_t child = fork();
  EXPECT_GE(child, 0);
  if (child == 0) {
    alarm(kSecondsMax);
    const int out = fcntl(write_end.get(), F_DUPFD_CLOEXEC, kAboveAllThatWorkOpens);
    const std::string text = work();
    _exit(write(out, text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  close(write_end.release());  // Else the pipe would never end.
  std::string text;
  char buffer[4096];
  for (ssize_t size; (size = read(read_end.get(), buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<size_t>(size));
  }
  int status = 0;
  EXPECT_EQ(child, waitpid(child, &status, 0));
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? text : "killed";
}

}  // namespace roost::app
