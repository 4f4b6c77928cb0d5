#include "base/network.h"

#include <algorithm>
#include <asio/ip/address.hpp>

#include "base/text.h"

namespace hauspost {

namespace {

constexpr unsigned kV4Bits = 32;
constexpr unsigned kV6Bits = 128;
constexpr std::size_t kAddressTextMax = 45;  // the longest IPv6 address with an IPv4 tail

}  // namespace

std::optional<Network::Address> Network::parse_address(std::string_view text) {
  if (text.size() > kAddressTextMax) return std::nullopt;
  std::error_code code;
  auto parsed = asio::ip::make_address(std::string(text), code);
  if (code || (parsed.is_v6() && parsed.to_v6().scope_id() != 0)) return std::nullopt;
  if (parsed.is_v6() && parsed.to_v6().is_v4_mapped())
    parsed = asio::ip::make_address_v4(asio::ip::v4_mapped, parsed.to_v6());
  Address address;
  address.v6 = parsed.is_v6();
  if (parsed.is_v6()) {
    std::ranges::copy(parsed.to_v6().to_bytes(), address.bytes.begin());
  } else {
    std::ranges::copy(parsed.to_v4().to_bytes(), address.bytes.begin());
  }
  return address;
}

Network Network::masked(const Address& address, unsigned prefix) {
  Network network;
  network.v6_ = address.v6;
  network.prefix_ = static_cast<std::uint8_t>(prefix);
  for (unsigned i = 0; i < address.bytes.size(); ++i) {
    const unsigned kept = prefix > i * 8 ? std::min(prefix - i * 8, 8U) : 0U;
    network.bytes_[i] = static_cast<std::uint8_t>(address.bytes[i] & (0xff00U >> kept));
  }
  return network;
}

std::optional<Network> Network::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  const unsigned most = address->v6 ? kV6Bits : kV4Bits;
  unsigned prefix = most;
  if (slash != std::string_view::npos) {
    const auto given = parse_u64(text.substr(slash + 1));
    if (!given || *given > most) return std::nullopt;
    prefix = static_cast<unsigned>(*given);
  }
  const Network network = masked(*address, prefix);
  if (network.bytes_ != address->bytes) return std::nullopt;
  return network;
}

std::optional<Network> Network::around(std::string_view text, unsigned v4_prefix,
                                       unsigned v6_prefix) {
  const auto address = parse_address(text);
  if (!address) return std::nullopt;
  return masked(*address, address->v6 ? v6_prefix : v4_prefix);
}

bool Network::contains(std::string_view text) const {
  const auto address = parse_address(text);
  return address && address->v6 == v6_ && masked(*address, prefix_).bytes_ == bytes_;
}

std::string Network::to_string() const {
  std::string text;
  if (v6_) {
    text = asio::ip::address_v6(bytes_).to_string();
  } else {
    asio::ip::address_v4::bytes_type first;
    std::copy_n(bytes_.begin(), first.size(), first.begin());
    text = asio::ip::address_v4(first).to_string();
  }
  if (prefix_ != (v6_ ? kV6Bits : kV4Bits)) text += '/' + std::to_string(prefix_);
  return text;
}

std::optional<std::vector<Network>> parse_networks(std::string_view text) {
  std::vector<Network> networks;
  std::string spaced(text);
  std::ranges::replace(spaced, ',', ' ');
  for (const std::string_view word : split(spaced, ' ')) {
    if (word.empty()) continue;
    const auto network = Network::parse(word);
    if (!network) return std::nullopt;
    networks.push_back(*network);
  }
  return networks;
}

bool contains(const std::vector<Network>& networks, std::string_view address) {
  return std::ranges::any_of(networks,
                             [&](const Network& network) { return network.contains(address); });
}

}  // namespace hauspost
