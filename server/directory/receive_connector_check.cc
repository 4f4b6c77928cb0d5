// What a receive connector may not be, alone and among others.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "protocols/smtp/address.h"
#include "server/directory/receive_connectors.h"

namespace hauspost::directory {

namespace {

using transport::PermissionGroup;

constexpr std::string_view kListeners[] = {"smtp", "submission", "submissions", "lmtp"};
constexpr std::size_t kMechanismMax = 20;  // RFC 4422 section 3.1
// Wider than this is everybody: who may relay from there is an open relay.
constexpr unsigned kRelayPrefixV4 = 8;
constexpr unsigned kRelayPrefixV6 = 16;

std::unexpected<Error> refuse(const ReceiveConnector& connector, std::string_view why) {
  return fail(ErrorCode::kInvalid,
              fmt::format("receive connector \"{}\": {}", escape_for_log(connector.name), why));
}

bool is_line(std::string_view text) {
  return text.size() <= kConnectorTextMax &&
         std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kConnectorNameMax && is_line(name) &&
         name.front() != ' ' && name.back() != ' ';
}

bool is_mechanism(std::string_view text) {
  return !text.empty() && text.size() <= kMechanismMax && std::ranges::all_of(text, [](char c) {
    return (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' || c == '_';
  });
}

// Whoever may relay without a login must be named by address.
Result<> check_relay(const ReceiveConnector& connector) {
  for (std::size_t i = 0; i < transport::kPermissionGroups; ++i) {
    const auto group = static_cast<PermissionGroup>(i);
    if (group == PermissionGroup::kUsers || !connector.permits(group)) continue;
    if ((connector.rights_of(group) & transport::kAnyRecipient) == 0) continue;
    const bool wide = std::ranges::any_of(connector.remote, [](const Network& range) {
      const bool v6 = range.to_string().find(':') != std::string::npos;
      return range.prefix() < (v6 ? kRelayPrefixV6 : kRelayPrefixV4);
    });
    if (!connector.remote.empty() && !wide) continue;
    return refuse(connector,
                  fmt::format("{} may send to any domain from everywhere: that is an open relay; "
                              "name their networks with --remote",
                              transport::kGroupNames[i]));
  }
  return {};
}

Result<> check_texts(const ReceiveConnector& connector) {
  if (!is_name(connector.name)) {
    return refuse(connector, fmt::format("a name has 1 to {} printable ASCII characters and no "
                                         "space at its ends",
                                         kConnectorNameMax));
  }
  if (std::ranges::find(kListeners, connector.listener) == std::end(kListeners)) {
    return refuse(connector,
                  fmt::format("no listener \"{}\"; there are {}",
                              escape_for_log(connector.listener), fmt::join(kListeners, ", ")));
  }
  if (!is_line(connector.banner) || !is_line(connector.comment)) {
    return refuse(connector, fmt::format("banner and comment are one line of at most {} printable "
                                         "ASCII characters",
                                         kConnectorTextMax));
  }
  if (!connector.fqdn.empty() && !smtp::is_host_name(connector.fqdn))
    return refuse(connector, fmt::format("fqdn \"{}\" is no host name", connector.fqdn));
  if (connector.advertise_client_settings &&
      (connector.fqdn.empty() || !connector.permits(PermissionGroup::kUsers) ||
       !connector.listener.starts_with("submission"))) {
    return refuse(connector, "only a connector of users' mail (--listener submission or "
                             "submissions, --permit users) with a name (--fqdn) can be advertised");
  }
  for (const std::string& mechanism : connector.mechanisms) {
    if (mechanism == "none" && connector.mechanisms.size() == 1) continue;
    if (!is_mechanism(mechanism))
      return refuse(connector,
                    fmt::format("\"{}\" is no SASL mechanism", escape_for_log(mechanism)));
  }
  return {};
}

bool clear_text(std::string_view listener) { return listener != "submissions"; }

// Two connectors that share an endpoint.
Result<> check_pair(const ReceiveConnector& one, const ReceiveConnector& other,
                    const std::string& endpoint) {
  if (clear_text(one.listener) != clear_text(other.listener) || one.is_lmtp() != other.is_lmtp()) {
    return refuse(one, fmt::format("{} is \"{}\" of receive connector \"{}\" already; one port "
                                   "cannot be {} too",
                                   endpoint, other.listener, other.name, one.listener));
  }
  const auto clash = [&](std::string_view range) {
    return fail(ErrorCode::kExists,
                fmt::format("receive connector \"{}\": {} for {} belongs to receive connector "
                            "\"{}\"; name other networks with --remote or another port with --bind",
                            escape_for_log(one.name), endpoint, range, other.name));
  };
  if (one.remote.empty() && other.remote.empty()) return clash("everybody");
  for (const Network& range : one.remote) {
    if (std::ranges::find(other.remote, range) != other.remote.end())
      return clash(range.to_string());
  }
  return {};
}

}  // namespace

Result<> check(const ReceiveConnector& connector, std::uint64_t message_bytes_max) {
  TRY(check_texts(connector));
  if (connector.remote.size() > kConnectorRangesMax ||
      connector.bindings.size() > kConnectorRangesMax)
    return refuse(connector, fmt::format("at most {} of them", kConnectorRangesMax));
  for (const transport::ConnectorNumber& number : transport::kConnectorNumbers) {
    const std::uint64_t value = connector.limits.*number.value;
    if (value >= number.least && value <= number.most) continue;
    return refuse(connector, fmt::format("{} {}: must be from {} to {}", number.name, value,
                                         number.least, number.most));
  }
  if (connector.limits.message_bytes > message_bytes_max) {
    return refuse(connector, fmt::format("max-message-size {}: the server takes no more than {}; "
                                         "raise [limits] message_size in hauspost.toml first",
                                         connector.limits.message_bytes, message_bytes_max));
  }
  return check_relay(connector);
}

Result<> check_all(std::span<const ReceiveConnector> connectors, const DefaultBindings& defaults) {
  if (connectors.size() > kReceiveConnectorsMax)
    return fail(ErrorCode::kInvalid,
                fmt::format("at most {} receive connectors", kReceiveConnectorsMax));
  for (std::size_t i = 0; i < connectors.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const ReceiveConnector& one = connectors[i];
      const ReceiveConnector& other = connectors[j];
      if (iequals(one.name, other.name)) {
        return fail(ErrorCode::kExists,
                    fmt::format("receive connector \"{}\" exists already", other.name));
      }
      for (const auto& binding : effective_bindings(one, defaults)) {
        const auto& others = effective_bindings(other, defaults);
        if (std::ranges::find(others, binding) == others.end()) continue;
        TRY(check_pair(one, other, endpoint_text(binding)));
      }
    }
  }
  return {};
}

}  // namespace hauspost::directory
