// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/cursor.h"
#include "base/time.h"
#include "wire/compact_address.h"

namespace roost::wire {

// Contacts of the DHT as the store keeps them across restarts (core/dht/ring_snapshot.h): pages,
// all of one family each, and a record that says which pages belong together.
//
//   "RCON"   version (1)   address size, 4 or 16 (1)   contacts (2)   written at (8)
//   for each contact:   node ID (20)   address (4 or 16)   port (2)   verified before (4)
//   CRC-32 of all that is before it (4)
//
// Big-endian. "written at" counts seconds since 1970, 0 where the clock was not known; "verified
// before" the seconds up to then. The checksums are against half-written files and worn-out flash,
// not against the owner.
inline constexpr size_t kContactsPerPageMax =
    1000;  // 30 KB of IPv4: a moment's work, and one write.
inline constexpr size_t kContactPageSizeMax =
    16 + kContactsPerPageMax * (kCompactNodeV6Size + 4) + 4;

// Writes one page into a buffer that somebody else owns.
class ContactPageWriter {
 public:
  // Requires kContactPageSizeMax bytes.
  ContactPageWriter(MutableBytes buffer, bool is_v4, std::optional<WallTime> written_at);

  // Requires the page's family, a port above 0, and count() < kContactsPerPageMax. What is negative
  // or beyond 136 years becomes the nearest that fits.
  void add(const CompactNode& contact, std::chrono::seconds verified_before);
  size_t count() const { return count_; }

  // The whole page, in the buffer. Nothing can be added afterwards.
  Bytes finish();

 private:
  MutableBytes buffer_;
  Writer writer_;
  bool is_v4_;
  uint16_t count_ = 0;
};

// A page that was checked once; a view of bytes that somebody else owns.
class ContactPage {
 public:
  // Empty unless the bytes are such a page, whole and undamaged, of a version that is known here.
  static std::optional<ContactPage> parse(Bytes bytes);

  bool is_v4() const { return contact_size_ == kCompactNodeV4Size; }
  std::optional<WallTime> written_at() const { return written_at_; }
  size_t count() const { return contacts_.size() / (contact_size_ + 4); }

  // Calls `visit(const CompactNode&, std::chrono::seconds verified_before)` for each, as written.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (Bytes rest = contacts_; !rest.empty(); rest = rest.subspan(contact_size_ + 4)) {
      for_each_compact_node(rest.first(contact_size_), contact_size_, [&](const CompactNode& node) {
        visit(node, std::chrono::seconds(load_u32(&rest[contact_size_])));
      });
    }
  }

 private:
  ContactPage(Bytes contacts, size_t contact_size, std::optional<WallTime> written_at)
      : contacts_(contacts), contact_size_(contact_size), written_at_(written_at) {}

  Bytes contacts_;
  size_t contact_size_;
  std::optional<WallTime> written_at_;
};

// Which pages are the contacts: those of one generation, from number 0 on.
//
//   "RCIX"   version (1)   generation (8)   pages (4)   contacts (8)   CRC-32 of all (4)
struct ContactPageIndex {
  static constexpr size_t kSize = 29;
  static constexpr uint32_t kPagesMax = 1 << 20;  // Beyond any ring; bounds what is read.

  uint64_t generation = 0;
  uint32_t pages = 0;
  uint64_t contacts = 0;

  std::array<uint8_t, kSize> encode() const;
  // Empty when the bytes are not such a record, whole and undamaged.
  static std::optional<ContactPageIndex> parse(Bytes bytes);

  friend bool operator==(const ContactPageIndex&, const ContactPageIndex&) = default;
};

}  // namespace roost::wire
