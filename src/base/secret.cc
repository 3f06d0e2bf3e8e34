// SPDX-License-Identifier: MIT
#include "base/secret.h"

#include <cstring>

namespace roost {

void wipe(MutableBytes bytes) noexcept {
  if (bytes.empty()) return;
  std::memset(bytes.data(), 0, bytes.size());
  // Tells the compiler that somebody may still look at the zeros.
  __asm__ __volatile__("" : : "r"(bytes.data()) : "memory");
}

}  // namespace roost
