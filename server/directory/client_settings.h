// What people have to type into their mail programs, and whether they may look it up: settings of
// the directory, one switch each for IMAP, POP3 and sending. hauspost-web and the supervisor ask at
// each question, so a change holds at once.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "server/directory/frontend_settings.h"

namespace hauspost::directory {

enum class Encryption : std::uint8_t { kNone, kStartTls, kTls };

// "mail.example.org:993:SSL" (TLS from the first byte), ":143:TLS" (STARTTLS), ":143:" (neither).
struct ConnectionSetting {
  std::string host;  // lower case
  std::uint16_t port = 0;
  Encryption encryption = Encryption::kTls;
  bool operator==(const ConnectionSetting&) const = default;
};
inline constexpr std::size_t kConnectionSettingsMax = 8;
// kInvalid: not HOST:PORT:SSL, HOST:PORT:TLS or HOST:PORT: with a host name in front.
Result<ConnectionSetting> parse_connection_setting(std::string_view text);
std::string to_string(const ConnectionSetting& setting);

enum class Side : std::uint8_t { kInternal, kExternal };
// `protocol`: "imap" or "pop3".
std::vector<ConnectionSetting> connection_settings(const AskSetting& ask, std::string_view protocol,
                                                   Side side);
Result<> set_connection_settings(DirectoryWriter& writer, std::string_view protocol, Side side,
                                 std::span<const ConnectionSetting> settings);

// Where the listeners of hauspost.toml are, as the supervisor notes it at each start.
struct ClientBinding {
  std::string service;  // "imaps", "submission", ...
  std::uint16_t port = 0;
  bool operator==(const ClientBinding&) const = default;
};
std::vector<ClientBinding> client_bindings(const AskSetting& ask);
// Writes only what has changed.
Result<> note_client_bindings(DirectoryWriter& writer, std::span<const ClientBinding> bindings);

// Each must have a binding of its port and mode, or nobody would answer there. kInvalid.
Result<> check_connection_settings(const AskSetting& ask, std::string_view protocol,
                                   std::span<const ConnectionSetting> settings);

// One way in that users may be told of, at least one switch being on.
struct Advertised {
  std::string protocol;  // "imap", "pop3", "smtp"
  std::string host;
  std::uint16_t port = 0;
  Encryption encryption = Encryption::kTls;
};
// The best first: IMAP, POP3, SMTP, each as the administrator ordered them; nothing of a service
// that is off.
Result<std::vector<Advertised>> advertised_settings(const DirectoryReader& reader);

}  // namespace hauspost::directory
