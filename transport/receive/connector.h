// Receive connectors: by which rules mail comes in. The front-end chooses one for each connection;
// transport asks it what the session may do.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/network.h"
#include "protocols/smtp/extensions.h"

namespace hauspost::transport {

// Whom a session belongs to. A client may be in several groups.
enum class PermissionGroup : std::uint8_t {
  kAnonymous,          // everybody who has not logged in
  kUsers,              // who has logged in
  kPartners,           // comes under TLS from the connector's networks
  kServers,            // servers of ours: by the connector's networks alone
  kExternallySecured,  // trusted by network, but not for our own header fields
};
inline constexpr std::size_t kPermissionGroups = 5;
using GroupBits = std::uint8_t;
constexpr GroupBits bit(PermissionGroup group) {
  return static_cast<GroupBits>(1U << static_cast<unsigned>(group));
}
// In the order of the enumeration: the words of the CLI.
inline constexpr std::string_view kGroupNames[kPermissionGroups] = {
    "anonymous", "users", "partners", "servers", "externally-secured"};

using RightBits = std::uint16_t;
inline constexpr RightBits kSubmit = 1U << 0;           // MAIL at all
inline constexpr RightBits kAnyRecipient = 1U << 1;     // relay: also to domains that are not ours
inline constexpr RightBits kAnySender = 1U << 2;        // MAIL FROM whomever
inline constexpr RightBits kOwnDomainSender = 1U << 3;  // MAIL FROM one of our domains
inline constexpr RightBits kBypassSize = 1U << 4;       // the connector's size limit
inline constexpr RightBits kBypassAntiSpam = 1U << 5;
inline constexpr RightBits kRoutingHeaders = 1U << 6;       // Received and Resent-* are kept
inline constexpr RightBits kOrganisationHeaders = 1U << 7;  // X-Hauspost-Organization-*, -Forest-*
inline constexpr RightBits kPriorityRight = 1U << 8;        // MT-PRIORITY above 0

struct RightName {
  std::string_view name;
  RightBits bit;
};
inline constexpr RightName kRightNames[] = {
    {"submit", kSubmit},
    {"any-recipient", kAnyRecipient},
    {"any-sender", kAnySender},
    {"own-domain-sender", kOwnDomainSender},
    {"bypass-size", kBypassSize},
    {"bypass-anti-spam", kBypassAntiSpam},
    {"routing-headers", kRoutingHeaders},
    {"organisation-headers", kOrganisationHeaders},
    {"priority", kPriorityRight},
};
inline constexpr RightBits kAllRights = (1U << std::size(kRightNames)) - 1;

// What a group may do unless its connector says otherwise.
constexpr RightBits default_rights(PermissionGroup group) {
  switch (group) {
    case PermissionGroup::kAnonymous:
      return kSubmit | kAnySender | kOwnDomainSender | kRoutingHeaders;
    case PermissionGroup::kUsers:
      return kSubmit | kAnyRecipient | kBypassAntiSpam | kRoutingHeaders;
    case PermissionGroup::kPartners: return kSubmit | kAnySender | kRoutingHeaders;
    case PermissionGroup::kServers: return kAllRights;
    case PermissionGroup::kExternallySecured: return kAllRights & ~kOrganisationHeaders;
  }
  return 0;
}

// Numbers of a connector. Times in seconds unless said; 0: as the comment says.
struct ConnectorLimits {
  std::uint64_t message_bytes = 0;  // 0: [limits] message_size of hauspost.toml, which none exceeds
  std::uint64_t header_bytes = 256 * 1024;
  std::uint64_t recipients = 200;         // of a message; 452 4.5.3
  std::uint64_t hops = 30;                // Received fields; 554 5.4.6
  std::uint64_t local_hops = 8;           // of them by this server; 554 5.4.6
  std::uint64_t protocol_errors = 20;     // then 421; half of them are answered at once
  std::uint64_t logon_failures = 3;       // then 421
  std::uint64_t connections = 5000;       // at once
  std::uint64_t per_source = 20;          // of one address; IPv6: of one /64
  std::uint64_t per_source_percent = 2;   // of `connections`; the lower of both holds
  std::uint64_t tarpit_ms = 5000;         // before 550 5.1.1 to a client that did not log in
  std::uint64_t auth_tarpit_ms = 2000;    // before a failed login is answered; doubled each time
  std::uint64_t messages_per_minute = 0;  // of one source; 0: no limit
  std::uint64_t messages = 1000;          // of a connection; 421
  std::uint64_t inactivity_s = 300;       // between two commands; 421
  std::uint64_t connection_s = 600;       // then no new message begins; 421
  std::uint64_t hold_s = 7 * 24 * 3600;   // FUTURERELEASE; 0: not offered
  bool operator==(const ConnectorLimits&) const = default;
};

// Each number's word, what it may be, and in what it is counted.
struct ConnectorNumber {
  enum class Unit : std::uint8_t { kCount, kBytes, kSeconds, kMilliseconds, kPercent };
  std::string_view name;
  std::uint64_t ConnectorLimits::* value;
  std::uint64_t least;
  std::uint64_t most;
  Unit unit;
  std::string_view help;
};
using NumberUnit = ConnectorNumber::Unit;
inline constexpr ConnectorNumber kConnectorNumbers[] = {
    {"max-message-size", &ConnectorLimits::message_bytes, 0, 1ULL << 40, NumberUnit::kBytes,
     "Of one message; 0: as the server"},
    {"max-header-size", &ConnectorLimits::header_bytes, 4096, 16 << 20, NumberUnit::kBytes,
     "Of a message's header"},
    {"max-recipients", &ConnectorLimits::recipients, 1, 100'000, NumberUnit::kCount,
     "Of one message; more hear 452"},
    {"max-hops", &ConnectorLimits::hops, 1, 500, NumberUnit::kCount,
     "Received fields; more is a loop"},
    {"max-local-hops", &ConnectorLimits::local_hops, 1, 500, NumberUnit::kCount,
     "Received fields of this server; more is a loop"},
    {"max-protocol-errors", &ConnectorLimits::protocol_errors, 1, 1'000, NumberUnit::kCount,
     "Refused commands before the connection ends"},
    {"max-logon-failures", &ConnectorLimits::logon_failures, 1, 100, NumberUnit::kCount,
     "Failed logins before the connection ends"},
    {"max-connections", &ConnectorLimits::connections, 1, 60'000, NumberUnit::kCount, "At once"},
    {"max-per-source", &ConnectorLimits::per_source, 1, 60'000, NumberUnit::kCount,
     "At once of one address"},
    {"max-per-source-percent", &ConnectorLimits::per_source_percent, 1, 100, NumberUnit::kPercent,
     "The same, as a share of all connections; the lower holds"},
    {"tarpit", &ConnectorLimits::tarpit_ms, 0, 600'000, NumberUnit::kMilliseconds,
     "How late an unknown recipient is refused to strangers"},
    {"auth-tarpit", &ConnectorLimits::auth_tarpit_ms, 0, 600'000, NumberUnit::kMilliseconds,
     "How late a failed login is answered; doubled each time"},
    {"message-rate", &ConnectorLimits::messages_per_minute, 0, 1'000'000, NumberUnit::kCount,
     "Messages a minute of one address; 0: unlimited"},
    {"max-messages", &ConnectorLimits::messages, 1, 1'000'000, NumberUnit::kCount,
     "Of one connection"},
    {"inactivity", &ConnectorLimits::inactivity_s, 5, 86'400, NumberUnit::kSeconds,
     "Between two commands"},
    {"connection-time", &ConnectorLimits::connection_s, 5, 604'800, NumberUnit::kSeconds,
     "After it no new message may begin"},
    {"max-hold", &ConnectorLimits::hold_s, 0, 31'536'000, NumberUnit::kSeconds,
     "The longest FUTURERELEASE; 0: not offered"},
};

struct ReceiveConnector {
  struct Binding {
    std::string address;  // textual IP address without brackets
    std::uint16_t port = 0;
    bool operator==(const Binding&) const = default;
  };

  std::string name;
  // "smtp", "submission" (STARTTLS before AUTH), "submissions" (TLS from the first byte) or "lmtp":
  // the kind of listener, and whose word in `service enable` and `component set` holds.
  std::string listener = "smtp";
  std::vector<Binding> bindings;  // empty: [listeners] of hauspost.toml
  std::vector<Network> remote;    // whom it serves; empty: everybody
  bool enabled = true;
  GroupBits permitted = 0;
  // Taken from and added to default_rights(), by group.
  std::array<RightBits, kPermissionGroups> denied{};
  std::array<RightBits, kPermissionGroups> granted{};
  bool require_tls = false;             // 530 5.7.0 before MAIL without it
  std::vector<std::string> mechanisms;  // of AUTH; empty: all that the server has
  std::string fqdn;                     // in greeting and EHLO; empty: the server's host name
  std::string banner;                   // after the name, in place of "ESMTP Hauspost"
  smtp::ExtensionBits not_offered = 0;
  bool protocol_log = false;
  std::string comment;
  ConnectorLimits limits;
  bool advertise_client_settings = false;  // users may be told to send by it, under its fqdn

  bool permits(PermissionGroup group) const { return (permitted & bit(group)) != 0; }
  RightBits rights_of(PermissionGroup group) const {
    const auto at = static_cast<std::size_t>(group);
    return (default_rights(group) & ~denied[at]) | granted[at];
  }
  // Nobody may send without having logged in.
  bool must_log_in() const { return permitted == bit(PermissionGroup::kUsers); }
  bool is_lmtp() const { return listener == "lmtp"; }
  bool operator==(const ReceiveConnector&) const = default;
};

// The groups that a client is in, and what they may together.
struct Membership {
  GroupBits groups = 0;
  RightBits rights = 0;
};
Membership membership(const ReceiveConnector& connector, bool logged_in, bool tls);

// What the connector offers on a connection that is in this state.
smtp::ExtensionBits offered_extensions(const ReceiveConnector& connector);
// FUTURERELEASE is for who has logged in or will have to (RFC 4865 section 3).
std::uint64_t hold_limit_s(const ReceiveConnector& connector, bool logged_in);

// Who knows the connectors; asked once a session. REQUIRES: one thread.
class Connectors {
 public:
  virtual ~Connectors() = default;
  // Null: no such connector (any more).
  virtual std::shared_ptr<const ReceiveConnector> find(std::string_view name) const = 0;
};

// What holds where nobody has configured connectors: mail for accepted domains on "smtp", the mail
// of users who have logged in everywhere. A name that is no listener's permits nobody but users.
std::shared_ptr<const ReceiveConnector> built_in_connector(std::string_view listener);

}  // namespace hauspost::transport
