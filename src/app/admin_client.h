// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "node/config.h"

namespace roost::app {

// Asks the admin listener of a running daemon for one page (GET, HTTP/1.0) and returns its body.
// Waits at most kAdminTimeoutSeconds. The error is a sentence with a next step.
inline constexpr int kAdminTimeoutSeconds = 5;
Result<std::string, std::string> fetch_admin_page(const node::Config::Metrics& metrics,
                                                  std::string_view path);

}  // namespace roost::app
