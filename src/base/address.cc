// SPDX-License-Identifier: MIT
#include "base/address.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"

namespace roost {
namespace {

constexpr unsigned kV4LengthOffset = 96;  // Where the IPv4 bits begin in the 128-bit form.

std::optional<uint32_t> parse_number(std::string_view text, int base, uint32_t max) {
  uint32_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped_at, error] = std::from_chars(text.data(), end, value, base);
  if (text.empty() || error != std::errc() || stopped_at != end || value > max) return {};
  return value;
}

std::optional<uint32_t> parse_v4(std::string_view text) {
  uint32_t address = 0;
  for (int part = 0; part < 4; ++part) {
    const size_t dot = part < 3 ? text.find('.') : text.size();
    if (dot == std::string_view::npos || dot > 3) return {};
    const std::string_view digits = text.substr(0, dot);
    if (digits.size() > 1 && digits.front() == '0') return {};  // Octal to some, decimal to others.
    const auto octet = parse_number(digits, 10, 255);
    if (!octet) return {};
    address = address << 8 | *octet;
    text.remove_prefix(std::min(text.size(), dot + 1));
  }
  return address;
}

// Up to eight groups of hexadecimal digits, the last two of which may be a dotted quad.
// Returns how many 16-bit groups were written, or nothing if the text is not of that form.
std::optional<size_t> parse_groups(std::string_view text, std::span<uint16_t, 8> groups) {
  size_t count = 0;
  while (!text.empty()) {
    const size_t colon = text.find(':');
    const std::string_view part = text.substr(0, colon);
    if (colon == std::string_view::npos && part.find('.') != std::string_view::npos) {
      const auto quad = parse_v4(part);
      if (!quad || count > 6) return {};
      groups[count++] = static_cast<uint16_t>(*quad >> 16);
      groups[count++] = static_cast<uint16_t>(*quad);
      return count;
    }
    const auto group = part.size() <= 4 ? parse_number(part, 16, 0xffff) : std::nullopt;
    if (!group || count == 8) return {};
    groups[count++] = static_cast<uint16_t>(*group);
    if (colon == std::string_view::npos) return count;
    text.remove_prefix(colon + 1);
    if (text.empty()) return {};  // A colon with nothing behind it.
  }
  return count;
}

std::optional<IpAddress> parse_v6(std::string_view text) {
  std::array<uint16_t, 8> groups{};
  const size_t gap = text.find("::");
  if (gap == std::string_view::npos) {
    const auto count = parse_groups(text, groups);
    if (!count || *count != 8) return {};
  } else {
    std::array<uint16_t, 8> tail{};
    const std::string_view head_text = text.substr(0, gap);
    if (head_text.find('.') != std::string_view::npos) return {};
    const auto head_count = parse_groups(head_text, groups);
    const auto tail_count = parse_groups(text.substr(gap + 2), tail);
    if (!head_count || !tail_count || *head_count + *tail_count > 7) return {};
    std::copy_n(tail.begin(), *tail_count, groups.end() - static_cast<ptrdiff_t>(*tail_count));
  }
  uint64_t halves[2] = {0, 0};
  for (size_t i = 0; i < 8; ++i) halves[i / 4] = halves[i / 4] << 16 | groups[i];
  return IpAddress(halves[0], halves[1]);
}

std::string v4_text(uint32_t address) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) {
    text += std::to_string(address >> shift & 0xff);
    if (shift > 0) text += '.';
  }
  return text;
}

// The longest run of at least two zero groups, the first of equals (RFC 5952 §4.2).
std::pair<size_t, size_t> longest_zero_run(std::span<const uint16_t, 8> groups) {
  size_t best_start = 8;
  size_t best_size = 1;
  for (size_t i = 0; i < 8;) {
    size_t end = i;
    while (end < 8 && groups[end] == 0) ++end;
    if (end - i > best_size) {
      best_start = i;
      best_size = end - i;
    }
    i = std::max(end, i + 1);
  }
  return {best_start, best_size};
}

constexpr uint64_t mask(unsigned length) {  // The top `length` bits of 64.
  return length == 0 ? 0 : ~uint64_t{0} << (64 - length);
}

}  // namespace

IpAddress IpAddress::v6(std::span<const uint8_t, 16> address) {
  return {load_u64(address.data()), load_u64(address.data() + 8)};
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.find(':') != std::string_view::npos) return parse_v6(text);
  const auto address = parse_v4(text);
  if (!address) return {};
  return v4(*address);
}

std::string IpAddress::text() const {
  if (is_v4()) return v4_text(v4_value());
  std::array<uint16_t, 8> groups;
  for (unsigned i = 0; i < 8; ++i) {
    groups[i] = static_cast<uint16_t>((i < 4 ? high_ : low_) >> (48 - 16 * (i % 4)));
  }
  const auto [gap_start, gap_size] = longest_zero_run(groups);
  std::string text;
  for (size_t i = 0; i < 8;) {
    if (i == gap_start) {
      text += "::";
      i += gap_size;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    char digits[4];
    const auto end = std::to_chars(digits, digits + sizeof digits, groups[i], 16).ptr;
    text.append(digits, end);
    ++i;
  }
  return text;
}

std::array<uint8_t, 16> IpAddress::v6_bytes() const {
  std::array<uint8_t, 16> bytes;
  store_u64(bytes.data(), high_);
  store_u64(bytes.data() + 8, low_);
  return bytes;
}

Prefix Prefix::of(const IpAddress& address, unsigned length) {
  CHECK(length <= 128);
  const uint64_t high = address.high() & mask(std::min(length, 64u));
  const uint64_t low = length <= 64 ? 0 : address.low() & mask(length - 64);
  return {{high, low}, static_cast<uint8_t>(length)};
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
  const size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return {};
  // An address written with colons counts its bits from the front even where it is mapped IPv4.
  const bool dotted = text.substr(0, slash).find(':') == std::string_view::npos;
  const unsigned offset = dotted ? kV4LengthOffset : 0;
  if (slash == std::string_view::npos) return of(*address, 128);
  const auto length = parse_number(text.substr(slash + 1), 10, 128 - offset);
  if (!length) return {};
  const Prefix prefix = of(*address, *length + offset);
  if (prefix.base != *address) return {};  // Bits behind the prefix: most likely a slip.
  return prefix;
}

std::string Prefix::text() const {
  const bool dotted = base.is_v4() && length >= kV4LengthOffset;
  return base.text() + '/' + std::to_string(dotted ? length - kV4LengthOffset : length);
}

bool Prefix::contains(const IpAddress& address) const {
  return of(address, length).base == base;
}

Prefix limit_prefix(const IpAddress& address) {
  return Prefix::of(address, address.is_v4() ? kV4LengthOffset + 24 : 56);
}

}  // namespace roost
