// SPDX-License-Identifier: MIT
#include "dht_messages.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace bench {
namespace {

constexpr size_t kCompactNodeSize = 26;

// Appends; there is room for what this file writes.
class Pen {
 public:
  explicit Pen(std::span<uint8_t> out) : out_(out) {}

  void write(const void* bytes, size_t size) {
    std::memcpy(&out_[used_], bytes, size);
    used_ += size;
  }
  void text(std::string_view text) { write(text.data(), text.size()); }
  void u16(uint16_t value) {
    const uint8_t bytes[] = {static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
    write(bytes, sizeof bytes);
  }
  size_t used() const { return used_; }

 private:
  std::span<uint8_t> out_;
  size_t used_ = 0;
};

// Takes away from the front what must be there.
class Eye {
 public:
  explicit Eye(Datagram rest) : rest_(rest) {}

  bool text(std::string_view text) {
    if (rest_.size() < text.size() || std::memcmp(rest_.data(), text.data(), text.size()) != 0) {
      return false;
    }
    rest_ = rest_.subspan(text.size());
    return true;
  }
  bool bytes(size_t size, Datagram& out) {
    if (rest_.size() < size) return false;
    out = rest_.first(size);
    rest_ = rest_.subspan(size);
    return true;
  }
  // A bencoded string.
  bool string(Datagram& out) {
    size_t size = 0;
    size_t digits = 0;
    for (; digits < rest_.size() && digits < 4 && rest_[digits] != ':'; ++digits) {
      if (rest_[digits] < '0' || rest_[digits] > '9') return false;
      size = size * 10 + static_cast<size_t>(rest_[digits] - '0');
    }
    if (digits == 0 || digits == rest_.size() || rest_[digits] != ':') return false;
    rest_ = rest_.subspan(digits + 1);
    return bytes(size, out);
  }
  bool is_at_end() const { return rest_.empty(); }

 private:
  Datagram rest_;
};

uint16_t u16_at(const uint8_t* bytes) {
  return static_cast<uint16_t>(bytes[0] << 8 | bytes[1]);
}

}  // namespace

size_t write_query(DhtMethod method, uint16_t transaction, const DhtId& id, const DhtId& target,
                   std::span<uint8_t> out) {
  Pen pen(out);
  pen.text("d1:ad2:id20:");
  pen.write(id.data(), id.size());
  pen.text(method == DhtMethod::kFindNode ? "6:target20:" : "9:info_hash20:");
  pen.write(target.data(), target.size());
  pen.text(method == DhtMethod::kFindNode ? "e1:q9:find_node1:t2:" : "e1:q9:get_peers1:t2:");
  pen.u16(transaction);
  pen.text(
      "1:v4:LT\x02\x0b"
      "1:y1:qe");
  return pen.used();
}

std::optional<uint16_t> transaction_of_query(Datagram datagram) {
  constexpr size_t kBehind = sizeof("1:v4:LTxx1:y1:qe") - 1;
  if (datagram.size() < kBehind + 2) return std::nullopt;
  return u16_at(&datagram[datagram.size() - kBehind - 2]);
}

std::optional<DhtAnswer> read_answer(Datagram datagram) {
  Eye eye(datagram);
  Datagram observed, id, nodes, token, transaction, version;
  if (!eye.text("d2:ip6:") || !eye.bytes(6, observed)) return std::nullopt;
  if (!eye.text("1:rd2:id20:") || !eye.bytes(20, id)) return std::nullopt;
  if (!eye.text("5:nodes") || !eye.string(nodes)) return std::nullopt;
  const bool has_token = eye.text("5:token");
  if (has_token && (!eye.string(token) || token.empty())) return std::nullopt;
  if (!eye.text("e1:t2:") || !eye.bytes(2, transaction)) return std::nullopt;
  if (!eye.text("1:v") || !eye.string(version)) return std::nullopt;
  if (!eye.text("1:y1:re") || !eye.is_at_end()) return std::nullopt;
  if (nodes.empty() || nodes.size() % kCompactNodeSize != 0) return std::nullopt;
  return DhtAnswer{
      .transaction = u16_at(transaction.data()),
      .observed_address = uint32_t{u16_at(observed.data())} << 16 | u16_at(observed.data() + 2),
      .observed_port = u16_at(observed.data() + 4),
      .nodes = nodes.size() / kCompactNodeSize,
      .has_token = has_token};
}

Datagram transaction_of_ping(Datagram datagram) {
  Eye eye(datagram);
  Datagram id, transaction, version;
  if (!eye.text("d1:ad2:id20:") || !eye.bytes(20, id) || !eye.text("e1:q4:ping")) return {};
  (void)eye.text("2:roi1e");
  if (!eye.text("1:t") || !eye.string(transaction)) return {};
  if (!eye.text("1:v") || !eye.string(version)) return {};
  if (!eye.text("1:y1:qe") || !eye.is_at_end()) return {};
  return transaction.size() <= kPingTransactionMax ? transaction : Datagram();
}

size_t write_ping_answer(Datagram transaction, const DhtId& id, std::span<uint8_t> out) {
  Pen pen(out);
  pen.text("d1:rd2:id20:");
  pen.write(id.data(), id.size());
  pen.text("e1:t");
  const uint8_t digit = static_cast<uint8_t>('0' + transaction.size());
  pen.write(&digit, 1);
  pen.text(":");
  pen.write(transaction.data(), transaction.size());
  pen.text("1:y1:re");
  return pen.used();
}

}  // namespace bench
