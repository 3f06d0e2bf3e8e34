// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/cursor.h"
#include "base/result.h"

namespace roost::wire {

// Bencoding (BEP 3): what the Mainline DHT, mutable items and node records are written in.
//
//   4:spam a string   i-3e an integer   l…e a list of values   d…e pairs of a string and a value
//
// BEP 3 asks for keys in ascending order of their bytes, and much of the DHT does not care. parse()
// takes them in any order; parse_canonical() is for what is signed, where one value may have one
// encoding only.
//
// What a hostile input costs is bounded by its values more than by its bytes: only keys are looked
// into, other strings never. How long an input may be is for whoever receives it to say.

// Open lists and dictionaries. A DHT message nests 3 deep; BEP 44 lets a value nest further.
inline constexpr unsigned kBencodeDepthMax = 16;
// Keys and containers included. An Ethernet frame holds at most 750, all of them empty strings:
// this bounds what arrives in larger pieces.
inline constexpr unsigned kBencodeValueCountMax = 1024;

enum class BencodeKind : uint8_t { kInteger, kString, kList, kDictionary };

// Also the labels of a drop counter.
enum class BencodeError : uint8_t {
  kTruncated,         // Ends inside a value, or a string would.
  kTrailingBytes,     // A second value, or anything else behind the first.
  kUnexpectedByte,    // Begins no value, or ends a container too early.
  kBadInteger,        // Not a number, out of int64, "-0", or zeros in front.
  kBadStringSize,     // Not a number, or zeros in front.
  kBadKey,            // Not a string.
  kKeysNotAscending,  // Only where that is asked for; equal keys are not either.
  kTooDeep,
  kTooManyValues,
};
inline constexpr size_t kBencodeErrorCount = 9;
std::string_view label(BencodeError error);

// A checked window onto one value inside bytes that somebody else owns: it copies nothing and is
// valid while they are. parse() checks everything once; after that no accessor can read outside the
// value. Asked for what the value is not, an accessor returns nothing.
//
// A container keeps no index. To find a key or to visit all entries costs one walk over what is
// inside, so visiting a whole tree level by level costs at most kBencodeDepthMax walks. Who wants
// many keys of one dictionary visits it once instead of calling find() for each.
class BencodeView {
 public:
  // Accepts exactly one whole value. Keys in any order; of equal keys find() sees the first.
  static Result<BencodeView, BencodeError> parse(Bytes bytes);
  // And keys strictly ascending in every dictionary, so that equal values are equal bytes.
  static Result<BencodeView, BencodeError> parse_canonical(Bytes bytes);

  BencodeKind kind() const;
  // The value as it was encoded, which is what signatures cover (BEP 44).
  Bytes bytes() const { return bytes_; }

  std::optional<int64_t> integer() const;
  std::optional<Bytes> string() const;

  std::optional<BencodeView> find(std::string_view key) const;
  std::optional<int64_t> find_integer(std::string_view key) const;
  std::optional<Bytes> find_string(std::string_view key) const;

  // Calls `visit(BencodeView)` for each item of a list, in order.
  template <typename Visit>
  void for_each_item(Visit visit) const {
    if (kind() != BencodeKind::kList) return;
    for (size_t at = 1; bytes_[at] != 'e';) {
      const BencodeView item = value_at(at);
      at += item.bytes_.size();
      visit(item);
    }
  }

  // Calls `visit(Bytes key, BencodeView value)` for each entry of a dictionary, in the order of the
  // bytes; after parse() a key may come twice.
  template <typename Visit>
  void for_each_entry(Visit visit) const {
    if (kind() != BencodeKind::kDictionary) return;
    for (size_t at = 1; bytes_[at] != 'e';) {
      const Bytes key = string_at(at);
      at = static_cast<size_t>(key.data() + key.size() - bytes_.data());
      const BencodeView value = value_at(at);
      at += value.bytes_.size();
      visit(key, value);
    }
  }

 private:
  explicit BencodeView(Bytes checked) : bytes_(checked) {}

  Bytes string_at(size_t at) const;
  BencodeView value_at(size_t at) const;

  Bytes bytes_;
};

// Writes one value into a buffer that the caller owns, canonical by construction: keys that do not
// ascend, a key without a value or a container left open are our mistakes, and abort.
//
// A value that does not fit its buffer comes out empty.
class BencodeWriter {
 public:
  explicit BencodeWriter(MutableBytes buffer) : writer_(buffer) {}

  void open_dictionary() { open('d', true); }
  void open_list() { open('l', false); }
  void close();

  void key(std::string_view key);
  void string(Bytes string);
  void text(std::string_view text) { string(as_bytes(text)); }
  void integer(int64_t integer);
  // A value as somebody else encoded it; canonical if it is.
  void value(const BencodeView& value);

  // The finished value; empty if it did not fit. Requires that all that was opened is closed.
  Bytes finish() const;

 private:
  void open(uint8_t first, bool is_dictionary);
  void begin_value();
  void number(int64_t number);
  void sized(Bytes string);

  Writer writer_;
  unsigned depth_ = 0;
  uint32_t dictionaries_ = 0;  // One bit for each open container, the innermost lowest.
  uint32_t keys_due_ = 0;      // Of those, the dictionaries that a key comes next in.
  bool is_complete_ = false;
  std::array<Bytes, kBencodeDepthMax> last_keys_;  // In the buffer; outermost first, null for none.
};

}  // namespace roost::wire
