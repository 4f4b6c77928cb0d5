#include "server/supervisor/settings.h"

#include <unistd.h>

#include <asio/ip/address.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "base/text.h"
#include "server/supervisor/settings_auth.h"
#include "server/supervisor/settings_log.h"
#include "server/supervisor/settings_users.h"

namespace hauspost::supervisor {

namespace {

constexpr std::size_t kHostNameMax = 253;  // RFC 1035 section 2.3.4, without the root dot
constexpr std::uint64_t kMessageBytesLeast = 64ULL << 10;
constexpr std::uint64_t kMessageBytesMost = 90ULL << 20;  // one delivery is one call, see rpc.h
constexpr std::int64_t kQuarantineDeathsMost = 1000;
constexpr std::string_view kMetricsListener = "metrics";

Result<> read_server(const toml::table& file, ServerSettings& settings) {
  TRY_ASSIGN(Section section, Section::open(file, "server"));
  TRY_ASSIGN(const auto hostname, section.text("hostname"));
  TRY(section.finish());
  if (!hostname) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{}: server.hostname is missing: add hostname = \"mail.example.org\" "
                            "under [server]",
                            kSettingsFile));
  }
  if (!is_host_name(*hostname)) {
    return wrong(section.find("hostname")->source(),
                 fmt::format("server.hostname \"{}\" is not a host name such as mail.example.org",
                             escape_for_log(*hostname)));
  }
  settings.hostname = ascii_lower(*hostname);
  return {};
}

Result<> add_listener(const toml::node& node, std::string_view service, ServerSettings& settings) {
  const std::string key = "listeners." + std::string(service);
  const auto text = node.value_exact<std::string>();
  if (!text) {
    return wrong(node.source(), key + " must be \"ADDRESS:PORT\" or a list of such texts");
  }
  auto listener = parse_endpoint(service, *text);
  if (!listener) return wrong(node.source(), key + ": " + listener.error().text);
  for (const ListenerSettings& other : settings.listeners) {
    if (other.port != 0 && other.endpoint() == listener->endpoint()) {
      return wrong(node.source(), fmt::format("{} and listeners.{} both want {}", key,
                                              other.service, other.endpoint()));
    }
  }
  if (service != kMetricsListener) {
    settings.listeners.push_back(std::move(*listener));
    return {};
  }
  if (!asio::ip::make_address(listener->address).is_loopback()) {
    return wrong(node.source(), fmt::format("{}: {} is no loopback address: metrics tell who writes "
                                            "how much; have a proxy that asks for a password show "
                                            "them elsewhere",
                                            key, listener->endpoint()));
  }
  settings.metrics.push_back(std::move(*listener));
  return {};
}

Result<> add_listeners(const toml::node& node, std::string_view service,
                       ServerSettings& settings) {
  const toml::array* list = node.as_array();
  if (list == nullptr) return add_listener(node, service, settings);
  for (const toml::node& item : *list) TRY(add_listener(item, service, settings));
  return {};
}

Result<> read_listeners(const toml::table& file, ServerSettings& settings) {
  TRY_ASSIGN(Section section, Section::open(file, "listeners"));
  for (const std::string_view service : kListenerServices) {
    const toml::node* node = section.find(service);
    if (node != nullptr) TRY(add_listeners(*node, service, settings));
  }
  if (const toml::node* node = section.find(kMetricsListener))
    TRY(add_listeners(*node, kMetricsListener, settings));
  return section.finish();
}

Result<> read_tls(const toml::table& file, const std::string& data_root, ServerSettings& settings) {
  TRY_ASSIGN(Section section, Section::open(file, "tls"));
  const auto path = [&](std::string_view key) -> Result<std::string> {
    TRY_ASSIGN(const auto text, section.text(key));
    if (!text || text->empty()) {
      return fail(ErrorCode::kInvalid, fmt::format("{}: {} is missing: name a PEM file",
                                                   kSettingsFile, section.full(key)));
    }
    return text->starts_with('/') ? *text : data_root + "/" + *text;
  };
  TRY_ASSIGN(settings.certificate_file, path("certificate"));
  TRY_ASSIGN(settings.key_file, path("key"));
  return section.finish();
}

