#include "server/directory/client_settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "protocols/smtp/address.h"
#include "server/directory/receive_connectors.h"
#include "server/directory/writer.h"

namespace hauspost::directory {

namespace {

constexpr std::string_view kBindingsKey = "listeners.client_bindings";
constexpr std::string_view kProtocols[] = {"imap", "pop3"};

constexpr std::pair<Encryption, std::string_view> kWords[] = {
    {Encryption::kTls, "SSL"}, {Encryption::kStartTls, "TLS"}, {Encryption::kNone, ""}};

std::string settings_key(std::string_view protocol, Side side) {
  return fmt::format("{}.{}_settings", protocol, side == Side::kExternal ? "external" : "internal");
}

// The listener on which a protocol is spoken in this mode.
std::string service_of(std::string_view protocol, Encryption encryption) {
  return std::string(protocol) + (encryption == Encryption::kTls ? "s" : "");
}

void advertise_mailbox_protocol(const AskSetting& ask, std::string_view protocol,
                                std::vector<Advertised>& out) {
  for (ConnectionSetting& one : connection_settings(ask, protocol, Side::kExternal))
    out.push_back({std::string(protocol), std::move(one.host), one.port, one.encryption});
}

// Implicit TLS first (RFC 8314 section 3.3).
Result<> advertise_sending(const DirectoryReader& reader, const AskSetting& ask,
                           std::vector<Advertised>& out) {
  TRY_ASSIGN(const auto connectors, receive_connectors(reader));
  if (!connectors) return {};
  DefaultBindings defaults;
  for (const ClientBinding& one : client_bindings(ask))
    defaults[one.service].push_back({{}, one.port});
  for (const std::string_view listener : {"submissions", "submission"}) {
    for (const ReceiveConnector& connector : *connectors) {
      if (!connector.enabled || !connector.advertise_client_settings || connector.fqdn.empty() ||
          connector.listener != listener)
        continue;
      const auto& bindings = effective_bindings(connector, defaults);
      if (bindings.empty()) continue;
      out.push_back({"smtp", ascii_lower(connector.fqdn), bindings.front().port,
                     listener == "submissions" ? Encryption::kTls : Encryption::kStartTls});
    }
  }
  return {};
}

}  // namespace

Result<ConnectionSetting> parse_connection_setting(std::string_view text) {
  const auto parts = split(text, ':');
  const auto refuse = [&](std::string_view why) {
    return fail(
        ErrorCode::kInvalid,
        fmt::format("\"{}\" {}; write HOST:PORT:SSL (TLS at once), HOST:PORT:TLS (STARTTLS) "
                    "or HOST:PORT: (neither)",
                    escape_for_log(text), why));
  };
  if (parts.size() != 3) return refuse("does not have three parts");
  if (!smtp::is_host_name(parts[0]) || parts[0].starts_with('[') ||
      parts[0].find('.') == std::string_view::npos)
    return refuse("does not begin with a full host name");
  const auto port = parse_u64(parts[1]);
  if (!port || *port == 0 || *port > 65535) return refuse("has a port that is not 1 to 65535");
  for (const auto& [encryption, word] : kWords) {
    if (iequals(parts[2], word)) {
      return ConnectionSetting{ascii_lower(parts[0]), static_cast<std::uint16_t>(*port),
                               encryption};
    }
  }
  return refuse("does not say how it is encrypted");
}

std::string to_string(const ConnectionSetting& setting) {
  const auto* word = std::ranges::find(kWords, setting.encryption,
                                       &std::pair<Encryption, std::string_view>::first);
  return fmt::format("{}:{}:{}", setting.host, setting.port, word->second);
}

std::vector<ConnectionSetting> connection_settings(const AskSetting& ask, std::string_view protocol,
                                                   Side side) {
  std::vector<ConnectionSetting> out;
  const std::string text = ask(settings_key(protocol, side));
  for (const std::string_view line : split(text, '\n')) {
    auto one = parse_connection_setting(line);
    if (one) out.push_back(std::move(*one));
  }
  return out;
}

Result<> set_connection_settings(DirectoryWriter& writer, std::string_view protocol, Side side,
                                 std::span<const ConnectionSetting> settings) {
  std::string text;
  for (const ConnectionSetting& one : settings) text += (text.empty() ? "" : "\n") + to_string(one);
  return writer.set_setting(settings_key(protocol, side), text);
}

std::vector<ClientBinding> client_bindings(const AskSetting& ask) {
  std::vector<ClientBinding> out;
  const std::string text = ask(kBindingsKey);
  for (const std::string_view one : split(text, ' ')) {
    const std::size_t colon = one.find(':');
    if (colon == std::string_view::npos) continue;
    const auto port = parse_u64(one.substr(colon + 1));
    if (port && *port <= 65535)
      out.push_back({std::string(one.substr(0, colon)), static_cast<std::uint16_t>(*port)});
  }
  return out;
}

Result<> note_client_bindings(DirectoryWriter& writer, std::span<const ClientBinding> bindings) {
  std::string text;
  for (const ClientBinding& one : bindings)
    text += fmt::format("{}{}:{}", text.empty() ? "" : " ", one.service, one.port);
  TRY_ASSIGN(const std::string before, writer.reader().setting(kBindingsKey));
  if (before == text) return {};
  return writer.set_setting(kBindingsKey, text);
}

Result<> check_connection_settings(const AskSetting& ask, std::string_view protocol,
                                   std::span<const ConnectionSetting> settings) {
  if (settings.size() > kConnectionSettingsMax)
    return fail(ErrorCode::kInvalid, fmt::format("at most {} settings", kConnectionSettingsMax));
  const auto bindings = client_bindings(ask);
  for (const ConnectionSetting& one : settings) {
    const std::string service = service_of(protocol, one.encryption);
    if (std::ranges::find(bindings, ClientBinding{service, one.port}) == bindings.end()) {
      std::string there;
      for (const ClientBinding& known : bindings) {
        if (known.service.starts_with(protocol))
          there += fmt::format("{}{}:{}", there.empty() ? "" : ", ", known.port,
                               known.service == protocol ? "TLS" : "SSL");
      }
      return fail(ErrorCode::kInvalid,
                  fmt::format("{}: no listener {} has port {}; there are {}", to_string(one),
                              service, one.port, there.empty() ? "none" : there));
    }
    if (one.encryption == Encryption::kNone && !listener_rules(ask, service).plain_logins) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("{}: listener {} takes no passwords in the clear; write {}TLS",
                              to_string(one), service, to_string(one)));
    }
  }
  return {};
}

Result<std::vector<Advertised>> advertised_settings(const DirectoryReader& reader) {
  const AskSetting ask = asking(reader);
  std::vector<Advertised> out;
  for (const std::string_view protocol : kProtocols) {
    TRY_ASSIGN(const bool front, reader.service_enabled(protocol));
    TRY_ASSIGN(const bool back, reader.service_enabled(fmt::format("{}-backend", protocol)));
    if (front && back) advertise_mailbox_protocol(ask, protocol, out);
  }
  TRY_ASSIGN(const bool sending, reader.service_enabled("submission"));
  if (sending) TRY(advertise_sending(reader, ask, out));
  return out;
}

}  // namespace hauspost::directory
