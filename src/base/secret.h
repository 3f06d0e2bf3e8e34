// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace roost {

// Overwrites `bytes` in a way that the compiler does not leave out.
void wipe(MutableBytes bytes) noexcept;

// Bytes that must not stay in memory, or reach a log: wiped on destruction and when moved from,
// not copyable by accident, not comparable, not printable.
template <size_t kSize>
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::span<const uint8_t, kSize> bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin());
  }
  Secret(Secret&& other) noexcept : bytes_(other.bytes_) { wipe(other.bytes_); }
  Secret& operator=(Secret&& other) noexcept {
    bytes_ = other.bytes_;
    if (this != &other) wipe(other.bytes_);
    return *this;
  }
  ~Secret() { wipe(bytes_); }

  Secret clone() const { return Secret(bytes()); }
  std::span<const uint8_t, kSize> bytes() const { return bytes_; }
  std::span<uint8_t, kSize> mutable_bytes() { return bytes_; }

 private:
  std::array<uint8_t, kSize> bytes_{};
};

}  // namespace roost
