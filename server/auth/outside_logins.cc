#include "server/auth/outside_logins.h"

#include <algorithm>

namespace hauspost::auth {

namespace {

constexpr std::string_view kToken = "token";
constexpr std::string_view kCertificate = "certificate";

Attempt attempt_from(const LoginAttempt& attempt, std::string_view mechanism) {
  return {attempt.client_address, attempt.protocol, attempt.session, std::string(mechanism)};
}

}  // namespace

bool OutsideLogins::judges(const directory::MailboxEntry& mailbox) const {
  const auto& order = settings().order_of(mailbox.address);
  return std::ranges::any_of(order, [](Source source) { return source != Source::kLocal; });
}

Task<SourceAnswer> OutsideLogins::ask(Source source, const directory::MailboxEntry& mailbox,
                                      std::string client_address, Secret password) {
  const Guid guid = mailbox.guid;
  const SourceAnswer answer =
      co_await sources_.ask(source, mailbox.address, std::move(client_address), password);
  if (answer.kind == SourceAnswer::Kind::kGood) known_.remember(guid, password);
  co_return answer;
}

Task<Result<Identity>> OutsideLogins::verify(LoginAttempt attempt) {
  if (attempt.proof == sasl::Proof::kBearer) co_return co_await by_token(std::move(attempt));
  co_return by_certificate(std::move(attempt));
}

Result<Identity> OutsideLogins::enter(const Attempt& from, std::string_view named,
                                      std::string_view asked) {
  TRY_ASSIGN(const Login login, rules_.find(named, from.protocol));
  const std::string_view name = asked.empty() ? named : asked;
  if (!login.reason.empty()) return rules_.refuse(from, name, login.entry, login.reason);
  // What was signed names a person; whose mail they want to see is theirs alone to say.
  if (login.entry->opens) return rules_.refuse(from, name, login.entry, "acting_for_another");
  if (asked.empty()) return rules_.accept(from, *login.entry, {}, false);
  TRY_ASSIGN(const Login wanted, rules_.find(asked, from.protocol));
  if (!wanted.entry || wanted.entry->guid != login.entry->guid)
    return rules_.refuse(from, name, login.entry, "acting_for_another");
  if (!wanted.reason.empty()) return rules_.refuse(from, name, wanted.entry, wanted.reason);
  return rules_.accept(from, *wanted.entry, {}, false);
}

Task<Result<Identity>> OutsideLogins::by_token(LoginAttempt attempt) {
  const Attempt from = attempt_from(attempt, kToken);
  CO_TRY_ASSIGN(const Login asked, rules_.find(attempt.name, attempt.protocol));
  if (const auto blocked = rules_.blocked(attempt.client_address, attempt.name, asked);
      !blocked.empty()) {
    co_return rules_.refuse(from, attempt.name, asked.entry, blocked);
  }
  auto verdict = co_await sources_.check_token(attempt.password);
  if (!verdict) {
    log::warning("auth.unavailable", {{"mechanism", kToken}, {"cause", verdict.error()}});
    co_return fail(ErrorCode::kUnavailable, "tokens cannot be checked now");
  }
  if (!verdict->reason.empty()) {
    co_return rules_.refuse(from, attempt.name, asked.entry, verdict->reason,
                            attempt.password.reveal());
  }
  co_return enter(from, verdict->name, attempt.name);
}

Result<Identity> OutsideLogins::by_certificate(LoginAttempt attempt) {
  const Attempt from = attempt_from(attempt, kCertificate);
  if (!settings().certificates)
    return rules_.refuse(from, attempt.name, {}, "certificates_not_configured");
  // The first name in it that is a mailbox's; a certificate may name people of elsewhere too.
  for (const std::string& name : attempt.certificate_names) {
    TRY_ASSIGN(const Login login, rules_.find(name, attempt.protocol));
    if (!login.entry) continue;
    if (attempt.name.empty()) return enter(from, name, {});
    TRY_ASSIGN(const Login asked, rules_.find(attempt.name, attempt.protocol));
    if (asked.entry && asked.entry->guid == login.entry->guid)
      return enter(from, name, attempt.name);
  }
  const bool nameless = attempt.name.empty() || attempt.certificate_names.empty();
  return rules_.refuse(from, attempt.name, {},
                       nameless ? "no_mailbox_in_certificate" : "acting_for_another");
}

}  // namespace hauspost::auth
