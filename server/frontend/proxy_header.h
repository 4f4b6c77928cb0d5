// The header with which a proxy in front of us tells whose connection it passes on: PROXY protocol
// versions 1 and 2 (haproxy.org, "The PROXY protocol"). Pure: bytes in, facts out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hauspost::frontend {

inline constexpr std::size_t kProxyStartBytes = 12;      // then it is known which version it is
inline constexpr std::size_t kProxyV1Max = 107;          // with CRLF
inline constexpr std::size_t kProxyV2FixedBytes = 16;
inline constexpr std::size_t kProxyV2BodyMax = 4096;     // addresses and what may follow them

struct ProxyHeader {
  std::string address;  // of the client; empty: the proxy speaks for itself (LOCAL, UNKNOWN)
  std::uint16_t port = 0;
};

struct ProxyParse {
  enum class Status : std::uint8_t { kHeader, kNeedMore, kWrong };
  Status status = Status::kWrong;
  // kHeader: its length. kNeedMore: so many bytes are needed at least, never more than the header
  // has, so that nothing behind it is read.
  std::size_t bytes = 0;
  ProxyHeader header;
};

// Strict: version 1 as the ABNF has it, version 2 with TCP over IPv4 or IPv6, or UNSPEC.
ProxyParse parse_proxy_header(std::string_view bytes);

}  // namespace hauspost::frontend
