// SPDX-License-Identifier: MIT
#include "wire/bencode.h"

#include <charconv>
#include <limits>

namespace roost::wire {
namespace {

static_assert(kBencodeDepthMax <= 32, "one bit of a word for each level");

// What int64 can hold; a negative number one more. So many digits never overflow uint64.
constexpr uint64_t kMagnitudeMax = std::numeric_limits<int64_t>::max();
constexpr ptrdiff_t kIntegerDigitsMax = 19;

enum class KeyOrder : uint8_t { kAny, kAscending };

constexpr bool is_digit(uint8_t byte) {
  return byte >= '0' && byte <= '9';
}

// What parse() walks with: every step checks that it stays in front of the end.
struct Scanner {
  const uint8_t* at;
  const uint8_t* end;

  // "4:spam", from its first digit.
  std::optional<BencodeError> pass_string(Bytes& string) {
    const uint8_t* const first = at;
    size_t size = 0;
    for (; at != end && is_digit(*at); ++at) {
      if (at != first && *first == '0') return BencodeError::kBadStringSize;
      size = size * 10 + (*at - '0');
      if (size > static_cast<size_t>(end - at)) return BencodeError::kTruncated;
    }
    if (at == end) return BencodeError::kTruncated;
    if (*at != ':') return BencodeError::kBadStringSize;
    ++at;
    if (size > static_cast<size_t>(end - at)) return BencodeError::kTruncated;
    string = Bytes(at, size);
    at += size;
    return {};
  }

