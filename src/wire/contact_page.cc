// SPDX-License-Identifier: MIT
#include "wire/contact_page.h"

#include <algorithm>

#include "base/check.h"
#include "base/crypto_hash.h"

namespace roost::wire {
namespace {

constexpr std::string_view kPageMagic = "RCON";
constexpr std::string_view kIndexMagic = "RCIX";
constexpr uint8_t kVersion = 1;
constexpr size_t kCountAt = 6;
constexpr size_t kHeadSize = 16;
constexpr size_t kAgeSize = 4;
constexpr size_t kChecksumSize = 4;

// Whether the last four bytes are the checksum of those before them.
bool is_undamaged(Bytes bytes) {
  if (bytes.size() < kChecksumSize) return false;
  const size_t size = bytes.size() - kChecksumSize;
  return load_u32(&bytes[size]) == crc32(bytes.first(size));
}

}  // namespace

ContactPageWriter::ContactPageWriter(MutableBytes buffer, bool is_v4,
                                     std::optional<WallTime> written_at)
    : buffer_(buffer), writer_(buffer), is_v4_(is_v4) {
  CHECK(buffer.size() >= kContactPageSizeMax);
  writer_.text(kPageMagic);
  writer_.u8(kVersion);
  writer_.u8(is_v4 ? 4 : 16);
  writer_.u16(0);  // Filled in at the end.
  writer_.u64(written_at ? static_cast<uint64_t>(written_at->time_since_epoch().count()) : 0);
}

void ContactPageWriter::add(const CompactNode& contact, std::chrono::seconds verified_before) {
  CHECK(count_ < kContactsPerPageMax);
  CHECK(contact.endpoint.address.is_v4() == is_v4_ && contact.endpoint.port != 0);
  ++count_;
  write_compact(writer_, contact);
  writer_.u32(
      static_cast<uint32_t>(std::clamp<int64_t>(verified_before.count(), 0, int64_t{UINT32_MAX})));
}

Bytes ContactPageWriter::finish() {
  store_u16(&buffer_[kCountAt], count_);
  writer_.u32(crc32(writer_.written()));
  CHECK(writer_.ok());
  return writer_.written();
}

std::optional<ContactPage> ContactPage::parse(Bytes bytes) {
  Reader reader(bytes);
  const bool is_ours =
      as_text(reader.take(kPageMagic.size())) == kPageMagic && reader.u8() == kVersion;
  const uint8_t address_size = reader.u8();
  const size_t count = reader.u16();
  const uint64_t written_at = reader.u64();
  if (!is_ours || (address_size != 4 && address_size != 16)) return {};
  const size_t contact_size = address_size == 4 ? kCompactNodeV4Size : kCompactNodeV6Size;
  const size_t contacts_size = count * (contact_size + kAgeSize);
  if (count > kContactsPerPageMax || bytes.size() != kHeadSize + contacts_size + kChecksumSize) {
    return {};
  }
  // What no clock of ours can have said.
  if (written_at > uint64_t{INT32_MAX} * 1000 || !is_undamaged(bytes)) return {};
  std::optional<WallTime> wall;
  if (written_at != 0) wall = WallTime(std::chrono::seconds(written_at));
  const ContactPage page(reader.take(contacts_size), contact_size, wall);
  size_t usable = 0;
  page.for_each([&usable](const CompactNode& node, auto) { usable += node.endpoint.port != 0; });
  if (usable != count) return {};
  return page;
}

std::array<uint8_t, ContactPageIndex::kSize> ContactPageIndex::encode() const {
  std::array<uint8_t, kSize> bytes{};
  Writer writer(bytes);
  writer.text(kIndexMagic);
  writer.u8(kVersion);
  writer.u64(generation);
  writer.u32(pages);
  writer.u64(contacts);
  writer.u32(crc32(writer.written()));
  return bytes;
}

std::optional<ContactPageIndex> ContactPageIndex::parse(Bytes bytes) {
  if (bytes.size() != kSize || !is_undamaged(bytes)) return {};
  Reader reader(bytes);
  const bool is_ours =
      as_text(reader.take(kIndexMagic.size())) == kIndexMagic && reader.u8() == kVersion;
  ContactPageIndex index;
  index.generation = reader.u64();
  index.pages = reader.u32();
  index.contacts = reader.u64();
  if (!is_ours || index.pages > kPagesMax) return {};
  return index;
}

}  // namespace roost::wire
