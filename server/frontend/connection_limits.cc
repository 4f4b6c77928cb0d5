#include "server/frontend/connection_limits.h"

#include <asio/ip/address.hpp>

namespace hauspost::frontend {

namespace {

// Whoever has one IPv6 address has its whole /64.
std::string network_of(const std::string& address) {
  std::error_code code;
  const auto parsed = asio::ip::make_address(address, code);
  if (code || parsed.is_v4()) return address;
  const auto bytes = parsed.to_v6().to_bytes();
  return std::string(bytes.begin(), bytes.begin() + 8);
}

template <class Map, class Key>
void decrease(Map& counts, const Key& key) {
  const auto found = counts.find(key);
  if (found == counts.end()) return;
  if (--found->second == 0) counts.erase(found);
}

}  // namespace

Admission::~Admission() {
  leave_login();
  --limits_.connections_;
  decrease(limits_.by_address_, address_key_);
  if (!account_.is_nil()) decrease(limits_.accounts(pop3_).sessions, account_);
}

void Admission::leave_login() {
  if (!std::exchange(before_login_, false)) return;
  (silent_ ? limits_.silent_ : limits_.before_login_).erase(place_);
  evict_ = nullptr;
}

void Admission::note_word() {
  if (!std::exchange(silent_, false) || !before_login_) return;
  limits_.before_login_.splice(limits_.before_login_.end(), limits_.silent_, place_);
}

bool Admission::enter_account(const Guid& mailbox) {
  if (account_ == mailbox && !mailbox.is_nil()) return true;  // tried before, with no back-end
  auto& [sessions, max] = limits_.accounts(pop3_);
  const auto found = sessions.find(mailbox);
  if (found != sessions.end() && found->second >= max) return false;
  ++sessions[mailbox];
  if (!account_.is_nil()) decrease(sessions, account_);
  account_ = mailbox;
  return true;
}

bool ConnectionLimits::too_many_new(const std::string& address, const Limits& limits) {
  const std::int64_t minute =
      std::chrono::floor<std::chrono::minutes>(clock_.steady().time_since_epoch()).count();
  if (minute != minute_) {
    new_this_minute_.clear();
    minute_ = minute;
  }
  return ++new_this_minute_[address] > limits.new_per_minute_max;
}

std::unique_ptr<Admission> ConnectionLimits::admit(const std::string& address,
                                                   link::Protocol protocol, const Limits& limits,
                                                   std::string_view& refusal) {
  const std::string network = network_of(address);
  const bool smtp = protocol == link::Protocol::kSmtp;
  const bool web = protocol == link::Protocol::kHttp;
  const std::string key = (smtp ? "s" : web ? "w" : "m") + network;
  const auto of_address = by_address_.find(key);
  const std::size_t per_address = smtp  ? limits.smtp_per_address_max
                                  : web ? limits.web_per_address_max
                                        : limits.mail_per_address_max;
  if (connections_ >= limits.connections_max) {
    refusal = "connections";
  } else if (of_address != by_address_.end() && of_address->second >= per_address) {
    refusal = "connections_of_address";
  } else if (too_many_new(network, limits)) {
    refusal = "new_connections_of_address";
  } else {
    refusal = {};
  }
  if (!refusal.empty()) return nullptr;
  if (before_login() >= limits.before_login_max && before_login() > 0) {
    Admission* const oldest = silent_.empty() ? before_login_.front() : silent_.front();
    const auto evict = std::move(oldest->evict_);
    oldest->leave_login();
    ++evicted_;
    if (evict) evict();
  }
  accounts_.max = limits.imap_per_account_max;
  pop3_accounts_.max = limits.pop3_per_account_max;
  const bool pop3 = protocol == link::Protocol::kPop3;
  auto admission = std::unique_ptr<Admission>(new Admission(*this, key, pop3));
  ++connections_;
  ++by_address_[key];
  admission->place_ = silent_.insert(silent_.end(), admission.get());
  admission->before_login_ = true;
  return admission;
}

}  // namespace hauspost::frontend
