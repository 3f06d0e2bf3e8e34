// SPDX-License-Identifier: MIT
#include "app/quantity.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>
#include <span>

#include "app/quoted.h"
#include "base/check.h"

namespace roost::app {
namespace {

// One of it is multiplier / divisor of the base unit.
struct Unit {
  std::string_view name;
  uint64_t multiplier;
  uint64_t divisor = 1;
};

constexpr uint64_t kKilo = 1000;
constexpr uint64_t kMega = 1000 * kKilo;
constexpr uint64_t kGiga = 1000 * kMega;
constexpr uint64_t kTera = 1000 * kGiga;
constexpr uint64_t kPeta = 1000 * kTera;
constexpr uint64_t kKibi = 1024;
constexpr uint64_t kMebi = 1024 * kKibi;
constexpr uint64_t kGibi = 1024 * kMebi;
constexpr uint64_t kTebi = 1024 * kGibi;
constexpr uint64_t kPebi = 1024 * kTebi;
constexpr uint64_t kSecond = kMega;  // The base unit of durations is the microsecond.

// Where numbers are equally short, the first unit is written.
constexpr Unit kSizeUnits[] = {
    {"PB", kPeta},  {"TB", kTera},  {"GB", kGiga},  {"MB", kMega},  {"kB", kKilo},  {"B", 1},
    {"PiB", kPebi}, {"TiB", kTebi}, {"GiB", kGibi}, {"MiB", kMebi}, {"KiB", kKibi},
};
constexpr Unit kRateUnits[] = {
    {"Tbit/s", kTera, 8}, {"Gbit/s", kGiga, 8}, {"Mbit/s", kMega, 8}, {"kbit/s", kKilo, 8},
    {"bit/s", 1, 8},      {"TB/s", kTera},      {"GB/s", kGiga},      {"MB/s", kMega},
    {"kB/s", kKilo},      {"B/s", 1},           {"TiB/s", kTebi},     {"GiB/s", kGibi},
    {"MiB/s", kMebi},     {"KiB/s", kKibi},     {"Tbps", kTera, 8},   {"Gbps", kGiga, 8},
    {"Mbps", kMega, 8},   {"kbps", kKilo, 8},   {"bps", 1, 8},
};
constexpr Unit kDurationUnits[] = {
    {"d", 86400 * kSecond}, {"h", 3600 * kSecond}, {"min", 60 * kSecond},
    {"s", kSecond},         {"ms", 1000},          {"us", 1},
};

struct Quantity {
  std::string_view noun;
  std::string_view example;
  std::string_view base_unit;
  std::span<const Unit> units;
};
constexpr Quantity kSize = {"size", "500 GB", "bytes", kSizeUnits};
constexpr Quantity kRate = {"rate", "20 Mbit/s", "bytes per second", kRateUnits};
constexpr Quantity kDuration = {"duration", "10 min", "microseconds", kDurationUnits};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool equal_but_for_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

// Where the letter stands that means bits or bytes by its case alone; npos if there is none.
size_t letter_at(std::string_view unit) {
  const size_t at = unit.find_first_of("bB");
  return at == std::string_view::npos || unit.substr(at + 1).starts_with("it") ? unit.npos : at;
}

bool names(std::string_view text, const Unit& unit) {
  if (!equal_but_for_case(text, unit.name)) return false;
  const size_t at = letter_at(unit.name);
  return at == std::string_view::npos || text[at] == unit.name[at];
}

struct Written {
  std::string_view whole;
  std::string_view fraction;  // Without zeros at the end.
  std::string_view number;    // Both, as written.
  std::string_view unit;
};

std::optional<Written> take_apart(std::string_view text) {
  Written written;
  const auto take_digits = [&text] {
    const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
    const std::string_view digits = text.substr(0, static_cast<size_t>(end - text.begin()));
    text.remove_prefix(digits.size());
    return digits;
  };
  const std::string_view all = text;
  written.whole = take_digits();
  if (written.whole.empty()) return {};
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    written.fraction = take_digits();
    if (written.fraction.empty()) return {};
  }
  written.number = all.substr(0, all.size() - text.size());
  const size_t last = written.fraction.find_last_not_of('0');
  written.fraction = written.fraction.substr(0, last == std::string_view::npos ? 0 : last + 1);
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  written.unit = text;
  return written;
}

enum class Misfit : uint8_t { kNotWhole, kTooLarge };

Result<uint64_t, Misfit> amount_of(const Written& written, const Unit& unit) {
  constexpr size_t kFractionSizeMax = 18;  // 8 * 10^18 still fits in 64 bits.
  if (written.fraction.size() > kFractionSizeMax) return Failure(Misfit::kNotWhole);

  const std::string digits = std::string(written.whole).append(written.fraction);
  uint64_t number = 0;
  const char* const end = digits.data() + digits.size();
  if (std::from_chars(digits.data(), end, number).ec != std::errc()) {
    return Failure(Misfit::kTooLarge);
  }
  uint64_t multiplier = unit.multiplier;
  uint64_t divisor = unit.divisor;
  for (size_t i = 0; i < written.fraction.size(); ++i) divisor *= 10;

  // number * multiplier / divisor, reduced first: only a result that does not fit may overflow.
  for (uint64_t* const factor : {&number, &multiplier}) {
    const uint64_t shared = std::gcd(*factor, divisor);
    *factor /= shared;
    divisor /= shared;
  }
  if (divisor != 1) return Failure(Misfit::kNotWhole);
  uint64_t amount = 0;
  if (__builtin_mul_overflow(number, multiplier, &amount)) return Failure(Misfit::kTooLarge);
  return amount;
}

const Unit* find_unit(const Quantity& quantity, std::string_view name) {
  const auto unit = std::find_if(quantity.units.begin(), quantity.units.end(),
                                 [&](const Unit& u) { return names(name, u); });
  return unit == quantity.units.end() ? nullptr : &*unit;
}

std::string unknown_unit(const Quantity& quantity, std::string_view text, const Written& written) {
  const bool is_unclear =
      std::any_of(quantity.units.begin(), quantity.units.end(),
                  [&](const Unit& u) { return equal_but_for_case(written.unit, u.name); });
  if (!is_unclear) {
    return quoted_briefly(text) + " is not a " + std::string(quantity.noun) + "; write it like " +
           quoted(quantity.example);
  }
  const std::string_view prefix = written.unit.substr(0, written.unit.find_first_of("bB"));
  std::string proposals;
  for (const std::string_view ending : {"B", "bit/s", "B/s"}) {
    const Unit* const unit = find_unit(quantity, std::string(prefix).append(ending));
    if (unit == nullptr) continue;
    if (!proposals.empty()) proposals += " or ";
    proposals += quoted_briefly(std::string(written.number) + ' ' + std::string(unit->name));
  }
  return quoted_briefly(text) + " is unclear, since b may stand for bits or bytes; write " +
         proposals;
}

Result<uint64_t, std::string> parse(const Quantity& quantity, std::string_view text) {
  const std::string example = "; write it like " + quoted(quantity.example);
  const auto written = take_apart(text);
  if (!written) {
    return Failure(quoted_briefly(text) + " is not a " + std::string(quantity.noun) + example);
  }
  if (written->unit.empty()) {
    const bool is_zero = written->number.find_first_not_of("0.") == std::string_view::npos;
    if (is_zero) return uint64_t{0};
    return Failure(quoted_briefly(text) + " has no unit" + example);
  }
  const Unit* const unit = find_unit(quantity, written->unit);
  if (unit == nullptr) return Failure(unknown_unit(quantity, text, *written));
  const auto amount = amount_of(*written, *unit);
  if (amount) return *amount;
  switch (amount.error()) {
    case Misfit::kTooLarge: break;
    case Misfit::kNotWhole:
      return Failure(quoted_briefly(text) + " is not a whole number of " +
                     std::string(quantity.base_unit) + example);
  }
  return Failure(quoted_briefly(text) + " is too large" + example);
}

// How many of `unit` that is, as a decimal number of at least 1; empty if it has no exact one.
std::optional<std::string> number_in(const Unit& unit, uint64_t amount) {
  constexpr int kFractionSizeMax = 10;  // Of 1/1024; longer ones never win anyway.
  uint64_t scaled = 0;
  if (__builtin_mul_overflow(amount, unit.divisor, &scaled)) return {};
  if (scaled < unit.multiplier) return {};
  std::string number = std::to_string(scaled / unit.multiplier);
  uint64_t rest = scaled % unit.multiplier;
  if (rest != 0) number += '.';
  for (int i = 0; rest != 0; ++i) {
    if (i == kFractionSizeMax) return {};
    rest *= 10;  // Fits: no multiplier exceeds 2^50.
    number += static_cast<char>('0' + rest / unit.multiplier);
    rest %= unit.multiplier;
  }
  return number;
}

std::string shortest(const Quantity& quantity, uint64_t amount) {
  if (amount == 0) return "0";
  std::optional<std::string> best;
  std::string_view best_unit;
  for (const Unit& unit : quantity.units) {
    auto number = number_in(unit, amount);
    if (!number || (best && number->size() >= best->size())) continue;
    best = std::move(number);
    best_unit = unit.name;
  }
  CHECK(best.has_value());  // The base unit itself is among the units.
  return *best + ' ' + std::string(best_unit);
}

}  // namespace

Result<uint64_t, std::string> parse_size(std::string_view text) {
  return parse(kSize, text);
}

Result<uint64_t, std::string> parse_rate(std::string_view text) {
  return parse(kRate, text);
}

Result<Duration, std::string> parse_duration(std::string_view text) {
  const auto amount = parse(kDuration, text);
  if (!amount) return Failure(amount.error());
  if (*amount > static_cast<uint64_t>(Duration::max().count())) {
    return Failure(quoted_briefly(text) + " is too large");
  }
  return Duration(static_cast<int64_t>(*amount));
}

std::string size_text(uint64_t bytes) {
  return shortest(kSize, bytes);
}

std::string rate_text(uint64_t bytes_per_second) {
  return shortest(kRate, bytes_per_second);
}

std::string duration_text(Duration duration) {
  CHECK(duration.count() >= 0);
  return shortest(kDuration, static_cast<uint64_t>(duration.count()));
}

}  // namespace roost::app
