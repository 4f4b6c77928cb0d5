#include "server/frontend/proxy_header.h"

#include <algorithm>
#include <asio/ip/address.hpp>
#include <optional>

#include "base/text.h"

namespace hauspost::frontend {

namespace {

using Status = ProxyParse::Status;

constexpr std::string_view kV2Signature("\r\n\r\n\0\r\nQUIT\n", kProxyStartBytes);
constexpr std::string_view kV1Start = "PROXY ";

enum class Command : std::uint8_t { kLocal = 0, kProxy = 1 };
constexpr std::uint8_t kVersion2 = 2;
constexpr std::uint8_t kUnspecified = 0x00;
constexpr std::uint8_t kTcpOverV4 = 0x11;
constexpr std::uint8_t kTcpOverV6 = 0x21;
constexpr std::size_t kV4AddressesBytes = 12;  // two addresses, two ports
constexpr std::size_t kV6AddressesBytes = 36;

ProxyParse wrong() { return {}; }
ProxyParse need(std::size_t bytes) { return {Status::kNeedMore, bytes, {}}; }

std::uint8_t octet(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}
std::uint16_t big_endian(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(octet(bytes, at) << 8U | octet(bytes, at + 1));
}

// Decimal without leading zeros.
std::optional<std::uint16_t> port_of(std::string_view text) {
  if (text.size() > 5 || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  const auto value = parse_u64(text);
  if (!value || *value > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*value);
}

// The IPv4 clients of a proxy that listens on IPv6 are who they are, and not all of one /64.
std::string text_of(const asio::ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address.to_string();
  return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
}

std::optional<std::string> address_of(std::string_view text, bool v6) {
  if (text.empty() || text.find('%') != std::string_view::npos) return std::nullopt;
  std::error_code code;
  const auto address = asio::ip::make_address(std::string(text), code);
  if (code || address.is_v6() != v6) return std::nullopt;
  return text_of(address);
}

// "TCP4 SOURCE DESTINATION SPORT DPORT", or UNKNOWN with anything behind it.
std::optional<ProxyHeader> parse_v1_words(std::string_view line) {
  const auto words = split(line, ' ');
  if (words.front() == "UNKNOWN") return ProxyHeader{};
  const bool v6 = words.front() == "TCP6";
  if ((!v6 && words.front() != "TCP4") || words.size() != 5) return std::nullopt;
  const auto source = address_of(words[1], v6);
  const auto destination = address_of(words[2], v6);
  const auto source_port = port_of(words[3]);
  const auto destination_port = port_of(words[4]);
  if (!source || !destination || !source_port || !destination_port) return std::nullopt;
  return ProxyHeader{*source, *source_port};
}

ProxyParse parse_v1(std::string_view bytes) {
  const std::size_t end = bytes.substr(0, kProxyV1Max).find("\r\n");
  if (end == std::string_view::npos) {
    // Its length is not told beforehand: so one by one.
    return bytes.size() < kProxyV1Max ? need(bytes.size() + 1) : wrong();
  }
  auto header = parse_v1_words(bytes.substr(kV1Start.size(), end - kV1Start.size()));
  if (!header) return wrong();
  return {Status::kHeader, end + 2, std::move(*header)};
}

template <class Address, std::size_t kBytes>
ProxyHeader source_of(std::string_view body) {
  typename Address::bytes_type raw;
  std::copy_n(body.begin(), kBytes, raw.begin());
  return {text_of(Address(raw)), big_endian(body, 2 * kBytes)};
}

ProxyParse parse_v2(std::string_view bytes) {
  if (bytes.size() < kProxyV2FixedBytes) return need(kProxyV2FixedBytes);
  const std::uint8_t version = octet(bytes, 12) >> 4U;
  const auto command = static_cast<Command>(octet(bytes, 12) & 0x0fU);
  const std::uint8_t family = octet(bytes, 13);
  const std::size_t length = big_endian(bytes, 14);
  if (version != kVersion2 || length > kProxyV2BodyMax) return wrong();
  if (command != Command::kLocal && command != Command::kProxy) return wrong();
  if (bytes.size() < kProxyV2FixedBytes + length) return need(kProxyV2FixedBytes + length);
  const std::string_view body = bytes.substr(kProxyV2FixedBytes, length);
  ProxyParse parsed{Status::kHeader, kProxyV2FixedBytes + length, {}};
  if (command == Command::kLocal || family == kUnspecified) return parsed;
  if (family == kTcpOverV4 && length >= kV4AddressesBytes) {
    parsed.header = source_of<asio::ip::address_v4, 4>(body);
  } else if (family == kTcpOverV6 && length >= kV6AddressesBytes) {
    parsed.header = source_of<asio::ip::address_v6, 16>(body);
  } else {
    return wrong();
  }
  return parsed;
}

}  // namespace

ProxyParse parse_proxy_header(std::string_view bytes) {
  const std::size_t seen = std::min(bytes.size(), kProxyStartBytes);
  const bool may_be_v2 = bytes.substr(0, seen) == kV2Signature.substr(0, seen);
  const std::size_t v1_seen = std::min(bytes.size(), kV1Start.size());
  const bool may_be_v1 = bytes.substr(0, v1_seen) == kV1Start.substr(0, v1_seen);
  if (!may_be_v1 && !may_be_v2) return wrong();
  if (bytes.size() < kProxyStartBytes) return need(kProxyStartBytes);
  return may_be_v2 ? parse_v2(bytes) : parse_v1(bytes);
}

}  // namespace hauspost::frontend
