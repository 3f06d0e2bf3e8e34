// SPDX-License-Identifier: MIT
//
// Any bytes: neither parse crashes; both accept exactly what a naive recursive reader of BEP 3
// accepts, and the view reads back the same values. What was accepted, put in order and written
// again, is accepted in the canonical form; what was canonical comes out byte for byte.
#include "wire/bencode.h"

#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"

namespace roost::wire {
namespace {

// As a textbook would have it: copies everything, recurses, and knows nothing of the code it
// checks.
struct Value {
  BencodeKind kind = BencodeKind::kInteger;
  int64_t integer = 0;
  std::string string;
  std::vector<Value> items;       // Of a list, or the values of a dictionary,
  std::vector<std::string> keys;  // and its keys.
  std::string bytes;
};

class NaiveReader {
 public:
  NaiveReader(std::string text, bool wants_order)
      : text_(std::move(text)), wants_order_(wants_order) {}

  std::optional<Value> read() {
    std::optional<Value> value = read_value(0);
    if (at_ != text_.size() || value_count_ > kBencodeValueCountMax) return {};
    return value;
  }

 private:
  std::optional<Value> read_value(unsigned depth) {
    ++value_count_;
    const size_t start = at_;
    Value value;
    bool is_good = false;
    switch (peek()) {
      case 'i': is_good = read_integer(value); break;
      case 'l': is_good = read_list(value, depth + 1); break;
      case 'd': is_good = read_dictionary(value, depth + 1); break;
      default: is_good = read_string(value);
    }
    if (!is_good) return {};
    value.bytes = text_.substr(start, at_ - start);
    return value;
  }

  bool read_integer(Value& value) {
    const size_t end = text_.find('e', at_);
    if (end == std::string::npos) return false;
    const std::string digits = text_.substr(at_ + 1, end - at_ - 1);
    value.kind = BencodeKind::kInteger;
    value.integer = std::strtoll(digits.c_str(), nullptr, 10);
    at_ = end + 1;
    return std::to_string(value.integer) == digits;
  }

  bool read_string(Value& value) {
    const size_t colon = text_.find(':', at_);
    if (colon == std::string::npos) return false;
    const std::string digits = text_.substr(at_, colon - at_);
    const auto size = std::strtoull(digits.c_str(), nullptr, 10);
    if (std::to_string(size) != digits || size > text_.size() - colon - 1) return false;
    value.kind = BencodeKind::kString;
    value.string = text_.substr(colon + 1, size);
    at_ = colon + 1 + size;
    return true;
  }

  bool read_list(Value& value, unsigned depth) {
    if (depth > kBencodeDepthMax) return false;
    value.kind = BencodeKind::kList;
    ++at_;
    while (peek() != 'e') {
      const auto item = read_value(depth);
      if (!item) return false;
      value.items.push_back(*item);
    }
    ++at_;
    return true;
  }

  bool read_dictionary(Value& value, unsigned depth) {
    if (depth > kBencodeDepthMax) return false;
    value.kind = BencodeKind::kDictionary;
    ++at_;
    while (peek() != 'e') {
      const auto key = read_value(depth);
      if (!key || key->kind != BencodeKind::kString) return false;
      const auto entry = read_value(depth);
      if (!entry) return false;
      const bool ascends = value.keys.empty() || value.keys.back() < key->string;
      if (wants_order_ && !ascends) return false;
      value.keys.push_back(key->string);
      value.items.push_back(*entry);
    }
    ++at_;
    return true;
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  std::string text_;
  bool wants_order_;
  size_t at_ = 0;
  unsigned value_count_ = 0;
};

// The entries in canonical order; of equal keys the first.
std::map<std::string, const Value*> in_order(const Value& dictionary) {
  std::map<std::string, const Value*> entries;
  for (size_t i = 0; i < dictionary.keys.size(); ++i) {
    entries.emplace(dictionary.keys[i], &dictionary.items[i]);
  }
  return entries;
}

void check_same(const BencodeView& view, const Value& expected) {
  CHECK(view.kind() == expected.kind);
  CHECK(as_text(view.bytes()) == expected.bytes);
  const bool is_integer = expected.kind == BencodeKind::kInteger;
  CHECK(view.integer() == (is_integer ? std::optional(expected.integer) : std::nullopt));
  CHECK(view.string().has_value() == (expected.kind == BencodeKind::kString));
  CHECK(!view.string() || as_text(*view.string()) == expected.string);

  size_t count = 0;
  view.for_each_item([&](const BencodeView& item) {
    CHECK(expected.kind == BencodeKind::kList && count < expected.items.size());
    check_same(item, expected.items[count++]);
  });
  view.for_each_entry([&](Bytes key, const BencodeView& value) {
    CHECK(count < expected.keys.size());
    CHECK(as_text(key) == expected.keys[count]);
    check_same(value, expected.items[count++]);
  });
  CHECK(count == expected.items.size());

  const auto first_of_each = in_order(expected);
  for (const auto& [key, value] : first_of_each) {
    const auto found = view.find(key);
    CHECK(found && as_text(found->bytes()) == value->bytes);
  }
  CHECK(first_of_each.contains("no such key") || !view.find("no such key"));
}

void write(BencodeWriter& writer, const Value& value) {
  switch (value.kind) {
    case BencodeKind::kInteger: return writer.integer(value.integer);
    case BencodeKind::kString: return writer.text(value.string);
    case BencodeKind::kList:
      writer.open_list();
      for (const Value& item : value.items) write(writer, item);
      return writer.close();
    case BencodeKind::kDictionary:
      writer.open_dictionary();
      for (const auto& [key, entry] : in_order(value)) {
        writer.key(key);
        write(writer, *entry);
      }
      return writer.close();
  }
}

void check(Bytes bytes) {
  const auto tolerant = BencodeView::parse(bytes);
  const auto canonical = BencodeView::parse_canonical(bytes);
  const auto expected = NaiveReader(std::string(as_text(bytes)), false).read();
  const auto expected_canonical = NaiveReader(std::string(as_text(bytes)), true).read();
  CHECK(tolerant.has_value() == expected.has_value());
  CHECK(canonical.has_value() == expected_canonical.has_value());
  CHECK(tolerant || !canonical);
  if (!tolerant) return;
  check_same(*tolerant, *expected);

  std::vector<uint8_t> buffer(bytes.size());  // Sorting adds nothing, dropping keys only removes.
  BencodeWriter writer(buffer);
  write(writer, *expected);
  const Bytes rebuilt = writer.finish();
  CHECK(BencodeView::parse_canonical(rebuilt));
  CHECK(!canonical || same_bytes(rebuilt, bytes));
}

}  // namespace
}  // namespace roost::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  roost::wire::check({data, size});
  return 0;
}
