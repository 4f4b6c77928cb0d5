// ConnectionLimits: how many connections there may be, in all, of one address, before login and of
// one account by IMAP and by POP3.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/ids.h"
#include "base/link/session_link.h"
#include "server/frontend/ended_logins.h"
#include "server/frontend/limits.h"

namespace hauspost::frontend {

class ConnectionLimits;

// One admitted connection; gives its places back when destroyed. REQUIRES: the limits outlive it.
class Admission {
 public:
  ~Admission();
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  // What to do when room is needed before this client has logged in. Called once at most, from
  // another connection's task, or at once when room was needed already: it must only give a sign.
  void on_evicted(std::function<void()> evict) {
    if (!before_login_) return evict();
    evict_ = std::move(evict);
  }
  // No longer counted among those who have not logged in.
  void leave_login();
  bool before_login() const { return before_login_; }
  // The client has said something: while others are silent, it is not the one who makes room.
  void note_word();
  // Somebody logged in; `login` is kept as long as the connection lasts.
  void note_login(Login login) { login_ = std::move(login); }
  const std::optional<Login>& login() const { return login_; }
  // False when the account has all the sessions of this protocol that it may have.
  bool enter_account(const Guid& mailbox);

 private:
  friend class ConnectionLimits;
  Admission(ConnectionLimits& limits, std::string address_key, bool pop3)
      : limits_(limits), address_key_(std::move(address_key)), pop3_(pop3) {}

  ConnectionLimits& limits_;
  std::string address_key_;
  bool pop3_;
  std::function<void()> evict_;
  std::list<Admission*>::iterator place_;  // in silent_ or before_login_ of ConnectionLimits
  bool silent_ = true;
  bool before_login_ = false;
  Guid account_;  // nil: none entered
  std::optional<Login> login_;
};

// REQUIRES: one thread.
class ConnectionLimits {
 public:
  explicit ConnectionLimits(const Clock& clock) : clock_(clock) {}

  // Null when the connection is one too many; `refusal` then says of what.
  std::unique_ptr<Admission> admit(const std::string& address, link::Protocol protocol,
                                   const Limits& limits, std::string_view& refusal);
  std::size_t size() const { return connections_; }
  std::size_t before_login() const { return silent_.size() + before_login_.size(); }
  std::uint64_t evicted() const { return evicted_; }  // ever

 private:
  friend class Admission;
  bool too_many_new(const std::string& address, const Limits& limits);

  const Clock& clock_;
  std::size_t connections_ = 0;
  std::uint64_t evicted_ = 0;
  std::list<Admission*> silent_;        // before login, without a word; oldest first
  std::list<Admission*> before_login_;  // the others before login; oldest first
  std::unordered_map<std::string, std::size_t> by_address_;  // and kind; no zero entries
  std::unordered_map<std::string, std::size_t> new_this_minute_;
  std::int64_t minute_ = -1;
  struct Accounts {
    std::unordered_map<Guid, std::size_t> sessions;  // no zero entries
    std::size_t max = 0;                             // of one account
  };
  Accounts& accounts(bool pop3) { return pop3 ? pop3_accounts_ : accounts_; }
  Accounts accounts_;  // IMAP
  Accounts pop3_accounts_;
};

}  // namespace hauspost::frontend
