#include "server/auth/login_rules.h"

#include <algorithm>

#include "base/text.h"
#include "protocols/sasl/saslprep.h"

namespace hauspost::auth {

namespace {

constexpr std::string_view kReservedNames[] = {"anonymous", "guest", "administrator"};

std::string_view to_string(link::Protocol protocol) {
  switch (protocol) {
    case link::Protocol::kImap: return "imap";
    case link::Protocol::kPop3: return "pop3";
    case link::Protocol::kSmtp: return "smtp";
    case link::Protocol::kHttp: return "http";
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
    // The settings of a mail program: whoever may use one.
    case link::Protocol::kHttp: return entry.imap || entry.pop3 || entry.smtp;
  }
  return false;
}

std::string_view refusal(std::string_view name, link::Protocol protocol,
                         const std::optional<directory::MailboxEntry>& entry) {
  const bool reads_mail = protocol != link::Protocol::kSmtp;
  if (reads_mail && is_reserved(name)) return "reserved_name";
  if (!entry) return "unknown_user";
  if (reads_mail && is_reserved(entry->address)) return "reserved_name";
  if (reads_mail && entry->opens && is_reserved(entry->opens->address)) return "reserved_name";
  if (entry->system) return "system_mailbox";  // see AuthService::set_health_password
  if (!entry->enabled) return "mailbox_disabled";
  if (entry->shared) return "shared_mailbox";
  // Who reads somebody's mail does not send in their name.
  if (entry->opens && !reads_mail) return "opens_for_reading_only";
  if (!may_use(*entry, protocol)) return "protocol_disabled";
  if (reads_mail && entry->protocol_restricted) return "protocol_restricted";
  return {};
}

// Whether who was refused for `reason` may have been guessing. Who is blocked is not counted
// further, or a client that keeps trying would never come in again; a mailbox that may not log in
// whatever the password gives nothing away, nor does one without keys for SCRAM; and who has an app
// password of other protocols has no need to guess.
bool is_guess(std::string_view reason) {
  constexpr std::string_view kNoGuess[] = {
      "mailbox_disabled",  "shared_mailbox",      "opens_for_reading_only",
      "protocol_disabled", "protocol_restricted", "app_password_scope",
      "no_scram_keys",     "address_blocked",     "account_blocked"};
  return std::ranges::find(kNoGuess, reason) == std::end(kNoGuess);
}

}  // namespace

std::string LoginRules::told(const Guid& session) {
  const auto node = watched_.extract(session);
  return node.empty() ? std::string() : node.mapped();
}

Result<Login> LoginRules::find(std::string_view name, link::Protocol protocol) const {
  const std::string prepared = sasl::saslprep(name).value_or(std::string(name));
  Login login;
  TRY_ASSIGN(login.entry, find_login_(prepared));
  login.reason = refusal(prepared, protocol, login.entry);
  if (login.entry && sources_ != nullptr) {
    const auto& order = sources_->order_of(login.entry->address);
    login.local = std::ranges::find(order, Source::kLocal) != order.end();
  }
  return login;
}

Identity LoginRules::accept(const Attempt& attempt, const directory::MailboxEntry& entry,
                            std::string_view app_password, bool cached) {
  const auto watched = watched_.find(attempt.session);
  if (watched == watched_.end())
    defence_.succeeded(attempt.client_address, entry.address);
  else
    watched->second = attempt.mechanism;
  log::info("auth.accepted", {{"session", attempt.session.to_string()},
                              {"protocol", to_string(attempt.protocol)},
                              {"client", attempt.client_address},
                              {"mechanism", attempt.mechanism},
                              {"mailbox", entry.address},
                              {"opens", entry.opens ? entry.opens->address : std::string()},
                              {"app_password", app_password},
                              {"cached", cached}});
  Identity identity{entry.guid, entry.address, entry.database, std::string(app_password)};
  if (entry.opens) {
    identity.user = entry.guid;
    identity.mailbox = entry.opens->guid;
    identity.database = entry.opens->database;
  }
  return identity;
}

std::unexpected<Error> LoginRules::refuse(const Attempt& attempt, std::string_view name,
                                          const std::optional<directory::MailboxEntry>& entry,
                                          std::string_view reason, std::string_view password) {
  const auto watched = watched_.find(attempt.session);
  if (watched != watched_.end())
    watched->second = reason;
  else if (is_guess(reason))
    defence_.failed(attempt.client_address, account_of(name, entry), password);
  log::warning("auth.refused", {{"session", attempt.session.to_string()},
                                {"protocol", to_string(attempt.protocol)},
                                {"client", attempt.client_address},
                                {"mechanism", attempt.mechanism},
                                {"name", name},
                                {"reason", reason}});
  return fail(ErrorCode::kDenied, std::string(kDeniedText));
}

}  // namespace hauspost::auth
