#include "server/auth/login_cache.h"

#include <sodium.h>

#include "base/random.h"

namespace hauspost::auth {

LoginCache::LoginCache(const Clock& clock, Limits limits) : clock_(clock), limits_(limits) {
  random_bytes(key_);
}

LoginCache::~LoginCache() { sodium_memzero(key_.data(), key_.size()); }

LoginCache::Tag LoginCache::tag_of(const Guid& mailbox, const Secret& password) const {
  static_assert(sizeof(Tag) == crypto_auth_hmacsha256_BYTES);
  const std::string_view secret = password.reveal();
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, key_.data(), key_.size());
  crypto_auth_hmacsha256_update(&state, mailbox.bytes.data(), mailbox.bytes.size());
  crypto_auth_hmacsha256_update(&state, reinterpret_cast<const std::uint8_t*>(secret.data()),
                                secret.size());
  Tag tag;
  crypto_auth_hmacsha256_final(&state, tag.data());
  sodium_memzero(&state, sizeof state);
  return tag;
}

bool LoginCache::knows(const Guid& mailbox, const Secret& password) const {
  const auto found = by_mailbox_.find(mailbox);
  if (found == by_mailbox_.end() || clock_.steady() >= found->second->expires) return false;
  const Tag tag = tag_of(mailbox, password);
  return sodium_memcmp(tag.data(), found->second->tag.data(), tag.size()) == 0;
}

void LoginCache::remember(const Guid& mailbox, const Secret& password) {
  forget(mailbox);
  while (!entries_.empty() &&
         (entries_.size() >= limits_.entries_max || clock_.steady() >= entries_.front().expires)) {
    by_mailbox_.erase(entries_.front().mailbox);
    entries_.pop_front();
  }
  entries_.push_back({mailbox, tag_of(mailbox, password), clock_.steady() + limits_.lifetime});
  by_mailbox_[mailbox] = std::prev(entries_.end());
}

void LoginCache::set_lifetime(std::chrono::seconds lifetime) {
  limits_.lifetime = lifetime;
  by_mailbox_.clear();
  entries_.clear();
}

void LoginCache::forget(const Guid& mailbox) {
  const auto found = by_mailbox_.find(mailbox);
  if (found == by_mailbox_.end()) return;
  entries_.erase(found->second);
  by_mailbox_.erase(found);
}

}  // namespace hauspost::auth
