// SPDX-License-Identifier: MIT
//
// Any text: it is an address exactly when the C library's inet_pton() says so, and the same one;
// addresses, prefixes and endpoints that are read survive being written and read again. Any sixteen
// bytes: what is written is what inet_ntop() writes, but for the mixed notation of addresses that
// embed an IPv4 one.
#include "base/address.h"

#include <algorithm>
#include <string>

#include "base/check.h"
#include "base/endpoint.h"
#include "base/special_purpose.h"

// Of <arpa/inet.h>, which tests outside of io do not include: it brings the sockets along.
extern "C" int inet_pton(int family, const char* text, void* address) noexcept;
extern "C" const char* inet_ntop(int family, const void* address, char* text,
                                 unsigned size) noexcept;

namespace roost {
namespace {

constexpr int kFamilyV4 = 2;  // AF_INET and AF_INET6 of Linux.
constexpr int kFamilyV6 = 10;

std::optional<IpAddress> parse_by_the_library(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return {};
  const std::string terminated(text);
  std::array<uint8_t, 16> bytes;
  if (inet_pton(kFamilyV4, terminated.c_str(), bytes.data()) == 1) {
    return IpAddress::v4(load_u32(bytes.data()));
  }
  if (inet_pton(kFamilyV6, terminated.c_str(), bytes.data()) == 1) return IpAddress::v6(bytes);
  return {};
}

std::string text_by_the_library(const IpAddress& address) {
  std::array<char, 64> text;
  const auto bytes = address.v6_bytes();
  const bool is_v4 = address.is_v4();
  CHECK(inet_ntop(is_v4 ? kFamilyV4 : kFamilyV6, bytes.data() + (is_v4 ? 12 : 0), text.data(),
                  text.size()) != nullptr);
  return text.data();
}

void check_text(std::string_view text) {
  const auto address = IpAddress::parse(text);
  CHECK(address == parse_by_the_library(text));
  if (address) CHECK(IpAddress::parse(address->text()) == address);
  if (const auto prefix = Prefix::parse(text)) {
    CHECK(Prefix::parse(prefix->text()) == prefix);
    CHECK(prefix->contains(prefix->base));
    CHECK(Prefix::of(prefix->base, prefix->length) == *prefix);
  }
  if (const auto endpoint = Endpoint::parse(text)) {
    CHECK(Endpoint::parse(endpoint->text()) == endpoint);
    // Whatever has a port is no bare address, and the other way round.
    CHECK(!address);
  }
}

void check_value(const IpAddress& address) {
  const std::string text = address.text();
  CHECK(IpAddress::parse(text) == address);
  CHECK(parse_by_the_library(text) == address);
  const bool is_mixed_there = address.high() == 0 && address.low() >> 32 == 0;
  if (!is_mixed_there) CHECK(text == text_by_the_library(address));
  CHECK(parse_by_the_library(text_by_the_library(address)) == address);
  CHECK(IpAddress::v6(address.v6_bytes()) == address);

  const Prefix limit = limit_prefix(address);
  CHECK(limit.contains(address));
  CHECK(Prefix::parse(limit.text()) == limit);
  for (const unsigned length : {0u, 1u, 63u, 64u, 65u, 127u, 128u}) {
    const Prefix block = Prefix::of(address, length);
    CHECK(block.contains(address));
    CHECK(Prefix::parse(block.text()) == block);
  }
  if (is_globally_reachable(address)) {
    CHECK(address.is_v4() || address.high() >> 61 == 1);
    CHECK(!address.is_unspecified());
  }
}

}  // namespace
}  // namespace roost

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace roost;
  check_text(as_text({data, size}));
  if (size != 16) return 0;
  check_value(IpAddress::v6(Bytes(data, size).first<16>()));
  check_value(IpAddress::v4(load_u32(data)));
  return 0;
}
