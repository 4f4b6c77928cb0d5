#include "server/supervisor/settings_auth.h"

#include <unistd.h>

#include "base/text.h"

namespace hauspost::supervisor {

namespace {

using auth::Source;

constexpr std::int64_t kLeewayMost_s = 600;
constexpr std::size_t kTextsMax = 16;  // of one list

std::unexpected<Error> wrong_key(Section& section, std::string_view key, std::string_view what) {
  return wrong(section.find(key)->source(), fmt::format("{} {}", section.full(key), what));
}

std::unexpected<Error> missing(const Section& section, std::string_view key,
                               std::string_view what) {
  return fail(ErrorCode::kInvalid,
              fmt::format("{}: {} is missing: {}", kSettingsFile, section.full(key), what));
}

// A text, or a list of them. Empty when the key is not there.
Result<std::vector<std::string>> texts(Section& section, std::string_view key) {
  std::vector<std::string> out;
  const toml::node* node = section.find(key);
  if (node == nullptr) return out;
  const auto add = [&](const toml::node& item) {
    const auto text = item.value_exact<std::string>();
    if (text && !text->empty()) out.push_back(*text);
    return text && !text->empty();
  };
  bool good = true;
  if (const toml::array* list = node->as_array()) {
    for (const toml::node& item : *list) good = good && add(item);
    good = good && !list->empty() && list->size() <= kTextsMax;
  } else {
    good = add(*node);
  }
  if (!good) return wrong_key(section, key, "must be a text in quotes or a list of 1 to 16");
  return out;
}

Result<> text(Section& section, std::string_view key, std::string& out) {
  TRY_ASSIGN(const auto value, section.text(key));
  if (value) out = *value;
  return {};
}

Result<> path(Section& section, std::string_view key, const std::string& data_root,
              std::string& out) {
  TRY(text(section, key, out));
  if (!out.empty() && !out.starts_with('/')) out = data_root + "/" + out;
  return {};
}

Result<> boolean(Section& section, std::string_view key, bool& out) {
  const toml::node* node = section.find(key);
  if (node == nullptr) return {};
  const auto value = node->value_exact<bool>();
  if (!value) return wrong_key(section, key, "must be true or false");
  out = *value;
  return {};
}

Result<> seconds(Section& section, std::string_view key, std::int64_t least, std::int64_t most,
                 std::chrono::seconds& out) {
  const toml::node* node = section.find(key);
  if (node == nullptr) return {};
  const auto value = node->value_exact<std::int64_t>();
  if (!value || *value < least || *value > most)
    return wrong_key(section, key, fmt::format("must be a number from {} to {}", least, most));
  out = std::chrono::seconds(*value);
  return {};
}

Result<> template_text(Section& section, std::string_view key, std::string& out) {
  TRY(text(section, key, out));
  if (const std::string unknown = auth::unknown_placeholder(out); !unknown.empty()) {
    return wrong_key(section, key,
                     fmt::format("has \"{{{}\": known are {{address}}, {{local}} and {{domain}}",
                                 escape_for_log(unknown)));
  }
  return {};
}

Result<std::vector<Source>> order(Section& section, std::string_view key) {
  TRY_ASSIGN(const auto names, texts(section, key));
  std::vector<Source> out;
  for (const std::string& name : names) {
    const auto* found =
        std::ranges::find(auth::kSourceNames, name, &std::pair<std::string_view, Source>::first);
    if (found == std::end(auth::kSourceNames))
      return wrong_key(section, key, "names an unknown source (known: local, ldap, pam)");
    if (std::ranges::find(out, found->second) != out.end())
      return wrong_key(section, key, "names a source twice");
    out.push_back(found->second);
  }
  return out;
}

// The host between "://" and the port or path; brackets of IPv6 taken off.
std::string_view host_of(std::string_view uri) {
  uri.remove_prefix(uri.find("://") + 3);
  uri = uri.substr(0, uri.find('/'));
  if (uri.starts_with('[')) return uri.substr(1, uri.find(']') - 1);
  return uri.substr(0, uri.find(':'));
}

bool is_loopback(std::string_view uri) {
  const std::string_view host = host_of(uri);
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

Result<> check_ldap_uris(Section& section, const auth::LdapSettings& ldap, bool unencrypted) {
  for (const std::string& uri : ldap.uris) {
    const bool plain = uri.starts_with("ldap://");
    if ((!plain && !uri.starts_with("ldaps://") && !uri.starts_with("ldapi://")) ||
        uri.find(' ') != std::string::npos) {
      return wrong_key(section, "uri", "must be ldap://HOST, ldaps://HOST or ldapi://PATH");
    }
    if (!plain && ldap.start_tls) return wrong_key(section, "start_tls", "is for ldap:// alone");
    if (plain && !ldap.start_tls && !unencrypted && !is_loopback(uri)) {
      return wrong_key(section, "uri",
                       fmt::format("{}: passwords would cross the network in the clear; use "
                                   "ldaps://, or start_tls = true, or say unencrypted = true",
                                   uri));
    }
  }
  return {};
}

Result<> read_ldap(const toml::table& parent, const std::string& data_root,
                   auth::LdapSettings& ldap) {
  TRY_ASSIGN(Section section, Section::open(parent, "auth.ldap"));
  if (section.table() == nullptr) return {};
  bool unencrypted = false;
  TRY_ASSIGN(ldap.uris, texts(section, "uri"));
  TRY(boolean(section, "start_tls", ldap.start_tls));
  TRY(boolean(section, "unencrypted", unencrypted));
  TRY(path(section, "ca_file", data_root, ldap.ca_file));
  TRY(template_text(section, "bind_dn", ldap.bind_dn));
  TRY(template_text(section, "search_base", ldap.search_base));
  TRY(template_text(section, "search_filter", ldap.search_filter));
  TRY(text(section, "search_scope", ldap.search_scope));
  TRY(text(section, "search_dn", ldap.search_dn));
  TRY(path(section, "search_password_file", data_root, ldap.search_password_file));
  TRY(seconds(section, "timeout", 1, auth::kSourceTimeoutMax.count(), ldap.timeout));
  TRY(section.finish());
  if (ldap.uris.empty())
    return missing(section, "uri", "name a server: \"ldaps://ldap.example.org\"");
  TRY(check_ldap_uris(section, ldap, unencrypted));
  if (ldap.bind_dn.empty() && (ldap.search_base.empty() || ldap.search_filter.empty())) {
    return missing(section, "bind_dn",
                   "give bind_dn, or search_base and search_filter to look for the name");
  }
  if (!ldap.bind_dn.empty() && !ldap.search_filter.empty())
    return wrong_key(section, "search_filter", "and bind_dn exclude each other");
  if (ldap.search_dn.empty() != ldap.search_password_file.empty())
    return missing(section, ldap.search_dn.empty() ? "search_dn" : "search_password_file",
                   "the search needs both or none");
  if (ldap.search_scope != "base" && ldap.search_scope != "one" && ldap.search_scope != "sub")
    return wrong_key(section, "search_scope", "must be \"base\", \"one\" or \"sub\"");
  return {};
}

Result<> read_pam(const toml::table& parent, const std::string& data_root, auth::PamSettings& pam) {
  TRY_ASSIGN(Section section, Section::open(parent, "auth.pam"));
  if (section.table() == nullptr) return {};
  TRY(text(section, "service", pam.service));
  TRY(path(section, "folder", data_root, pam.folder));
  TRY(template_text(section, "user", pam.user));
  TRY(seconds(section, "timeout", 1, auth::kSourceTimeoutMax.count(), pam.timeout));
  TRY(section.finish());
  if (pam.service.empty())
    return missing(section, "service", "name a file of /etc/pam.d such as \"hauspost\"");
  if (pam.service.find('/') != std::string::npos)
    return wrong_key(section, "service", "must be a file's name without its folder");
  if (pam.user.empty()) return wrong_key(section, "user", "must not be empty");
  return {};
}

Result<> check_bearer_settings(Section& section, const auth::BearerSettings& bearer) {
  if (bearer.issuer.empty()) return missing(section, "issuer", "what its tokens say in \"iss\"");
  if (bearer.audiences.empty())
    return missing(section, "audience", "what its tokens for this server say in \"aud\"");
  if (bearer.jwks_file.empty() == bearer.jwks_url.empty())
    return missing(section, "jwks_file", "give it or jwks_url, and not both");
  const bool safe = bearer.jwks_url.empty() || bearer.jwks_url.starts_with("https://") ||
                    (bearer.jwks_url.starts_with("http://") && is_loopback(bearer.jwks_url));
  if (!safe) return wrong_key(section, "jwks_url", "must begin with https://");
  if (bearer.claim.empty()) return wrong_key(section, "claim", "must not be empty");
  return {};
}

Result<> read_bearer(const toml::table& parent, const std::string& data_root,
                     auth::BearerSettings& bearer) {
  TRY_ASSIGN(Section section, Section::open(parent, "auth.oauth"));
  if (section.table() == nullptr) return {};
  TRY(text(section, "issuer", bearer.issuer));
  TRY_ASSIGN(bearer.audiences, texts(section, "audience"));
  TRY(path(section, "jwks_file", data_root, bearer.jwks_file));
  TRY(text(section, "jwks_url", bearer.jwks_url));
  TRY(path(section, "jwks_ca_file", data_root, bearer.jwks_ca_file));
  TRY(text(section, "claim", bearer.claim));
  TRY(text(section, "scope", bearer.scope));
  TRY(text(section, "openid_configuration", bearer.openid_configuration));
  TRY(seconds(section, "leeway", 0, kLeewayMost_s, bearer.leeway));
  TRY(section.finish());
  return check_bearer_settings(section, bearer);
}

Result<> read_certificates(const toml::table& parent, const std::string& data_root,
                           auth::SourceSettings& sources, std::string& ca_file) {
  TRY_ASSIGN(Section section, Section::open(parent, "auth.certificates"));
  if (section.table() == nullptr) return {};
  TRY(path(section, "ca_file", data_root, ca_file));
  TRY(section.finish());
  if (ca_file.empty())
    return missing(section, "ca_file", "name a PEM file of the authorities whose word is taken");
  sources.certificates = true;
  return {};
}

Result<> read_domains(const toml::table& parent, auth::SourceSettings& sources) {
  TRY_ASSIGN(Section section, Section::open(parent, "auth.domains"));
  if (section.table() == nullptr) return {};
  for (const auto& [key, node] : *section.table()) {
    if (!is_host_name(key.str()))
      return wrong(key.source(),
                   fmt::format("auth.domains: \"{}\" is not a domain", escape_for_log(key.str())));
    TRY_ASSIGN(sources.domains[ascii_lower(key.str())], order(section, key.str()));
  }
  return {};
}

Result<> check_used(const auth::SourceSettings& sources) {
  const auto unset = [&](Source source, bool enabled) { return sources.uses(source) && !enabled; };
  for (const auto& [source, enabled] : {std::pair(Source::kLdap, sources.ldap.enabled()),
                                        std::pair(Source::kPam, sources.pam.enabled())}) {
    if (!unset(source, enabled)) continue;
    return fail(ErrorCode::kInvalid,
                fmt::format("{}: auth.sources or auth.domains names {}: describe it in [auth.{}]",
                            kSettingsFile, auth::to_string(source), auth::to_string(source)));
  }
  return {};
}

}  // namespace

Result<> read_auth(const toml::table& file, const std::string& data_root,
                   auth::SourceSettings& sources, std::string& client_ca_file) {
  TRY_ASSIGN(Section section, Section::open(file, "auth"));
  if (section.table() == nullptr) return {};
  TRY_ASSIGN(auto default_order, order(section, "sources"));
  if (!default_order.empty()) sources.order = std::move(default_order);
  for (const std::string_view below : {"domains", "ldap", "pam", "oauth", "certificates"})
    section.find(below);
  TRY(section.finish());
  const toml::table& table = *section.table();
  TRY(read_domains(table, sources));
  TRY(read_ldap(table, data_root, sources.ldap));
  TRY(read_pam(table, data_root, sources.pam));
  TRY(read_bearer(table, data_root, sources.bearer));
  TRY(read_certificates(table, data_root, sources, client_ca_file));
  return check_used(sources);
}

Result<> check_auth_files(const auth::SourceSettings& sources, const std::string& client_ca_file) {
  const std::pair<std::string_view, const std::string*> files[] = {
      {"auth.ldap.ca_file", &sources.ldap.ca_file},
      {"auth.ldap.search_password_file", &sources.ldap.search_password_file},
      {"auth.pam.folder", &sources.pam.folder},
      {"auth.oauth.jwks_ca_file", &sources.bearer.jwks_ca_file},
      {"auth.certificates.ca_file", &client_ca_file},
  };
  for (const auto& [key, file] : files) {
    if (file->empty() || ::access(file->c_str(), R_OK) == 0) continue;
    return fail(ErrorCode::kInvalid,
                fmt::format("{}: {}: {}", kSettingsFile, key, errno_error(*file).text));
  }
  return {};
}

}  // namespace hauspost::supervisor
