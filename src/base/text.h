// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace roost {

// Bytes as text. Decoders are strict: they accept exactly what the encoder writes (both cases where
// the alphabet has one case only), and return nothing otherwise.

std::string to_hex(Bytes bytes);  // Lower case.
std::optional<std::vector<uint8_t>> from_hex(std::string_view text);

// z-base-32 (Zooko O'Whielacronx 2002), as pkarr writes keys: no padding.
std::string to_z_base32(Bytes bytes);
std::optional<std::vector<uint8_t>> from_z_base32(std::string_view text);

// RFC 4648 §6, without padding.
std::string to_base32(Bytes bytes);
std::optional<std::vector<uint8_t>> from_base32(std::string_view text);

// RFC 4648 §5, without padding.
std::string to_base64url(Bytes bytes);
std::optional<std::vector<uint8_t>> from_base64url(std::string_view text);

// RFC 4648 §4, with padding.
std::string to_base64(Bytes bytes);

}  // namespace roost
