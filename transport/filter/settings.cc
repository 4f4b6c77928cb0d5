#include "transport/filter/settings.h"

#include <algorithm>

#include "base/text.h"
#include "protocols/smtp/address.h"

namespace hauspost::transport {

bool FilterSettings::concerns_strangers() const {
  return !blocked.empty() || !senders.empty() || !recipients.empty() || block_null_sender ||
         std::ranges::any_of(dns_lists, &DnsList::enabled) || greylist.enabled || checks.enabled ||
         reputation.enabled || std::ranges::any_of(milters, &Milter::enabled);
}

bool FilterSettings::concerns_user(const Guid& mailbox) const {
  return caps_of(mailbox).any() || std::ranges::any_of(milters, [](const Milter& milter) {
           return milter.enabled && milter.users_too;
         });
}

const UserCaps& FilterSettings::caps_of(const Guid& mailbox) const {
  const auto own = mailbox_caps.find(mailbox);
  return own == mailbox_caps.end() ? caps : own->second;
}

bool matches(const PatternRule& rule, std::string_view address) {
  const std::string_view pattern = rule.pattern;
  const std::size_t at = address.rfind('@');
  if (pattern.ends_with('@'))
    return at != std::string_view::npos && iequals(address.substr(0, at + 1), pattern);
  if (pattern.contains('@')) return iequals(address, pattern);
  const std::string_view domain =
      at == std::string_view::npos ? std::string_view() : address.substr(at + 1);
  if (!pattern.starts_with("*.")) return iequals(domain, pattern);
  const std::string_view base = pattern.substr(2);
  if (domain.size() <= base.size()) return iequals(domain, base);
  return iequals(domain.substr(domain.size() - base.size()), base) &&
         domain[domain.size() - base.size() - 1] == '.';
}

std::optional<std::string> normal_pattern(std::string_view text) {
  const std::string pattern = ascii_lower(trim(text));
  constexpr std::size_t kPatternMax = 320;
  if (pattern.empty() || pattern.size() > kPatternMax) return std::nullopt;
  if (pattern.ends_with('@')) {
    const bool local = smtp::address_from(pattern + "example.org").has_value();
    return local ? std::optional(pattern) : std::nullopt;
  }
  if (pattern.contains('@')) {
    const auto address = smtp::address_from(pattern);
    return address && !address->domain.empty() ? std::optional(pattern) : std::nullopt;
  }
  const std::string_view domain =
      std::string_view(pattern).substr(pattern.starts_with("*.") ? 2 : 0);
  return smtp::is_host_name(domain) ? std::optional(pattern) : std::nullopt;
}

const AddressRule* find_rule(const std::vector<AddressRule>& rules, std::string_view address,
                             WallTime now) {
  const auto now_s = std::chrono::floor<Seconds>(now).time_since_epoch().count();
  for (const AddressRule& rule : rules) {
    if (rule.until_s != 0 && rule.until_s <= now_s) continue;
    if (rule.network.contains(address)) return &rule;
  }
  return nullptr;
}

}  // namespace hauspost::transport
