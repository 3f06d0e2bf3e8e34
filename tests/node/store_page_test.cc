// SPDX-License-Identifier: MIT
//
// Goal: a page holds what its limits allow, and tells where the next one begins.
// Method: pages written out as text.
#include "node/store_page.h"

#include <gtest/gtest.h>
#include <string>

namespace roost::node {
namespace {

std::string text_of(const StorePage& page) {
  std::string text;
  page.for_each([&](Bytes key, Bytes value) {
    text.append(as_text(key)).append("=").append(as_text(value)).append(" ");
  });
  return text;
}

TEST(StorePage, HoldsWhatItWasGiven) {
  StorePage page({});
  EXPECT_EQ(0u, page.count());
  EXPECT_TRUE(page.is_last());
  EXPECT_EQ("", text_of(page));
  EXPECT_TRUE(page.add(as_bytes("a"), as_bytes("one")));
  EXPECT_TRUE(page.add(as_bytes("bb"), {}));
  EXPECT_EQ(2u, page.count());
  EXPECT_EQ("a=one bb= ", text_of(page));
  const auto entries = page.entries();
  ASSERT_EQ(2u, entries.size());
  EXPECT_EQ("one", as_text(entries[0].value));
  EXPECT_EQ("bb", as_text(entries[1].key));
  EXPECT_TRUE(page.is_last());
  EXPECT_EQ(std::string_view("bb\0", 3), as_text(page.next_from()));
}

TEST(StorePage, IsCutByEitherLimit) {
  const struct {
    StorePage::Limits limits;
    std::string_view expect;
    bool is_last;
  } kRows[] = {
      {{.count_max = 1}, "a=1 ", false},
      {{.count_max = 2}, "a=1 b=2 ", false},
      {{.count_max = 3}, "a=1 b=2 c=3 ", true},
      {{.size_max = 1}, "a=1 ", false},  // The first one always.
      {{.size_max = 3}, "a=1 ", false},
      {{.size_max = 4}, "a=1 b=2 ", false},
      {{.size_max = 6}, "a=1 b=2 c=3 ", true},
      {{.count_max = 2, .size_max = 2}, "a=1 ", false},
  };
  for (const auto& row : kRows) {
    StorePage page(row.limits);
    const std::pair<std::string_view, std::string_view> entries[] = {
        {"a", "1"}, {"b", "2"}, {"c", "3"}};
    for (const auto& [key, value] : entries) {
      if (!page.add(as_bytes(key), as_bytes(value))) break;
    }
    EXPECT_EQ(row.expect, text_of(page));
    EXPECT_EQ(row.is_last, page.is_last()) << row.expect;
  }
}

TEST(StorePage, RefusesLimitsThatAreNone) {
  EXPECT_DEATH(StorePage({.count_max = 0}), "");
  EXPECT_DEATH(StorePage({.size_max = 0}), "");
  EXPECT_DEATH(StorePage({.size_max = StorePage::kSizeMax + 1}), "");
  EXPECT_DEATH(static_cast<void>(StorePage({}).next_from()), "");
}

}  // namespace
}  // namespace roost::node
