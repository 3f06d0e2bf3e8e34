// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "io/state_dir.h"

namespace roost::io {

// The certificate of a node whose owner has none: ECDSA P-256, CN "roost", in the state directory.
//
// It encrypts, and lets a client that has seen it before recognise it; it vouches for nothing. So
// that it can be recognised it is made once and kept: made again only shortly before it expires, or
// when its file is damaged.
inline constexpr std::string_view kSelfSignedFile = "tls-self-signed.pem";
inline constexpr std::chrono::days kSelfSignedLifetime{3650};
// Nobody restarts a router every month: what would expire while we run is made again at start.
inline constexpr std::chrono::days kSelfSignedRenewal{30};

// PEM text of the certificate and its key; the caller wipes it. Works with the clock unknown: the
// certificate is then good from kWallTimeMin on, as any is, and none is judged to be too old.
Result<std::string, std::string> load_or_make_self_signed(const StateDir& state_dir,
                                                          std::optional<WallTime> now);

}  // namespace roost::io
