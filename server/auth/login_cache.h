// LoginCache: good logins of the last minutes, so that clients that poll cost a MAC and not a hash.
#pragma once

#include <array>
#include <list>
#include <unordered_map>

#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"

namespace hauspost::auth {

// Keeps HMAC-SHA256 of mailbox and password under a random key that dies with the object. One
// password a mailbox. REQUIRES: one thread.
class LoginCache {
 public:
  struct Limits {
    std::size_t entries_max = 10'000;  // then the oldest goes
    std::chrono::seconds lifetime{600};
  };
  LoginCache(const Clock& clock, Limits limits);
  ~LoginCache();
  LoginCache(const LoginCache&) = delete;
  LoginCache& operator=(const LoginCache&) = delete;

  // True when exactly this password was remembered and its time is not over.
  bool knows(const Guid& mailbox, const Secret& password) const;
  void remember(const Guid& mailbox, const Secret& password);
  void forget(const Guid& mailbox);
  // Forgets everything: what is remembered from now on stays so long.
  void set_lifetime(std::chrono::seconds lifetime);
  std::size_t size() const { return entries_.size(); }

 private:
  using Tag = std::array<std::uint8_t, 32>;
  struct Entry {
    Guid mailbox;
    Tag tag;
    std::chrono::steady_clock::time_point expires;
  };
  Tag tag_of(const Guid& mailbox, const Secret& password) const;

  const Clock& clock_;
  Limits limits_;
  std::array<std::uint8_t, 32> key_;
  std::list<Entry> entries_;  // in the order in which they expire
  std::unordered_map<Guid, std::list<Entry>::iterator> by_mailbox_;
};

}  // namespace hauspost::auth
