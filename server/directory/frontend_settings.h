// What an administrator sets for the front-end: free settings of the directory with a meaning.
// Front-end and hauspost-auth ask at each new connection or attempt.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/network.h"
#include "server/directory/directory.h"

namespace hauspost::directory {

class DirectoryWriter;

// How a setting is asked for; empty when it was never set or cannot be read.
using AskSetting = std::function<std::string(std::string_view key)>;
AskSetting asking(const DirectoryReader& reader);  // the reader must outlive it

// ---- Component states: is a service to be used? Several parties may have a word; the worst holds.

enum class ComponentState : std::uint8_t { kActive, kDraining, kInactive };  // from best to worst
std::string_view to_string(ComponentState state);
std::optional<ComponentState> parse_component_state(std::string_view word);

inline constexpr std::string_view kRequesters[] = {"maintenance", "functional", "health-api",
                                                   "sidelined", "deployment"};
struct ComponentWord {
  std::string requester;  // one of kRequesters
  ComponentState state = ComponentState::kActive;
};
// What was said of a service of kServices; those who say nothing, or "active", are not listed.
std::vector<ComponentWord> component_words(const AskSetting& ask, std::string_view component);
ComponentState component_state(const AskSetting& ask, std::string_view component);
// kInvalid: no such component or requester.
Result<> set_component_state(DirectoryWriter& writer, std::string_view component,
                             std::string_view requester, ComponentState state);

// ---- Listeners, by the name of their service ("imaps")

struct ListenerRules {
  std::vector<Network> proxies;         // who must begin with a PROXY header
  std::uint32_t connections_max = 0;    // at once; 0: no limit of its own
  std::uint32_t per_address_max = 0;    // 0: as the front-end's
  std::uint32_t login_s = 0;            // from accept to login; 0: as the protocol's
  std::uint32_t new_per_minute_max = 0; // connections of one address; 0: as the front-end's
  bool plain_logins = false;            // passwords are taken without TLS; imap and pop3 only
};
// The listeners that may take logins in the clear.
bool may_take_plain_logins(std::string_view listener);
inline constexpr std::uint32_t kListenerConnectionsMost = 60'000;
inline constexpr std::uint32_t kListenerNewPerMinuteMost = 10'000'000;
inline constexpr std::uint32_t kListenerLoginLeast = 5;
inline constexpr std::uint32_t kListenerLoginMost = 3'600;
ListenerRules listener_rules(const AskSetting& ask, std::string_view listener);
// kInvalid: out of range, or logins in the clear at a listener that may not take them.
Result<> check(std::string_view listener, const ListenerRules& rules);
Result<> set_listener_rules(DirectoryWriter& writer, std::string_view listener,
                            const ListenerRules& rules);

// ---- Certificates beside the one of hauspost.toml

struct CertificatePaths {
  std::string certificate_file;  // absolute
  std::string key_file;
  bool operator==(const CertificatePaths&) const = default;
};
inline constexpr std::size_t kCertificatesMax = 200;
std::vector<CertificatePaths> further_certificates(const AskSetting& ask);
// kInvalid: too many, a path that is not absolute or has a line end or a tab in it.
Result<> set_further_certificates(DirectoryWriter& writer,
                                  const std::vector<CertificatePaths>& all);

// ---- The defence against guessed passwords

struct DefenceRules {
  std::uint32_t failures_max = 10;          // of an address; one more and it is blocked
  std::uint32_t account_failures_max = 30;  // of an account, from wherever
  std::uint32_t period_s = 600;             // in which one failure is forgiven
  std::uint32_t block_s = 300;              // the first time; doubled each further time
  std::uint32_t longest_block_s = 86'400;
  std::vector<Network> allowed;  // never blocked
};
inline constexpr std::string_view kAllowedByDefault = "127.0.0.0/8 ::1";
inline constexpr std::size_t kAllowedMax = 500;
DefenceRules defence_rules(const AskSetting& ask);
// kInvalid: out of range.
Result<> check(const DefenceRules& rules);
Result<> set_defence_rules(DirectoryWriter& writer, const DefenceRules& rules);

}  // namespace hauspost::directory
