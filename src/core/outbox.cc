// SPDX-License-Identifier: MIT
#include "core/outbox.h"

#include "base/check.h"

namespace roost::core {

Outbox::Outbox() : arena_(std::make_unique_for_overwrite<uint8_t[]>(kArenaSize)) {
  actions_.reserve(kActionCountMax);
}

bool Outbox::has_room() const {
  return actions_.size() + kActionsPerStepMax <= kActionCountMax &&
         arena_used_ + kBytesPerStepMax <= kArenaSize;
}

void Outbox::push(const Action& action) {
  CHECK(actions_.size() < kActionCountMax);
  actions_.push_back(action);
}

MutableBytes Outbox::build(size_t size) {
  CHECK(size <= kArenaSize - arena_used_);
  const MutableBytes built(arena_.get() + arena_used_, size);
  arena_used_ += size;
  return built;
}

void Outbox::shrink(MutableBytes built, size_t used) {
  CHECK(used <= built.size());
  CHECK(built.data() + built.size() == arena_.get() + arena_used_);
  arena_used_ -= built.size() - used;
}

void Outbox::clear() {
  actions_.clear();
  arena_used_ = 0;
}

}  // namespace roost::core
