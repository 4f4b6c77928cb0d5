#include "transport/filter/milter_address.h"

#include "base/network.h"
#include "base/text.h"

namespace hauspost::transport {

std::optional<MilterAddress> parse_milter_address(std::string_view text) {
  constexpr std::size_t kPathMax = 107;  // of a Unix socket
  for (const std::string_view scheme : {"unix:", "local:"}) {
    if (!text.starts_with(scheme)) continue;
    const std::string_view path = text.substr(scheme.size());
    if (!path.starts_with('/') || path.size() > kPathMax || path.contains('\0'))
      return std::nullopt;
    return MilterAddress{std::string(path), 0};
  }
  if (!text.starts_with("inet:") && !text.starts_with("inet6:")) return std::nullopt;
  text.remove_prefix(text.find(':') + 1);
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_u64(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  const bool is_address = host.find('/') == std::string_view::npos && Network::parse(host);
  if (!port || *port == 0 || *port > 65535 || !is_address) return std::nullopt;
  return MilterAddress{std::string(host), static_cast<std::uint16_t>(*port)};
}

}  // namespace hauspost::transport
