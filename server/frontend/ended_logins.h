// EndedLogins: whose sessions an administrator has ended, so that a login that was on its way then
// comes to nothing, too.
#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/ids.h"
#include "base/link/session_link.h"
#include "base/text.h"
#include "server/auth/identity.h"

namespace hauspost::frontend {

// Who is logged in by a connection.
struct Login {
  Guid user;     // whose login it was
  Guid mailbox;  // what it opens: mostly the user's own
  std::string app_password = {};  // the name of the one that was used; empty: none
  std::string address = {};       // of the mailbox
  std::string database = {};
};

inline Login login_of(const auth::Identity& identity) {
  return {identity.user.value_or(identity.mailbox), identity.mailbox, identity.app_password,
          identity.address, identity.database};
}

// Logins that are to end.
struct LoginEnd {
  Guid account;
  std::string app_password = {};  // only those that used it; empty: all of the account's
  bool whole = false;             // also others' that have the account's mailbox open
  std::optional<link::Protocol> protocol = {};  // only these

  bool covers(const Login& login, link::Protocol of) const {
    if (protocol && *protocol != of) return false;
    if (whole && login.mailbox == account) return true;
    if (login.user != account) return false;
    return app_password.empty() || iequals(login.app_password, app_password);
  }
};

// REQUIRES: one thread; the clock outlives it.
class EndedLogins {
 public:
  // No login takes longer: what ended further back is forgotten.
  static constexpr std::chrono::minutes kKeep{2};

  explicit EndedLogins(const Clock& clock) : clock_(clock) {}

  void note(LoginEnd end) {
    const auto now = clock_.steady();
    while (!ends_.empty() && now - ends_.front().time > kKeep) ends_.pop_front();
    ends_.push_back({now, std::move(end)});
  }
  // Was this login ended after it had begun?
  bool covers(const Login& login, link::Protocol protocol,
              std::chrono::steady_clock::time_point begun) const {
    for (auto one = ends_.rbegin(); one != ends_.rend() && one->time >= begun; ++one) {
      if (one->end.covers(login, protocol)) return true;
    }
    return false;
  }

 private:
  struct Entry {
    std::chrono::steady_clock::time_point time;
    LoginEnd end;
  };
  const Clock& clock_;
  std::deque<Entry> ends_;  // oldest first
};

}  // namespace hauspost::frontend
