// What must be known before the directory can be read: DATA/hauspost.toml, and the marker that
// makes a folder a data root. Every refusal is one line that names the file, the line, the key and
// what is wrong.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/auth/source_settings.h"
#include "server/child/users.h"
#include "server/supervisor/log_settings.h"

namespace hauspost::supervisor {

// The services that may listen, in the order they are shown.
inline constexpr std::string_view kListenerServices[] = {
    "smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "http", "https"};

struct ListenerSettings {
  std::string service;  // one of kListenerServices
  std::string address;  // textual IP address without brackets
  std::uint16_t port = 0;
  std::string connector = {};  // the receive connector whose binding it is; empty: none

  std::string endpoint() const;  // "127.0.0.1:10025", "[::1]:10025"
  bool operator==(const ListenerSettings&) const = default;
};

// [users], as written: names or numbers.
struct UserNames {
  bool switching = false;  // there is such a section
  std::array<std::string, child::kRoleCount> names = {};
  std::string group = {};
  std::vector<std::string> auth_groups = {};  // further groups of auth alone
};

struct ServerSettings {
  std::string hostname;                     // fully qualified; [server] hostname
  std::vector<ListenerSettings> listeners;  // [listeners] smtp = "127.0.0.1:10025" or a list
  // [listeners] metrics: where hauspost-web shows the metrics; loopback addresses alone.
  std::vector<ListenerSettings> metrics = {};
  std::string certificate_file;             // [tls]; relative paths are below the data root
  std::string key_file;
  std::uint64_t message_bytes_max = 50ULL << 20;  // [limits] message_size = "50M" or a number
  // [supervisor]: this many abnormal deaths in ten minutes quarantine a database; 0: never.
  unsigned quarantine_deaths = 3;
  auth::SourceSettings sources;  // [auth]
  std::string client_ca_file;    // [auth.certificates]; empty: clients are not asked for one
  UserNames users = {};
  LogSettings log = {};
  // [supervisor] confinement: roles are fenced in by Landlock and seccomp.
  bool confinement = true;
};

inline constexpr std::string_view kSettingsFile = "hauspost.toml";
inline constexpr std::string_view kMarkerFile = "hauspost-root";
inline constexpr unsigned kDataRootFormat = 1;
// A packaged server's; the folder of its settings is there once the package is.
inline constexpr std::string_view kSystemDataRoot = "/var/lib/hauspost";
inline constexpr std::string_view kSystemSettingsFolder = "/etc/hauspost";

// Pure: `text` as hauspost.toml of `data_root`. kInvalid on unknown keys, wrong types, duplicate
// listeners, bad addresses, ports, host names or sizes.
Result<ServerSettings> parse_settings(std::string_view text, const std::string& data_root);
// Where the settings of `data_root` are unless somebody says: DATA/hauspost.toml; and for the data
// root of a packaged server, which has none there, /etc/hauspost/hauspost.toml.
std::string default_settings_file(const std::string& data_root);
// Reads `settings_file`, by default default_settings_file(); also kInvalid when the certificate or
// the key cannot be read.
Result<ServerSettings> load_settings(const std::string& data_root,
                                     const std::string& settings_file = {});
// The text of a hauspost.toml that parse_settings() reads back as `settings`, with comments.
std::string format_settings(const ServerSettings& settings);
// Writes DATA/hauspost.toml, or `settings_file`, durably. kExists when there is one.
Result<> write_initial_settings(const std::string& data_root, const ServerSettings& settings);
Result<> write_settings_file(const std::string& settings_file, const ServerSettings& settings);

// Makes `data_root` (0700) with its marker. Nothing to do when it is one already. kInvalid "not a
// Hauspost data root" when it holds anything else, or a format of a newer version.
Result<> create_data_root(const std::string& data_root);
// kNotFound when the folder does not exist; kInvalid as above.
Result<> check_data_root(const std::string& data_root);

// The users that the package makes: hauspost-auth, ..., group hauspost.
UserNames standard_users();
// Their numbers. Nobody switches when we are not root, which the log tells. kInvalid: one does not
// exist, is root, or is another role's.
Result<child::Users> find_users(const UserNames& names);

// RFC 1123 section 2.1 host name of at least two labels ("localhost" is allowed too).
bool is_host_name(std::string_view name);
// "127.0.0.1:25", "[::1]:25".
Result<ListenerSettings> parse_endpoint(std::string_view service, std::string_view text);

}  // namespace hauspost::supervisor
