// SPDX-License-Identifier: MIT
#pragma once

#include <utility>
#include <variant>

#include "base/check.h"

namespace roost {

// What a failed Result is made from: `return Failure(StunError::kTruncated);`
template <typename E>
struct Failure {
  explicit Failure(E failed_with) : error(std::move(failed_with)) {}
  E error;
};

// A value or the reason why there is none. A subset of C++23's std::expected, so that it can be
// replaced by that one day; asking for the half that is not there aborts.
template <typename T, typename E>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Failure<E> failure) : state_(std::in_place_index<1>, std::move(failure.error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() {
    CHECK(has_value());
    return *std::get_if<0>(&state_);
  }
  const T& value() const {
    CHECK(has_value());
    return *std::get_if<0>(&state_);
  }
  const E& error() const {
    CHECK(!has_value());
    return *std::get_if<1>(&state_);
  }

  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, E> state_;
};

// For what yields nothing but can fail: `Result<Done, E>`, `return Done();`
struct Done {};

}  // namespace roost
