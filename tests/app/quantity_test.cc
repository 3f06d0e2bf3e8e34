// SPDX-License-Identifier: MIT
// Goal: amounts mean exactly what people write, or are refused with an example.
// Method: tables; then what is written for any amount must read back as that amount.
#include "app/quantity.h"

#include <gtest/gtest.h>
#include <optional>
#include <random>
#include <span>
#include <vector>

namespace roost::app {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kMax = UINT64_MAX;

struct Row {
  std::string_view text;
  std::optional<uint64_t> expect;
};

template <typename Parse>
void expect_each(std::span<const Row> rows, Parse parse) {
  for (const Row& row : rows) {
    SCOPED_TRACE(row.text);
    const auto amount = parse(row.text);
    ASSERT_EQ(amount.has_value(), row.expect.has_value());
    if (row.expect) {
      EXPECT_EQ(*amount, *row.expect);
    }
  }
}

TEST(Quantity, SizesAreReadWithTheirUnit) {
  const Row rows[] = {
      {"0", 0},
      {"0.0", 0},
      {"0 GB", 0},
      {"1 B", 1},
      {"10 kB", 10'000},
      {"10kB", 10'000},
      {"10   kB", 10'000},
      {"500 GB", 500'000'000'000},
      {"1.5 GB", 1'500'000'000},
      {"1.500000000000000000000000000 GB", 1'500'000'000},
      {"64 MiB", 67'108'864},
      {"1.5 KiB", 1536},
      {"0.0009765625 KiB", 1},
      {"007 B", 7},
      {"18446744073709551615 B", kMax},
      {"18446.744073709551615 PB", kMax},
  };
  expect_each(rows, parse_size);
}

TEST(Quantity, CaseIsForgivenWhereItCannotMislead) {
  const Row sizes[] = {
      {"10 KB", 10'000},    {"10 mB", 10'000'000}, {"10 gB", 10'000'000'000},
      {"1 mIB", 1'048'576}, {"1 mib", {}},         {"10 kb", {}},
      {"10 b", {}},         {"10 Gb", {}},
  };
  expect_each(sizes, parse_size);
  const Row rates[] = {
      {"20 mbit/s", 2'500'000}, {"20 MBit/S", 2'500'000}, {"20 Mbps", 2'500'000},
      {"20 mbps", 2'500'000},   {"20 MBps", {}},          {"20 Mb/s", {}},
      {"20 mB/s", 20'000'000},
  };
  expect_each(rates, parse_rate);
}

TEST(Quantity, WhatIsNoSizeIsRefused) {
  const Row rows[] = {
      {"", {}},
      {" ", {}},
      {"GB", {}},
      {"500", {}},
      {"500 ", {}},
      {" 500 GB", {}},
      {"500 GB ", {}},
      {"-5 GB", {}},
      {"+5 GB", {}},
      {"1,5 GB", {}},
      {"1. GB", {}},
      {".5 GB", {}},
      {"1.5.5 GB", {}},
      {"1e3 GB", {}},
      {"5 GB 3 MB", {}},
      {"5 G", {}},
      {"5 GB/s", {}},
      {"5 Mbit/s", {}},
      {"5 gigabyte", {}},
      {"0x10 B", {}},
      {"1.5 B", {}},
      {"0.1 KiB", {}},
      {"0.0000000000000000001 PB", {}},
      {"18446744073709551616 B", {}},
      {"18447 PB", {}},
      {"99999999999999999999999999 B", {}},
      {"16384.0001 PiB", {}},
      {"16384 PiB", {}},
      {"5\tGB", {}},
  };
  expect_each(rows, parse_size);
}

TEST(Quantity, RatesAreReadInBitsOrBytes) {
  const Row rows[] = {
      {"0", 0},
      {"8 bit/s", 1},
      {"100 kbit/s", 12'500},
      {"20 Mbit/s", 2'500'000},
      {"0.008 kbit/s", 1},
      {"1.2 kbit/s", 150},
      {"2.5 MB/s", 2'500'000},
      {"1 MiB/s", 1'048'576},
      {"1 Tbit/s", 125'000'000'000},
      {"147573952589676412920 bit/s", {}},  // 2^64 bytes would fit, its bits do not.
      {"1 bit/s", {}},
      {"20", {}},
      {"20 Mbits", {}},
      {"20 Mbit", {}},
      {"20 MB", {}},
      {"20 Mbit/min", {}},
  };
  expect_each(rows, parse_rate);
}

TEST(Quantity, DurationsAreReadWithTheirUnit) {
  struct DurationRow {
    std::string_view text;
    std::optional<Duration> expect;
  };
  const DurationRow rows[] = {
      {"0", 0us},
      {"10 min", 10min},
      {"30 s", 30s},
      {"2 h", 2h},
      {"1 d", 24h},
      {"1.5 h", 90min},
      {"250 ms", 250ms},
      {"7 us", 7us},
      {"10 MIN", 10min},
      {"0.5 us", {}},
      {"10", {}},
      {"10 m", {}},
      {"10 days", {}},
      {"9223372036854775807 us", Duration::max()},
      {"9223372036854775808 us", {}},
      {"106751992 d", {}},
  };
  for (const DurationRow& row : rows) {
    SCOPED_TRACE(row.text);
    const auto duration = parse_duration(row.text);
    ASSERT_EQ(duration.has_value(), row.expect.has_value());
    if (row.expect) {
      EXPECT_EQ(*duration, *row.expect);
    }
  }
}

TEST(Quantity, ErrorsSayWhatWouldBeRight) {
  struct ErrorRow {
    Result<uint64_t, std::string> result;
    std::string_view expect;
  };
  const ErrorRow rows[] = {
      {parse_rate("20 Mbits"), R"("20 Mbits" is not a rate; write it like "20 Mbit/s")"},
      {parse_size("lots"), R"("lots" is not a size; write it like "500 GB")"},
      {parse_size("500"), R"("500" has no unit; write it like "500 GB")"},
      {parse_size("10 mb"),
       R"("10 mb" is unclear, since b may stand for bits or bytes; write "10 MB")"},
      {parse_rate("100 Mb/s"),
       "\"100 Mb/s\" is unclear, since b may stand for bits or bytes; write \"100 Mbit/s\" or "
       "\"100 "
       "MB/s\""},
      {parse_rate("1 bit/s"),
       R"("1 bit/s" is not a whole number of bytes per second; write it like "20 Mbit/s")"},
      {parse_size("20000 PB"), R"("20000 PB" is too large; write it like "500 GB")"},
  };
  for (const ErrorRow& row : rows) EXPECT_EQ(row.result.error(), row.expect);
  EXPECT_EQ(parse_duration("soon").error(), R"("soon" is not a duration; write it like "10 min")");
}

TEST(Quantity, TheShortestNumberIsWritten) {
  struct TextRow {
    std::string text;
    std::string_view expect;
  };
  const TextRow rows[] = {
      {size_text(0), "0"},
      {size_text(1), "1 B"},
      {size_text(1000), "1 kB"},
      {size_text(1024), "1 KiB"},
      {size_text(1500), "1.5 kB"},
      {size_text(1536), "1.5 KiB"},
      {size_text(1501), "1501 B"},
      {size_text(500'000'000'000), "500 GB"},
      {size_text(uint64_t{64} << 20), "64 MiB"},
      {size_text(uint64_t{1} << 30), "1 GiB"},
      {size_text(128'000), "128 kB"},
      {size_text(kMax), "18446744073709551615 B"},
      {rate_text(0), "0"},
      {rate_text(1), "8 bit/s"},
      {rate_text(2'500'000), "20 Mbit/s"},
      {rate_text(12'500), "100 kbit/s"},
      {rate_text(1'048'576), "1 MiB/s"},
      {rate_text(kMax), "18446744073709551615 B/s"},
      {duration_text(0us), "0"},
      {duration_text(10min), "10 min"},
      {duration_text(90s), "90 s"},
      {duration_text(24h), "1 d"},
      {duration_text(1500us), "1.5 ms"},
  };
  for (const TextRow& row : rows) EXPECT_EQ(row.text, row.expect);
}

// Amounts of every magnitude, round and not.
std::vector<uint64_t> amounts() {
  std::vector<uint64_t> all = {0, kMax, kMax - 1};
  std::mt19937_64 random(20260101);
  for (int i = 0; i < 20'000; ++i) {
    uint64_t amount = random() >> random() % 64;
    constexpr uint64_t kSteps[] = {1, 10, 1000, 1024, 125, 60, 1'000'000, 1 << 20};
    amount -= amount % kSteps[random() % std::size(kSteps)];
    all.push_back(amount);
  }
  return all;
}

TEST(Quantity, EveryAmountReadsBackAsItself) {
  for (const uint64_t amount : amounts()) {
    ASSERT_EQ(*parse_size(size_text(amount)), amount) << size_text(amount);
    ASSERT_EQ(*parse_rate(rate_text(amount)), amount) << rate_text(amount);
    const Duration duration(static_cast<int64_t>(amount >> 1));
    ASSERT_EQ(*parse_duration(duration_text(duration)), duration) << duration_text(duration);
  }
}

}  // namespace
}  // namespace roost::app
