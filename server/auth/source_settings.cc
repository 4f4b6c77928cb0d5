#include "server/auth/source_settings.h"

#include <algorithm>

#include "base/text.h"
#include "server/auth/sources.pb.h"

namespace hauspost::auth {

namespace {

constexpr std::pair<Source, wire::Source> kSources[] = {{Source::kLocal, wire::SOURCE_LOCAL},
                                                        {Source::kLdap, wire::SOURCE_LDAP},
                                                        {Source::kPam, wire::SOURCE_PAM}};

constexpr std::string_view kPlaceholders[] = {"address", "local", "domain"};

std::unexpected<Error> malformed() {
  return fail(ErrorCode::kInvalid, "settings of password sources do not parse");
}

void put(const std::vector<Source>& order, wire::SourceOrder& out) {
  for (const Source source : order) {
    for (const auto& [ours, wired] : kSources) {
      if (ours == source) out.add_sources(wired);
    }
  }
}

Result<std::vector<Source>> get(const wire::SourceOrder& order) {
  std::vector<Source> out;
  for (const int number : order.sources()) {
    const auto* found = std::ranges::find_if(
        kSources, [&](const auto& pair) { return static_cast<int>(pair.second) == number; });
    if (found == std::end(kSources)) return malformed();
    out.push_back(found->first);
  }
  if (out.empty()) return malformed();
  return out;
}

void put(const LdapSettings& ldap, wire::LdapSettings& out) {
  for (const std::string& uri : ldap.uris) out.add_uris(uri);
  out.set_start_tls(ldap.start_tls);
  out.set_ca_file(ldap.ca_file);
  out.set_bind_dn(ldap.bind_dn);
  out.set_search_base(ldap.search_base);
  out.set_search_scope(ldap.search_scope);
  out.set_search_filter(ldap.search_filter);
  out.set_search_dn(ldap.search_dn);
  out.set_search_password_file(ldap.search_password_file);
  out.set_timeout_s(static_cast<std::uint32_t>(ldap.timeout.count()));
}

LdapSettings get(const wire::LdapSettings& ldap) {
  return {.uris = {ldap.uris().begin(), ldap.uris().end()},
          .start_tls = ldap.start_tls(),
          .ca_file = ldap.ca_file(),
          .bind_dn = ldap.bind_dn(),
          .search_base = ldap.search_base(),
          .search_scope = ldap.search_scope(),
          .search_filter = ldap.search_filter(),
          .search_dn = ldap.search_dn(),
          .search_password_file = ldap.search_password_file(),
          .timeout = std::chrono::seconds(ldap.timeout_s())};
}

void put(const BearerSettings& bearer, wire::BearerSettings& out) {
  out.set_issuer(bearer.issuer);
  for (const std::string& audience : bearer.audiences) out.add_audiences(audience);
  out.set_jwks_file(bearer.jwks_file);
  out.set_jwks_url(bearer.jwks_url);
  out.set_jwks_ca_file(bearer.jwks_ca_file);
  out.set_claim(bearer.claim);
  out.set_scope(bearer.scope);
  out.set_leeway_s(static_cast<std::uint32_t>(bearer.leeway.count()));
  out.set_openid_configuration(bearer.openid_configuration);
}

BearerSettings get(const wire::BearerSettings& bearer) {
  return {.issuer = bearer.issuer(),
          .audiences = {bearer.audiences().begin(), bearer.audiences().end()},
          .jwks_file = bearer.jwks_file(),
          .jwks_url = bearer.jwks_url(),
          .jwks_ca_file = bearer.jwks_ca_file(),
          .claim = bearer.claim(),
          .scope = bearer.scope(),
          .leeway = std::chrono::seconds(bearer.leeway_s()),
          .openid_configuration = bearer.openid_configuration()};
}

std::string escaped(std::string_view value, Escape escape) {
  switch (escape) {
    case Escape::kDn: return escape_dn(value);
    case Escape::kFilter: return escape_filter(value);
    case Escape::kNone: break;
  }
  return std::string(value);
}

}  // namespace

std::string_view to_string(Source source) {
  for (const auto& [name, named] : kSourceNames) {
    if (named == source) return name;
  }
  return "unknown";
}

const std::vector<Source>& SourceSettings::order_of(std::string_view address) const {
  const std::size_t at = address.rfind('@');
  if (at == std::string_view::npos) return order;
  const auto found = domains.find(ascii_lower(address.substr(at + 1)));
  return found == domains.end() ? order : found->second;
}

bool SourceSettings::uses(Source source) const {
  const auto in = [&](const std::vector<Source>& list) {
    return std::ranges::find(list, source) != list.end();
  };
  return in(order) ||
         std::ranges::any_of(domains, [&](const auto& pair) { return in(pair.second); });
}

std::string escape_dn(std::string_view value) {
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    const bool edge = i == 0 || i + 1 == value.size();
    if (c == '\0') {
      out += "\\00";
      continue;
    }
    if (std::string_view("\"+,;<>\\=").contains(c) || (c == '#' && i == 0) || (c == ' ' && edge))
      out += '\\';
    out += c;
  }
  return out;
}

