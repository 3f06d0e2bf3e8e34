// SPDX-License-Identifier: MIT
#include "base/text.h"

#include <array>

namespace roost {
namespace {

constexpr uint8_t kNotADigit = 0xff;

// An alphabet of 2^bits digits, packed most significant bit first.
struct Alphabet {
  unsigned bits;
  std::array<char, 64> digits{};
  std::array<uint8_t, 256> values{};

  constexpr Alphabet(unsigned bits_per_digit, std::string_view text, bool is_single_case)
      : bits(bits_per_digit) {
    values.fill(kNotADigit);
    for (size_t i = 0; i < text.size(); ++i) {
      const char digit = text[i];
      digits[i] = digit;
      values[static_cast<uint8_t>(digit)] = static_cast<uint8_t>(i);
      const bool is_letter = (digit >= 'a' && digit <= 'z') || (digit >= 'A' && digit <= 'Z');
      if (is_single_case && is_letter)
        values[static_cast<uint8_t>(digit ^ 0x20)] = static_cast<uint8_t>(i);
    }
  }
};

constexpr Alphabet kHex(4, "0123456789abcdef", true);
constexpr Alphabet kZBase32(5, "ybndrfg8ejkmcpqxot1uwisza345h769", true);
constexpr Alphabet kBase32(5, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", true);
constexpr Alphabet kBase64Url(6, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
                              false);

constexpr Alphabet kBase64(6, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
                           false);

std::string encode(const Alphabet& alphabet, Bytes bytes) {
  std::string text;
  text.reserve((bytes.size() * 8 + alphabet.bits - 1) / alphabet.bits);
  const uint32_t digit_mask = (1u << alphabet.bits) - 1;
  uint32_t pending = 0;  // Bits read and not yet written, right-aligned.
  unsigned pending_count = 0;
  for (const uint8_t byte : bytes) {
    pending = pending << 8 | byte;
    pending_count += 8;
    while (pending_count >= alphabet.bits) {
      pending_count -= alphabet.bits;
      text += alphabet.digits[pending >> pending_count & digit_mask];
    }
  }
  if (pending_count > 0) {
    text += alphabet.digits[pending << (alphabet.bits - pending_count) & digit_mask];
  }
  return text;
}

std::optional<std::vector<uint8_t>> decode(const Alphabet& alphabet, std::string_view text) {
  std::vector<uint8_t> bytes;
  bytes.reserve(text.size() * alphabet.bits / 8);
  uint32_t pending = 0;
  unsigned pending_count = 0;
  for (const char digit : text) {
    const uint8_t value = alphabet.values[static_cast<uint8_t>(digit)];
    if (value == kNotADigit) return {};
    pending = pending << alphabet.bits | value;
    pending_count += alphabet.bits;
    if (pending_count < 8) continue;
    pending_count -= 8;
    bytes.push_back(static_cast<uint8_t>(pending >> pending_count));
  }
  // What is left must be padding: less than a digit of it, and zero. Otherwise two texts would
  // stand for the same bytes.
  if (pending_count >= alphabet.bits || (pending & ((1u << pending_count) - 1)) != 0) return {};
  return bytes;
}

}  // namespace

std::string to_hex(Bytes bytes) {
  return encode(kHex, bytes);
}
std::optional<std::vector<uint8_t>> from_hex(std::string_view text) {
  return decode(kHex, text);
}

std::string to_z_base32(Bytes bytes) {
  return encode(kZBase32, bytes);
}
std::optional<std::vector<uint8_t>> from_z_base32(std::string_view text) {
  return decode(kZBase32, text);
}

std::string to_base32(Bytes bytes) {
  return encode(kBase32, bytes);
}
std::optional<std::vector<uint8_t>> from_base32(std::string_view text) {
  return decode(kBase32, text);
}

std::string to_base64url(Bytes bytes) {
  return encode(kBase64Url, bytes);
}
std::optional<std::vector<uint8_t>> from_base64url(std::string_view text) {
  return decode(kBase64Url, text);
}

std::string to_base64(Bytes bytes) {
  std::string text = encode(kBase64, bytes);
  while (text.size() % 4 != 0) text += '=';
  return text;
}

}  // namespace roost
