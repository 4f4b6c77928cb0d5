#include "server/auth/login_defence.h"

#include <sodium.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "base/text.h"

namespace hauspost::auth {

namespace {

struct Level {
  unsigned v4_prefix;
  unsigned v6_prefix;
  unsigned factor;
};
constexpr Level kLevels[] = {{32, 64, 1}, {26, 56, 3}, {21, 48, 9}};
constexpr unsigned kDoublingsMax = 20;

std::string network_key(const std::string& address, const Level& level) {
  const auto network = Network::around(address, level.v4_prefix, level.v6_prefix);
  return "n" + (network ? network->to_string() : address);
}

std::string account_key(const std::string& account) { return "a" + ascii_lower(account); }

std::string friend_key(const std::string& address, const std::string& account) {
  return account_key(account) + '\n' + network_key(address, kLevels[0]);
}

}  // namespace

LoginDefence::LoginDefence(const Clock& clock, Rules rules)
    : clock_(clock), rules_(std::move(rules)) {
  static_assert(sizeof hash_key_ == crypto_shorthash_KEYBYTES);
  random_bytes(hash_key_);
}

std::vector<LoginDefence::Counted> LoginDefence::subjects_of(
    const std::string& address, const std::string& account,
    const directory::DefenceRules& rules) const {
  std::vector<Counted> subjects;
  for (const Level& level : kLevels)
    subjects.push_back({network_key(address, level), rules.failures_max * level.factor});
  if (!account.empty() && !is_friend(address, account))
    subjects.push_back({account_key(account), rules.account_failures_max});
  return subjects;
}

std::string_view LoginDefence::refusal(const std::string& address, const std::string& account) {
  const directory::DefenceRules rules = rules_();
  if (contains(rules.allowed, address)) return {};
  for (const Counted& counted : subjects_of(address, account, rules)) {
    const auto found = by_key_.find(counted.key);
    if (found == by_key_.end() || found->second->until <= clock_.steady()) continue;
    return counted.key.starts_with('a') ? "account_blocked" : "address_blocked";
  }
  return {};
}

LoginDefence::Subject& LoginDefence::subject(const std::string& key) {
  const auto found = by_key_.find(key);
  if (found != by_key_.end()) {
    subjects_.splice(subjects_.end(), subjects_, found->second);
    return subjects_.back();
  }
  if (subjects_.size() >= kSubjectsMax) {
    by_key_.erase(subjects_.front().key);
    subjects_.pop_front();
  }
  Subject& fresh = subjects_.emplace_back();
  fresh.key = key;
  fresh.level_time = clock_.steady();
  by_key_[key] = std::prev(subjects_.end());
  return fresh;
}

std::uint64_t LoginDefence::fingerprint(const std::string& account,
                                        std::string_view password) const {
  Secret both(account_key(account) + '\0' + std::string(password));
  std::uint64_t hash = 0;
  static_assert(sizeof hash == crypto_shorthash_BYTES);
  crypto_shorthash(reinterpret_cast<std::uint8_t*>(&hash),
                   reinterpret_cast<const std::uint8_t*>(both.reveal().data()),
                   both.reveal().size(), hash_key_.data());
  return hash;
}

void LoginDefence::count(Subject& subject, unsigned allowed, const directory::DefenceRules& rules,
                         const std::string& client) {
  const Time now = clock_.steady();
  const auto quiet = std::chrono::duration<double>(now - subject.level_time).count();
  // Whoever has kept quiet for longer than the longest block begins anew.
  if (quiet > rules.longest_block_s && subject.until <= now) subject.times = 0;
  subject.level = std::max(0.0, subject.level - quiet / rules.period_s) + 1;
  subject.level_time = now;
  subject.last_client = client;
  if (subject.level <= allowed || subject.until > now) return;
  const double factor = std::exp2(std::min(subject.times, kDoublingsMax));
  const auto seconds = static_cast<std::int64_t>(
      std::min<double>(rules.longest_block_s, rules.block_s * factor));
  ++subject.times;
  subject.level = 0;
  subject.since = clock_.now();
  subject.until = now + std::chrono::seconds(seconds);
  log::warning("auth.blocked", {{"subject", subject.key.substr(1)},
                                {"kind", subject.key.starts_with('a') ? "account" : "address"},
                                {"reason", "failed_logins"},
                                {"allowed", allowed},
                                {"client", client},
                                {"times", subject.times},
                                {"seconds", seconds}});
}

void LoginDefence::failed(const std::string& address, const std::string& account,
                          std::string_view password) {
  const directory::DefenceRules rules = rules_();
  if (contains(rules.allowed, address)) return;
  const std::uint64_t seen = password.empty() ? 0 : fingerprint(account, password);
  for (const Counted& counted : subjects_of(address, account, rules)) {
    Subject& counting = subject(counted.key);
    if (seen != 0) {
      if (std::ranges::find(counting.seen, seen) != counting.seen.end()) continue;
      counting.seen[counting.seen_next++ % counting.seen.size()] = seen;
    }
    count(counting, counted.allowed, rules, address);
  }
}

void LoginDefence::succeeded(const std::string& address, const std::string& account) {
  if (friends_.size() >= kFriendsMax) friends_.clear();
  friends_.insert(friend_key(address, account));
}

bool LoginDefence::is_friend(const std::string& address, const std::string& account) const {
  return friends_.contains(friend_key(address, account));
}

std::vector<LoginDefence::Block> LoginDefence::blocks() const {
  std::vector<Block> out;
  const Time now = clock_.steady();
  for (const Subject& one : subjects_) {
    if (one.until <= now) continue;
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(one.until - now);
    out.push_back({one.key.substr(1), one.key.starts_with('a'), one.times, one.last_client,
                   one.since, clock_.now() + left});
  }
  std::ranges::sort(out, std::greater(), &Block::since);
  return out;
}

std::size_t LoginDefence::lift(std::string_view subject) {
  const auto meant = [&](const Subject& one) {
    const std::string_view name = std::string_view(one.key).substr(1);
    if (subject.empty() || iequals(name, subject)) return true;
    const auto network = Network::parse(name);
    return one.key.starts_with('n') && network && network->contains(subject);
  };
  std::size_t lifted = 0;
  for (auto one = subjects_.begin(); one != subjects_.end();) {
    if (!meant(*one)) {
      ++one;
      continue;
    }
    if (one->until > clock_.steady()) {
      ++lifted;
      log::info("auth.block_lifted", {{"subject", one->key.substr(1)}});
    }
    by_key_.erase(one->key);
    one = subjects_.erase(one);
  }
  return lifted;
}

}  // namespace hauspost::auth
