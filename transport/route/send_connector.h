// SendConnector: one way out, as the administrator set it up. `server/directory` keeps them; the
// rules that a connector must keep are checked here, where they are understood.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace hauspost::transport {

// What of the world a connector serves: "*" everything, "*.example.org" every subdomain,
// "example.org" that domain alone, "--" only what is sent through the connector by name.
struct AddressSpace {
  std::string domain;  // lower case, A-labels
  std::uint8_t cost = 1;
  bool operator==(const AddressSpace&) const = default;
};
inline constexpr std::uint8_t kCostMost = 100;
inline constexpr std::string_view kNoAddressSpace = "--";
// "SMTP:DOMAIN;COST", the type and the cost may be missing. kInvalid: another type than SMTP, a
// name that is none, a cost outside of 1 to 100.
Result<AddressSpace> parse_address_space(std::string_view text);
std::string to_string(const AddressSpace& space);
// How well the space fits `domain` (lower case, A-labels): the number of octets that had to be
// right, and one more for a whole name; 1 for "*"; nullopt: not at all.
std::optional<std::size_t> match(const AddressSpace& space, std::string_view domain);

struct SmartHost {
  std::string host;        // a name or an IP address; with LMTP also the path of a Unix socket
  std::uint16_t port = 0;  // 0: the connector's
  bool operator==(const SmartHost&) const = default;
};
// "host", "host:port", "[2001:db8::1]:port", "/run/lmtp.sock". kInvalid.
Result<SmartHost> parse_smart_host(std::string_view text);
std::string to_string(const SmartHost& host);

enum class SendTls : std::uint8_t {
  kNone,           // never, even where it is offered
  kOpportunistic,  // where it is offered, whatever the certificate; DANE and MTA-STS are obeyed
  kEncryption,     // no mail without TLS
  kCertificate,    // and the certificate is of an authority we trust
  kDomain,         // and is for SendConnector::tls_domain, else for the host's own name
};
enum class SendProtocol : std::uint8_t { kSmtp, kLmtp };

std::string_view to_string(SendTls level);
std::optional<SendTls> parse_send_tls(std::string_view word);
std::string_view to_string(SendProtocol protocol);
std::optional<SendProtocol> parse_send_protocol(std::string_view word);

struct SendConnector {
  std::string name;  // at most kConnectorNameMax characters, unique without regard to case
  bool enabled = true;
  SendProtocol protocol = SendProtocol::kSmtp;
  std::vector<AddressSpace> spaces;    // at least one
  std::vector<SmartHost> smart_hosts;  // in the order to try; empty: the DNS says
  std::uint16_t port = 25;
  bool authenticate = false;  // with `user`, to smart hosts, under TLS alone
  std::string user;           // its password is a file below DATA/secrets/transport
  SendTls tls = SendTls::kOpportunistic;
  std::string tls_domain;  // of kDomain
  std::string fqdn;        // what EHLO says; empty: the server's host name
  std::string source_v4;   // local address of connections; empty: the system chooses
  std::string source_v6;
  std::uint64_t message_bytes_max = 35ULL << 20;
  Seconds inactivity{600};  // the longest silence, of a server that should answer or of us
  std::uint32_t connections_max = 20;         // at once to one next hop
  std::uint32_t messages_per_connection = 0;  // 0: no limit but the other side's
  bool protocol_log = false;                  // its dialogues are kept
  bool scoped = false;                        // of use to this node's site only
  std::string comment;
  bool operator==(const SendConnector&) const = default;
};
inline constexpr std::size_t kConnectorNameMax = 64;
inline constexpr std::size_t kAddressSpacesMax = 1000;
inline constexpr std::size_t kSmartHostsMax = 20;
inline constexpr std::size_t kConnectorCommentMax = 256;

// kInvalid with one line that says what is wrong and what would be right.
Result<> check(const SendConnector& connector);

}  // namespace hauspost::transport
