// Where passwords, tokens and certificates are checked, and a login that is tried.
#include <fmt/format.h>

#include "server/auth/auth_client.h"
#include "server/supervisor/admin_service.h"

namespace hauspost::supervisor {

namespace {

class Facts {
 public:
  Facts(admin::AuthSourcesReply& reply, std::string_view name) : source_(*reply.add_sources()) {
    source_.set_name(std::string(name));
  }
  void add(std::string_view name, std::string value) {
    if (value.empty()) return;
    admin::AuthFact& fact = *source_.add_facts();
    fact.set_name(std::string(name));
    fact.set_value(std::move(value));
  }

 private:
  admin::AuthSource& source_;
};

std::string joined(const std::vector<std::string>& texts) {
  return fmt::format("{}", fmt::join(texts, " "));
}

void add_order(std::string_view domain, const std::vector<auth::Source>& order,
               admin::AuthSourcesReply& reply) {
  admin::AuthOrder& out = *reply.add_orders();
  out.set_domain(std::string(domain));
  for (const auth::Source source : order) out.add_sources(std::string(auth::to_string(source)));
}

void add_ldap(const auth::LdapSettings& ldap, admin::AuthSourcesReply& reply) {
  Facts facts(reply, "ldap");
  facts.add("uri", joined(ldap.uris));
  facts.add("start_tls", ldap.start_tls ? "true" : "");
  facts.add("ca_file", ldap.ca_file);
  facts.add("bind_dn", ldap.bind_dn);
  facts.add("search_base", ldap.search_base);
  facts.add("search_scope", ldap.bind_dn.empty() ? ldap.search_scope : "");
  facts.add("search_filter", ldap.search_filter);
  facts.add("search_dn", ldap.search_dn);
  facts.add("search_password_file", ldap.search_password_file);
  facts.add("timeout", std::to_string(ldap.timeout.count()));
}

void add_bearer(const auth::BearerSettings& bearer, admin::AuthSourcesReply& reply) {
  Facts facts(reply, "oauth");
  facts.add("issuer", bearer.issuer);
  facts.add("audience", joined(bearer.audiences));
  facts.add("jwks_file", bearer.jwks_file);
  facts.add("jwks_url", bearer.jwks_url);
  facts.add("jwks_ca_file", bearer.jwks_ca_file);
  facts.add("claim", bearer.claim);
  facts.add("scope", bearer.scope);
  facts.add("leeway", std::to_string(bearer.leeway.count()));
  facts.add("openid_configuration", bearer.openid_configuration);
}

Result<link::Protocol> protocol_of(const std::string& name) {
  if (name.empty() || name == "imap") return link::Protocol::kImap;
  if (name == "pop3") return link::Protocol::kPop3;
  if (name == "smtp") return link::Protocol::kSmtp;
  return fail(ErrorCode::kInvalid, "a protocol is imap, pop3 or smtp");
}

}  // namespace

Task<Result<admin::AuthSourcesReply>> AdminService::auth_sources(admin::AuthSourcesRequest) {
  const auth::SourceSettings& settings = supervisor_.settings().sources;
  admin::AuthSourcesReply reply;
  add_order({}, settings.order, reply);
  for (const auto& [domain, order] : settings.domains) add_order(domain, order, reply);
  if (settings.ldap.enabled()) add_ldap(settings.ldap, reply);
  if (settings.pam.enabled()) {
    Facts facts(reply, "pam");
    facts.add("service", settings.pam.service);
    facts.add("folder", settings.pam.folder);
    facts.add("user", settings.pam.user);
    facts.add("timeout", std::to_string(settings.pam.timeout.count()));
  }
  if (settings.bearer.enabled()) add_bearer(settings.bearer, reply);
  if (settings.certificates)
    Facts(reply, "certificates").add("ca_file", supervisor_.settings().client_ca_file);
  co_return reply;
}

Task<Result<admin::AuthTestReply>> AdminService::auth_test(admin::AuthTestRequest request) {
  Secret password(std::move(*request.mutable_password()));
  CO_TRY_ASSIGN(const auto control, auth_control());
  CO_TRY_ASSIGN(const link::Protocol protocol, protocol_of(request.protocol()));
  const auto proof = request.token() ? sasl::Proof::kBearer : sasl::Proof::kPassword;
  CO_TRY_ASSIGN(
      auto outcome,
      co_await auth::test_login(
          *control,
          {request.name(), std::move(password), {}, protocol, Guid::random(), proof, {}}));
  admin::AuthTestReply reply;
  reply.set_accepted(outcome.identity.has_value());
  reply.set_reason(outcome.reason);
  if (outcome.identity) {
    reply.set_address(outcome.identity->address);
    reply.set_database(outcome.identity->database);
  }
  co_return reply;
}

}  // namespace hauspost::supervisor
