#include "server/directory/frontend_settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "server/directory/writer.h"

namespace hauspost::directory {

namespace {

constexpr std::string_view kCertificatesKey = "tls.certificates";
constexpr std::string_view kAllowedKey = "block.allowed";
constexpr std::string_view kLogin = "login";
constexpr std::string_view kPlain = "plain";  // of kLogin; empty: after TLS alone
constexpr std::string_view kNobody = "nobody";  // an empty list, where empty means the default

constexpr std::pair<ComponentState, std::string_view> kStates[] = {
    {ComponentState::kActive, "active"},
    {ComponentState::kDraining, "draining"},
    {ComponentState::kInactive, "inactive"}};

std::string component_key(std::string_view component) {
  return "component." + std::string(component);
}
std::string listener_key(std::string_view listener, std::string_view what) {
  return fmt::format("listener.{}.{}", listener, what);
}

template <class Rules>
struct Number {
  std::string_view key;
  std::string_view words;
  std::uint32_t Rules::* value;
  std::uint32_t least;
  std::uint32_t most;

  bool holds(std::uint64_t number) const { return number >= least && number <= most; }
};

constexpr Number<DefenceRules> kDefence[] = {
    {"block.failures_max", "failures of an address", &DefenceRules::failures_max, 1, 10'000},
    {"block.account_failures_max", "failures of an account", &DefenceRules::account_failures_max, 1,
     100'000},
    {"block.period_s", "seconds of counting", &DefenceRules::period_s, 10, 86'400},
    {"block.block_s", "seconds of the first block", &DefenceRules::block_s, 1, 86'400},
    {"block.longest_block_s", "seconds of the longest block", &DefenceRules::longest_block_s, 1,
     2'592'000},
};
constexpr Number<ListenerRules> kListener[] = {
    {"connections_max", "connections", &ListenerRules::connections_max, 1,
     kListenerConnectionsMost},
    {"per_address_max", "connections of an address", &ListenerRules::per_address_max, 1,
     kListenerConnectionsMost},
    {"new_per_minute_max", "new connections a minute of an address",
     &ListenerRules::new_per_minute_max, 1, kListenerNewPerMinuteMost},
    {"login_s", "seconds to log in", &ListenerRules::login_s, kListenerLoginLeast,
     kListenerLoginMost},
};

template <class Rules, std::size_t kCount>
Result<> check_numbers(const Rules& rules, const Number<Rules> (&numbers)[kCount], bool zero_too) {
  for (const auto& number : numbers) {
    const std::uint32_t value = rules.*number.value;
    if (number.holds(value) || (zero_too && value == 0)) continue;
    return fail(ErrorCode::kInvalid, fmt::format("{} {}: must be from {} to {}", value,
                                                 number.words, number.least, number.most));
  }
  return {};
}

std::string join(const std::vector<Network>& networks) {
  std::string out;
  for (const Network& network : networks) {
    if (!out.empty()) out += ' ';
    out += network.to_string();
  }
  return out;
}

}  // namespace

AskSetting asking(const DirectoryReader& reader) {
  return [&reader](std::string_view key) { return reader.setting(key).value_or(std::string()); };
}

std::string_view to_string(ComponentState state) {
  for (const auto& [known, word] : kStates) {
    if (known == state) return word;
  }
  return "unknown";
}

std::optional<ComponentState> parse_component_state(std::string_view word) {
  for (const auto& [state, name] : kStates) {
    if (name == word) return state;
  }
  return std::nullopt;
}

std::vector<ComponentWord> component_words(const AskSetting& ask, std::string_view component) {
  std::vector<ComponentWord> words;
  const std::string text = ask(component_key(component));
  for (const std::string_view one : split(text, ' ')) {
    const std::size_t equals = one.find('=');
    if (equals == std::string_view::npos) continue;
    const auto state = parse_component_state(one.substr(equals + 1));
    if (state) words.push_back({std::string(one.substr(0, equals)), *state});
  }
  return words;
}

ComponentState component_state(const AskSetting& ask, std::string_view component) {
  ComponentState worst = ComponentState::kActive;
  for (const ComponentWord& word : component_words(ask, component))
    worst = std::max(worst, word.state);
  return worst;
}

Result<> set_component_state(DirectoryWriter& writer, std::string_view component,
                             std::string_view requester, ComponentState state) {
  if (std::ranges::find(kServices, component, &ServiceInfo::name) == std::end(kServices)) {
    std::vector<std::string_view> names;
    for (const ServiceInfo& service : kServices) names.push_back(service.name);
    return fail(ErrorCode::kInvalid,
                fmt::format("no component \"{}\"; there are {}", escape_for_log(component),
                            fmt::join(names, ", ")));
  }
  if (std::ranges::find(kRequesters, requester) == std::end(kRequesters)) {
    return fail(ErrorCode::kInvalid,
                fmt::format("no requester \"{}\"; there are {}", escape_for_log(requester),
                            fmt::join(kRequesters, ", ")));
  }
  auto words = component_words(asking(writer.reader()), component);
  std::erase_if(words, [&](const ComponentWord& word) { return word.requester == requester; });
  if (state != ComponentState::kActive) words.push_back({std::string(requester), state});
  std::string text;
  for (const ComponentWord& word : words)
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", word.requester, to_string(word.state));
  return writer.set_setting(component_key(component), text);
}

ListenerRules listener_rules(const AskSetting& ask, std::string_view listener) {
  ListenerRules rules;
  rules.proxies =
      parse_networks(ask(listener_key(listener, "proxies"))).value_or(std::vector<Network>());
  for (const auto& number : kListener) {
    const auto value = parse_u64(ask(listener_key(listener, number.key)));
    if (value && number.holds(*value)) rules.*number.value = static_cast<std::uint32_t>(*value);
  }
  rules.plain_logins =
      may_take_plain_logins(listener) && ask(listener_key(listener, kLogin)) == kPlain;
  return rules;
}

bool may_take_plain_logins(std::string_view listener) {
  return listener == "imap" || listener == "pop3";
}

Result<> check(std::string_view listener, const ListenerRules& rules) {
  if (rules.plain_logins && !may_take_plain_logins(listener)) {
    return fail(ErrorCode::kInvalid,
                fmt::format("listener {} takes logins under TLS alone; plain is for imap and pop3",
                            listener));
  }
  if (rules.proxies.size() > kAllowedMax)
    return fail(ErrorCode::kInvalid, fmt::format("at most {} networks", kAllowedMax));
  return check_numbers(rules, kListener, true);
}

Result<> set_listener_rules(DirectoryWriter& writer, std::string_view listener,
                            const ListenerRules& rules) {
  TRY(check(listener, rules));
  TRY(writer.set_setting(listener_key(listener, "proxies"), join(rules.proxies)));
  TRY(writer.set_setting(listener_key(listener, kLogin),
                         std::string(rules.plain_logins ? kPlain : "")));
  for (const auto& number : kListener) {
    const std::uint32_t value = rules.*number.value;
    TRY(writer.set_setting(listener_key(listener, number.key),
                           value == 0 ? std::string() : std::to_string(value)));
  }
  return {};
}

std::vector<CertificatePaths> further_certificates(const AskSetting& ask) {
  std::vector<CertificatePaths> all;
  const std::string text = ask(kCertificatesKey);
  for (const std::string_view line : split(text, '\n')) {
    const std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos) continue;
    all.push_back({std::string(line.substr(0, tab)), std::string(line.substr(tab + 1))});
  }
  return all;
}

Result<> set_further_certificates(DirectoryWriter& writer,
                                  const std::vector<CertificatePaths>& all) {
  if (all.size() > kCertificatesMax)
    return fail(ErrorCode::kInvalid, fmt::format("at most {} certificates", kCertificatesMax));
  std::string text;
  for (const CertificatePaths& one : all) {
    for (const std::string& path : {one.certificate_file, one.key_file}) {
      if (path.starts_with('/') && path.find_first_of("\t\n") == std::string::npos) continue;
      return fail(ErrorCode::kInvalid,
                  fmt::format("\"{}\" is not the absolute path of a file", escape_for_log(path)));
    }
    text += fmt::format("{}{}\t{}", text.empty() ? "" : "\n", one.certificate_file, one.key_file);
  }
  return writer.set_setting(kCertificatesKey, text);
}

DefenceRules defence_rules(const AskSetting& ask) {
  DefenceRules rules;
  for (const auto& number : kDefence) {
    const auto value = parse_u64(ask(number.key));
    if (value && number.holds(*value)) rules.*number.value = static_cast<std::uint32_t>(*value);
  }
  const std::string text = ask(kAllowedKey);
  if (text == kNobody) return rules;
  auto allowed = parse_networks(text.empty() ? kAllowedByDefault : text);
  if (allowed) rules.allowed = std::move(*allowed);
  return rules;
}

Result<> check(const DefenceRules& rules) {
  if (rules.allowed.size() > kAllowedMax)
    return fail(ErrorCode::kInvalid, fmt::format("at most {} networks", kAllowedMax));
  if (rules.longest_block_s < rules.block_s) {
    return fail(ErrorCode::kInvalid,
                fmt::format("the longest block, {} s, is shorter than the first, {} s",
                            rules.longest_block_s, rules.block_s));
  }
  return check_numbers(rules, kDefence, false);
}

Result<> set_defence_rules(DirectoryWriter& writer, const DefenceRules& rules) {
  TRY(check(rules));
  for (const auto& number : kDefence)
    TRY(writer.set_setting(number.key, std::to_string(rules.*number.value)));
  return writer.set_setting(kAllowedKey,
                            rules.allowed.empty() ? std::string(kNobody) : join(rules.allowed));
}

}  // namespace hauspost::directory
