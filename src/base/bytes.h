// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace roost {

// Bytes that somebody else owns. A view is valid while its owner is, and never outlives the step
// that it was handed to.
using Bytes = std::span<const uint8_t>;
using MutableBytes = std::span<uint8_t>;

inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline bool same_bytes(Bytes a, Bytes b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

// Network byte order, unaligned. Requires as many readable (writable) bytes as the name says.
constexpr uint16_t load_u16(const uint8_t* at) {
  return static_cast<uint16_t>(at[0] << 8 | at[1]);
}

constexpr uint32_t load_u32(const uint8_t* at) {
  return uint32_t{load_u16(at)} << 16 | load_u16(at + 2);
}

constexpr uint64_t load_u64(const uint8_t* at) {
  return uint64_t{load_u32(at)} << 32 | load_u32(at + 4);
}

constexpr void store_u16(uint8_t* at, uint16_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

constexpr void store_u32(uint8_t* at, uint32_t value) {
  store_u16(at, static_cast<uint16_t>(value >> 16));
  store_u16(at + 2, static_cast<uint16_t>(value));
}

constexpr void store_u64(uint8_t* at, uint64_t value) {
  store_u32(at, static_cast<uint32_t>(value >> 32));
  store_u32(at + 4, static_cast<uint32_t>(value));
}

}  // namespace roost