// "50M" or 52428800.
std::optional<std::uint64_t> parse_size(const toml::node& node) {
  if (const auto number = node.value_exact<std::int64_t>()) {
    return *number < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(*number));
  }
  const auto text = node.value_exact<std::string>();
  if (!text || text->empty()) return std::nullopt;
  std::string_view digits = *text;
  unsigned shift = 0;
  switch (ascii_upper(digits.back())) {
    case 'K': shift = 10; break;
    case 'M': shift = 20; break;
    case 'G': shift = 30; break;
    default: break;
  }
  if (shift != 0) digits.remove_suffix(1);
  const auto number = parse_u64(digits);
  if (!number || *number > (~0ULL >> shift)) return std::nullopt;
  return *number << shift;
}

Result<> read_limits(const toml::table& file, ServerSettings& settings) {
  TRY_ASSIGN(Section section, Section::open(file, "limits"));
  if (const toml::node* node = section.find("message_size")) {
    const auto bytes = parse_size(*node);
    if (!bytes || *bytes < kMessageBytesLeast || *bytes > kMessageBytesMost) {
      return wrong(node->source(),
                   "limits.message_size must be a size from \"64K\" to \"90M\" such as \"50M\"");
    }
    settings.message_bytes_max = *bytes;
  }
  return section.finish();
}

Result<> read_supervisor(const toml::table& file, ServerSettings& settings) {
  TRY_ASSIGN(Section section, Section::open(file, "supervisor"));
  if (const toml::node* node = section.find("quarantine_deaths")) {
    const auto deaths = node->value_exact<std::int64_t>();
    if (!deaths || *deaths < 0 || *deaths > kQuarantineDeathsMost) {
      return wrong(node->source(), fmt::format("supervisor.quarantine_deaths must be a number from "
                                               "0 (never) to {}",
                                               kQuarantineDeathsMost));
    }
    settings.quarantine_deaths = static_cast<unsigned>(*deaths);
  }
  if (const toml::node* node = section.find("confinement")) {
    const auto on = node->value_exact<bool>();
    if (!on) return wrong(node->source(), "supervisor.confinement must be true or false");
    settings.confinement = *on;
  }
  return section.finish();
}

constexpr std::string_view kSections[] = {"server", "listeners", "tls", "limits", "supervisor",
                                         "auth", "users", "log"};

Result<> check_sections(const toml::table& file) {
  for (const auto& [key, node] : file) {
    if (std::ranges::find(kSections, key.str()) == std::end(kSections)) {
      return wrong(key.source(),
                   fmt::format("unknown {} \"{}\" (known: {})", node.is_table() ? "section" : "key",
                               escape_for_log(key.str()), fmt::join(kSections, ", ")));
    }
  }
  return {};
}

bool can_read(const std::string& path) { return ::access(path.c_str(), R_OK) == 0; }

Result<> check_readable(std::string_view key, const std::string& path) {
  if (can_read(path)) return {};
  return fail(ErrorCode::kInvalid,
              fmt::format("{}: tls.{}: {}", kSettingsFile, key, errno_error(path).text));
}

}  // namespace

std::string ListenerSettings::endpoint() const {
  const bool six = address.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", six ? "[" : "", address, six ? "]" : "", port);
}

Result<ListenerSettings> parse_endpoint(std::string_view service, std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::kInvalid,
                fmt::format("\"{}\" {}; write ADDRESS:PORT such as \"127.0.0.1:10025\" or "
                            "\"[::1]:10025\"",
                            escape_for_log(text), why));
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return refuse("has no port");
  std::string_view host = text.substr(0, colon);
  const auto port = parse_u64(text.substr(colon + 1));
  if (!port || *port == 0 || *port > 65535) return refuse("has a port that is not 1 to 65535");
  const bool brackets = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  std::error_code code;
  const asio::ip::address address = asio::ip::make_address(std::string(host), code);
  if (code || address.is_v6() != brackets) return refuse("has no IP address in front of the port");
  return ListenerSettings{std::string(service), address.to_string(),
                          static_cast<std::uint16_t>(*port)};
}

bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > kHostNameMax) return false;
  const auto labels = split(name, '.');
  for (const std::string_view label : labels) {
    if (label.empty() || label.size() > 63) return false;
    if (label.front() == '-' || label.back() == '-') return false;
    const auto fits = [](char c) { return is_alpha(c) || is_digit(c) || c == '-'; };
    if (!std::ranges::all_of(label, fits)) return false;
  }
  return labels.size() > 1 || iequals(name, "localhost");
}

Result<ServerSettings> parse_settings(std::string_view text, const std::string& data_root) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    return wrong(parsed.error().source(), std::string(parsed.error().description()));
  }
  const toml::table& file = parsed.table();
  TRY(check_sections(file));
  ServerSettings settings;
  TRY(read_server(file, settings));
  TRY(read_listeners(file, settings));
  TRY(read_tls(file, data_root, settings));
  TRY(read_limits(file, settings));
  TRY(read_supervisor(file, settings));
  TRY(read_auth(file, data_root, settings.sources, settings.client_ca_file));
  TRY(read_users(file, settings.users));
  TRY(read_log(file, data_root, settings.log));
  return settings;
}

Result<ServerSettings> load_settings(const std::string& data_root,
                                     const std::string& settings_file) {
  const std::string path = settings_file.empty() ? default_settings_file(data_root) : settings_file;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return fail(errno_error(path, errno == 0 ? EIO : errno));
  }
  std::ostringstream text;
  text << file.rdbuf();
  TRY_ASSIGN(ServerSettings settings, parse_settings(text.str(), data_root));
  TRY(check_readable("certificate", settings.certificate_file));
  TRY(check_readable("key", settings.key_file));
  TRY(check_auth_files(settings.sources, settings.client_ca_file));
  return settings;
}

std::string format_settings(const ServerSettings& settings) {
  // A TOML basic string; what we write has no control characters.
  const auto quoted = [](std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    return out + '"';
  };
  std::string out =
      "# Hauspost: what the server must know before it opens its directory.\n"
      "# Changes take effect at the next start.\n\n[server]\n";
  out += "hostname = " + quoted(settings.hostname) + "\n\n";
  out +=
      "# SERVICE = \"ADDRESS:PORT\", or a list of such texts. A service without a line does not\n"
      "# listen; IMAP, POP3 and HTTP also listen only while enabled (hauspost service enable).\n"
      "[listeners]\n";
  for (const std::string_view service : kListenerServices) {
    std::vector<std::string> endpoints;
    for (const ListenerSettings& listener : settings.listeners) {
      if (listener.service == service) endpoints.push_back(quoted(listener.endpoint()));
    }
    if (endpoints.empty()) continue;
    const bool one = endpoints.size() == 1;
    out += fmt::format("{} = {}{}{}\n", service, one ? "" : "[", fmt::join(endpoints, ", "),
                       one ? "" : "]");
  }
  if (!settings.metrics.empty()) {
    std::vector<std::string> endpoints;
    for (const ListenerSettings& one : settings.metrics) endpoints.push_back(quoted(one.endpoint()));
    out += fmt::format("metrics = [{}]\n", fmt::join(endpoints, ", "));
  }
  out += "\n# PEM files; relative paths are below the data root.\n[tls]\n";
  out += "certificate = " + quoted(settings.certificate_file) + "\n";
  out += "key = " + quoted(settings.key_file) + "\n\n[limits]\n";
  out += settings.message_bytes_max % (1ULL << 20) == 0
             ? fmt::format("message_size = \"{}M\"\n", settings.message_bytes_max >> 20)
             : fmt::format("message_size = {}\n", settings.message_bytes_max);
  out += "\n# Abnormal deaths in ten minutes that put a database aside; 0: never.\n[supervisor]\n";
  out += fmt::format("quarantine_deaths = {}\n", settings.quarantine_deaths);
  if (!settings.confinement) out += "confinement = false\n";
  return out + format_users(settings.users) + format_log(settings.log);
}

}  // namespace hauspost::supervisor