  // "i-3e", from its 'i'.
  std::optional<BencodeError> pass_integer() {
    const bool is_negative = end - at > 1 && at[1] == '-';
    const uint8_t* const digits = at + 1 + is_negative;
    const uint8_t* stop = digits;
    uint64_t magnitude = 0;
    for (; stop < end && is_digit(*stop); ++stop) {
      if (stop - digits == kIntegerDigitsMax) return BencodeError::kBadInteger;
      magnitude = magnitude * 10 + (*stop - '0');
    }
    if (stop == end) return BencodeError::kTruncated;
    if (*stop != 'e' || stop == digits) return BencodeError::kBadInteger;
    if (*digits == '0' && (is_negative || stop - digits > 1)) return BencodeError::kBadInteger;
    if (magnitude > kMagnitudeMax + is_negative) return BencodeError::kBadInteger;
    at = stop + 1;
    return {};
  }
};

// One pass, no recursion: what is open fits into two words, one bit for each level, the innermost
// lowest. A container is counted, and ends its parent's turn, when it opens.
template <KeyOrder kOrder>
std::optional<BencodeError> find_error(Bytes bytes) {
  Scanner scanner{bytes.data(), bytes.data() + bytes.size()};
  unsigned depth = 0;
  unsigned value_count = 0;
  uint32_t dictionaries = 0;  // Which levels are dictionaries.
  uint32_t keys_due = 0;      // Which of those take a key next.
  [[maybe_unused]] std::array<Bytes, kOrder == KeyOrder::kAscending ? kBencodeDepthMax : 0> keys;
  do {
    if (scanner.at == scanner.end) return BencodeError::kTruncated;
    const uint8_t first = *scanner.at;
    const bool is_key = (keys_due & 1) != 0;
    if (first == 'e') {
      const bool value_is_due = (dictionaries & 1) != 0 && !is_key;
      if (depth == 0 || value_is_due) return BencodeError::kUnexpectedByte;
      --depth;
      dictionaries >>= 1;
      keys_due >>= 1;
      ++scanner.at;
      continue;
    }
    if (++value_count > kBencodeValueCountMax) return BencodeError::kTooManyValues;
    keys_due ^= dictionaries & 1;
    if (is_digit(first)) {
      Bytes string;
      if (const auto error = scanner.pass_string(string)) return error;
      if constexpr (kOrder == KeyOrder::kAscending) {
        if (!is_key) continue;
        Bytes& last = keys[depth - 1];
        if (last.data() != nullptr && as_text(string) <= as_text(last)) {
          return BencodeError::kKeysNotAscending;
        }
        last = string;
      }
    } else if (is_key) {
      return BencodeError::kBadKey;
    } else if (first == 'i') {
      if (const auto error = scanner.pass_integer()) return error;
    } else if (first == 'd' || first == 'l') {
      if (depth == kBencodeDepthMax) return BencodeError::kTooDeep;
      if constexpr (kOrder == KeyOrder::kAscending) keys[depth] = {};
      const uint32_t is_dictionary = first == 'd' ? 1 : 0;
      dictionaries = dictionaries << 1 | is_dictionary;
      keys_due = keys_due << 1 | is_dictionary;
      ++depth;
      ++scanner.at;
    } else {
      return BencodeError::kUnexpectedByte;
    }
  } while (depth > 0);
  if (scanner.at != scanner.end) return BencodeError::kTrailingBytes;
  return {};
}

// The rest reads what find_error() has accepted, and relies on it.

Bytes checked_string(const uint8_t* at) {
  size_t size = 0;
  for (; *at != ':'; ++at) size = size * 10 + (*at - '0');
  return {at + 1, size};
}

// Behind the value that begins at `at`.
const uint8_t* end_of_value(const uint8_t* at) {
  unsigned depth = 0;
  do {
    const uint8_t first = *at;
    if (is_digit(first)) {
      const Bytes string = checked_string(at);
      at = string.data() + string.size();
      continue;
    }
    if (first == 'd' || first == 'l') ++depth;
    if (first == 'e') --depth;
    if (first == 'i') {
      while (*at != 'e') ++at;
    }
    ++at;
  } while (depth > 0);
  return at;
}

}  // namespace

std::string_view label(BencodeError error) {
  switch (error) {
    case BencodeError::kTruncated: return "truncated";
    case BencodeError::kTrailingBytes: return "trailing_bytes";
    case BencodeError::kUnexpectedByte: return "unexpected_byte";
    case BencodeError::kBadInteger: return "bad_integer";
    case BencodeError::kBadStringSize: return "bad_string_size";
    case BencodeError::kBadKey: return "bad_key";
    case BencodeError::kKeysNotAscending: return "keys_not_ascending";
    case BencodeError::kTooDeep: return "too_deep";
    case BencodeError::kTooManyValues: return "too_many_values";
  }
  return "";
}

Result<BencodeView, BencodeError> BencodeView::parse(Bytes bytes) {
  if (const auto error = find_error<KeyOrder::kAny>(bytes)) return Failure(*error);
  return BencodeView(bytes);
}

Result<BencodeView, BencodeError> BencodeView::parse_canonical(Bytes bytes) {
  if (const auto error = find_error<KeyOrder::kAscending>(bytes)) return Failure(*error);
  return BencodeView(bytes);
}

BencodeKind BencodeView::kind() const {
  switch (bytes_.front()) {
    case 'i': return BencodeKind::kInteger;
    case 'l': return BencodeKind::kList;
    case 'd': return BencodeKind::kDictionary;
    default: return BencodeKind::kString;  // Not an enum: what is left is a digit.
  }
}

std::optional<int64_t> BencodeView::integer() const {
  if (kind() != BencodeKind::kInteger) return {};
  int64_t integer = 0;
  const std::string_view text = as_text(bytes_.subspan(1, bytes_.size() - 2));
  std::from_chars(text.data(), text.data() + text.size(), integer);
  return integer;
}

std::optional<Bytes> BencodeView::string() const {
  if (kind() != BencodeKind::kString) return {};
  return string_at(0);
}

std::optional<BencodeView> BencodeView::find(std::string_view key) const {
  if (kind() != BencodeKind::kDictionary) return {};
  for (size_t at = 1; bytes_[at] != 'e';) {
    const Bytes found = string_at(at);
    at = static_cast<size_t>(found.data() + found.size() - bytes_.data());
    const BencodeView value = value_at(at);
    if (as_text(found) == key) return value;
    at += value.bytes_.size();
  }
  return {};
}

std::optional<int64_t> BencodeView::find_integer(std::string_view key) const {
  const auto value = find(key);
  if (!value) return {};
  return value->integer();
}

std::optional<Bytes> BencodeView::find_string(std::string_view key) const {
  const auto value = find(key);
  if (!value) return {};
  return value->string();
}

Bytes BencodeView::string_at(size_t at) const {
  return checked_string(bytes_.data() + at);
}

BencodeView BencodeView::value_at(size_t at) const {
  const uint8_t* const first = bytes_.data() + at;
  return BencodeView(Bytes(first, end_of_value(first)));
}

void BencodeWriter::close() {
  CHECK(depth_ > 0 && (dictionaries_ & 1) == (keys_due_ & 1));
  writer_.u8('e');
  --depth_;
  dictionaries_ >>= 1;
  keys_due_ >>= 1;
  is_complete_ = depth_ == 0;
}

void BencodeWriter::key(std::string_view key) {
  CHECK((keys_due_ & 1) != 0);
  keys_due_ ^= 1;
  sized(as_bytes(key));
  if (!writer_.ok()) return;
  Bytes& last = last_keys_[depth_ - 1];
  CHECK(last.data() == nullptr || as_text(last) < key);
  last = writer_.written().last(key.size());
}

void BencodeWriter::string(Bytes string) {
  begin_value();
  sized(string);
}

void BencodeWriter::integer(int64_t integer) {
  begin_value();
  writer_.u8('i');
  number(integer);
  writer_.u8('e');
}

void BencodeWriter::value(const BencodeView& value) {
  begin_value();
  writer_.bytes(value.bytes());
}

Bytes BencodeWriter::finish() const {
  CHECK(is_complete_);
  return writer_.ok() ? writer_.written() : Bytes();
}

void BencodeWriter::open(uint8_t first, bool is_dictionary) {
  begin_value();
  CHECK(depth_ < kBencodeDepthMax);
  writer_.u8(first);
  last_keys_[depth_++] = {};
  dictionaries_ = dictionaries_ << 1 | uint32_t{is_dictionary};
  keys_due_ = keys_due_ << 1 | uint32_t{is_dictionary};
  is_complete_ = false;
}

// Wherever a value may stand: behind a key, in a list, or alone.
void BencodeWriter::begin_value() {
  CHECK(!is_complete_ && (keys_due_ & 1) == 0);
  keys_due_ ^= dictionaries_ & 1;
  is_complete_ = depth_ == 0;
}

void BencodeWriter::number(int64_t number) {
  char digits[sizeof("-9223372036854775808")];
  const auto result = std::to_chars(digits, digits + sizeof(digits), number);
  writer_.text({digits, result.ptr});
}

void BencodeWriter::sized(Bytes string) {
  number(static_cast<int64_t>(string.size()));
  writer_.u8(':');
  writer_.bytes(string);
}

}  // namespace roost::wire
