// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.h"

namespace roost::core {

// What a core and a store say to each other: two actions, the inputs that answer them, and the
// words that node/store.h has in common with them. A core asks without knowing what a store is, and
// there may be none.

// A name of ours, an identity of 32 bytes and a number, several times over; keys are sorted, and
// compared often.
inline constexpr size_t kStoreKeySizeMax = 256;
// The largest single thing that is kept, with room to grow. A value is in memory several times on
// its way to the disk, so what is larger is kept in pieces.
inline constexpr size_t kStoreValueSizeMax = 256 * 1024;
// What one commit may hold: four of the largest values, as a router can spare for a moment.
inline constexpr size_t kCommitSizeMax = 1024 * 1024;
// What each change of it takes besides its key and its value.
inline constexpr size_t kChangeOverhead = 7;
// What one read returns at most; the largest entry fits in.
inline constexpr size_t kReadSizeMax = 512 * 1024;

// One change of a commit. Keys have 1 to kStoreKeySizeMax bytes, values kStoreValueSizeMax at most.
struct StoreChange {
  enum class Kind : uint8_t {
    kPut,     // A value may be empty.
    kRemove,  // A key that is not there is as good as one that was removed.
    // From `key` on, and before `value`. An end that is empty is that of all keys; ends may be one
    // byte longer than a key, so as to lie behind it.
    kRemoveRange,
  };
  Kind kind{};
  Bytes key{};
  Bytes value{};
};

struct StoreEntry {
  Bytes key{};
  Bytes value{};
};

// Why nothing was done. Also the label of the counter.
enum class StoreError : uint8_t {
  kFull,     // No room. Nothing is lost; once there is room again, it goes on.
  kDamaged,  // What is read back is not what was written. To be set aside and begun anew.
  kFailed,   // Anything else that the machine says: no permission, no descriptor, a broken disk.
  // From here on a store does not say so, but who stands before it.
  kBusy,    // More was asked for than the disk keeps up with. Worth asking again later.
  kAbsent,  // The owner wants no store: nothing is kept, and it is not worth asking again.
};
inline constexpr size_t kStoreErrorCount = 5;

constexpr std::string_view label(StoreError error) {
  switch (error) {
    case StoreError::kFull: return "full";
    case StoreError::kDamaged: return "damaged";
    case StoreError::kFailed: return "failed";
    case StoreError::kBusy: return "busy";
    case StoreError::kAbsent: return "absent";
  }
  return "";
}

// Whose request it is, so that the node can pass on the answer, and the number that he gave it.
enum class StoreUser : uint8_t { kContacts, kBook };
struct StoreRequestId {
  StoreUser user{};
  uint64_t number = 0;

  friend bool operator==(const StoreRequestId&, const StoreRequestId&) = default;
};

// ---- Actions. What they point to lives until the outbox is cleared.

// Makes all of the changes durable or none of them, in their order: a later one wins. Commits are
// carried out in the order in which they were asked for. After a failure nothing of it is seen; but
// whoever starts anew may find that it is there after all, as a whole.
//
// Requires what StoreChange says, and that all together take at most kCommitSizeMax. The outbox
// holds little: who asks for more owns the changes, and leaves them alone until CommitDone.
struct Commit {
  StoreRequestId id{};
  std::span<const StoreChange> changes{};
};

// Asks for what lies from `from` on and before `to`, whose ends are those of kRemoveRange: as much
// as the limits allow, but for the first entry, which is given however large it is. It sees what
// was to be committed before it.
struct ReadRange {
  StoreRequestId id{};
  Bytes from{};
  Bytes to{};
  size_t count_max = SIZE_MAX;     // At least 1.
  size_t size_max = kReadSizeMax;  // Of keys and values together; at least 1, and no more.
};

// ---- Inputs: the answers. There are no more of them once the process ends.

// The answer to Commit, once for each.
struct CommitDone {
  StoreRequestId id{};
  std::optional<StoreError> failure{};  // Empty: all of it is durable.
};

// The answer to ReadRange, once for each.
struct RangeRead {
  StoreRequestId id{};
  std::span<const StoreEntry> entries{};  // In ascending order.
  // Whether the range ends behind them; otherwise the next page begins right behind the last key.
  bool is_last = false;
  std::optional<StoreError> failure{};  // Then there are no entries.
};

}  // namespace roost::core
