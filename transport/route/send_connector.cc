#include "transport/route/send_connector.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/network.h"
#include "base/text.h"

namespace hauspost::transport {

namespace {

constexpr std::size_t kDomainMax = 253;
constexpr std::size_t kLabelMax = 63;
constexpr std::size_t kUserMax = 256;
constexpr std::size_t kUnixPathMax = 107;
constexpr std::uint64_t kMessageLeast = 64ULL << 10;
constexpr std::uint64_t kMessageMost = 2ULL << 30;
constexpr std::uint32_t kConnectionsMost = 1000;
constexpr std::uint32_t kMessagesMost = 100'000;
constexpr Seconds kInactivityLeast{10};
constexpr Seconds kInactivityMost{3600};

constexpr std::pair<SendTls, std::string_view> kTlsWords[] = {
    {SendTls::kNone, "none"},
    {SendTls::kOpportunistic, "opportunistic"},
    {SendTls::kEncryption, "encryption"},
    {SendTls::kCertificate, "certificate"},
    {SendTls::kDomain, "domain"}};
constexpr std::pair<SendProtocol, std::string_view> kProtocolWords[] = {
    {SendProtocol::kSmtp, "smtp"}, {SendProtocol::kLmtp, "lmtp"}};

template <class Value, std::size_t kCount>
std::string_view word_of(const std::pair<Value, std::string_view> (&words)[kCount], Value value) {
  for (const auto& [known, word] : words) {
    if (known == value) return word;
  }
  return "unknown";
}

template <class Value, std::size_t kCount>
std::optional<Value> value_of(const std::pair<Value, std::string_view> (&words)[kCount],
                              std::string_view text) {
  for (const auto& [value, word] : words) {
    if (word == text) return value;
  }
  return std::nullopt;
}

// Labels of letters, digits, hyphens and underscores.
bool is_domain(std::string_view text) {
  if (text.empty() || text.size() > kDomainMax) return false;
  return std::ranges::all_of(split(text, '.'), [](std::string_view label) {
    return !label.empty() && label.size() <= kLabelMax && label.front() != '-' &&
           label.back() != '-' && std::ranges::all_of(label, [](char c) {
             return is_alpha(c) || is_digit(c) || c == '-' || c == '_';
           });
  });
}

bool is_text(std::string_view text, std::size_t most) {
  return text.size() <= most && is_valid_utf8(text) && std::ranges::none_of(text, [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

std::unexpected<Error> wrong(std::string text) {
  return fail(ErrorCode::kInvalid, std::move(text));
}

bool is_address(std::string_view text, bool v6) {
  return Network::around(text, 32, 128).has_value() && (text.find(':') != text.npos) == v6;
}

Result<std::uint16_t> parse_port(std::string_view text) {
  const auto port = parse_u64(text);
  if (!port || *port == 0 || *port > 65'535) {
    return wrong(fmt::format("\"{}\" is no port; one is from 1 to 65535", escape_for_log(text)));
  }
  return static_cast<std::uint16_t>(*port);
}

Result<> check_name(const SendConnector& connector) {
  const std::string& name = connector.name;
  const bool good = !name.empty() && name.size() <= kConnectorNameMax && name.front() != ' ' &&
                    name.front() != '.' && name.back() != ' ' && name.find('/') == name.npos &&
                    is_text(name, kConnectorNameMax);
  if (good) return {};
  return wrong(
      fmt::format("connector \"{}\": a name has 1 to {} characters, no '/', and does not "
                  "begin with a dot or with a space, nor end with one",
                  escape_for_log(name), kConnectorNameMax));
}

Result<> check_way(const SendConnector& connector) {
  if (connector.spaces.empty()) {
    return wrong("a send connector needs an address space; for everything: --address-space '*'");
  }
  if (connector.spaces.size() > kAddressSpacesMax)
    return wrong(fmt::format("at most {} address spaces", kAddressSpacesMax));
  for (auto one = connector.spaces.begin(); one != connector.spaces.end(); ++one) {
    if (std::any_of(connector.spaces.begin(), one,
                    [&](const AddressSpace& other) { return other.domain == one->domain; })) {
      return wrong(fmt::format("the address space {} stands there twice", one->domain));
    }
  }
  if (connector.smart_hosts.size() > kSmartHostsMax)
    return wrong(fmt::format("at most {} smart hosts", kSmartHostsMax));
  const bool unix_socket = std::ranges::any_of(
      connector.smart_hosts, [](const SmartHost& one) { return one.host.starts_with('/'); });
  const bool lmtp = connector.protocol == SendProtocol::kLmtp;
  if (unix_socket && !lmtp)
    return wrong("a Unix socket is a smart host of connectors with --protocol lmtp alone");
  if (lmtp && connector.smart_hosts.empty())
    return wrong("LMTP is spoken with named hosts, not with hosts of the DNS: give --smart-host");
  if (lmtp && connector.port == 25) {
    // RFC 2033 section 5: an LMTP server must not listen there.
    for (const SmartHost& one : connector.smart_hosts) {
      if (!one.host.starts_with('/') && (one.port == 0 || one.port == 25))
        return wrong("LMTP is never spoken on port 25: give the port, for instance --port 24");
    }
  }
  return {};
}

Result<> check_security(const SendConnector& connector) {
  const bool unix_socket = std::ranges::any_of(
      connector.smart_hosts, [](const SmartHost& one) { return one.host.starts_with('/'); });
  if (unix_socket && (connector.authenticate || connector.tls > SendTls::kOpportunistic))
    return wrong("there is no TLS over a Unix socket, and so no login either");
  if (connector.authenticate) {
    if (connector.smart_hosts.empty())
      return wrong("only smart hosts are logged in to: give --smart-host or --auth none");
    if (connector.user.empty() || !is_text(connector.user, kUserMax))
      return wrong("a login needs a user name: give --user");
    if (connector.tls == SendTls::kNone)
      return wrong("a password is sent under TLS alone: give another --tls than none");
  }
  if (!connector.tls_domain.empty() && connector.tls != SendTls::kDomain)
    return wrong("--tls-domain goes with --tls domain");
  if (!connector.tls_domain.empty() && !is_domain(connector.tls_domain)) {
    return wrong(fmt::format("\"{}\" is no host name", escape_for_log(connector.tls_domain)));
  }
  return {};
}

Result<> check_numbers(const SendConnector& connector) {
  if (connector.port == 0) return wrong("a port is from 1 to 65535");
  if (connector.message_bytes_max < kMessageLeast || connector.message_bytes_max > kMessageMost)
    return wrong("the largest message must be from 64K to 2G");
  if (connector.inactivity < kInactivityLeast || connector.inactivity > kInactivityMost)
    return wrong("the inactivity time must be from 10s to 1h");
  if (connector.connections_max == 0 || connector.connections_max > kConnectionsMost)
    return wrong(fmt::format("connections must be from 1 to {}", kConnectionsMost));
  if (connector.messages_per_connection > kMessagesMost) {
    return wrong(fmt::format("messages of a connection must be from 1 to {}, or 0: no limit",
                             kMessagesMost));
  }
  return {};
}

}  // namespace

Result<AddressSpace> parse_address_space(std::string_view text) {
  const std::string_view whole = text;
  AddressSpace space;
  if (const std::size_t colon = text.find(':'); colon != text.npos) {
    if (!iequals(text.substr(0, colon), "SMTP")) {
      return wrong(
          fmt::format("address space \"{}\": the only type is SMTP", escape_for_log(whole)));
    }
    text.remove_prefix(colon + 1);
  }
  if (const std::size_t semicolon = text.find(';'); semicolon != text.npos) {
    const auto cost = parse_u64(text.substr(semicolon + 1));
    if (!cost || *cost == 0 || *cost > kCostMost) {
      return wrong(fmt::format("address space \"{}\": a cost is from 1 to {}",
                               escape_for_log(whole), kCostMost));
    }
    space.cost = static_cast<std::uint8_t>(*cost);
    text = text.substr(0, semicolon);
  }
  space.domain = ascii_lower(text);
  const std::string_view name =
      space.domain.starts_with("*.") ? std::string_view(space.domain).substr(2) : space.domain;
  if (space.domain == "*" || space.domain == kNoAddressSpace || is_domain(name)) return space;
  return wrong(
      fmt::format("address space \"{}\": not *, *.example.org, example.org or --; names "
                  "outside of ASCII are written as A-labels (xn--...)",
                  escape_for_log(whole)));
}

std::string to_string(const AddressSpace& space) {
  return fmt::format("SMTP:{};{}", space.domain, space.cost);
}

std::optional<std::size_t> match(const AddressSpace& space, std::string_view domain) {
  if (space.domain == "*") return 1;
  if (space.domain == kNoAddressSpace) return std::nullopt;
  if (!space.domain.starts_with("*.")) {
    if (space.domain != domain) return std::nullopt;
    return domain.size() + 2;
  }
  const std::string_view tail = std::string_view(space.domain).substr(1);  // ".example.org"
  if (domain.size() <= tail.size() || !domain.ends_with(tail)) return std::nullopt;
  return tail.size() + 1;
}

Result<SmartHost> parse_smart_host(std::string_view text) {
  SmartHost host;
  if (text.starts_with('/')) {
    if (text.size() > kUnixPathMax || !is_text(text, kUnixPathMax)) {
      return wrong(
          fmt::format("smart host \"{}\": the path of a Unix socket has at most {} "
                      "characters",
                      escape_for_log(text), kUnixPathMax));
    }
    host.host = text;
    return host;
  }
  std::string_view name = text;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    name = end == text.npos ? std::string_view() : text.substr(1, end - 1);
    const std::string_view rest = end == text.npos ? std::string_view() : text.substr(end + 1);
    has_port = rest.starts_with(':');
    if (has_port) port = rest.substr(1);
    if (!has_port && !rest.empty()) name = {};
  } else if (!is_address(text, true)) {
    const std::size_t colon = text.find(':');
    has_port = colon != text.npos;
    name = text.substr(0, colon);
    if (has_port) port = text.substr(colon + 1);
  }
  if (!is_address(name, true) && !is_address(name, false) && !is_domain(name)) {
    return wrong(
        fmt::format("smart host \"{}\": not host, host:port, [IPv6]:port or the path of "
                    "a Unix socket",
                    escape_for_log(text)));
  }
  host.host = ascii_lower(name);
  if (has_port) {
    TRY_ASSIGN(host.port, parse_port(port));
  }
  return host;
}

std::string to_string(const SmartHost& host) {
  const bool v6 = host.host.find(':') != std::string::npos;
  if (host.port == 0) return host.host;
  return v6 ? fmt::format("[{}]:{}", host.host, host.port)
            : fmt::format("{}:{}", host.host, host.port);
}

std::string_view to_string(SendTls level) { return word_of(kTlsWords, level); }
std::optional<SendTls> parse_send_tls(std::string_view word) { return value_of(kTlsWords, word); }
std::string_view to_string(SendProtocol protocol) { return word_of(kProtocolWords, protocol); }
std::optional<SendProtocol> parse_send_protocol(std::string_view word) {
  return value_of(kProtocolWords, word);
}

Result<> check(const SendConnector& connector) {
  TRY(check_name(connector));
  TRY(check_way(connector));
  TRY(check_security(connector));
  TRY(check_numbers(connector));
  if (!connector.fqdn.empty() && !is_domain(connector.fqdn))
    return wrong(fmt::format("\"{}\" is no host name", escape_for_log(connector.fqdn)));
  if (!connector.source_v4.empty() && !is_address(connector.source_v4, false))
    return wrong(fmt::format("\"{}\" is no IPv4 address", escape_for_log(connector.source_v4)));
  if (!connector.source_v6.empty() && !is_address(connector.source_v6, true))
    return wrong(fmt::format("\"{}\" is no IPv6 address", escape_for_log(connector.source_v6)));
  if (!is_text(connector.comment, kConnectorCommentMax)) {
    return wrong(
        fmt::format("a comment is one line of at most {} characters", kConnectorCommentMax));
  }
  return {};
}

}  // namespace hauspost::transport
