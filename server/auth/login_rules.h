// LoginRules: what every way to log in shares: whom a name means, whether they may log in at all,
// and the one way to say no.
#pragma once

#include <functional>
#include <unordered_map>

#include "server/auth/identity.h"
#include "server/auth/login_defence.h"
#include "server/auth/source_settings.h"
#include "server/directory/directory.h"

namespace hauspost::auth {

// How a login name becomes a mailbox: DirectoryReader::find_login, or a test's table.
using FindLogin =
    std::function<Result<std::optional<directory::MailboxEntry>>(std::string_view name)>;

// Where an attempt comes from.
struct Attempt {
  std::string client_address;
  link::Protocol protocol = link::Protocol::kImap;
  Guid session;
  std::string mechanism;  // "password", "SCRAM-SHA-256", ...
};

struct Login {
  std::optional<directory::MailboxEntry> entry;
  std::string_view reason;  // why it may not succeed, also with the right password; empty: it may
  bool local = true;        // our own verifiers have a say in its domain
};

// REQUIRES: one thread.
class LoginRules {
 public:
  LoginRules(FindLogin find_login, const Clock& clock, LoginDefence::Rules defence)
      : find_login_(std::move(find_login)), defence_(clock, std::move(defence)) {}

  // The name is prepared (RFC 4013) first. Errors are the directory's.
  Result<Login> find(std::string_view name, link::Protocol protocol) const;
  // Why nobody may try now from this address or into this account, known or not; empty: one may.
  std::string_view blocked(const std::string& client_address, std::string_view name,
                           const Login& login) {
    return defence_.refusal(client_address, account_of(name, login.entry));
  }
  // True when the account has been logged in to from this address or its network.
  bool is_friend(const std::string& client_address, const directory::MailboxEntry& entry) const {
    return defence_.is_friend(client_address, entry.address);
  }
  // Log auth.accepted and auth.refused. A refusal that may have been a guess counts; `password` is
  // what was wrong, so that the same again counts no further; empty: not known.
  Identity accept(const Attempt& attempt, const directory::MailboxEntry& entry,
                  std::string_view app_password, bool cached);
  std::unexpected<Error> refuse(const Attempt& attempt, std::string_view name,
                                const std::optional<directory::MailboxEntry>& entry,
                                std::string_view reason, std::string_view password = {});
  // The next decision about the attempts of `session` is kept for told(), and no refusal of them
  // counts: an administrator tries a login.
  void watch(const Guid& session) { watched_[session]; }
  std::string told(const Guid& session);
  // Where passwords are checked, by domain; outlives this object. Without it: here alone.
  void set_sources(const SourceSettings* sources) { sources_ = sources; }
  // Who is kept out, for the administrator.
  LoginDefence& defence() { return defence_; }

 private:
  static std::string account_of(std::string_view name,
                                const std::optional<directory::MailboxEntry>& entry) {
    return entry ? entry->address : std::string(name);
  }

  FindLogin find_login_;
  const SourceSettings* sources_ = nullptr;
  std::unordered_map<Guid, std::string> watched_;
  LoginDefence defence_;
};

}  // namespace hauspost::auth
