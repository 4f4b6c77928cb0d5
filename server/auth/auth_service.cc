#include "server/auth/auth_service.h"

#include "base/random.h"
#include "base/text.h"
#include "protocols/sasl/mechanism.h"
#include "server/auth/wire.h"

namespace hauspost::auth {

namespace {

constexpr std::size_t kDummyPasswordLength = 24;
constexpr std::string_view kReservedNames[] = {"anonymous", "guest", "administrator"};

std::string_view to_string(link::Protocol protocol) {
  switch (protocol) {
    case link::Protocol::kImap: return "imap";
    case link::Protocol::kPop3: return "pop3";
    case link::Protocol::kSmtp: return "smtp";
  }
  return "unknown";
}

bool is_reserved(std::string_view address) {
  const std::string_view local = address.substr(0, address.find('@'));
  return std::ranges::any_of(kReservedNames,
                             [&](std::string_view name) { return iequals(local, name); });
}

bool may_use(const directory::MailboxEntry& entry, link::Protocol protocol) {
  switch (protocol) {
    case link::Protocol::kImap: return entry.imap;
    case link::Protocol::kPop3: return entry.pop3;
    case link::Protocol::kSmtp: return entry.smtp;
  }
  return false;
}

// Why a login may not succeed even with the right password; empty when it may.
std::string_view refusal(const LoginAttempt& attempt,
                         const std::optional<directory::MailboxEntry>& entry) {
  const bool reads_mail = attempt.protocol != link::Protocol::kSmtp;
  if (reads_mail && is_reserved(attempt.name)) return "reserved_name";
  if (!entry) return "unknown_user";
  if (reads_mail && is_reserved(entry->address)) return "reserved_name";
  if (!entry->enabled) return "mailbox_disabled";
  if (!may_use(*entry, attempt.protocol)) return "protocol_disabled";
  if (reads_mail && entry->protocol_restricted) return "protocol_restricted";
  return {};
}

void log_accepted(const LoginAttempt& attempt, const directory::MailboxEntry& entry, bool cached) {
  log::info("auth.accepted", {{"session", attempt.session.to_string()},
                              {"protocol", to_string(attempt.protocol)},
                              {"client", attempt.client_address},
                              {"mailbox", entry.address},
                              {"cached", cached}});
}

}  // namespace

Result<std::unique_ptr<AuthService>> AuthService::create(Executor executor,
                                                         VerifierStore& verifiers,
                                                         FindLogin find_login, const Clock& clock,
                                                         Settings settings) {
  TRY_ASSIGN(std::string dummy,
             make_verifier(Secret(random_password(kDummyPasswordLength)), settings.cost));
  return std::unique_ptr<AuthService>(new AuthService(executor, verifiers, std::move(find_login),
                                                      clock, settings, std::move(dummy)));
}

AuthService::AuthService(Executor executor, VerifierStore& verifiers, FindLogin find_login,
                         const Clock& clock, Settings settings, std::string dummy)
    : verifiers_(verifiers),
      find_login_(std::move(find_login)),
      settings_(settings),
      dummy_(std::move(dummy)),
      cache_(clock, settings.cache),
      failures_(clock, settings.failures),
      pool_(executor, settings.threads, settings.queue_max) {}

Result<AuthService::Checked> AuthService::check(const std::optional<Guid>& mailbox,
                                                const std::string& verifier,
                                                const Secret& password) const {
  Checked checked{matches(verifier, password), verifier};
  if (!checked.good || !mailbox || !needs_rehash(verifier, settings_.cost)) return checked;
  TRY_ASSIGN(std::string renewed, make_verifier(password, settings_.cost));
  TRY_ASSIGN(const bool replaced, verifiers_.replace(*mailbox, verifier, renewed));
  if (replaced) checked.verifier = std::move(renewed);
  return checked;
}

Task<Result<Identity>> AuthService::refuse(const LoginAttempt& attempt, std::string_view reason) {
  failures_.failed(attempt.client_address);
  log::warning("auth.refused", {{"session", attempt.session.to_string()},
                                {"protocol", to_string(attempt.protocol)},
                                {"client", attempt.client_address},
                                {"name", attempt.name},
                                {"reason", reason}});
  co_return fail(ErrorCode::kDenied, std::string(kDeniedText));
}

Task<Result<Identity>> AuthService::verify(LoginAttempt attempt) {
  CO_TRY_ASSIGN(const auto entry, find_login_(attempt.name));
  std::string_view reason = refusal(attempt, entry);
  if (reason.empty() && cache_.knows(entry->guid, attempt.password)) {
    log_accepted(attempt, *entry, true);
    co_return Identity{entry->guid, entry->address, entry->database};
  }
  if (!failures_.allows(attempt.client_address))
    co_return co_await refuse(attempt, "too_many_failures");
  std::optional<std::string> verifier;
  if (reason.empty()) {
    CO_TRY_ASSIGN(verifier, verifiers_.get(entry->guid));
    if (!verifier) reason = "no_password";
  }
  // Whoever cannot succeed costs a check all the same: time must not tell who exists.
  std::optional<Guid> mailbox;
  if (verifier) mailbox = entry->guid;
  CO_TRY_ASSIGN(const Checked checked,
                co_await pool_.run<Checked>(
                    [this, mailbox, against = verifier.value_or(dummy_),
                     password = attempt.password] { return check(mailbox, against, password); }));
  if (!reason.empty()) co_return co_await refuse(attempt, reason);
  if (!checked.good) co_return co_await refuse(attempt, "wrong_password");
  // The password may have been changed while the old one was being checked.
  CO_TRY_ASSIGN(const auto current, verifiers_.get(entry->guid));
  if (current != checked.verifier) co_return co_await refuse(attempt, "password_changed");
  cache_.remember(entry->guid, attempt.password);
  log_accepted(attempt, *entry, false);
  co_return Identity{entry->guid, entry->address, entry->database};
}

Task<Result<>> AuthService::set_password(Guid mailbox, Secret password) {
  if (password.empty() || password.reveal().size() > sasl::kPasswordMax)
    co_return fail(ErrorCode::kInvalid, "a password has 1 to 1024 bytes");
  CO_TRY_ASSIGN(const bool done,
                co_await pool_.run<bool>([this, mailbox, password]() -> Result<bool> {
                  TRY_ASSIGN(const std::string verifier, make_verifier(password, settings_.cost));
                  TRY(verifiers_.put(mailbox, verifier));
                  return true;
                }));
  cache_.forget(mailbox);
  log::info("auth.password_set", {{"mailbox", mailbox.to_string()}, {"stored", done}});
  co_return Result<>{};
}

Task<Result<>> AuthService::remove(Guid mailbox) {
  CO_TRY_ASSIGN(const bool done, co_await pool_.run<bool>([this, mailbox]() -> Result<bool> {
    TRY(verifiers_.remove(mailbox));
    return true;
  }));
  cache_.forget(mailbox);
  log::info("auth.password_removed", {{"mailbox", mailbox.to_string()}, {"stored", done}});
  co_return Result<>{};
}

Task<Result<std::string>> AuthService::handle_call(std::uint16_t method, std::string body) {
  const Secret wiped_body(std::move(body));
  if (static_cast<Method>(method) != Method::kVerify)
    co_return fail(ErrorCode::kInvalid, "auth: unknown method");
  CO_TRY_ASSIGN(LoginAttempt attempt, verify_request_from_wire(wiped_body.reveal()));
  CO_TRY_ASSIGN(const Identity identity, co_await verify(std::move(attempt)));
  co_return identity_to_wire(identity);
}

Task<Result<std::string>> AuthService::handle_control(std::uint16_t method, std::string body) {
  const Secret wiped_body(std::move(body));
  switch (static_cast<Method>(method)) {
    case Method::kSetPassword: {
      CO_TRY_ASSIGN(PasswordChange change, password_change_from_wire(wiped_body.reveal()));
      CO_TRY(co_await set_password(change.mailbox, std::move(change.password)));
      co_return std::string();
    }
    case Method::kRemove: {
      CO_TRY_ASSIGN(const Guid mailbox, removal_from_wire(wiped_body.reveal()));
      CO_TRY(co_await remove(mailbox));
      co_return std::string();
    }
    case Method::kVerify: break;
  }
  co_return fail(ErrorCode::kInvalid, "auth: unknown control method");
}

}  // namespace hauspost::auth
