// SPDX-License-Identifier: MIT
#include "stop_signal.h"

#include <csignal>
#include <sys/signalfd.h>

namespace bench {

int open_stop_signal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  if (sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) return -1;
  return signalfd(-1, &signals, SFD_CLOEXEC);
}

}  // namespace bench
