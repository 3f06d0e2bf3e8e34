// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <unistd.h>
#include <vector>

namespace roost::app {

inline constexpr int kFirstHandedOver = 3;

// Puts copies of `fds` where a service manager puts them, from 3 on, and nothing behind them. Only
// in a child: it closes whatever else is there.
inline void hand_over(const std::vector<int>& fds) {
  constexpr int kOutOfTheWay = 100;
  for (size_t i = 0; i < fds.size(); ++i) dup2(fds[i], kOutOfTheWay + static_cast<int>(i));
  close_range(kFirstHandedOver, kOutOfTheWay - 1, 0);
  for (size_t i = 0; i < fds.size(); ++i) {
    dup2(kOutOfTheWay + static_cast<int>(i), kFirstHandedOver + static_cast<int>(i));
    close(kOutOfTheWay + static_cast<int>(i));
  }
}

}  // namespace roost::app
