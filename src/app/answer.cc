// SPDX-License-Identifier: MIT
#include "app/answer.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace roost::app {

int print(const Answer& answer) {
  std::FILE* const stream = answer.exit_code == kExitOk ? stdout : stderr;
  const size_t written = std::fwrite(answer.text.data(), 1, answer.text.size(), stream);
  if (written == answer.text.size() && std::fflush(stream) == 0) return answer.exit_code;
  std::fprintf(stderr, "roost: cannot write the answer: %s\n", std::strerror(errno));
  return answer.exit_code == kExitOk ? kExitFailure : answer.exit_code;
}

}  // namespace roost::app
