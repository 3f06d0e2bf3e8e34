// SPDX-License-Identifier: MIT
#pragma once

#include <csignal>

namespace roost::io {

// While it lives no signal is delivered to this thread, nor ever to a thread that is started
// meanwhile: they are the event loop's.
class WithoutSignals {
 public:
  WithoutSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~WithoutSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  WithoutSignals(const WithoutSignals&) = delete;
  WithoutSignals& operator=(const WithoutSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace roost::io