std::string escape_filter(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (std::string_view("*()\\").contains(c) || c == '\0') {
      out += '\\';
      out += to_hex(std::string_view(&c, 1));
    } else {
      out += c;
    }
  }
  return out;
}

std::string expand(std::string_view text, std::string_view address, Escape escape) {
  const std::size_t at = address.rfind('@');
  const std::string_view local = address.substr(0, at);
  const std::string_view domain =
      at == std::string_view::npos ? std::string_view() : address.substr(at + 1);
  const std::string_view values[] = {address, local, domain};  // as kPlaceholders
  std::string out;
  while (!text.empty()) {
    bool replaced = false;
    for (std::size_t i = 0; i < std::size(kPlaceholders) && text.front() == '{'; ++i) {
      const std::string placeholder = "{" + std::string(kPlaceholders[i]) + "}";
      if (!text.starts_with(placeholder)) continue;
      out += escaped(values[i], escape);
      text.remove_prefix(placeholder.size());
      replaced = true;
      break;
    }
    if (replaced) continue;
    out += text.front();
    text.remove_prefix(1);
  }
  return out;
}

std::string unknown_placeholder(std::string_view text) {
  for (std::size_t open = text.find('{'); open != std::string_view::npos;
       open = text.find('{', open + 1)) {
    const std::string_view rest = text.substr(open + 1);
    const std::string_view name = rest.substr(0, rest.find('}'));
    const bool known = name.size() < rest.size() &&
                       std::ranges::find(kPlaceholders, name) != std::end(kPlaceholders);
    if (!known) return std::string(name);
  }
  return {};
}

std::string source_settings_to_wire(const SourceSettings& settings) {
  wire::SourceSettings message;
  put(settings.order, *message.mutable_order());
  for (const auto& [domain, order] : settings.domains) {
    wire::DomainOrder& out = *message.add_domains();
    out.set_domain(domain);
    put(order, *out.mutable_order());
  }
  if (settings.ldap.enabled()) put(settings.ldap, *message.mutable_ldap());
  if (settings.pam.enabled()) {
    message.mutable_pam()->set_service(settings.pam.service);
    message.mutable_pam()->set_folder(settings.pam.folder);
    message.mutable_pam()->set_user(settings.pam.user);
    message.mutable_pam()->set_timeout_s(static_cast<std::uint32_t>(settings.pam.timeout.count()));
  }
  if (settings.bearer.enabled()) put(settings.bearer, *message.mutable_bearer());
  message.set_certificates(settings.certificates);
  return message.SerializeAsString();
}

Result<SourceSettings> source_settings_from_wire(std::string_view bytes) {
  SourceSettings out;
  if (bytes.empty()) return out;
  wire::SourceSettings message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return malformed();
  TRY_ASSIGN(out.order, get(message.order()));
  for (const wire::DomainOrder& domain : message.domains()) {
    TRY_ASSIGN(out.domains[domain.domain()], get(domain.order()));
  }
  if (message.has_ldap()) out.ldap = get(message.ldap());
  if (message.has_pam()) {
    out.pam = {.service = message.pam().service(),
               .folder = message.pam().folder(),
               .user = message.pam().user(),
               .timeout = std::chrono::seconds(message.pam().timeout_s())};
  }
  if (message.has_bearer()) out.bearer = get(message.bearer());
  out.certificates = message.certificates();
  return out;
}

}  // namespace hauspost::auth
