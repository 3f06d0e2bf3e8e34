// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/bytes.h"

namespace roost {

// Reads bytes from front to back. Reading past the end yields zeros (an empty view) and makes ok()
// false for good, so that a parser reads a whole structure and asks once.
class Reader {
 public:
  explicit Reader(Bytes bytes) : rest_(bytes) {}

  uint8_t u8() { return has(1) ? take_known(1)[0] : uint8_t{0}; }
  uint16_t u16() { return has(2) ? load_u16(take_known(2)) : uint16_t{0}; }
  uint32_t u32() { return has(4) ? load_u32(take_known(4)) : 0; }
  uint64_t u64() { return has(8) ? load_u64(take_known(8)) : 0; }
  Bytes take(size_t size) { return has(size) ? Bytes(take_known(size), size) : Bytes(); }

  bool ok() const { return ok_; }
  size_t left() const { return rest_.size(); }
  Bytes rest() const { return rest_; }

 private:
  bool has(size_t size) {
    if (size <= rest_.size()) return true;
    ok_ = false;
    rest_ = {};
    return false;
  }
  const uint8_t* take_known(size_t size) {
    const uint8_t* at = rest_.data();
    rest_ = rest_.subspan(size);
    return at;
  }

  Bytes rest_;
  bool ok_ = true;
};

// Writes into a buffer that somebody else owns. Writing past its end writes nothing and makes ok()
// false for good; written() is then a prefix of what was meant and must not be sent.
class Writer {
 public:
  explicit Writer(MutableBytes buffer) : buffer_(buffer) {}

  void u8(uint8_t value) {
    if (uint8_t* at = grow(1)) *at = value;
  }
  void u16(uint16_t value) {
    if (uint8_t* at = grow(2)) store_u16(at, value);
  }
  void u32(uint32_t value) {
    if (uint8_t* at = grow(4)) store_u32(at, value);
  }
  void u64(uint64_t value) {
    if (uint8_t* at = grow(8)) store_u64(at, value);
  }
  void bytes(Bytes bytes) {
    uint8_t* at = grow(bytes.size());
    if (at != nullptr && !bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  }
  void text(std::string_view text) { bytes(as_bytes(text)); }
  void zeros(size_t count) {
    uint8_t* at = grow(count);
    if (at != nullptr && count > 0) std::memset(at, 0, count);
  }

  bool ok() const { return ok_; }
  size_t size() const { return size_; }
  size_t left() const { return buffer_.size() - size_; }
  MutableBytes written() const { return buffer_.first(size_); }

 private:
  uint8_t* grow(size_t by) {
    if (!ok_ || by > left()) {
      ok_ = false;
      return nullptr;
    }
    uint8_t* at = buffer_.data() + size_;
    size_ += by;
    return at;
  }

  MutableBytes buffer_;
  size_t size_ = 0;
  bool ok_ = true;
};

}  // namespace roost
