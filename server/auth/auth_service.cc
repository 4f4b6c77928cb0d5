#include "server/auth/auth_service.h"

#include <algorithm>

#include "base/crypto/mac.h"
#include "base/random.h"
#include "base/text.h"
#include "protocols/sasl/mechanism.h"
#include "protocols/sasl/saslprep.h"
#include "server/auth/app_passwords.h"
#include "server/auth/scram_keys.h"
#include "server/auth/wire.h"

namespace hauspost::auth {

namespace {

constexpr std::size_t kDummyPasswordLength = 24;
constexpr std::string_view kPasswordMechanism = "password";

HashCost cost_of(const directory::AuthSettings& settings) {
  return {settings.hash_passes, settings.hash_memory_bytes};
}

Result<std::string> make_dummy(const directory::AuthSettings& settings) {
  return make_verifier(Secret(random_password(kDummyPasswordLength)), cost_of(settings));
}

// Two spellings of one password are the same password (RFC 4616 section 2); what SASLprep does not
// take counts as it was typed.
Secret prepared(const Secret& password) {
  auto text = sasl::saslprep(password.reveal());
  return text ? Secret(std::move(*text)) : password;
}

}  // namespace

Result<std::unique_ptr<AuthService>> AuthService::create(Executor executor,
                                                         VerifierStore& verifiers,
                                                         FindLogin find_login, const Clock& clock,
                                                         Settings settings) {
  TRY_ASSIGN(const directory::AuthSettings policy, settings.policy());
  TRY_ASSIGN(std::string dummy, make_dummy(policy));
  return std::unique_ptr<AuthService>(new AuthService(executor, verifiers, std::move(find_login),
                                                      clock, std::move(settings), policy,
                                                      std::move(dummy)));
}

AuthService::AuthService(Executor executor, VerifierStore& verifiers, FindLogin find_login,
                         const Clock& clock, Settings settings, directory::AuthSettings policy,
                         std::string dummy)
    : verifiers_(verifiers),
      clock_(clock),
      settings_(std::move(settings)),
      policy_(policy),
      dummy_(std::move(dummy)),
      cache_(clock, {settings_.cache_entries_max, std::chrono::seconds(policy.cache_s)}),
      rules_(std::move(find_login), clock, settings_.defence),
      scram_(verifiers, rules_, clock, settings_.scram),
      pool_(executor, settings_.threads, settings_.queue_max) {
  if (settings_.sources == nullptr) return;
  rules_.set_sources(&settings_.sources->settings());
  outside_ = std::make_unique<OutsideLogins>(*settings_.sources, rules_, clock_);
}

std::int64_t AuthService::now_s() const {
  return std::chrono::duration_cast<Seconds>(clock_.now().time_since_epoch()).count();
}

// The administrator's settings hold from the next login on. The dummy must cost what a real check
// costs, so it is made anew before anybody is measured against it.
Task<Result<>> AuthService::follow_policy() {
  const auto now = settings_.policy();
  if (!now || *now == policy_) co_return Result<>{};
  const directory::AuthSettings before = std::exchange(policy_, *now);
  cache_.set_lifetime(std::chrono::seconds(now->cache_s));
  if (cost_of(before) == cost_of(*now)) co_return Result<>{};
  auto made = co_await pool_.run<std::string>([settings = *now] { return make_dummy(settings); });
  if (!made) {
    policy_ = before;  // the next login tries again
    co_return fail(std::move(made).error());
  }
  dummy_ = std::move(*made);
  co_return Result<>{};
}

Result<AuthService::Checked> AuthService::check(const Question& question) const {
  const Secret typed = prepared(question.password);
  Checked checked{matches(question.verifier, typed), question.verifier};
  // Verifiers of old were made of what was typed, unprepared.
  const bool differs = typed.reveal() != question.password.reveal();
  bool unprepared = false;
  if (differs && !checked.good) {
    unprepared = matches(question.verifier, question.password);
    checked.good = unprepared;
  }
  if (!checked.good || !question.mailbox) return checked;
  auto renewed = renew(question, typed, unprepared);
  // The password is right all the same: a full disk must not keep everybody out.
  if (!renewed)
    log::warning("auth.not_renewed", {{"cause", renewed.error()}});
  else if (*renewed)
    checked.verifier = std::move(**renewed);
  return checked;
}

Result<std::optional<std::string>> AuthService::renew(const Question& question, const Secret& typed,
                                                      bool unprepared) const {
  TRY_ASSIGN(const StoredCredentials stored, verifiers_.credentials(*question.mailbox));
  const HashCost cost = cost_of(question.settings);
  const bool dated = unprepared || needs_rehash(question.verifier, cost);
  if (!dated && !is_scram_stale(question.settings, stored)) return std::nullopt;
  std::string renewed = question.verifier;
  if (dated) {
    TRY_ASSIGN(renewed, make_verifier(typed, cost));
  }
  TRY_ASSIGN(const bool replaced, verifiers_.replace(*question.mailbox, question.verifier, renewed,
                                                     scram_for(question.settings, stored, typed)));
  if (!replaced) return std::nullopt;
  return renewed;
}

Task<Result<>> AuthService::note_use(Guid mailbox, AppPassword used, std::string client_address) {
  const std::int64_t now = now_s();
  if (!should_note_use(used, now)) co_return Result<>{};
  CO_TRY(co_await pool_.run<bool>(
      [this, mailbox, id = used.id, now, from = std::move(client_address)]() -> Result<bool> {
        TRY(verifiers_.note_use(mailbox, id, now, from));
        return true;
      }));
  co_return Result<>{};
}

Task<Result<Identity>> AuthService::enter_by(AppPassword used, Attempt attempt, Login login) {
  const auto noted = co_await note_use(login.entry->guid, used, attempt.client_address);
  if (!noted) log::warning("auth.use_not_noted", {{"cause", noted.error()}});
  co_return rules_.accept(attempt, *login.entry, used.name, false);
}

bool AuthService::is_health_login(const LoginAttempt& attempt, const Login& login) const {
  // Probes log in where mail is; the settings of mail programs are nothing to them.
  return attempt.protocol != link::Protocol::kHttp && login.entry && login.entry->system &&
         !login.entry->opens && !health_password_.empty() &&
         crypto::equal(attempt.password.reveal(), health_password_.reveal());
}

Task<Result<Identity>> AuthService::verify(LoginAttempt attempt) {
  if (attempt.proof != sasl::Proof::kPassword)
    co_return co_await verify_otherwise(std::move(attempt));
  CO_TRY(co_await follow_policy());
  const Attempt from{attempt.client_address, attempt.protocol, attempt.session,
                     std::string(kPasswordMechanism)};
  CO_TRY_ASSIGN(const Login login, rules_.find(attempt.name, attempt.protocol));
  const auto refuse = [&](std::string_view why) {
    return rules_.refuse(from, attempt.name, login.entry, why, attempt.password.reveal());
  };
  if (is_health_login(attempt, login)) co_return rules_.accept(from, *login.entry, {}, false);
  std::string_view reason = login.reason;
  const bool own = reason.empty() && !login.entry->app_passwords_only;
  const bool known = own && login.local && cache_.knows(login.entry->guid, attempt.password);
  const bool judged = own && outside_ && outside_->judges(*login.entry);
  const bool remembered = known || (judged && outside_->knows(login.entry->guid, attempt.password));
  const auto blocked = rules_.blocked(attempt.client_address, attempt.name, login);
  // Who was in keeps coming in while others guess from there; what is remembered must not answer
  // the guesses of those who were not.
  if (remembered && (blocked.empty() || rules_.is_friend(attempt.client_address, *login.entry)))
    co_return rules_.accept(from, *login.entry, {}, true);
  StoredCredentials stored;
  if (reason.empty()) {
    CO_TRY_ASSIGN(stored, verifiers_.credentials(login.entry->guid));
    const auto tag = verifiers_.app_password_tag(login.entry->guid, attempt.password);
    // Nobody guesses these, so whoever has one comes in also from where others guess.
    const AppPassword* used = find_app_password(stored, tag);
    if (used != nullptr && used->protocols.has(attempt.protocol))
      co_return co_await enter_by(*used, from, login);
    if (used != nullptr) reason = "app_password_scope";
  }
  if (!blocked.empty()) co_return refuse(blocked);
  if (reason.empty() && !own) reason = "app_password_needed";
  if (reason.empty() && judged)
    co_return co_await ask_sources(std::move(attempt), from, login, std::move(stored));
  if (reason.empty() && !stored.verifier) reason = "no_password";
  // Whoever cannot succeed costs a check all the same: time must not tell who exists.
  Question question{{}, dummy_, attempt.password, policy_};
  if (reason.empty()) question = {login.entry->guid, *stored.verifier, attempt.password, policy_};
  CO_TRY_ASSIGN(const Checked checked,
                co_await pool_.run<Checked>([this, question] { return check(question); }));
  if (reason.empty() && !checked.good) reason = "wrong_password";
  if (!reason.empty()) co_return refuse(reason);
  // The password may have been changed while the old one was being checked.
  CO_TRY_ASSIGN(const auto current, verifiers_.get(login.entry->guid));
  if (current != checked.verifier) co_return refuse("password_changed");
  cache_.remember(login.entry->guid, attempt.password);
  co_return rules_.accept(from, *login.entry, {}, false);
}

Task<Result<SaslAnswer>> AuthService::sasl(SaslMessage message) {
  CO_TRY(co_await follow_policy());
  const std::string client_address = message.client_address;
  CO_TRY_ASSIGN(ScramLogins::Outcome outcome, scram_.take(std::move(message), policy_));
  if (outcome.used) {
    // The app password is the user's, also when it opens another's mailbox.
    const Identity& identity = *outcome.answer.identity;
    const Guid owner = identity.user.value_or(identity.mailbox);
    const auto noted = co_await note_use(owner, *outcome.used, client_address);
    if (!noted) log::warning("auth.use_not_noted", {{"cause", noted.error()}});
  }
  co_return std::move(outcome.answer);
}

Task<Result<>> AuthService::set_password(Guid mailbox, Secret password) {
  if (password.empty() || password.reveal().size() > sasl::kPasswordMax)
    co_return fail(ErrorCode::kInvalid, "a password has 1 to 1024 bytes");
  CO_TRY(co_await follow_policy());
  CO_TRY(co_await pool_.run<bool>([this, mailbox, password, settings = policy_]() -> Result<bool> {
    const Secret typed = prepared(password);
    TRY_ASSIGN(const std::string verifier, make_verifier(typed, cost_of(settings)));
    TRY_ASSIGN(const StoredCredentials stored, verifiers_.credentials(mailbox));
    TRY(verifiers_.put(mailbox, verifier, scram_for(settings, stored, typed)));
    return true;
  }));
  cache_.forget(mailbox);
  log::info("auth.password_set", {{"mailbox", mailbox.to_string()}});
  co_return Result<>{};
}

Task<Result<>> AuthService::copy_verifiers() {
  CO_TRY(co_await pool_.run<bool>([this]() -> Result<bool> {
    TRY(verifiers_.copy());
    return true;
  }));
  co_return Result<>{};
}

Task<Result<>> AuthService::remove(Guid mailbox) {
  CO_TRY(co_await pool_.run<bool>([this, mailbox]() -> Result<bool> {
    TRY(verifiers_.remove(mailbox));
    return true;
  }));
  cache_.forget(mailbox);
  log::info("auth.password_removed", {{"mailbox", mailbox.to_string()}});
  co_return Result<>{};
}

Task<Result<AuthService::NewAppPassword>> AuthService::create_app_password(Guid mailbox,
                                                                           std::string name,
                                                                           ProtocolSet protocols) {
  const bool printable = std::ranges::none_of(
      name, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
  if (trim(name).empty() || name.size() > kAppPasswordNameMax || !printable || !is_valid_utf8(name))
    co_return fail(ErrorCode::kInvalid, "an app password's name has 1 to 64 printable characters");
  if (!protocols.imap && !protocols.pop3 && !protocols.smtp)
    co_return fail(ErrorCode::kInvalid, "an app password opens one protocol at least");
  NewAppPassword made{.entry = {}, .password = make_app_password()};
  made.entry.name = std::move(name);
  made.entry.protocols = protocols;
  made.entry.created_s = now_s();
  made.entry.tag = verifiers_.app_password_tag(mailbox, made.password);
  CO_TRY(co_await follow_policy());
  CO_TRY_ASSIGN(made.entry,
                co_await pool_.run<AppPassword>(
                    [this, mailbox, made, settings = policy_]() -> Result<AppPassword> {
                      TRY_ASSIGN(const StoredCredentials stored, verifiers_.credentials(mailbox));
                      const Scram base = scram_base(settings, stored);
                      AppPassword entry = made.entry;
                      entry.scram = app_password_keys(made.password, base);
                      return verifiers_.add_app_password(mailbox, std::move(entry), base);
                    }));
  log::info("auth.app_password_created",
            {{"mailbox", mailbox.to_string()}, {"name", made.entry.name}});
  co_return made;
}

Result<std::vector<AppPassword>> AuthService::app_passwords(Guid mailbox) const {
  TRY_ASSIGN(StoredCredentials stored, verifiers_.credentials(mailbox));
  return std::move(stored.app_passwords);
}

Task<Result<AppPassword>> AuthService::revoke_app_password(Guid mailbox, std::string name) {
  CO_TRY_ASSIGN(AppPassword gone, co_await pool_.run<AppPassword>([this, mailbox, name] {
    return verifiers_.remove_app_password(mailbox, name);
  }));
  log::info("auth.app_password_revoked", {{"mailbox", mailbox.to_string()}, {"name", gone.name}});
  co_return gone;
}

}  // namespace hauspost::auth
