// What the DNS is to say of this server: every record of its host name and of a domain, and why.
// Pure; zone_facts.h says where the facts come from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hauspost::cli {

struct DnsRecord {
  std::string name;     // without its last dot
  std::string type;     // "MX"
  std::string value;    // as a zone file writes it, TXT without quotes
  std::string why;      // one line for people
  bool needed = false;  // without it mail does not come in, or is refused elsewhere
};

struct DkimRecord {
  std::string domain;
  std::string selector;
  std::string state;  // "staged", "active", "retired"
  std::string name;   // "s1._domainkey.example.org"
  std::string value;
};

struct ServedPort {
  std::string service;  // as a listener's, "imaps"
  std::uint16_t port = 0;
};

struct StsFacts {
  std::string mode;    // "off", "testing", "enforce"
  std::string id;      // of the policy as it is served now
  std::string policy;  // its text
};

struct ZoneFacts {
  std::string hostname;
  std::vector<std::string> addresses;  // that the world reaches it by
  std::vector<std::string> domains;    // accepted, without those above which "*." stands
  std::vector<DkimRecord> dkim;
  std::vector<ServedPort> ports;  // of services that are on
  bool web = false;               // the service web is on
  std::vector<StsFacts> sts;      // at most one; none: web serves no policy
  std::string dmarc_policy = "none";
  std::string dmarc_reports_to;
  std::string tls_reports_to;
  std::vector<std::string> authorities;
  std::vector<std::string> spf;
  bool tlsa = false;       // the key is to be published
  std::string key_digest;  // of the host's certificate, SHA-256 in hex; empty: not known
};

// A, AAAA, SPF for HELO, TLSA; PTR belongs to who owns the addresses, and stands there as a hint.
std::vector<DnsRecord> host_records(const ZoneFacts& facts);
// REQUIRES: one of facts.domains, or one below such a domain.
std::vector<DnsRecord> domain_records(const ZoneFacts& facts, const std::string& domain);

// The value that SPF of a domain is to have.
std::string spf_value(const ZoneFacts& facts);
std::string dmarc_value(const ZoneFacts& facts);
// Whether web serves a policy that is to be announced.
bool announces_sts(const ZoneFacts& facts);

// Strings of at most 255 octets, each in quotes (RFC 1035 section 5.1).
std::string quoted_text(const std::string& value);
// As lines of a zone file, with the reason as a comment.
std::string zone_lines(const std::vector<DnsRecord>& records);
// As a table under a title, nothing cut.
std::string records_table(const std::string& title, const std::vector<DnsRecord>& records);
// The names that certificates have to be good for: the host's, and with web each domain's.
std::vector<std::string> certificate_names(const ZoneFacts& facts);

}  // namespace hauspost::cli
