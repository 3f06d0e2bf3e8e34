// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace roost::app {

// `text` as a TOML basic string: in quotation marks, with what would break a line or a terminal
// escaped. Reads back as the same text if that was UTF-8.
std::string quoted(std::string_view text);

// The same for a message: text of more than 60 bytes is cut there and ends in "...".
std::string quoted_briefly(std::string_view text);

}  // namespace roost::app
