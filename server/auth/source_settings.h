// Where passwords and tokens are checked: what section [auth] of hauspost.toml says.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/auth/bearer.h"

namespace hauspost::auth {

enum class Source : std::uint8_t {
  kLocal,  // our own verifiers
  kLdap,
  kPam,
};
inline constexpr std::pair<std::string_view, Source> kSourceNames[] = {
    {"local", Source::kLocal}, {"ldap", Source::kLdap}, {"pam", Source::kPam}};
std::string_view to_string(Source source);

struct LdapSettings {
  std::vector<std::string> uris;  // ldap://, ldaps://, ldapi://; tried in this order
  bool start_tls = false;
  std::string ca_file;  // empty: the system's
  std::string bind_dn;  // a template; empty: search, then bind
  std::string search_base;
  std::string search_scope = "sub";  // "base", "one", "sub"
  std::string search_filter;         // a template
  std::string search_dn;             // empty: the search is anonymous
  std::string search_password_file;  // its first line
  std::chrono::seconds timeout{5};   // of one check

  bool enabled() const { return !uris.empty(); }
};

struct PamSettings {
  std::string service;
  std::string folder;            // of service files; empty: the system's
  std::string user = "{local}";  // a template
  std::chrono::seconds timeout{8};

  bool enabled() const { return !service.empty(); }
};

struct SourceSettings {
  std::vector<Source> order = {Source::kLocal};        // the first that says yes decides
  std::map<std::string, std::vector<Source>> domains;  // by domain in lower case
  LdapSettings ldap;
  PamSettings pam;
  BearerSettings bearer;
  bool certificates = false;  // clients may prove who they are by a certificate

  // The order of an address's domain.
  const std::vector<Source>& order_of(std::string_view address) const;
  bool uses(Source source) const;
};

inline constexpr std::chrono::seconds kSourceTimeoutMax{8};  // front-ends wait for ten seconds

// What is put for "{address}", "{local}" and "{domain}" in a template.
enum class Escape {
  kNone,
  kDn,      // RFC 4514 section 2.4
  kFilter,  // RFC 4515 section 3
};
std::string expand(std::string_view text, std::string_view address, Escape escape);
// Text that stands behind a "{" and names nothing; empty: the template is right.
std::string unknown_placeholder(std::string_view text);

std::string escape_dn(std::string_view value);
std::string escape_filter(std::string_view value);

// The settings as bytes, from the supervisor to hauspost-auth (sources.proto).
std::string source_settings_to_wire(const SourceSettings& settings);
// Empty bytes are the defaults. kInvalid: malformed.
Result<SourceSettings> source_settings_from_wire(std::string_view bytes);

}  // namespace hauspost::auth
