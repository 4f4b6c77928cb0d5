#include "transport/receive/connector.h"

namespace hauspost::transport {

Membership membership(const ReceiveConnector& connector, bool logged_in, bool tls) {
  Membership member;
  const auto join = [&](PermissionGroup group, bool is_in) {
    if (!is_in || !connector.permits(group)) return;
    member.groups |= bit(group);
    member.rights |= connector.rights_of(group);
  };
  join(PermissionGroup::kUsers, logged_in);
  // Whoever logs in is a user and nothing less: an anonymous client's any-sender is not theirs.
  join(PermissionGroup::kAnonymous, !logged_in);
  join(PermissionGroup::kPartners, !logged_in && tls);
  join(PermissionGroup::kServers, !logged_in);
  join(PermissionGroup::kExternallySecured, !logged_in);
  return member;
}

smtp::ExtensionBits offered_extensions(const ReceiveConnector& connector) {
  smtp::ExtensionBits offered = smtp::kOfferedExtensions & ~connector.not_offered;
  // A message of BODY=BINARYMIME comes by BDAT alone (RFC 3030 section 3).
  if ((offered & smtp::kChunkingExtension) == 0) offered &= ~smtp::kBinaryMimeExtension;
  return offered;
}

std::uint64_t hold_limit_s(const ReceiveConnector& connector, bool logged_in) {
  return logged_in || connector.must_log_in() ? connector.limits.hold_s : 0;
}

std::shared_ptr<const ReceiveConnector> built_in_connector(std::string_view listener) {
  static const auto smtp = [] {
    auto connector = std::make_shared<ReceiveConnector>();
    connector->name = "smtp";
    connector->permitted = bit(PermissionGroup::kAnonymous) | bit(PermissionGroup::kUsers);
    return connector;
  }();
  static const auto submission = [] {
    auto connector = std::make_shared<ReceiveConnector>();
    connector->name = connector->listener = "submission";
    connector->permitted = bit(PermissionGroup::kUsers);
    return connector;
  }();
  return listener == "smtp" ? smtp : submission;
}

}  // namespace hauspost::transport
