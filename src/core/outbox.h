// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "core/action.h"

namespace roost::core {

// What the cores ask of the world, in the order they asked.
//
// The shell calls step() for one input after the other while has_room(), then carries the actions
// out as one batch and clears. Bytes named by an action stay valid until then: either they are part
// of an input that the shell still holds (a relayed payload is never copied), or they were built in
// this outbox's arena. All memory is taken in the constructor.
class Outbox {
 public:
  // No single input may cause more. What is checked is that the totals below are kept.
  static constexpr size_t kActionsPerStepMax = 64;
  static constexpr size_t kBytesPerStepMax = 4096;
  // A full receive batch of small replies fits several times; a batch of large ones is carried out
  // in parts.
  static constexpr size_t kActionCountMax = 512;
  static constexpr size_t kArenaSize = 64 * 1024;

  Outbox();

  // Whether one more step is sure to fit.
  bool has_room() const;

  void push(const Action& action);

  // Room for `size` bytes (at most kBytesPerStepMax in one step) whose address stays.
  [[nodiscard]] MutableBytes build(size_t size);
  // Gives back the end of what the last build() returned: only `used` bytes of it were needed.
  void shrink(MutableBytes built, size_t used);

  // Takes back the actions behind the first `count` of which `is_kept(action)` is false. Requires
  // that there are as many.
  template <typename IsKept>
  void retain_from(size_t count, IsKept is_kept) {
    const auto first = actions_.begin() + static_cast<ptrdiff_t>(count);
    const auto is_taken_back = [&is_kept](const Action& action) { return !is_kept(action); };
    actions_.erase(std::remove_if(first, actions_.end(), is_taken_back), actions_.end());
  }

  std::span<const Action> actions() const { return actions_; }
  void clear();

 private:
  std::vector<Action> actions_;
  std::unique_ptr<uint8_t[]> arena_;
  size_t arena_used_ = 0;
};

}  // namespace roost::core
