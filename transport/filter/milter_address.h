// Where a filter program listens: "unix:PATH", "inet:ADDRESS:PORT", "inet6:[ADDRESS]:PORT".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hauspost::transport {

struct MilterAddress {
  std::string address;     // IPv4, IPv6, or the absolute path of a Unix socket
  std::uint16_t port = 0;  // 0: a path
};
// nullopt: not such a text. "localhost" is 127.0.0.1; other names are not looked up.
std::optional<MilterAddress> parse_milter_address(std::string_view text);

}  // namespace hauspost::transport
