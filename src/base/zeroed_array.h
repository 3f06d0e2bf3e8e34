// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <type_traits>

#include "base/check.h"

namespace roost {

// A fixed number of elements that begin as zero bytes, in memory that the kernel gives out as it is
// first touched: a large table costs what is used of it, and its bound is still taken at the start.
//
// For types whose zero bytes mean "free" and that need no destructor.
template <typename T>
class ZeroedArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  // Aborts when there is not that much memory.
  explicit ZeroedArray(size_t size)
      : elements_(static_cast<T*>(std::calloc(size, sizeof(T)))), size_(size) {
    CHECK(elements_ != nullptr || size == 0);
  }

  size_t size() const { return size_; }
  T& operator[](size_t index) { return elements_.get()[index]; }
  const T& operator[](size_t index) const { return elements_.get()[index]; }
  T* begin() { return elements_.get(); }
  T* end() { return elements_.get() + size_; }
  const T* begin() const { return elements_.get(); }
  const T* end() const { return elements_.get() + size_; }

 private:
  struct Free {
    void operator()(T* elements) const { std::free(elements); }
  };

  std::unique_ptr<T, Free> elements_;
  size_t size_;
};

}  // namespace roost
