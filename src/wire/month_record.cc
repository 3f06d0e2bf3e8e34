// SPDX-License-Identifier: MIT
#include "wire/month_record.h"

#include "base/crypto_hash.h"
#include "base/cursor.h"

namespace roost::wire {
namespace {

constexpr std::string_view kMagic = "RMON";
constexpr uint8_t kVersion = 1;
constexpr size_t kChecksumSize = 4;

}  // namespace

std::array<uint8_t, MonthRecord::kSize> MonthRecord::encode() const {
  std::array<uint8_t, kSize> bytes;
  Writer writer(bytes);
  writer.text(kMagic);
  writer.u8(kVersion);
  writer.u32(static_cast<uint32_t>(month));
  writer.u64(bytes_sent);
  writer.u32(crc32(writer.written()));
  return bytes;
}

std::optional<MonthRecord> MonthRecord::parse(Bytes bytes) {
  if (bytes.size() != kSize) return {};
  Reader reader(bytes);
  const bool is_ours = as_text(reader.take(kMagic.size())) == kMagic && reader.u8() == kVersion;
  MonthRecord record;
  record.month = static_cast<int32_t>(reader.u32());
  record.bytes_sent = reader.u64();
  const uint32_t checksum = crc32(bytes.first(kSize - kChecksumSize));
  if (!is_ours || reader.u32() != checksum || record.month < 0) return {};
  return record;
}

}  // namespace roost::wire
