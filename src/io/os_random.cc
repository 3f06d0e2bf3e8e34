// SPDX-License-Identifier: MIT
#include "io/os_random.h"

#include <errno.h>
#include <sys/random.h>

#include "base/check.h"

namespace roost::io {

void OsRandom::fill(MutableBytes bytes) {
  while (!bytes.empty()) {
    const ssize_t count = getrandom(bytes.data(), bytes.size(), 0);
    CHECK(count > 0 || errno == EINTR);
    if (count > 0) bytes = bytes.subspan(static_cast<size_t>(count));
  }
}

}  // namespace roost::io
