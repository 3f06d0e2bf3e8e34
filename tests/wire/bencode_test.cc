// SPDX-License-Identifier: MIT
//
// Goal: exactly the encodings of BEP 3 within our bounds are accepted, in either strictness, and
// read back as what they say. Method: tables of text and verdict; the messages printed in BEP 5;
// every way to cut one short.
#include "wire/bencode.h"

#include <gtest/gtest.h>
#include <set>
#include <string>
#include <vector>

namespace roost::wire {
namespace {

constexpr std::string_view kPing =
    "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe";  // BEP 5, "ping".
constexpr std::string_view kPeers =
    "d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re";
constexpr std::string_view kGenericError =
    "d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee";  // The typing error is BEP 5's.

std::string repeated(std::string_view text, size_t count) {
  std::string result;
  for (size_t i = 0; i < count; ++i) result += text;
  return result;
}

std::string_view verdict(const Result<BencodeView, BencodeError>& result) {
  return result ? "accepted" : label(result.error());
}

BencodeView parsed(std::string_view text) {
  return BencodeView::parse(as_bytes(text)).value();
}

struct Verdict {
  std::string given;
  std::string_view expect;
};

TEST(Bencode, AcceptsOneWholeValueAndNothingElse) {
  const Verdict rows[] = {
      {"i0e", "accepted"},
      {"i-3e", "accepted"},
      {"i9223372036854775807e", "accepted"},
      {"i-9223372036854775808e", "accepted"},
      {"0:", "accepted"},
      {"4:spam", "accepted"},
      {"10:0123456789", "accepted"},
      {"le", "accepted"},
      {"de", "accepted"},
      {"l4:spam4:eggse", "accepted"},
      {"d3:cow3:moo4:spam4:eggse", "accepted"},
      {"d4:spaml1:a1:bee", "accepted"},
      {"d0:i1e1:ai2ee", "accepted"},
      {std::string(kPing), "accepted"},
      {std::string(kPeers), "accepted"},
      {std::string(kGenericError), "accepted"},

      {"", "truncated"},
      {"i", "truncated"},
      {"i-", "truncated"},
      {"i12", "truncated"},
      {"1", "truncated"},
      {"1:", "truncated"},
      {"5:spam", "truncated"},
      {"99999999999999999999999999:a", "truncated"},
      {"18446744073709551616:a", "truncated"},
      {"l", "truncated"},
      {"li1e", "truncated"},
      {"d", "truncated"},
      {"d1:a", "truncated"},

      {"i1ei2e", "trailing_bytes"},
      {"i1e ", "trailing_bytes"},
      {"4:spams", "trailing_bytes"},
      {"dee", "trailing_bytes"},

      {"e", "unexpected_byte"},
      {" i1e", "unexpected_byte"},
      {"-1:a", "unexpected_byte"},
      {"d1:ae", "unexpected_byte"},
      {"l1:ax", "unexpected_byte"},
      {std::string(1, '\0'), "unexpected_byte"},
      {"\xff", "unexpected_byte"},

      {"ie", "bad_integer"},
      {"i-e", "bad_integer"},
      {"i-0e", "bad_integer"},
      {"i00e", "bad_integer"},
      {"i03e", "bad_integer"},
      {"i-03e", "bad_integer"},
      {"i+3e", "bad_integer"},
      {"i 3e", "bad_integer"},
      {"i3.0e", "bad_integer"},
      {"i--3e", "bad_integer"},
      {"i9223372036854775808e", "bad_integer"},
      {"i-9223372036854775809e", "bad_integer"},
      {"i99999999999999999999e", "bad_integer"},
      {"i" + repeated("9", 1000) + "e", "bad_integer"},

      {"00:", "bad_string_size"},
      {"04:spam", "bad_string_size"},
      {"4spam", "bad_string_size"},
      {"4 :spam", "bad_string_size"},
      {repeated("0", 1000) + ":", "bad_string_size"},

      {"di1ei2ee", "bad_key"},
      {"dlei1ee", "bad_key"},
      {"dde1:ae", "bad_key"},
  };
  for (const Verdict& row : rows) {
    EXPECT_EQ(verdict(BencodeView::parse(as_bytes(row.given))), row.expect) << row.given;
    EXPECT_EQ(verdict(BencodeView::parse_canonical(as_bytes(row.given))), row.expect) << row.given;
  }
}

TEST(Bencode, OnlyTheCanonicalFormMindsTheOrderOfKeys) {
  struct Row {
    std::string_view given;
    std::string_view canonical;
  };
  constexpr Row kRows[] = {
      {"d1:ai1e1:bi2ee", "accepted"},
      {"d1:ai1e2:aai2ee", "accepted"},           // A prefix comes first.
      {"d1:Zi1e1:ai2ee", "accepted"},            // Bytes, not letters.
      {"d1:\x7fi1e1:\xffi2ee", "accepted"},      // Unsigned bytes.
      {"ld1:bi1eed1:ai2eee", "accepted"},        // Each dictionary has its own order.
      {"d1:bd1:ai1ee1:cd1:ai2eee", "accepted"},  // And an inner one does not disturb it.
      {"d1:bi1e1:ai2ee", "keys_not_ascending"},
      {"d2:aai1e1:ai2ee", "keys_not_ascending"},
      {"d1:ai1e1:ai2ee", "keys_not_ascending"},
      {"d0:i1e0:i2ee", "keys_not_ascending"},
      {"d1:\xffi1e1:\x7fi2ee", "keys_not_ascending"},
      {"d1:bd1:ci1ee1:ai2ee", "keys_not_ascending"},
      {"d1:ad1:bi1e1:ai2eee", "keys_not_ascending"},
      {"ld1:bi1e1:ai2eee", "keys_not_ascending"},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(verdict(BencodeView::parse(as_bytes(row.given))), "accepted") << row.given;
    EXPECT_EQ(verdict(BencodeView::parse_canonical(as_bytes(row.given))), row.canonical)
        << row.given;
  }
}

TEST(Bencode, DepthAndCountAreBounded) {
  const auto nested = [](std::string_view open, size_t depth) {
    return repeated(open, depth) + (open == "l" ? "" : "le") + repeated("e", depth);
  };
  const auto list_of = [](size_t count) { return "l" + repeated("0:", count) + "e"; };
  const Verdict rows[] = {
      {nested("l", kBencodeDepthMax), "accepted"},
      {nested("l", kBencodeDepthMax + 1), "too_deep"},
      {nested("d1:a", kBencodeDepthMax - 1), "accepted"},
      {nested("d1:a", kBencodeDepthMax), "too_deep"},
      {repeated("l", 100'000), "too_deep"},
      {"l" + repeated("le", 1000) + "e", "accepted"},  // Many, but never more than two deep.
      {list_of(kBencodeValueCountMax - 1), "accepted"},
      {list_of(kBencodeValueCountMax), "too_many_values"},
      {"100000:" + repeated("l", 100'000), "accepted"},  // One string, however long.
  };
  for (const Verdict& row : rows) {
    EXPECT_EQ(verdict(BencodeView::parse(as_bytes(row.given))), row.expect)
        << row.given.substr(0, 40);
    EXPECT_EQ(verdict(BencodeView::parse_canonical(as_bytes(row.given))), row.expect)
        << row.given.substr(0, 40);
  }
}

TEST(Bencode, AnythingCutShortIsTruncated) {
  for (const std::string_view message : {kPing, kPeers, kGenericError}) {
    for (size_t size = 0; size < message.size(); ++size) {
      // A copy of its own, so that a sanitizer sees a read behind the end.
      const std::vector<uint8_t> cut(message.begin(), message.begin() + static_cast<long>(size));
      EXPECT_EQ(verdict(BencodeView::parse(cut)), "truncated") << size;
    }
  }
}

TEST(Bencode, ReadsTheMessagesOfBep5) {
  const BencodeView ping = parsed(kPing);
  EXPECT_EQ(ping.kind(), BencodeKind::kDictionary);
  EXPECT_EQ(as_text(ping.find_string("q").value()), "ping");
  EXPECT_EQ(as_text(ping.find_string("y").value()), "q");
  EXPECT_EQ(as_text(ping.find("a")->find_string("id").value()), "abcdefghij0123456789");
  EXPECT_FALSE(ping.find("r"));
  EXPECT_FALSE(ping.find("id"));  // Keys of an inner dictionary are not ours.

  std::vector<std::string> peers;
  parsed(kPeers).find("r")->find("values")->for_each_item(
      [&](const BencodeView& peer) { peers.emplace_back(as_text(peer.string().value())); });
  EXPECT_EQ(peers, (std::vector<std::string>{"axje.u", "idhtnm"}));

  std::vector<std::string> encodings;
  parsed(kGenericError).find("e")->for_each_item([&](const BencodeView& item) {
    encodings.emplace_back(as_text(item.bytes()));
  });
  EXPECT_EQ(encodings, (std::vector<std::string>{"i201e", "23:A Generic Error Ocurred"}));
}

TEST(Bencode, IntegersReachBothEndsOfInt64) {
  struct Row {
    std::string_view given;
    int64_t expect;
  };
  constexpr Row kRows[] = {
      {"i0e", 0},
      {"i-1e", -1},
      {"i42e", 42},
      {"i9223372036854775807e", INT64_MAX},
      {"i-9223372036854775808e", INT64_MIN},
  };
  for (const Row& row : kRows) EXPECT_EQ(parsed(row.given).integer(), row.expect) << row.given;
}

TEST(Bencode, EntriesComeInTheOrderOfTheBytesAndTheFirstOfEqualKeysIsFound) {
  const BencodeView dictionary = parsed("d1:zi1e1:ali2ee1:zi3e0:0:e");
  std::vector<std::string> entries;
  dictionary.for_each_entry([&](Bytes key, const BencodeView& value) {
    entries.push_back(std::string(as_text(key)) + "=" + std::string(as_text(value.bytes())));
  });
  EXPECT_EQ(entries, (std::vector<std::string>{"z=i1e", "a=li2ee", "z=i3e", "=0:"}));
  EXPECT_EQ(dictionary.find_integer("z"), 1);
  EXPECT_EQ(dictionary.find_string("")->size(), 0u);
}

TEST(Bencode, AskedForWhatItIsNotAValueReturnsNothing) {
  for (const std::string_view given : {"i1e", "1:a", "l1:ai1ee", "d1:ai1ee"}) {
    const BencodeView value = parsed(given);
    const BencodeKind kind = value.kind();
    EXPECT_EQ(value.integer().has_value(), kind == BencodeKind::kInteger) << given;
    EXPECT_EQ(value.string().has_value(), kind == BencodeKind::kString) << given;
    EXPECT_EQ(value.find("a").has_value(), kind == BencodeKind::kDictionary) << given;
    EXPECT_FALSE(value.find_string("a")) << given;  // There is one at most, and it is an integer.
    size_t item_count = 0;
    size_t entry_count = 0;
    value.for_each_item([&](const BencodeView&) { ++item_count; });
    value.for_each_entry([&](Bytes, const BencodeView&) { ++entry_count; });
    EXPECT_EQ(item_count, kind == BencodeKind::kList ? 2u : 0u) << given;
    EXPECT_EQ(entry_count, kind == BencodeKind::kDictionary ? 1u : 0u) << given;
  }
}

TEST(Bencode, EveryErrorHasALabelOfItsOwn) {
  std::set<std::string_view> labels;
  for (size_t i = 0; i < kBencodeErrorCount; ++i)
    labels.insert(label(static_cast<BencodeError>(i)));
  EXPECT_EQ(labels.size(), kBencodeErrorCount);
  EXPECT_FALSE(labels.contains(""));
}

Bytes write_generic_error(MutableBytes buffer) {
  BencodeWriter writer(buffer);
  writer.open_dictionary();
  writer.key("e");
  writer.open_list();
  writer.integer(201);
  writer.text("A Generic Error Ocurred");
  writer.close();
  writer.key("t");
  writer.text("aa");
  writer.key("y");
  writer.value(parsed("1:e"));
  writer.close();
  return writer.finish();
}

TEST(BencodeWriter, WritesTheErrorOfBep5) {
  std::array<uint8_t, 100> buffer;
  EXPECT_EQ(as_text(write_generic_error(buffer)), kGenericError);
}

TEST(BencodeWriter, WhatDoesNotFitComesOutEmpty) {
  for (size_t size = 0; size < kGenericError.size(); ++size) {
    std::vector<uint8_t> buffer(size);
    EXPECT_TRUE(write_generic_error(buffer).empty()) << size;
  }
  std::vector<uint8_t> buffer(kGenericError.size());
  EXPECT_EQ(as_text(write_generic_error(buffer)), kGenericError);
}

TEST(BencodeWriter, EveryDictionaryHasAnOrderOfItsOwn) {
  std::array<uint8_t, 64> buffer;
  BencodeWriter writer(buffer);
  writer.open_list();
  for (const std::string_view key : {"b", "a"}) {
    writer.open_dictionary();
    writer.key(key);
    writer.open_dictionary();
    writer.key("0");
    writer.integer(1);
    writer.close();
    writer.key("c");
    writer.integer(2);
    writer.close();
  }
  writer.close();
  EXPECT_EQ(as_text(writer.finish()), "ld1:bd1:0i1ee1:ci2eed1:ad1:0i1ee1:ci2eee");
}

TEST(BencodeWriter, WritesEveryKindAlone) {
  struct Row {
    void (*given)(BencodeWriter&);
    std::string_view expect;
  };
  constexpr Row kRows[] = {
      {[](BencodeWriter& writer) { writer.integer(INT64_MIN); }, "i-9223372036854775808e"},
      {[](BencodeWriter& writer) { writer.integer(0); }, "i0e"},
      {[](BencodeWriter& writer) { writer.text(""); }, "0:"},
      {[](BencodeWriter& writer) { writer.text("0123456789"); }, "10:0123456789"},
      {[](BencodeWriter& writer) { writer.open_list(), writer.close(); }, "le"},
      {[](BencodeWriter& writer) { writer.open_dictionary(), writer.close(); }, "de"},
  };
  for (const Row& row : kRows) {
    std::array<uint8_t, 32> buffer;
    BencodeWriter writer(buffer);
    row.given(writer);
    EXPECT_EQ(as_text(writer.finish()), row.expect);
  }
}

TEST(BencodeWriterDeathTest, MistakesOfOursAbort) {
  struct Row {
    std::string_view mistake;
    void (*given)(BencodeWriter&);
  };
  constexpr Row kRows[] = {
      {"nothing written", [](BencodeWriter& writer) { (void)writer.finish(); }},
      {"left open", [](BencodeWriter& writer) { writer.open_list(), (void)writer.finish(); }},
      {"never opened", [](BencodeWriter& writer) { writer.close(); }},
      {"two values", [](BencodeWriter& writer) { writer.integer(1), writer.integer(2); }},
      {"a key in a list", [](BencodeWriter& writer) { writer.open_list(), writer.key("a"); }},
      {"a value without a key",
       [](BencodeWriter& writer) { writer.open_dictionary(), writer.integer(1); }},
      {"a key without a value",
       [](BencodeWriter& writer) { writer.open_dictionary(), writer.key("a"), writer.close(); }},
      {"two keys in a row",
       [](BencodeWriter& writer) { writer.open_dictionary(), writer.key("a"), writer.key("b"); }},
      {"a key twice",
       [](BencodeWriter& writer) {
         writer.open_dictionary();
         writer.key("a"), writer.integer(1);
         writer.key("a");
       }},
      {"keys that descend",
       [](BencodeWriter& writer) {
         writer.open_dictionary();
         writer.key("b"), writer.open_list(), writer.close();
         writer.key("a");
       }},
      {"too deep",
       [](BencodeWriter& writer) {
         for (unsigned i = 0; i <= kBencodeDepthMax; ++i) writer.open_list();
       }},
  };
  for (const Row& row : kRows) {
    std::array<uint8_t, 64> buffer;
    BencodeWriter writer(buffer);
    EXPECT_DEATH(row.given(writer), "broken invariant") << row.mistake;
  }
}

}  // namespace
}  // namespace roost::wire
