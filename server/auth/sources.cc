#include "server/auth/sources.h"

#include <unistd.h>

#include <fmt/format.h>

#include <fstream>

namespace hauspost::auth {

namespace {

// A helper that keeps to its time-out answers within it; one that hangs is killed after it.
constexpr std::chrono::seconds kGrace{1};
constexpr std::size_t kSearchPasswordMax = 1024;
constexpr std::chrono::seconds kFetchTimeout{10};

Result<Secret> read_secret(const std::string& file) {
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail(errno_error(file));
  std::string line;
  std::getline(in, line);
  while (line.ends_with('\r')) line.pop_back();
  if (line.empty() || line.size() > kSearchPasswordMax)
    return fail(ErrorCode::kInvalid, file + ": its first line is no password");
  return Secret(std::move(line));
}

Result<std::unique_ptr<HelperPool>> make_pool(Executor executor, std::string_view program,
                                              Duration timeout) {
  HelperPool::Settings settings;
  settings.program = child::helper_path(program);
  settings.timeout = timeout;
  if (::access(settings.program.c_str(), X_OK) != 0)
    return fail(errno_error("helper program " + settings.program));
  return std::make_unique<HelperPool>(executor, std::move(settings));
}

SourceAnswer from_fields(const Result<helpers::Fields>& answer) {
  using Kind = SourceAnswer::Kind;
  if (!answer) return {Kind::kUnavailable, answer.error().text};
  const std::string_view outcome = helpers::field(*answer, helpers::kOutcome);
  const Kind kind = outcome == helpers::kGood  ? Kind::kGood
                    : outcome == helpers::kBad ? Kind::kBad
                                               : Kind::kUnavailable;
  return {kind, std::string(helpers::field(*answer, helpers::kReason))};
}

}  // namespace

Sources::Sources(Executor executor, SourceSettings settings, const Clock& clock)
    : executor_(executor), settings_(std::move(settings)), clock_(clock) {}

Result<std::unique_ptr<Sources>> Sources::create(Executor executor, SourceSettings settings,
                                                 const Clock& clock) {
  std::unique_ptr<Sources> out(new Sources(executor, std::move(settings), clock));
  const SourceSettings& ours = out->settings_;
  if (ours.uses(Source::kLdap)) {
    TRY_ASSIGN(out->ldap_, make_pool(executor, "hauspost-auth-ldap", ours.ldap.timeout + kGrace));
    if (!ours.ldap.search_password_file.empty()) {
      TRY_ASSIGN(out->search_password_, read_secret(ours.ldap.search_password_file));
    }
  }
  if (ours.uses(Source::kPam)) {
    TRY_ASSIGN(out->pam_, make_pool(executor, "hauspost-auth-pam", ours.pam.timeout + kGrace));
  }
  if (ours.bearer.enabled()) {
    if (ours.bearer.jwks_file.empty()) {
      TRY_ASSIGN(out->fetch_, make_pool(executor, "hauspost-auth-fetch", kFetchTimeout));
    }
    out->keys_ = std::make_unique<KeySource>(executor, ours.bearer, out->fetch_.get(), clock);
  }
  return out;
}

Result<std::unique_ptr<Sources>> Sources::open(Executor executor, std::string_view settings,
                                               const Clock& clock) {
  TRY_ASSIGN(SourceSettings told, source_settings_from_wire(settings));
  return create(executor, std::move(told), clock);
}

bool Sources::any_elsewhere() const { return ldap_ != nullptr || pam_ != nullptr; }

helpers::Fields Sources::ldap_question(std::string_view address) const {
  const LdapSettings& ldap = settings_.ldap;
  helpers::Fields out = {{"uris", fmt::format("{}", fmt::join(ldap.uris, " "))},
                         {"start_tls", ldap.start_tls ? "1" : "0"},
                         {"ca_file", ldap.ca_file},
                         {"timeout_s", std::to_string(ldap.timeout.count())}};
  if (!ldap.bind_dn.empty()) {
    out["bind_dn"] = expand(ldap.bind_dn, address, Escape::kDn);
    return out;
  }
  out["search_base"] = expand(ldap.search_base, address, Escape::kDn);
  out["search_scope"] = ldap.search_scope;
  out["filter"] = expand(ldap.search_filter, address, Escape::kFilter);
  out["search_dn"] = ldap.search_dn;
  out["search_password"] = std::string(search_password_.reveal());
  return out;
}

helpers::Fields Sources::pam_question(std::string_view address, std::string_view client) const {
  return {{"service", settings_.pam.service},
          {"folder", settings_.pam.folder},
          {"user", expand(settings_.pam.user, address, Escape::kNone)},
          {"client", std::string(client)}};
}

Task<SourceAnswer> Sources::ask(Source source, std::string address, std::string client,
                                Secret password) {
  HelperPool* const pool = source == Source::kLdap ? ldap_.get() : pam_.get();
  if (pool == nullptr)
    co_return SourceAnswer{SourceAnswer::Kind::kUnavailable, "this source is not configured"};
  helpers::Fields question =
      source == Source::kLdap ? ldap_question(address) : pam_question(address, client);
  question["password"] = std::string(password.reveal());
  co_return from_fields(co_await pool->ask(std::move(question)));
}

Task<Result<BearerVerdict>> Sources::check_token(Secret token) {
  if (!keys_) co_return BearerVerdict{.reason = "tokens_not_configured"};
  CO_TRY_ASSIGN(auto keys, co_await keys_->keys());
  BearerVerdict verdict = check_bearer(settings_.bearer, *keys, token.reveal(), clock_.now());
  if (!verdict.unknown_key) co_return verdict;
  CO_TRY_ASSIGN(keys, co_await keys_->keys(true));
  co_return check_bearer(settings_.bearer, *keys, token.reveal(), clock_.now());
}

}  // namespace hauspost::auth
