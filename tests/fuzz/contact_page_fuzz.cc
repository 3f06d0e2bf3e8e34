// SPDX-License-Identifier: MIT
//
// Any bytes, as they are and with a checksum that fits: parse() must not crash, and a page or an
// index that it accepts is written back to the letter.
#include "wire/contact_page.h"

#include <vector>

#include "base/check.h"
#include "base/crypto_hash.h"

namespace roost::wire {
namespace {

void check(Bytes bytes) {
  if (const auto page = ContactPage::parse(bytes)) {
    static std::vector<uint8_t> buffer(kContactPageSizeMax);
    ContactPageWriter writer(buffer, page->is_v4(), page->written_at());
    page->for_each([&](const CompactNode& node, auto before) { writer.add(node, before); });
    CHECK(writer.count() == page->count());
    CHECK(same_bytes(writer.finish(), bytes));
  }
  if (const auto index = ContactPageIndex::parse(bytes)) {
    CHECK(same_bytes(index->encode(), bytes));
  }
}

}  // namespace
}  // namespace roost::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  roost::wire::check({data, size});
  if (size < 4) return 0;
  std::vector<uint8_t> bytes(data, data + size);
  roost::store_u32(&bytes[size - 4], roost::crc32(roost::Bytes(bytes).first(size - 4)));
  roost::wire::check(bytes);
  return 0;
}
