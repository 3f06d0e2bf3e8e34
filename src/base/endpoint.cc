// SPDX-License-Identifier: MIT
#include "base/endpoint.h"

#include <charconv>

namespace roost {

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return {};
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  // Without brackets the last group of an IPv6 address would be read as a port.
  if (bracketed != (host.find(':') != std::string_view::npos)) return {};

  uint16_t port = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stopped_at, error] = std::from_chars(digits.data(), end, port);
  if (digits.empty() || error != std::errc() || stopped_at != end) return {};
  const auto address = IpAddress::parse(host);
  if (!address) return {};
  return Endpoint{*address, port};
}

std::string Endpoint::text() const {
  const std::string host = address.text();
  return (address.is_v4() ? host : '[' + host + ']') + ':' + std::to_string(port);
}

}  // namespace roost
