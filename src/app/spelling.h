// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace roost::app {

// How many characters to insert, delete, replace or swap with their neighbour until `a` reads like
// `b`. Words of more than 64 bytes are as far from each other as they are long.
size_t edit_distance(std::string_view a, std::string_view b);

// What somebody who wrote `word` may have meant: the first of the nearest candidates, if it is near
// enough to be worth proposing (a third of its length, at least one typing mistake).
std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates);

}  // namespace roost::app
