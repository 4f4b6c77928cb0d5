// LoginDefence: who has guessed too often, and may not go on for a while. Counts addresses, the
// networks around them, and accounts.
#pragma once

#include <array>
#include <functional>
#include <list>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "server/directory/frontend_settings.h"

namespace hauspost::auth {

// REQUIRES: one thread; the clock outlives it. All of it is forgotten with the process.
//
// An IPv4 address counts for itself, its /26 and its /21, an IPv6 address for its /64, /56 and
// /48; the networks may fail three and nine times as often. Each failure above what is allowed
// blocks, for twice as long as the time before. A network that has logged in to an account is not
// kept out when the account is blocked: others must not be able to lock its owner out.
class LoginDefence {
 public:
  using Rules = std::function<directory::DefenceRules()>;
  static constexpr std::size_t kSubjectsMax = 100'000;  // then the one that failed longest ago goes
  static constexpr std::size_t kFriendsMax = 50'000;    // then all are forgotten

  LoginDefence(const Clock& clock, Rules rules);

  // Why nobody may try now; empty when one may. `account`: what is logged in to, known or not.
  std::string_view refusal(const std::string& address, const std::string& account);
  // A wrong password or name. The same wrong password of the same account again counts no further:
  // a forgotten telephone is not an attack. `password` empty: not known.
  void failed(const std::string& address, const std::string& account, std::string_view password);
  void succeeded(const std::string& address, const std::string& account);
  // True when the network of `address` has logged in to `account`.
  bool is_friend(const std::string& address, const std::string& account) const;

  struct Block {
    std::string subject;   // "192.0.2.7", "2001:db8::/64", "a@example.org"
    bool account = false;  // else an address or network
    unsigned times = 0;    // blocked, this one counted
    std::string last_client;
    WallTime since;
    WallTime until;
  };
  std::vector<Block> blocks() const;  // those that hold now, the latest first
  // How many blocks ended: those of an account, of a network, or of all networks with the address
  // in them; empty: all.
  std::size_t lift(std::string_view subject);

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Subject {
    std::string key;  // "a" + account, or "n" + network
    double level = 0;  // failures not yet forgiven
    Time level_time;
    unsigned times = 0;
    Time until;  // of the block; in the past: none
    WallTime since;
    std::string last_client;
    std::array<std::uint64_t, 8> seen{};  // wrong passwords, as keyed hashes
    std::size_t seen_next = 0;
  };
  struct Counted {
    std::string key;
    unsigned allowed = 0;
  };
  std::vector<Counted> subjects_of(const std::string& address, const std::string& account,
                                   const directory::DefenceRules& rules) const;
  Subject& subject(const std::string& key);
  void count(Subject& subject, unsigned allowed, const directory::DefenceRules& rules,
             const std::string& client);
  std::uint64_t fingerprint(const std::string& account, std::string_view password) const;

  const Clock& clock_;
  Rules rules_;
  std::list<Subject> subjects_;  // the one that failed last at the end
  std::unordered_map<std::string, std::list<Subject>::iterator> by_key_;
  std::unordered_set<std::string> friends_;  // account and network
  std::array<std::uint8_t, 16> hash_key_;
};

}  // namespace hauspost::auth
