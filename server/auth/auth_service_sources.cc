// The part of AuthService that asks others: see OutsideLogins.
#include "server/auth/auth_service.h"

namespace hauspost::auth {

namespace {

using Kind = SourceAnswer::Kind;

// "wrong_password", and what each source that was asked said.
std::string refusal_text(const std::string& said) { return "wrong_password (" + said + ")"; }

}  // namespace

Task<Result<Identity>> AuthService::verify_otherwise(LoginAttempt attempt) {
  if (outside_) co_return co_await outside_->verify(std::move(attempt));
  const Attempt from{attempt.client_address, attempt.protocol, attempt.session, "token"};
  co_return rules_.refuse(from, attempt.name, {}, "not_configured");
}

Task<Result<SourceAnswer>> AuthService::ask_ourselves(Guid mailbox, Secret password,
                                                      StoredCredentials stored) {
  if (!stored.verifier) co_return SourceAnswer{Kind::kBad, "no password here"};
  const Question question{mailbox, *stored.verifier, password, policy_};
  CO_TRY_ASSIGN(const Checked checked,
                co_await pool_.run<Checked>([this, question] { return check(question); }));
  if (!checked.good) co_return SourceAnswer{Kind::kBad, "wrong"};
  // The password may have been changed while the old one was being checked.
  CO_TRY_ASSIGN(const auto current, verifiers_.get(mailbox));
  if (current != checked.verifier) co_return SourceAnswer{Kind::kBad, "changed"};
  cache_.remember(mailbox, password);
  co_return SourceAnswer{Kind::kGood, {}};
}

// The first source that says yes decides. Without a yes, one that could not be asked might have
// said it: then the answer is "later", and nobody's failure.
Task<Result<Identity>> AuthService::ask_sources(LoginAttempt attempt, Attempt from, Login login,
                                                StoredCredentials stored) {
  std::string said;
  bool unavailable = false;
  for (const Source source : outside_->settings().order_of(login.entry->address)) {
    SourceAnswer answer;
    if (source == Source::kLocal) {
      CO_TRY_ASSIGN(answer, co_await ask_ourselves(login.entry->guid, attempt.password, stored));
    } else {
      answer =
          co_await outside_->ask(source, *login.entry, attempt.client_address, attempt.password);
    }
    if (answer.kind == Kind::kGood) {
      from.mechanism += " by " + std::string(to_string(source));
      co_return rules_.accept(from, *login.entry, {}, false);
    }
    unavailable = unavailable || answer.kind == Kind::kUnavailable;
    said += (said.empty() ? "" : "; ") + std::string(to_string(source)) + ": " + answer.reason;
  }
  if (!unavailable) {
    co_return rules_.refuse(from, attempt.name, login.entry, refusal_text(said),
                            attempt.password.reveal());
  }
  log::warning("auth.unavailable",
               {{"session", attempt.session.to_string()}, {"name", attempt.name}, {"cause", said}});
  co_return fail(ErrorCode::kUnavailable, "the password cannot be checked now: " + said);
}

Task<Result<TestOutcome>> AuthService::test(LoginAttempt attempt) {
  const Guid session = attempt.session;
  rules_.watch(session);
  auto identity = co_await verify(std::move(attempt));
  TestOutcome outcome{.identity = std::nullopt, .reason = rules_.told(session)};
  if (identity)
    outcome.identity = std::move(*identity);
  else if (identity.error().code != ErrorCode::kDenied)
    co_return fail(std::move(identity).error());
  co_return outcome;
}

}  // namespace hauspost::auth
