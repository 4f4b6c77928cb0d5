#include "transport/resolve/router.h"

namespace hauspost::transport {

NextHop DirectoryRouter::route(const Recipient& recipient, std::uint64_t message_bytes) const {
  return route(directory_.resolve(recipient.address), recipient.address, message_bytes);
}

NextHop DirectoryRouter::route(const Resolved& resolved, std::string_view address,
                               std::uint64_t message_bytes) const {
  using Kind = Resolved::Kind;
  switch (resolved.kind) {
    // A copy that waits for a mailbox was meant for it: forwarding was looked at when it came.
    case Kind::kMailbox: return {NextHop::Kind::kDatabase, resolved.database, {}};
    case Kind::kUnknown:
    case Kind::kGroup:
    case Kind::kExternal: return {NextHop::Kind::kDatabase, {}, {}};
    case Kind::kUnavailable: return {};
    case Kind::kForeign:
    case Kind::kRelay: break;
  }
  const std::size_t at = address.rfind('@');
  if (at == std::string_view::npos) return {};
  const std::string domain = directory_.canonical_domain(address.substr(at + 1));
  return connectors_.choose(domain, message_bytes).hop;
}

}  // namespace hauspost::transport
