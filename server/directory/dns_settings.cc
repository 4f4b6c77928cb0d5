#include "server/directory/dns_settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/network.h"
#include "base/text.h"
#include "server/directory/names.h"
#include "server/directory/writer.h"

namespace hauspost::directory {

namespace {

constexpr std::string_view kServersKey = "dns.servers";
constexpr std::string_view kExternalServersKey = "dns.external_servers";
constexpr std::string_view kTrustAdKey = "dns.trust_ad";
constexpr std::string_view kTimeoutKey = "dns.timeout_ms";
constexpr std::string_view kTriesKey = "dns.tries";

struct DnsSwitch {
  std::string_view key;
  bool DnsSettings::* value;
};
constexpr DnsSwitch kSwitches[] = {{"dns.sts", &DnsSettings::sts},
                                   {"dns.tls_reports", &DnsSettings::tls_reports}};

struct DnsText {
  std::string_view key;
  std::string DnsSettings::* value;
};
constexpr DnsText kTexts[] = {
    {"dns.sts_ca_file", &DnsSettings::sts_ca_file},
    {"dns.web_proxy", &DnsSettings::web_proxy},
    {"dns.tls_report_from", &DnsSettings::tls_report_from},
    {"dns.tls_report_organization", &DnsSettings::tls_report_organization}};
constexpr std::size_t kTextMax = 1'000;

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (const std::string_view word : split(text, ' '))
    if (!word.empty()) words.emplace_back(word);
  return words;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

bool is_port(std::string_view text) {
  const auto port = parse_u64(text);
  return port && *port > 0 && *port <= 65'535;
}

// "192.0.2.53", "192.0.2.53:5353", "2001:db8::1", "[2001:db8::1]:5353".
bool is_dns_server(std::string_view text) {
  std::string_view address = text;
  std::string_view port = "53";
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return false;
    address = text.substr(1, end - 1);
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && !rest.starts_with(':')) return false;
    if (!rest.empty()) port = rest.substr(1);
  } else if (std::ranges::count(text, ':') == 1) {
    address = text.substr(0, text.find(':'));
    port = text.substr(text.find(':') + 1);
  }
  return address.find('/') == std::string_view::npos && Network::parse(address) && is_port(port);
}

Result<> check_servers(const std::vector<std::string>& servers) {
  if (servers.size() > kDnsServersMax)
    return fail(ErrorCode::kInvalid, fmt::format("at most {} DNS servers", kDnsServersMax));
  for (const std::string& server : servers) {
    if (!is_dns_server(server))
      return fail(ErrorCode::kInvalid,
                  fmt::format("{} is not an address of a DNS server, as 192.0.2.53 or "
                              "[2001:db8::1]:5353",
                              escape_for_log(server)));
  }
  return {};
}

Result<> check_proxy(const std::string& proxy) {
  constexpr std::string_view kScheme = "http://";
  const std::string_view rest = std::string_view(proxy).substr(
      std::min(proxy.size(), proxy.starts_with(kScheme) ? kScheme.size() : proxy.size()));
  const auto colon = rest.rfind(':');
  const bool good = colon != std::string_view::npos && colon > 0 &&
                    is_port(rest.substr(colon + 1)) &&
                    rest.find_first_of("/ @") == std::string_view::npos;
  if (proxy.empty() || good) return {};
  return fail(ErrorCode::kInvalid, "a web proxy is http://HOST:PORT");
}

}  // namespace

std::string_view to_string(DnsSettings::TrustAd trust) {
  switch (trust) {
    case DnsSettings::TrustAd::kAuto: return "auto";
    case DnsSettings::TrustAd::kYes: return "yes";
    case DnsSettings::TrustAd::kNo: return "no";
  }
  return "auto";
}

Result<DnsSettings> dns_settings(const DirectoryReader& reader) {
  DnsSettings settings;
  TRY_ASSIGN(const std::string servers, reader.setting(kServersKey));
  settings.servers = words_of(servers);
  TRY_ASSIGN(const std::string external, reader.setting(kExternalServersKey));
  settings.external_servers = words_of(external);
  TRY_ASSIGN(const std::string trust, reader.setting(kTrustAdKey));
  for (const auto word : {DnsSettings::TrustAd::kYes, DnsSettings::TrustAd::kNo})
    if (trust == to_string(word)) settings.trust_ad = word;
  TRY_ASSIGN(const std::string timeout, reader.setting(kTimeoutKey));
  if (const auto value = parse_u64(timeout);
      value && *value >= kDnsTimeoutLeast && *value <= kDnsTimeoutMost)
    settings.timeout_ms = static_cast<std::uint32_t>(*value);
  TRY_ASSIGN(const std::string tries, reader.setting(kTriesKey));
  if (const auto value = parse_u64(tries); value && *value >= 1 && *value <= kDnsTriesMost)
    settings.tries = static_cast<std::uint32_t>(*value);
  for (const DnsSwitch& one : kSwitches) {
    TRY_ASSIGN(const std::string text, reader.setting(one.key));
    if (!text.empty()) settings.*one.value = text == "on";
  }
  for (const DnsText& one : kTexts) {
    TRY_ASSIGN(settings.*one.value, reader.setting(one.key));
  }
  return settings;
}

Result<> check(const DnsSettings& settings) {
  TRY(check_servers(settings.servers));
  TRY(check_servers(settings.external_servers));
  if (settings.timeout_ms < kDnsTimeoutLeast || settings.timeout_ms > kDnsTimeoutMost)
    return fail(ErrorCode::kInvalid, fmt::format("time-out: from {} ms to {} s", kDnsTimeoutLeast,
                                                 kDnsTimeoutMost / 1'000));
  if (settings.tries < 1 || settings.tries > kDnsTriesMost)
    return fail(ErrorCode::kInvalid, fmt::format("tries: from 1 to {}", kDnsTriesMost));
  for (const DnsText& one : kTexts) {
    const std::string& text = settings.*one.value;
    if (text.size() > kTextMax || text.find_first_of(std::string("\r\n\0", 3)) != std::string::npos)
      return fail(ErrorCode::kInvalid, fmt::format("{}: too long or more than a line", one.key));
  }
  if (!settings.sts_ca_file.empty() && !settings.sts_ca_file.starts_with('/'))
    return fail(ErrorCode::kInvalid, "the file of authorities: an absolute path");
  TRY(check_proxy(settings.web_proxy));
  if (!settings.tls_report_from.empty() && !split_address(settings.tls_report_from))
    return fail(ErrorCode::kInvalid, "the sender of reports is not an address");
  return {};
}

Result<> set_dns_settings(DirectoryWriter& writer, const DnsSettings& settings) {
  TRY(check(settings));
  TRY(writer.set_setting(kServersKey, joined(settings.servers)));
  TRY(writer.set_setting(kExternalServersKey, joined(settings.external_servers)));
  TRY(writer.set_setting(kTrustAdKey, to_string(settings.trust_ad)));
  TRY(writer.set_setting(kTimeoutKey, std::to_string(settings.timeout_ms)));
  TRY(writer.set_setting(kTriesKey, std::to_string(settings.tries)));
  for (const DnsSwitch& one : kSwitches)
    TRY(writer.set_setting(one.key, settings.*one.value ? "on" : "off"));
  for (const DnsText& one : kTexts) TRY(writer.set_setting(one.key, settings.*one.value));
  return {};
}

}  // namespace hauspost::directory
