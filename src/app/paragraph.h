// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace roost::app {

// The words of `text` (one blank between them) in lines of at most `columns` bytes, each behind
// `margin` and ended by a newline. A word that is longer has a line of its own.
std::string paragraph(std::string_view text, std::string_view margin, size_t columns);

}  // namespace roost::app
