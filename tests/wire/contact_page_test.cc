// SPDX-License-Identifier: MIT
//
// Goal: a page and an index come back as they were written, and one that was changed anywhere is
// refused. Method: pages of both families and all sizes that matter; every single bit flipped.
#include "wire/contact_page.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <vector>

#include "base/crypto_hash.h"

namespace roost::wire {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

constexpr WallTime kWritten{std::chrono::sys_days{std::chrono::year{2026} / 12 / 1}};

struct Contact {
  CompactNode node;
  seconds verified_before;
  friend bool operator==(const Contact&, const Contact&) = default;
};

Contact contact(bool is_v4, uint32_t number) {
  const IpAddress address =
      is_v4 ? IpAddress::v4(0x01000000 + number) : IpAddress(uint64_t{0x2001} << 48, number);
  NodeId id{};
  store_u32(id.data(), number);
  return {{id, {address, static_cast<uint16_t>(1 + number % 65535)}}, seconds(number)};
}

std::vector<uint8_t> page(const std::vector<Contact>& contacts, bool is_v4,
                          std::optional<WallTime> written_at = kWritten) {
  std::vector<uint8_t> buffer(kContactPageSizeMax);
  ContactPageWriter writer(buffer, is_v4, written_at);
  for (const Contact& one : contacts) writer.add(one.node, one.verified_before);
  EXPECT_EQ(contacts.size(), writer.count());
  const Bytes written = writer.finish();
  return {written.begin(), written.end()};
}

std::vector<Contact> contacts_of(const ContactPage& page) {
  std::vector<Contact> contacts;
  page.for_each([&](const CompactNode& node, seconds before) {
    contacts.push_back({node, before});
  });
  return contacts;
}

// After a change, so that only the change itself is judged.
void renew_checksum(std::vector<uint8_t>& bytes) {
  store_u32(&bytes[bytes.size() - 4], crc32(Bytes(bytes).first(bytes.size() - 4)));
}

TEST(ContactPage, ComesBackAsItWasWritten) {
  for (const bool is_v4 : {true, false}) {
    for (const size_t count : {size_t{0}, size_t{1}, size_t{7}, kContactsPerPageMax}) {
      SCOPED_TRACE((is_v4 ? "IPv4 " : "IPv6 ") + std::to_string(count));
      std::vector<Contact> contacts;
      for (uint32_t i = 0; i < count; ++i) contacts.push_back(contact(is_v4, i));
      const auto bytes = page(contacts, is_v4);
      EXPECT_EQ(20 + count * (is_v4 ? 30 : 42), bytes.size());
      const auto parsed = ContactPage::parse(bytes);
      ASSERT_TRUE(parsed);
      EXPECT_EQ(is_v4, parsed->is_v4());
      EXPECT_EQ(kWritten, parsed->written_at());
      EXPECT_EQ(count, parsed->count());
      EXPECT_EQ(contacts, contacts_of(*parsed));
    }
  }
}

TEST(ContactPage, SaysThatTheClockWasNotKnown) {
  const auto bytes = page({contact(true, 1)}, true, std::nullopt);
  EXPECT_EQ(std::nullopt, ContactPage::parse(bytes)->written_at());
}

TEST(ContactPage, KeepsAgesThatItHasNoNumberFor) {
  const CompactNode node = contact(true, 1).node;
  const auto bytes = page({{node, -5s}, {node, seconds(INT64_MAX / 2)}}, true);
  const auto contacts = contacts_of(*ContactPage::parse(bytes));
  EXPECT_EQ(0s, contacts[0].verified_before);
  EXPECT_EQ(seconds(UINT32_MAX), contacts[1].verified_before);
}

TEST(ContactPage, IsRefusedWhenAnythingOfItIsChanged) {
  const auto whole = page({contact(false, 1), contact(false, 2)}, false);
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    auto bytes = whole;
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(ContactPage::parse(bytes)) << "bit " << bit;
  }
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ContactPage::parse(Bytes(whole).first(size))) << size;
  }
  auto longer = whole;
  longer.push_back(0);
  EXPECT_FALSE(ContactPage::parse(longer));
}

// What a checksum does not find: what somebody has written so.
TEST(ContactPage, IsRefusedWhenItSaysWhatCannotBe) {
  struct Row {
    const char* what;
    size_t at;
    uint8_t byte;
  };
  const Row rows[] = {
      {"another magic", 0, 'X'},           {"a later version", 4, 2},
      {"an address of no family", 5, 8},   {"more contacts than there are", 7, 2},
      {"a time that no clock says", 8, 1},
  };
  for (const Row& row : rows) {
    auto bytes = page({contact(true, 1)}, true);
    bytes[row.at] = row.byte;
    renew_checksum(bytes);
    EXPECT_FALSE(ContactPage::parse(bytes)) << row.what;
  }
  auto without_port = page({contact(true, 1)}, true);
  store_u16(&without_port[16 + 24], 0);
  renew_checksum(without_port);
  EXPECT_FALSE(ContactPage::parse(without_port));

  auto mapped = page({contact(false, 1)}, false);
  std::fill_n(mapped.begin() + 16 + 20, 10, uint8_t{0});
  std::fill_n(mapped.begin() + 16 + 30, 2, uint8_t{0xff});
  renew_checksum(mapped);
  EXPECT_FALSE(ContactPage::parse(mapped));
}

TEST(ContactPageIndex, ComesBackAsItWasWrittenAndNotIfChanged) {
  const ContactPageIndex index{7, ContactPageIndex::kPagesMax, 123'456'789'012};
  const auto whole = index.encode();
  EXPECT_EQ(index, ContactPageIndex::parse(whole));
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    auto bytes = whole;
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(ContactPageIndex::parse(bytes)) << "bit " << bit;
  }
  EXPECT_FALSE(ContactPageIndex::parse({}));
  EXPECT_FALSE(ContactPageIndex::parse(Bytes(whole).first(whole.size() - 1)));
  const ContactPageIndex beyond{7, ContactPageIndex::kPagesMax + 1, 1};
  EXPECT_FALSE(ContactPageIndex::parse(beyond.encode()));
}

}  // namespace
}  // namespace roost::wire
