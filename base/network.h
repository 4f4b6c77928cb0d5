// Network: a range of IP addresses, "192.0.2.0/24" or "2001:db8::/32". IPv4 addresses that are
// written as IPv6 ("::ffff:192.0.2.1") are the IPv4 addresses they stand for.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hauspost {

class Network {
 public:
  // An address alone is a network of one. nullopt: not an address, a prefix that is too long, or
  // bits set behind it.
  static std::optional<Network> parse(std::string_view text);
  // The network around `address` of `v4_prefix` or `v6_prefix` bits. nullopt: not an address.
  // REQUIRES: at most 32, at most 128.
  static std::optional<Network> around(std::string_view address, unsigned v4_prefix,
                                       unsigned v6_prefix);

  // False also when `address` is none.
  bool contains(std::string_view address) const;
  // "192.0.2.7" of one address, "192.0.2.0/24" of more.
  std::string to_string() const;
  unsigned prefix() const { return prefix_; }

  auto operator<=>(const Network&) const = default;

 private:
  using Bytes = std::array<std::uint8_t, 16>;
  struct Address {
    Bytes bytes{};
    bool v6 = false;
  };
  static std::optional<Address> parse_address(std::string_view text);
  static Network masked(const Address& address, unsigned prefix);

  Bytes bytes_{};  // the first four of IPv4
  bool v6_ = false;
  std::uint8_t prefix_ = 0;
};

// Separated by spaces or commas. nullopt: one of them is no network.
std::optional<std::vector<Network>> parse_networks(std::string_view text);
bool contains(const std::vector<Network>& networks, std::string_view address);

}  // namespace hauspost
